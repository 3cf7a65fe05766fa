"""A change becomes a question to the policy, and what cannot be asked is refused."""

from __future__ import annotations

from datetime import UTC, datetime

from runtime.contract.canonical import encode
from runtime.contract.change import Change, Snapshot, between
from runtime.policy.engine import Policy
from runtime.policy.transition import kind_of, refusals, transition_input
from tests.cases.inputs import own_policy

WASM = own_policy()["policies/policy.wasm"]
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
TENANT = "config/tenants/tenant/acme-retail.json"
FLAG = "config/flags/flag/new-checkout.json"


def change(before: dict[str, bytes], after: dict[str, bytes]) -> Change:
    return between(Snapshot.of({}, before), Snapshot.of({}, after), repository="0" * 32, branch="main")


def tenant(state: str) -> bytes:
    return encode({"name": "acme-retail", "state": state})


def flag(ttl: int) -> bytes:
    return encode({"name": "new-checkout", "ttl_seconds": ttl, "flagd": {"share": 0.5}}, floats=True)


def test_question_names_resources_as_yaml_does_and_says_who_counts() -> None:
    made = change({TENANT: tenant("active")}, {TENANT: tenant("suspended"), FLAG: flag(60), "objects/a/b.json": b"{}"})
    assert transition_input(made, [("tomas", {"sre", "backend"}), ("mara", ["admin"])], at=AT) == {
        "changes": [
            {
                "kind": "Flag",
                "name": "new-checkout",
                "before": None,
                "after": {"name": "new-checkout", "ttl_seconds": 60, "flagd": {"share": 0.5}},
            },
            {
                "kind": "Tenant",
                "name": "acme-retail",
                "before": {"name": "acme-retail", "state": "active"},
                "after": {"name": "acme-retail", "state": "suspended"},
            },
        ],
        "approvers": [{"name": "mara", "roles": ["admin"]}, {"name": "tomas", "roles": ["backend", "sre"]}],
        "facts": {},
        "time": "2026-11-24T08:00:00Z",
    }


def test_slug_of_several_words_is_a_kind() -> None:
    assert kind_of("approval-policy") == "ApprovalPolicy"


def test_flag_needs_an_admin_among_those_who_count() -> None:
    policy, made = Policy.load(WASM), change({}, {FLAG: flag(60)})
    assert refusals(policy, made, [("mara", ["admin"]), ("tomas", ["backend"])], at=AT) == ()
    assert [one.rule for one in refusals(policy, made, [("tomas", ["backend"])], at=AT)] == ["flag-approver"]
    assert [one.rule for one in refusals(policy, made, [], at=AT)] == ["flag-approver"]


def test_suspending_and_resuming_pass_and_removing_does_not() -> None:
    policy = Policy.load(WASM)
    there, back = (
        change({TENANT: tenant("active")}, {TENANT: tenant("suspended")}),
        change({}, {TENANT: tenant("active")}),
    )
    assert refusals(policy, there, [], at=AT) == ()
    assert refusals(policy, back, [], at=AT) == ()
    gone = change({TENANT: tenant("suspended")}, {})
    assert [one.rule for one in refusals(policy, gone, [], at=AT)] == ["tenant-removed"]


def test_without_a_policy_everything_is_refused() -> None:
    assert [one.rule for one in refusals(None, change({}, {}), [], at=AT)] == ["policy-answers"]


def test_row_that_cannot_be_read_is_refused() -> None:
    for path, data in (("config/tenants/odd.json", b"{}"), (TENANT, b"{ }"), (TENANT, b"")):
        found = refusals(Policy.load(WASM), change({}, {path: data}), [("mara", ["admin"])], at=AT)
        assert [one.rule for one in found] == ["policy-answers"], path
