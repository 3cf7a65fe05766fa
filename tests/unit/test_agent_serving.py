"""The agent's HTTP server: what it answers, to whom, and what its metrics are called."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.agent.health import Health
from runtime.agent.logs import configure
from runtime.agent.running import run
from runtime.agent.serving import named_well, serving
from runtime.agent.status_page import CSP, STYLE
from runtime.contract.errors import EnvironmentFailedError
from runtime.testing.fleet import DAY, Fleet
from runtime.testing.memory_target import MemoryControl
from runtime.testing.small_tree import REPOSITORY

pytestmark = pytest.mark.service  # real sockets and large trees wait as long as they do

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def turned(fleet: Fleet, health: Health) -> None:
    """Let the agent turn once."""

    class Once(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            self.set()
            return True

    run(fleet.world(), interval=1, stop=Once(), health=health, log=configure())


def numbers(health: Health) -> dict[str, float]:
    """Every sample without a label."""
    families = text_string_to_metric_families(health.metrics().decode())
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


@contextmanager
def asked(
    health: Health, path: str, method: str = "GET", **headers: str
) -> Iterator[tuple[http.client.HTTPResponse, str]]:
    """Ask a server of its own."""
    with serving(health, hosts=["conductor.example"]) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            yield answer, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def health() -> Health:
    """Of an agent that has turned, in front of a change that nobody approved."""
    fleet, health = Fleet.started(), Health(wall=lambda: 1000.0)
    turned(fleet, health)
    fleet.edit(hooli={})
    turned(fleet, health)
    return health


def test_status_is_json_for_programs_and_a_page_for_people(health: Health) -> None:
    with asked(health, "/status") as (answer, body):
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body)["attention"] == ["1 change on main cannot be taken"]
    with asked(health, "/status", Accept="text/html,*/*") as (answer, body):
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == CSP
        assert f"<style>{STYLE}</style>" in body
        assert "<script" not in body
        assert not re.search(r"(src|href)=", body)


def test_before_the_ledger_was_read_there_is_a_page_and_no_json() -> None:
    with asked(Health(), "/status") as (answer, body):
        assert (answer.status, json.loads(body)) == (503, {"problem": Health().problem})
    with asked(Health(), "/status", Accept="text/html") as (answer, body):
        assert (answer.status, "has not been read yet" in body) == (200, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_method_but_get_and_head_is_answered(health: Health, method: str) -> None:
    with asked(health, "/status", method) as (answer, _):
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_answers_without_a_body(health: Health) -> None:
    with asked(health, "/metrics", "HEAD") as (answer, body):
        assert (answer.status, body) == (200, "")
        assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/status", "/metrics", "/"])
def test_a_page_whose_name_was_made_to_lead_here_reads_nothing(health: Health, path: str) -> None:
    with asked(health, path, Host="evil.example:9464") as (answer, body):
        assert answer.status == 421
        assert "conductor_" not in body
    with asked(health, "/status", Host="conductor.example") as (answer, _):
        assert answer.status == 200


@pytest.mark.parametrize(
    ("given", "well"),
    [
        (["127.0.0.1:9464"], True),
        (["[::1]:9464"], True),
        (["10.0.0.7"], True),
        (["LOCALHOST:9464"], True),
        (["Conductor.Example"], True),
        ([], False),
        (["localhost", "localhost"], False),
        (["localhost.evil.example"], False),
        (["conductor.example@evil.example"], False),
        (["127.0.0.1.evil.example"], False),
        (["[::1"], False),
        ([""], False),
    ],
)
def test_a_host_is_an_address_localhost_or_a_declared_name(given: list[str], well: bool) -> None:  # noqa: FBT001 -- a case
    assert named_well(given, {"conductor.example"}) is well


def test_the_metrics_tell_what_the_status_tells(health: Health) -> None:
    told = numbers(health)
    assert told["conductor_agent_last_success_timestamp_seconds"] == 1000.0
    assert (told["conductor_pending_changes"], told["conductor_refused_changes"]) == (1, 1)
    assert (told["conductor_verification_findings"], told["conductor_open_debts"]) == (0, 0)
    assert told["conductor_ledger_sequence"] == 3
    assert told["conductor_pending_oldest_timestamp_seconds"] > 0
    assert "conductor_debt_deadline_timestamp_seconds" not in told
    assert 'conductor_agent_entries_total{kind="refusal"} 1.0' in health.metrics().decode()
    assert 'conductor_agent_turns_total{outcome="good"} 2.0' in health.metrics().decode()


def test_an_agent_that_waits_for_another_is_busy_and_still_reads_the_ledger() -> None:
    fleet, health = Fleet.started(), Health(wall=lambda: 1000.0)
    other = MemoryControl(fleet.database)
    assert other.lock(REPOSITORY)
    turned(fleet, health)
    assert 'conductor_agent_turns_total{outcome="busy"} 1.0' in health.metrics().decode()
    assert numbers(health)["conductor_verification_findings"] == 0
    assert numbers(health)["conductor_agent_last_success_timestamp_seconds"] == 0


def test_a_debt_and_what_does_not_verify_are_numbers() -> None:
    fleet, health = Fleet.started(), Health()
    turned(fleet, health)
    fleet.approve(fleet.edit(hooli={}), "mara", kind="emergency")
    turned(fleet, health)
    told = numbers(health)
    assert told["conductor_open_debts"] == 1
    assert told["conductor_debt_deadline_timestamp_seconds"] == (fleet.now + DAY).timestamp()
    fleet.pull()
    fleet.people.commit_files({}, remove=[fleet.entries("result")[0].path], at=fleet.now)
    fleet.publish()
    turned(fleet, health)
    assert numbers(health)["conductor_verification_findings"] == 1


def test_a_gap_between_the_clock_and_the_ledger_is_a_number() -> None:
    fleet, health = Fleet.started(), Health()
    turned(fleet, health)
    fleet.now += timedelta(hours=2)
    turned(fleet, health)
    assert numbers(health)["conductor_clock_gap_seconds"] == 7200


def test_what_shows_how_things_stand_holds_up_no_agent() -> None:
    fleet, health = Fleet.started(), Health()
    health.stands = None  # type: ignore[assignment,method-assign]  # the page is broken
    turned(fleet, health)
    assert fleet.story() == ["intent", "result"]
    assert health.problem is None


def test_every_metric_has_its_line_in_the_page_and_every_line_its_metric() -> None:
    lines = re.findall(r"^\| `(conductor_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    page = {name: (kind, frozenset(re.findall(r"`(\w+)`", labels)), told) for name, kind, labels, told in lines}
    code = {}
    health = Health()
    registry = health.registry
    for family in registry.collect():
        labels = frozenset(getattr(registry._names_to_collectors[family.name], "_labelnames", ()))  # noqa: SLF001 -- no public way
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels |= {"agent", "version", "sha256"} if family.type == "info" else set()
        code[family.name + suffix] = (family.type, labels, family.documentation)
    assert page == code
    exported = re.findall(r"^# TYPE (\w+) ", health.metrics().decode(), re.MULTILINE)
    assert set(exported) == set(page)


def test_an_address_of_ipv6_is_listened_on() -> None:
    with serving(Health(), host="::1") as port:
        connection = http.client.HTTPConnection("::1", port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()


def test_what_cannot_be_listened_on_is_said_with_what_to_name_instead() -> None:
    with serving(Health()) as port:
        cases = [
            ("127.0.0.1", port, "--port"),
            ("203.0.113.7", 0, "--host"),
            ("::zz", 0, "--host"),
            ("a" * 80, 0, "--host"),
        ]
        for host, number, option in cases:
            with pytest.raises(EnvironmentFailedError) as refused, serving(Health(), host=host, port=number):
                pass
            assert (refused.value.help or "").endswith(f": {option}"), host
