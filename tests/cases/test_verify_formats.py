"""One report of `verify` in each of its formats, as files to read: `verify/` beside this file."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from compiler.cli.verify import AuditFormat, written
from runtime.agent.loop import once
from runtime.ledger.verify import Report, verify
from runtime.testing.chronicle import Chronicle
from runtime.testing.fleet import Fleet
from runtime.testing.memory_policy import no_objection
from tests.cases.golden import HERE, Golden

HOUR = timedelta(hours=1)
SUFFIXES = {AuditFormat.TEXT: "txt", AuditFormat.JSON: "json", AuditFormat.MARKDOWN: "md"}


def sound() -> Report:
    """A change taken, another one waiting, and everything given that an auditor can be given."""
    chronicle = taken()
    chronicle.edit({"tenants/acme.yaml": b"{blueprint: standard, state: suspended}"}, message="Suspend acme")
    return assessed(chronicle, trust_root=chronicle.root, since=chronicle.root)


def broken() -> Report:
    """The same with an unsigned commit, a file of nobody's whose name is Markdown, and no trust root."""
    chronicle = taken()
    chronicle.push(chronicle.heartbeat(), unsigned=True)
    chronicle.git.commit_files({"evidence/a|b `<i>_notes_.txt": b"mine"})
    return assessed(chronicle)


def exceptional() -> Report:
    """A withdrawal that kept a change out until its maker approved it anew; an emergency that was cleared, one that was
    taken back, and one that is open."""
    fleet = Fleet.started()
    once(fleet.world())
    change = fleet.edit(acme={"state": "suspended"})
    fleet.approve(change, "mara", "tomas")
    fleet.withdraw(change, "mara")
    once(fleet.world())
    fleet.now += HOUR
    fleet.approve(change, "mara")
    once(fleet.world())
    change = fleet.edit(globex={"state": "suspended"})
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.now += HOUR
    fleet.approve(change, "ines", "tomas")
    once(fleet.world())
    fleet.approve(fleet.edit(acme={}), "mara", kind="emergency")
    once(fleet.world())
    fleet.approved(acme={"state": "suspended"})
    once(fleet.world())
    fleet.approve(fleet.edit(acme={}), "mara", kind="emergency")
    once(fleet.world())
    history = fleet.history()
    return verify(
        fleet.people,
        history.head,
        now=fleet.now,
        trust_root=history.genesis.digest,
        since=history.genesis.digest,
        policies=no_objection,
    )


def taken() -> Chronicle:
    chronicle = Chronicle.start()
    chronicle.apply()
    chronicle.take(chronicle.edit({"spec/notes.yaml": b"{text: hello}"}, message="Say hello"))
    return chronicle


def assessed(chronicle: Chronicle, trust_root: str | None = None, since: str | None = None) -> Report:
    return verify(
        chronicle.git, chronicle.head, now=chronicle.now, trust_root=trust_root, since=since, policies=no_objection
    )


MADE = {"sound": sound, "broken": broken, "exceptional": exceptional}


@pytest.mark.parametrize("form", AuditFormat)
@pytest.mark.parametrize("name", MADE)
def test_a_report_is_drawn_as_shown(name: str, golden: Golden, form: AuditFormat) -> None:
    text = written(MADE[name](), form, "conductor verify --trust-root sha256:…")
    # digests follow from formats and code, which change for other reasons
    for length in (64, 40, 12, 8):
        text = re.sub(rf"\b[0-9a-f]{{{length}}}\b", "0" * length, text)
    golden.check(HERE / "verify" / name / f"report.{SUFFIXES[form]}", text)
