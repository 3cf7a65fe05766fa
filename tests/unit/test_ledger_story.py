"""The ledger reads as a story: who, what, because of what."""

from __future__ import annotations

import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.change import Change
from runtime.contract.objects import Action, Object, ObjectId, Operation, encode_objects
from runtime.contract.predicates import ActionRecord, Outcome, Unmet
from runtime.ledger import append
from runtime.ledger.reading import lines
from runtime.ledger.story import drifted, headline, resources
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.small_tree import REPOSITORY, document

TENANT, BLUEPRINT = "tenants/initech.yaml", "tenants/blueprints/standard.yaml"


def change(before: object, after: object) -> Change:
    old, new = (None if value is None else encode(value).decode() for value in (before, after))
    path = "config/tenants/tenant/initech.json"
    row = (TENANT, "a" * 64 if before else None, "b" * 64 if after else None)
    digests = (None if old is None else sha256(old.encode()), None if new is None else sha256(new.encode()))
    return Change(REPOSITORY, "main", (row,), ((path, *digests),), {path: (old, new)})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, {"state": "active"}, f"add {TENANT}"),
        ({"state": "active"}, None, f"remove {TENANT}"),
        ({"state": "active", "x": 1}, {"state": "suspended", "x": 1}, f"change {TENANT} (state: active to suspended)"),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": [1]}}, f"change {TENANT} (a.b: 1 to 2, a.c: nothing to [1])"),
        ({"a": "x" * 90}, {"a": "y" * 90}, f"change {TENANT} (a)"),
        ({f"{key:a>40}": 1 for key in "xyz"}, {f"{key:a>40}": 2 for key in "xyz"}, f"change {TENANT}"),
    ],
)
def test_a_change_is_told_by_its_files_and_what_it_sets(before: object, after: object, told: str) -> None:
    assert resources(change(before, after)) == (told,)


def test_a_blueprint_is_told_by_what_differs_in_its_tenants() -> None:
    paths = [f"objects/tenant/{name}.json" for name in ("acme", "beta", "own")]

    def between(*limits: tuple[int, int]) -> tuple[str, ...]:
        pairs = [
            [
                encode_objects([Object(ObjectId("pg", "role", "t"), {"connection_limit": one, "login": True}, 1, "t")])
                for one in pair
            ]
            for pair in limits
        ]
        contents = {path: (old.decode(), new.decode()) for path, (old, new) in zip(paths, pairs, strict=False)}
        rows = tuple((path, sha256(old.encode()), sha256(new.encode())) for path, (old, new) in contents.items())
        inputs = tuple((path, "a" * 64, "b" * 64) for path in (BLUEPRINT, "tenants/own.yaml"))
        return resources(Change(REPOSITORY, "main", inputs, rows, contents))[:1]

    assert between((40, 1), (40, 1), (7, 8)) == (f"change {BLUEPRINT} (connection_limit: 40 to 1)",)
    assert between((40, 1), (50, 1)) == (f"change {BLUEPRINT} (connection_limit)",)
    assert between() == (f"change {BLUEPRINT}",)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, {"login": True}, "role t_acme is missing"),
        ({"login": True}, None, "role t_acme is there and not declared"),
        ({"limit": 999, "x": {"y": "1s"}}, {"limit": 40, "x": {"y": "1s"}}, "role t_acme has limit 999, declared 40"),
        ({"x": {}}, {"x": {"y": "1s"}}, "role t_acme has x.y unset, declared 1s"),
        (
            {"limit": 999, "login": True, "superuser": True},
            {"limit": 40, "login": False},
            "role t_acme has superuser true, declared unset, limit 999, declared 40 and 1 more",
        ),
        (
            {"password": "differs from env:A"},
            {"password": "env:A"},
            "role t_acme has a password that differs from env:A",
        ),
    ],
)
def test_drift_is_told_by_what_differs(
    before: dict[str, object] | None, after: dict[str, object] | None, told: str
) -> None:
    operation = Operation.CREATE if before is None else Operation.DELETE if after is None else Operation.UPDATE
    action = Action(operation, ObjectId("eu", "role", "t_acme"), before, after, 1, "acme", "drift")
    assert drifted([ActionRecord.of(action)]) == [told]


def test_every_kind_of_entry_has_its_sentence() -> None:
    chronicle = Chronicle.start()
    chronicle.apply()
    commit = chronicle.edit({TENANT: document(blueprint="basic")})
    unmet = [Unmet(rule="two-people", message="so far nobody"), Unmet(rule="by-path", message="nobody of pm")]
    refusal = append.refusal(
        chronicle.tip,
        writer(),
        chronicle.later(),
        base=chronicle.base,
        head=commit,
        change=chronicle.change(commit),
        unmet=unmet,
    )
    chronicle.push(refusal)
    verdict = chronicle.take(commit)
    role, login = ObjectId("pg-eu", "role", "acme_app"), {"login": True}
    found = [Action(Operation.UPDATE, role, {"login": False}, login, 1, "acme", "drift")]
    drift = append.drift(
        chronicle.tip,
        writer(),
        chronicle.later(),
        manifest=chronicle.snapshot.manifest.digest,
        heal=True,
        actions=found,
    )
    chronicle.push(drift)
    intent = chronicle.intent(actions=found)
    chronicle.push(intent)
    outcomes = [Outcome(index=0, outcome="failed", message="no route to host")]
    chronicle.push(append.result(chronicle.tip, writer(), chronicle.later(), intent=intent.digest, outcomes=outcomes))
    chronicle.push(chronicle.heartbeat())
    told = [(line.entry.kind, line.what, line.because) for line in lines(chronicle.replay())]
    short = verdict.statement.digest_of("change.json") or ""
    full = [line.what for line in lines(chronicle.replay(), full=True)]
    assert full[5] == "reports 2 done; create role initech_app: done, create schema initech: done"
    assert full[8] == "reports 1 failed: no route to host; update role acme_app: failed"
    assert told == [
        (
            "intent",
            "sets out to create role acme_app, create role globex_app, create schema acme and 1 more",
            "the genesis",
        ),
        ("result", "reports 4 done", "intent 1"),
        ("refusal", f"refuses commit {commit[:12]}: add {TENANT}", "so far nobody; nobody of pm"),
        ("verdict", f"takes commit {commit[:12]}: add {TENANT}", "approved by ines and mara and tomas"),
        ("intent", "sets out to create role initech_app, create schema initech", f"change {short[:12]}"),
        ("result", "reports 2 done", "intent 5"),
        ("drift", "finds drift: role acme_app has login false, declared true", "declared `drift: heal`"),
        ("intent", "sets out to update role acme_app", "drift"),
        ("result", "reports 1 failed: no route to host", "intent 8"),
        ("heartbeat", f"finds nothing to do at commit {commit[:12]}", "heartbeat"),
    ]
    assert headline(verdict.statement, verdict.brings) == f"Take {commit[:12]}: add {TENANT}, approved by 3 people"
    assert headline(refusal.statement).endswith("; not met: by-path, two-people")
    assert headline(drift.statement) == "Find drift and heal it: role acme_app has login false, declared true"
    assert chronicle.replay().findings == ()


def test_what_was_found_as_declared_is_said_to_be_the_agents_word() -> None:
    chronicle = Chronicle.start()
    chronicle.push(chronicle.intent(actions=[], as_declared=4))
    assert [line.what for line in lines(chronicle.replay())] == [
        "sets out to do nothing; as declared by its word: 4 objects"
    ]
