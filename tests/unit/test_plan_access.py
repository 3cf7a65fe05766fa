"""Who may do less or more in a database, as a person, or by hand, is said first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.consequences.consequence import Kind, Severity
from compiler.plan import plan
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.ledger import append
from runtime.ledger.reported import Reported, last_reported
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.small_tree import key_of
from tests.cases.flips_world import tree
from tests.cases.plan_world import AGENT, BEN, PlanWorld, base_files, tenant
from tests.unit.test_plan_consequences import ACME, BLUEPRINT, PERSON, TARGET, edited, planned, said

EVE = "policies/people/eve.yaml"


def eve(*roles: str) -> bytes:
    """A third person, so that whatever happens to her the rules can be met."""
    text = base_files()[PERSON].replace(BEN.encode(), b"eve").replace(b"[pm, sec-tl]", f"[{', '.join(roles)}]".encode())
    return text.replace(key_of(BEN).public_line.encode(), key_of("eve").public_line.encode())


FJORD = {"tenants/fjord.yaml": tenant("fjord").encode()}


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        (
            b"tables: [SELECT, INSERT, UPDATE, DELETE]",
            b"tables: [TRUNCATE, SELECT]",
            [
                "the applications of acme-retail, fjord can no longer INSERT, UPDATE, DELETE",
                "the applications of acme-retail, fjord may now TRUNCATE",
            ],
        ),
        (
            b"sequences: [USAGE, SELECT]",
            b"sequences: [SELECT]",
            ["takes USAGE on sequences from the applications of acme-retail, fjord"],
        ),
        (
            b"connection_limit: 40",
            b"connection_limit: 1",
            ["the applications of acme-retail, fjord may open 1 connection (was 40)"],
        ),
        (
            b"statement_timeout: 30s",
            b"statement_timeout: 10ms",
            ["statements of the applications of acme-retail, fjord end after 10 ms (was 30 s)"],
        ),
        (b"connection_limit: 40", b"connection_limit: 20", []),
        (b"statement_timeout: 30s", b"statement_timeout: 1min", []),
        (b"work_mem: 16MB", b"work_mem: 1MB", []),
    ],
)
def test_a_blueprint_that_takes_or_gives_access_says_whose(old: bytes, new: bytes, sentences: list[str]) -> None:
    made = planned(edited(BLUEPRINT, old, new), FJORD)
    assert said(made) == sentences
    assert {(item.severity, item.subjects) for item in made.consequences} <= {
        (Severity.GRAVE, ("acme-retail", "fjord"))
    }
    for sentence in sentences:
        assert as_markdown(made).index(sentence.split(" (")[0].replace("_", "\\_")) < as_markdown(made).index(
            "<details>"
        )


def test_another_secret_for_the_password_is_said_of_its_tenant() -> None:
    (found,) = planned({ACME: tenant("acme-retail", "database: {password: 'env:CONDUCTOR_TENANT_OTHER'}")}).consequences
    assert found.kind is Kind.TENANT_ACCESS
    assert found.sentence == (
        "the password of the application of acme-retail is that of env:CONDUCTOR_TENANT_OTHER"
        " (was env:CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD)"
    )


def test_a_person_gains_what_a_new_role_may_use_and_loses_what_the_old_one_did() -> None:
    world = PlanWorld.begun({**tree(), EVE: eve("pm", "sec-tl")})
    world.commit({EVE: eve("admin", "sec-tl")})
    made = world.plan()
    there = "at acme-retail, tenant-01, tenant-02 and 11 more"
    assert [item.sentence for item in made.consequences if item.kind is Kind.SCOPES] == [
        f"eve, as admin, gains graph.export, tenant.write {there.replace('11', '10')}",
        "eve, as admin, gains tenant.write at vault",
        f"eve, no longer pm, loses billing.read {there}",
    ]
    text = as_text(made)
    assert f"+ eve, as admin, gains tenant.write at vault, from the tenant's own region  {EVE}" in text
    assert f"- eve, no longer pm, loses billing.read at vault, from the tenant's own region  {EVE}" in text
    assert made.decisions.count(gained=True) == 27


def test_a_role_that_allows_nothing_more_than_the_others_flips_nothing() -> None:
    audit = tree()["policies/grants/audit.yaml"]
    world = PlanWorld.begun(
        {**tree(), EVE: eve("pm"), "policies/grants/audit.yaml": audit.replace(b"[pm]", b"[pm, ds]")}
    )
    world.commit({EVE: eve("pm", "ds")})
    made = world.plan()
    assert made.decisions.asked
    assert made.decisions.flips == ()


def test_the_first_person_in_a_role_gains_all_of_it_and_who_goes_loses_it() -> None:
    world = PlanWorld.begun(tree())
    world.commit({EVE: eve("sec-tl", "admin")})
    assert "eve, as admin, sec-tl, gains graph.export, graph.read, tenant.write at tenant-03" in said(world.plan())
    back = PlanWorld.begun({**tree(), EVE: eve("sec-tl", "admin")})
    back.git.branch("topic")
    back.git.commit_files({}, remove=(EVE,), branch="topic", message="Let go")
    lost = "eve, no longer admin, sec-tl, loses graph.export, graph.read, tenant.write at tenant-03"
    assert lost in said(back.plan())


def test_drift_that_is_undone_from_now_on_says_how_much_at_once_and_where_the_ledger_tells_it() -> None:
    world = PlanWorld.begun({TARGET: base_files()[TARGET] + b"  drift: report\n"})
    world.commit({TARGET: base_files()[TARGET] + b"  drift: heal\n"})
    words = "from now on what was altered by hand on pg-eu is undone"
    assert said(world.plan()) == [words]
    manifest, role = world.history.snapshot.manifest.digest, ObjectId("pg-eu", "role", "t_acme_retail_app")
    action = Action(Operation.UPDATE, role, {"login": False}, {"login": True}, 1, "acme-retail", "drift")
    drift = append.drift(
        world.history.tip, writer(agent=AGENT), world.now, manifest=manifest, heal=False, actions=[action]
    )
    world.git.commit_files(drift.files, message="Report", sign=sign_commit(key_of(AGENT)))
    assert said(world.plan()) == [f"{words}; 1 object at once, as last reported (entry 1)"]
    for told, more in (
        (Reported(28, {"pg-eu": 2, "x": 5}), "; 2 objects at once, as last reported (entry 28)"),
        (Reported(29, {}), ""),
    ):
        assert said(plan(replace(world.stand(), reported=told))) == [words + more]


def test_the_last_report_of_drift_counts_and_what_is_foreign_does_not() -> None:
    chronicle = Chronicle.start()
    assert last_reported(chronicle.replay().entries) is None
    chronicle.apply()
    role = ObjectId("pg-eu", "role", "t_acme_app")
    action = Action(Operation.UPDATE, role, {"login": False}, {"login": True}, 1, "acme", "drift")
    for found, counted in ((action, {"pg-eu": 1}), (replace(action, before={"foreign": True}), {})):
        manifest = chronicle.snapshot.manifest.digest
        drift = append.drift(chronicle.tip, writer(), chronicle.later(), manifest=manifest, heal=False, actions=[found])
        chronicle.push(drift)
        entries = chronicle.replay().entries
        assert last_reported(entries) == Reported(entries[-1].sequence, counted)
