"""Attempts to have a tenant's data deleted that is still to be kept, or its file removed while there is some.

The tree and its policy are the real ones. Whoever attacks has two people's approvals and a corrupt agent that writes
the verdict all the same; whoever verifies asks P's policy again, with the facts of the ledger before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from compiler.driver import compile_commit
from runtime.contract.objects import Action, Operation, decode_objects
from runtime.contract.predicates import Outcome
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger import append
from runtime.ledger.append import Writer
from runtime.ledger.history import History
from runtime.ledger.rules import CHAIN, Rule
from runtime.policy.engine import Policy
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.small_tree import key_of
from tests.attacks.conftest import KeptOutBy
from tests.services.real_installation import tenant_yaml, tree

FILE = "tenants/keeper.yaml"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
ARCHIVE = f"{{folder: file:/var/lib/conductor/archives, recipients: [{RECIPIENT}]}}"
KEPT_DAYS = 365
FUTURE = datetime.fromisoformat("2031-01-01T00:00:00Z")


def started() -> Chronicle:
    """An installation with one tenant, `keeper`, made from the genesis."""
    files = tree("7561840233917260418/attacks", "f" * 32, "heal", ARCHIVE)
    chronicle = Chronicle.start(files, signers=(key_of("mara"), key_of("tomas")), compiler=compile_commit)
    done(chronicle)
    return chronicle


def take(chronicle: Chronicle, yaml: bytes | None) -> str:
    """Have a state of the tenant's file taken, whatever the rules say; nothing is done yet."""
    commit = chronicle.edit({FILE: yaml})
    approvals = [chronicle.approval(chronicle.change(commit), name) for name in ("mara", "tomas")]
    chronicle.take(commit, approvals, apply=False)
    return commit


def done(
    chronicle: Chronicle, by: Writer | None = None, *, types: Iterable[str] = (), at: datetime | None = None
) -> None:
    """Say that what P asks of the tenant was done (of these types alone, if any are named), at another time if told."""
    text = chronicle.snapshot.contents["objects/tenant/keeper.json"]
    owed = chronicle.owed
    todo = [
        Action(Operation.CREATE, item.id, None, item.attributes, item.wave, item.tenant, owed.because(item.id))
        for item in decode_objects(text.encode())
        if item.id.type in (tuple(types) or (item.id.type,))
    ]
    who, manifest, left = by or writer(), chronicle.snapshot.manifest.digest, len(chronicle.wanted.objects)
    intent = append.intent(
        chronicle.tip,
        who,
        chronicle.later(),
        because=owed.cause(todo),
        manifest=manifest,
        actions=todo,
        as_declared=left + len(owed.objects),
    )
    outcomes = [Outcome(index=index, outcome="done") for index in range(len(todo))]
    result = append.result(intent.tip, who, at or chronicle.later(), intent=intent.digest, outcomes=outcomes)
    for entry in (intent, result):
        chronicle.push(entry, sign=sign_commit(who.key))


def kept_out(chronicle: Chronicle, commit: str, kept_out_by: KeptOutBy) -> None:
    """Show that the policy alone keeps the verdict about this commit from taking it."""

    def attempt(rules: tuple[ConsentRule, ...]) -> bool:
        return chronicle.replay(consent=rules, policies=Policy.of).commit == commit

    kept_out_by("transitions", CONSENT, attempt)


def suspended(chronicle: Chronicle) -> None:
    take(chronicle, tenant_yaml("keeper", state="suspended"))
    done(chronicle)


def test_an_honest_end_is_taken() -> None:
    """Without which the attacks below would show nothing."""
    chronicle = started()
    suspended(chronicle)
    chronicle.later(days=KEPT_DAYS + 1)
    commit = take(chronicle, tenant_yaml("keeper", state="deprovisioned"))
    assert chronicle.replay(policies=Policy.of).commit == commit
    done(chronicle)
    commit = take(chronicle, None)
    history = chronicle.replay(policies=Policy.of)
    assert (history.commit, history.findings) == (commit, ())


def test_deprovision_of_a_tenant_that_is_served(kept_out_by: KeptOutBy) -> None:
    """I have the tenant deprovisioned from one day to the next, while it is at work.

    Rule: `transitions`.
    """
    chronicle = started()
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="deprovisioned")), kept_out_by)


def test_deprovision_before_its_data_has_been_kept(kept_out_by: KeptOutBy) -> None:
    """I suspend the tenant, wait a while, and hope that nobody counts the days.

    Rule: `transitions`.
    """
    chronicle = started()
    suspended(chronicle)
    chronicle.later(days=KEPT_DAYS - 1)
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="deprovisioned")), kept_out_by)


def test_deprovision_of_what_was_never_suspended_in_the_database(kept_out_by: KeptOutBy) -> None:
    """The suspension was taken a year ago, and the agent never got it done: the tenant has been writing all along.

    Rule: `transitions`.
    """
    chronicle = started()
    take(chronicle, tenant_yaml("keeper", state="suspended"))
    chronicle.later(days=KEPT_DAYS + 1)
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="deprovisioned")), kept_out_by)


def test_retention_counted_from_an_earlier_suspension(kept_out_by: KeptOutBy) -> None:
    """The tenant was suspended once, long ago, and resumed. I suspend it again, and count from the first time.

    Rule: `transitions`.
    """
    chronicle = started()
    suspended(chronicle)
    take(chronicle, tenant_yaml("keeper"))
    done(chronicle)
    chronicle.later(days=KEPT_DAYS + 1)
    suspended(chronicle)
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="deprovisioned")), kept_out_by)


def test_retention_shortened_by_the_very_change_that_ends_it(kept_out_by: KeptOutBy) -> None:
    """I write `retention_days: 30` into the change that deprovisions the tenant.

    Rule: `transitions`.
    """
    chronicle = started()
    suspended(chronicle)
    chronicle.later(days=40)
    yaml = tenant_yaml("keeper", state="deprovisioned") + b"  retention_days: 30\n"
    kept_out(chronicle, take(chronicle, yaml), kept_out_by)


def test_deprovision_under_legal_hold(kept_out_by: KeptOutBy) -> None:
    """A court wants the data. I lift the hold in the change that deletes it.

    Rule: `transitions`.
    """
    chronicle = started()
    take(chronicle, tenant_yaml("keeper", state="suspended") + b"  legal_hold: true\n")
    done(chronicle)
    chronicle.later(days=KEPT_DAYS + 1)
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="deprovisioned")), kept_out_by)


def test_file_of_a_tenant_removed_while_something_of_it_is_left(kept_out_by: KeptOutBy) -> None:
    """The agent has archived the tenant and proved nothing. I remove its file, so that nobody asks any more.

    Rule: `transitions`.
    """
    chronicle = started()
    suspended(chronicle)
    chronicle.later(days=KEPT_DAYS + 1)
    take(chronicle, tenant_yaml("keeper", state="deprovisioned"))
    done(chronicle, types=["archive"])
    kept_out(chronicle, take(chronicle, None), kept_out_by)


def test_way_back_from_the_end(kept_out_by: KeptOutBy) -> None:
    """The tenant is gone. I let it live again under its old name, so that it seems never to have been away.

    Rule: `transitions`.
    """
    chronicle = started()
    suspended(chronicle)
    chronicle.later(days=KEPT_DAYS + 1)
    take(chronicle, tenant_yaml("keeper", state="deprovisioned"))
    done(chronicle)
    kept_out(chronicle, take(chronicle, tenant_yaml("keeper", state="suspended")), kept_out_by)


def test_forged_entry_that_says_it_is_suspended(kept_out_by: KeptOutBy) -> None:
    """The suspension is taken, not done. I write the intent and the result that are missing, and sign them with a key
    of mine.

    Rule: `signed`.
    """
    chronicle = started()
    take(chronicle, tenant_yaml("keeper", state="suspended"))
    done(chronicle, writer(key_of("mallory")))

    def attempt(rules: tuple[Rule, ...]) -> bool:
        return "keeper" in _suspended(chronicle.replay(rules=rules, policies=Policy.of))

    kept_out_by("signed", CHAIN, attempt)


def test_data_that_nobody_may_ever_delete(kept_out_by: KeptOutBy) -> None:
    """The customer has asked for the end of their data. I had the agent's key for a minute, and wrote that it suspended
    them in 2031: until a year after that the retention has not passed.

    Rule: `ahead`.
    """
    chronicle = started()
    take(chronicle, tenant_yaml("keeper", state="suspended"))
    honest = chronicle.now
    done(chronicle, at=FUTURE)
    chronicle.tip = replace(chronicle.tip, time=honest)
    chronicle.push(chronicle.heartbeat())
    since = chronicle.now
    chronicle.later(days=KEPT_DAYS + 1)
    commit = take(chronicle, tenant_yaml("keeper", state="deprovisioned"))

    def attempt(rules: tuple[Rule, ...]) -> bool:
        return chronicle.replay(rules=rules, policies=Policy.of).commit != commit

    kept_out_by("ahead", CHAIN, attempt)
    assert chronicle.replay(policies=Policy.of).state.lifecycle.suspended == {"keeper": since}


def _suspended(history: History) -> Iterable[str]:
    return history.state.lifecycle.suspended
