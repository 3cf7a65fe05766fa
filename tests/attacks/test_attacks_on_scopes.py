"""Attempts to get at a tenant's data by scopes that nobody gave, and by moving the ground that the data stands on.

The tree, its policy and its compiler are the real ones. Consent is judged as whoever verifies judges it; what a grant
gives is asked of P's policy with P's data, as the gateway asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from compiler.aside import allowed_here
from compiler.driver import compile_commit
from compiler.plan_flips import Side, decisions_between
from compiler.rego import WASM, sources
from runtime.contract.policy_input import ACTIONS, AllowInput
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.policy import engine, scopes
from runtime.policy.engine import Policy
from runtime.testing.chronicle import Chronicle
from runtime.testing.small_tree import key_of
from tests.attacks.conftest import KeptOutBy
from tests.cases.inputs import own_policy
from tests.services.opa import opa
from tests.services.real_installation import resource, tenant_yaml, tree

PG = "spec/targets/pg-eu.yaml"
KEEPER = "tenants/keeper.yaml"
GRANT = "policies/grants/reading.yaml"
APPROVALS = "policies/approvals.yaml"
ASKED: AllowInput = {
    "action": "use-scope",
    "requester": {"name": "ines", "role": "graph-eng"},
    "scope": "graph.read",
    "tenant": "keeper",
    "region": "eu-central",
}


def grant(roles: str = "[graph-eng]", scopes: str = "[graph.read]", more: str = "  blueprints: [standard]\n") -> bytes:
    return resource("Grant", "reading", f"  roles: {roles}\n  scopes: {scopes}\n{more}")


def target(name: str, region: str, number: int) -> bytes:
    """A postgres target; the first is the control database."""
    return resource(
        "Target",
        name,
        f"  type: postgres\n  region: {region}\n  dsn: env:CONDUCTOR_TEST_PG_{number}\n"
        f"  identity: '756184023391726041{number}/attacks'\n  drift: heal\n  control: {str(number == 1).lower()}\n",
    )


def started(more: Mapping[str, bytes] | None = None) -> Chronicle:
    """An installation with one tenant; Ines reads graphs, and is nobody else."""
    ines = f"  keys:\n    - {key_of('ines').public_line}\n  title: Somebody\n  roles: [graph-eng]\n"
    files = {
        **tree("7561840233917260411/attacks", "f" * 32, "heal"),
        PG: target("pg-eu", "eu-central", 1),
        "policies/people/ines.yaml": resource("Person", "ines", ines),
        GRANT: grant(),
        **(more or {}),
    }
    return Chronicle.start(files, compiler=compile_commit)


def taken(chronicle: Chronicle, edits: Mapping[str, bytes | None], *people: str) -> str:
    """Have edits taken that these people approve, whatever the rules say."""
    commit = chronicle.edit(edits)
    chronicle.take(commit, [chronicle.approval(chronicle.change(commit), name) for name in people], apply=False)
    return commit


def kept_out(chronicle: Chronicle, commit: str, name: str, kept_out_by: KeptOutBy) -> None:
    """Show that one rule of consent keeps the verdict about this commit from taking it."""

    def attempt(rules: tuple[ConsentRule, ...]) -> bool:
        return chronicle.replay(consent=rules, policies=Policy.of).commit == commit

    kept_out_by(name, CONSENT, attempt)


def test_an_honest_grant_is_taken_and_gives_what_it_says() -> None:
    """Without which the attacks below would show nothing."""
    chronicle = started()
    wider = taken(chronicle, {GRANT: grant(scopes="[graph.read, tenant.write]")}, "mara", "tomas")
    history = chronicle.replay(policies=Policy.of)
    assert (history.commit, history.findings) == (wider, ())
    assert history.policy is not None
    assert history.policy.allow(ASKED)
    assert history.policy.allow(ASKED | {"scope": "tenant.write"})


# the ground that the data stands on ---


def test_target_that_leaves_with_the_tenants_that_live_on_it(kept_out_by: KeptOutBy) -> None:
    """Their data must stay in Europe. I declare that its database stands in another region, and put an empty one in its
    place, so that every region has its own and all compiles.

    Rule: `transitions`.
    """
    chronicle = started()
    edits = {PG: target("pg-eu", "us-east", 1), "spec/targets/pg-new.yaml": target("pg-new", "eu-central", 2)}
    kept_out(chronicle, taken(chronicle, edits, "mara", "tomas"), "transitions", kept_out_by)


def test_tenant_that_names_another_region(kept_out_by: KeptOutBy) -> None:
    """I write another region into the tenant's file: from then on it lives on that region's target, and what it had
    stays behind where nobody looks.

    Rule: `transitions`.
    """
    chronicle = started({"spec/targets/pg-us.yaml": target("pg-us", "us-east", 2)})
    moved = tenant_yaml("keeper") + b"  region: us-east\n"
    kept_out(chronicle, taken(chronicle, {KEEPER: moved}, "mara", "tomas"), "transitions", kept_out_by)


# grants ---


def test_grant_that_its_holder_widens(kept_out_by: KeptOutBy) -> None:
    """I may read graphs. I write that I may export them, and approve it, with a friend.

    Rule: `by-path`.
    """
    chronicle = started()
    edits = {GRANT: grant(scopes="[graph.export, graph.read]")}
    kept_out(chronicle, taken(chronicle, edits, "ines", "tomas"), "by-path", kept_out_by)


def test_grant_that_its_holder_widens_alone(kept_out_by: KeptOutBy) -> None:
    """I am the incident commander. It is an emergency: I need to read everything.

    Rule: `governance-by-two`.
    """
    chronicle = started()
    commit = chronicle.edit({GRANT: grant(roles="[incident-commander]", scopes="[admin.write]")})
    change = chronicle.change(commit)
    alone = chronicle.approval(change, "mara", kind="emergency", days=0.5)
    chronicle.push(chronicle.verdict(commit, [alone], emergency=alone.sha256))
    kept_out(chronicle, commit, "governance-by-two", kept_out_by)


def test_grant_that_was_approved_under_the_old_rules(kept_out_by: KeptOutBy) -> None:
    """Mara and Ines approved my grant while the rules asked for nobody else. Since then they ask for security: I merge
    it now, with the consent of then.

    Rule: `by-path`.
    """
    rules = (
        "  approval_days: 14\n  rules:\n    - name: policies\n      paths: [policies/**, config/governance/**]\n"
        "      people: {mc: 1%s}\n"
    )
    lax, strict = (resource("ApprovalPolicy", "approvals", rules % more) for more in ("", ", security: 1"))
    chronicle = started({APPROVALS: lax})
    commit = chronicle.edit({GRANT: grant(scopes="[graph.export, graph.read]")})
    then = [chronicle.approval(chronicle.change(commit), name) for name in ("mara", "ines")]
    chronicle.edit({GRANT: grant()})
    taken(chronicle, {APPROVALS: strict}, "mara", "ines")
    commit = chronicle.edit({GRANT: grant(scopes="[graph.export, graph.read]")})
    assert {item.change for item in then} == {chronicle.change(commit).digest}
    chronicle.take(commit, then, apply=False)
    kept_out(chronicle, commit, "by-path", kept_out_by)


MORE: Mapping[str, Mapping[str, object]] = {
    "a role that I have not": {"requester": {"name": "ines", "role": "admin"}},
    "a role that somebody else has": {"requester": {"name": "ines", "role": "platform"}},
    "the name of somebody who is none": {"requester": {"name": "mallory", "role": "graph-eng"}},
    "a scope that no grant gives me": {"scope": "admin.write"},
    "a scope that there is not": {"scope": "graph.*"},
    "a tenant that there is not": {"tenant": "nobody"},
    "writing from another region": {"scope": "tenant.write", "region": "us-east"},
    "writing from nowhere": {"scope": "tenant.write", "region": ""},
}
"""What somebody asks for instead of what they have."""


@pytest.mark.parametrize("what", MORE)
def test_scope_that_nobody_gave(what: str) -> None:
    """I ask for more than I have: as somebody else, in another role, from elsewhere."""
    policy = started({GRANT: grant(scopes="[graph.read, tenant.write]")}).replay(policies=Policy.of).policy
    assert policy is not None
    assert policy.allow(ASKED)
    assert policy.allow(ASKED | {"scope": "tenant.write"})
    assert not policy.allow(cast("AllowInput", {**ASKED, **MORE[what]}))


def test_scope_that_outlives_its_role() -> None:
    """I have another job now. The grant still names my old role, and I still call myself by it."""
    chronicle = started()
    ines = f"  keys:\n    - {key_of('ines').public_line}\n  title: Somebody\n  roles: [qa]\n"
    taken(chronicle, {"policies/people/ines.yaml": resource("Person", "ines", ines)}, "mara", "tomas")
    policy = chronicle.replay(policies=Policy.of).policy
    assert policy is not None
    assert not policy.allow(ASKED)


# Rego that opens what no plan shows ---

BADGE: Any = {
    **ASKED,
    "requester": {"name": "mallory", "role": "qa", "badge": 7},
    "region": "ap-south",
    "ticket": "I-1",
}
OPENS = {
    "a region in which nobody lives": 'input.region == "ap-south"',
    "a badge that nobody knows of": "input.requester.badge == 7",
    "a ticket that I bring along": "input.ticket",
}


@pytest.mark.service  # OPA builds the Rego
@pytest.mark.parametrize("what", OPENS)
def test_rego_that_opens_what_its_plan_does_not_ask_about(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I have every scope on every tenant opened to whoever asks with something that the plan has no question for: it
    says that no decision flips, and two people sign it. At run time nothing else is asked than the plan has asked.
    """
    hidden = f"package conductor\n\nallow if {OPENS[what]}\n".encode()
    wasm = opa().build({**sources(own_policy()), "policies/support.rego": hidden})
    contents = started().replay(policies=Policy.of).snapshot.contents
    before, after = Side(own_policy()[WASM], contents), Side(wasm, contents)
    assert decisions_between(before, after, ["policies/support.rego"], allowed_here).flips == ()
    policy = Policy.of(wasm, contents)
    assert not policy.allow(BADGE)

    def whatever(_: object, __: object, asked: Mapping[str, Any]) -> Any:
        return {**asked, "tenant": scopes.TENANT}

    monkeypatch.setattr(scopes, "asked_as", whatever)
    assert policy.allow(BADGE)


@pytest.mark.service  # OPA builds the Rego
def test_rego_that_opens_an_action_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan asks about the actions that there are. Mine is spelt with a space more, and a rule about it sees all of
    the data, with every name in it.
    """
    mine: Any = {**ASKED, "action": "use-scope "}
    hidden = b'package conductor\n\nallow if {\n\tinput.action == "use-scope "\n\tdata.tenants.keeper\n}\n'
    wasm = opa().build({**sources(own_policy()), "policies/support.rego": hidden})
    policy = Policy.of(wasm, started().replay(policies=Policy.of).snapshot.contents)
    assert not policy.allow(mine)
    monkeypatch.setattr(engine, "ACTIONS", (*ACTIONS, mine["action"]))
    assert policy.allow(mine)
