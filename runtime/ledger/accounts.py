"""What an intent, and a report of drift, must have to do with what was decided: rules of the ledger (ADR 0116).

Whether the agent did what it says cannot be seen in a clone. What can: that it speaks of the commit that is verified,
that each action has the cause that the ledger gives it, that it goes to what P declares, and that nothing that a
verdict altered is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from runtime.contract.objects import Object
from runtime.contract.plural import plural
from runtime.contract.predicates import ActionRecord, Drift, Heartbeat, Intent
from runtime.ledger.facts import EntryFacts
from runtime.ledger.owed import DRIFT, named
from runtime.ledger.story import because, few

_SHOWN = 3


def current(facts: EntryFacts) -> tuple[str, ...]:
    """An intent, a report of drift and a heartbeat name the manifest that is verified, and a heartbeat its commit."""
    entry = facts.entry
    predicate = entry.predicate
    if not isinstance(predicate, Intent | Drift | Heartbeat):
        return ()
    digest = facts.wanted.manifest
    about = [(item.name, item.digest.sha256) for item in entry.statement.subject]
    if predicate.manifest != digest or about != [("manifest", digest)]:
        return (f"the {entry.kind} names manifest {predicate.manifest[:12]}, and {digest[:12]} is the one verified",)
    if isinstance(predicate, Heartbeat) and predicate.commit != facts.commit:
        return (f"the heartbeat names commit {predicate.commit[:12]}, and {facts.commit[:12]} is the one verified",)
    return ()


def cause(facts: EntryFacts) -> tuple[str, ...]:
    """An intent and each action have the cause that the ledger gives: the genesis until it is made, then the change
    that was taken and altered the object last, until a result has settled it; else drift."""
    predicate, owed = facts.entry.predicate, facts.owed
    if not isinstance(predicate, Intent | Drift):
        return ()
    found = [
        f"{_told(item)} is said to be because of {because(item.because)}, and by the ledger it is {because(why)}"
        for item in predicate.actions
        if item.because != (why := owed.because(named(item)))
    ]
    if isinstance(predicate, Intent) and predicate.because != (why := owed.cause(predicate.actions)):
        said = f"the intent is said to be because of {because(predicate.because)}, and by the ledger it is"
        found.insert(0, f"{said} {because(why)}")
    return _few(found)


def declared(facts: EntryFacts) -> tuple[str, ...]:
    """An action makes an object exactly what P declares, or removes one that P does not declare; and what a target
    only reports is not undone."""
    predicate = facts.entry.predicate
    if not isinstance(predicate, Intent | Drift):
        return ()
    found = [f"{_told(item)}: {why}" for item in predicate.actions if (why := _undeclared(facts, item)) is not None]
    if isinstance(predicate, Intent):
        found += [
            f"{_told(item)} undoes drift, and {item.target} is declared `drift: report`"
            for item in predicate.actions
            if item.because == DRIFT and not facts.wanted.heals(item.target)
        ]
    return _few(found)


def accounted(facts: EntryFacts) -> tuple[str, ...]:
    """The last intent after the genesis, or a verdict, leaves nothing out that is asked for: each object is acted on,
    reported as held back, or counted as found as declared."""
    intent, owed, wanted = facts.entry.predicate, facts.owed, facts.wanted
    if not isinstance(intent, Intent) or intent.rest:
        return ()
    asked = owed.of(wanted.releases if owed.started else {*wanted.objects, *wanted.releases})
    left = asked - {named(item) for item in intent.actions} - owed.reported.keys()
    if len(left) <= intent.as_declared:
        return ()
    names = few([f"{found.type} {found.name}" for found in sorted(left)], _SHOWN)
    told = f"the intent passes over {plural(len(left), 'object')} that is asked for"
    return (f"{told}, and counts {intent.as_declared} as found so: {names}",)


def _undeclared(facts: EntryFacts, item: ActionRecord) -> str | None:
    found = named(item)
    if found in facts.wanted.releases:
        # its manifest says all that goes out
        return None if (item.after or {}).get("manifest") == facts.wanted.manifest else "that is another release"
    wanted = facts.wanted.objects.get(found)
    if item.operation == "delete":
        return "it is declared" if wanted is not None else None if item.after is None else "it would stay"
    if wanted is None:
        return "nothing declares it"
    return None if _meets(item, wanted) else "it is declared otherwise"


def _meets(item: ActionRecord, wanted: Object) -> bool:
    if item.operation == "adopt" and not wanted.adopt:
        return False
    return (item.after, item.wave, item.tenant) == (wanted.attributes, wanted.wave, wanted.tenant)


def _told(item: ActionRecord) -> str:
    return f"{item.operation} {item.type} {item.name}"


def _few(found: Iterable[str]) -> tuple[str, ...]:
    """One sentence for what may be thousands of actions."""
    told = list(found)
    return (few(told, _SHOWN),) if told else ()
