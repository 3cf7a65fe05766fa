"""The agent's key is in other hands, and its entries tell of work that nobody asked for, or keep silent about some.

In each story chain and signatures are right, and no verdict is taken that should not be: what is wrong is what the
intents say of what was decided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from runtime.contract.objects import Action, ObjectId, Operation
from runtime.ledger import append
from runtime.ledger.rules import CHAIN
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.fleet import target
from runtime.testing.small_tree import document, small_tree

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

ROLE = ObjectId("pg-eu", "role", "acme_app")
NOBODYS = "dd" * 32
INITECH = {"tenants/initech.yaml": document(blueprint="basic")}
HOOLI = {"tenants/hooli.yaml": document(blueprint="basic")}

Begun = Callable[[], Chronicle]


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def begun(request: pytest.FixtureRequest) -> Begun:
    def start() -> Chronicle:
        files = small_tree(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, drift="report")})
        chronicle = Chronicle.start(files, ledger=request.param)
        chronicle.apply()
        return chronicle

    return start


def action(operation: Operation, found: ObjectId, because: str, *, login: bool | None = True) -> Action:
    after = None if login is None else {"login": login}
    before = None if operation is Operation.CREATE else {"login": False}
    return Action(operation, found, before, after, 1, "acme", because)


def believed_without(kept_out_by: KeptOutBy, rule: str, chronicle: Chronicle) -> None:
    kept_out_by(rule, CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_work_because_of_a_change_that_does_not_exist(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I let a suspended tenant in again. Whoever asks shall think that two people wanted it.

    Rule: `cause`.
    """
    chronicle = begun()
    chronicle.apply(because=NOBODYS, actions=[action(Operation.UPDATE, ROLE, NOBODYS)])
    believed_without(kept_out_by, "cause", chronicle)


def test_work_because_of_a_change_that_asked_for_something_else(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """Two people took a change of another tenant. I say that it was what made me touch this one.

    Rule: `cause`.
    """
    chronicle = begun()
    taken = chronicle.take(chronicle.edit(INITECH))
    change = taken.statement.digest_of("change.json") or ""
    chronicle.apply(because=change, actions=[action(Operation.UPDATE, ROLE, change)])
    believed_without(kept_out_by, "cause", chronicle)


def test_a_cause_that_a_report_made_up(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """An object that is held back keeps its cause. So I report one as held back because of a change that never was,
    and act on it later.

    Rule: `cause`.
    """
    chronicle = begun()
    todo = [action(Operation.UPDATE, ROLE, NOBODYS)]
    manifest = chronicle.snapshot.manifest.digest
    report = append.drift(
        chronicle.standing(), writer(), chronicle.later(), manifest=manifest, heal=False, actions=todo
    )
    chronicle.push(report)
    chronicle.apply(actions=todo)
    believed_without(kept_out_by, "cause", chronicle)


@pytest.mark.parametrize(
    "todo",
    [
        action(Operation.CREATE, ObjectId("pg-eu", "role", "mallory_superuser"), "CHANGE"),
        action(Operation.DELETE, ObjectId("pg-eu", "role", "initech_app"), "CHANGE", login=None),
        action(Operation.CREATE, ObjectId("pg-eu", "role", "initech_app"), "CHANGE", login=False),
    ],
    ids=["what nobody declared", "what is declared, away", "what is declared otherwise"],
)
def test_work_that_nobody_declared(kept_out_by: KeptOutBy, begun: Begun, todo: Action) -> None:
    """Two people let a tenant in. In the intent for it I make, beside it or of it, what suits me.

    Rule: `declared`.
    """
    chronicle = begun()
    taken = chronicle.take(chronicle.edit(INITECH), apply=False)
    change = taken.statement.digest_of("change.json") or ""
    because = change if todo.id.name.startswith("initech") else "drift"
    schema = ObjectId("pg-eu", "schema", "initech")
    others = [
        Action(todo.operation, todo.id, todo.before, todo.after, todo.wave, "initech", because),
        Action(Operation.CREATE, schema, None, {"owner": "initech_app"}, 2, "initech", change),
    ]
    chronicle.apply(because=change, actions=others, as_declared=1)
    believed_without(kept_out_by, "declared", chronicle)


def test_drift_undone_where_it_may_only_be_reported(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """A person works on this database, and its target says `drift: report`. I undo what they did.

    Rule: `declared`.
    """
    chronicle = begun()
    chronicle.apply(actions=[action(Operation.UPDATE, ROLE, "drift")])
    believed_without(kept_out_by, "declared", chronicle)


def test_work_towards_another_manifest(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My intent names a manifest that nobody took, so that a reader thinks it runs.

    Rule: `current`.
    """
    chronicle = begun()
    chronicle.take(chronicle.edit(INITECH), apply=False)
    chronicle.apply(manifest=NOBODYS)
    believed_without(kept_out_by, "current", chronicle)


def test_a_sign_of_life_at_another_commit(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My heartbeat says that all is well at a commit that was never taken.

    Rule: `current`.
    """
    chronicle = begun()
    commit, manifest = chronicle.edit(INITECH), chronicle.snapshot.manifest.digest
    heartbeat = append.heartbeat(chronicle.standing(), writer(), chronicle.later(), commit=commit, manifest=manifest)
    chronicle.push(heartbeat)
    believed_without(kept_out_by, "current", chronicle)


def test_a_change_that_is_taken_and_not_done(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """Two people suspended a tenant, who pays me. I take the change, set out to do nothing, and report that it is done.

    Rule: `accounted`.
    """
    chronicle = begun()
    chronicle.take(chronicle.edit({"tenants/acme.yaml": document(blueprint="basic", state="suspended")}), apply=False)
    chronicle.apply(actions=[], as_declared=0)
    believed_without(kept_out_by, "accounted", chronicle)


def test_a_change_that_the_next_one_buries(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """The same, and another change is taken at once: its intent does what it asks for, and nobody misses one for mine.

    Rule: `accounted`.
    """
    chronicle = begun()
    chronicle.take(chronicle.edit({"tenants/acme.yaml": document(blueprint="basic", state="suspended")}), apply=False)
    chronicle.take(chronicle.edit(INITECH), apply=False)
    todo = [
        item.action()
        for item in chronicle.intent().statement.predicate.actions  # type: ignore[union-attr]  # an intent
        if item.name != "acme_app"
    ]
    chronicle.apply(actions=todo, as_declared=0)
    believed_without(kept_out_by, "accounted", chronicle)


def test_two_changes_that_one_intent_does_are_accounted_for(begun: Begun) -> None:
    chronicle = begun()
    chronicle.take(chronicle.edit(INITECH), apply=False)
    chronicle.take(chronicle.edit(HOOLI), apply=False)
    chronicle.apply()
    assert chronicle.believed()


def test_what_is_removed_is_accounted_for(begun: Begun) -> None:
    chronicle = begun()
    chronicle.take(chronicle.edit(INITECH))
    chronicle.take(chronicle.edit(dict.fromkeys(INITECH)))
    assert [found.name for found in chronicle.there if "initech" in found.name] == []
    assert chronicle.believed()


def test_something_laid_beside_the_evidence_as_if_it_were_some(begun: Begun) -> None:
    """I may push to main. A list of what was exported, where large facts were once to lie, passes for evidence."""
    chronicle = begun()
    path = f"evidence/artifacts/{NOBODYS}.jsonl.gz"
    chronicle.git.commit_files({path: b"nothing was exported\n"}, branch=chronicle.branch)
    assert [item.path for item in chronicle.replay().foreign] == [path]
