"""Targets before x after, and the drift that was reported last -> another system acted on, more that may go at once,
other places and readers of archives, drift that nobody mends or that is undone from now on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.consequences.consequence import Consequence, Kind, Severity
from runtime.contract.plural import plural
from runtime.ledger.reported import Reported
from runtime.ledger.story import few
from runtime.targets.config import TargetConfig


def of_targets(
    olds: Mapping[str, TargetConfig], news: Mapping[str, TargetConfig], reported: Reported | None
) -> Iterator[Consequence]:
    """Say what happens to targets that were there, and which are no more."""
    for name, old in sorted(olds.items()):
        new = news.get(name)
        if new is None:
            words = f"{name} is no target any more: the agent leaves what is there alone"
            yield Consequence(Kind.TARGET, Severity.GRAVE, words, (name,))
            continue
        if new.identity != old.identity:
            words = f"{name} is another system: {new.identity}, {old.identity} before"
            yield Consequence(Kind.TARGET, Severity.GRAVE, words, (name,))
        for words in _elsewhere(old, new):
            yield Consequence(Kind.TARGET, Severity.GRAVE, words, (name,))
        if (old.drift, new.drift) == ("report", "heal"):
            words = f"from now on what was altered by hand on {name} is undone{_at_once(name, reported)}"
            yield Consequence(Kind.TARGET, Severity.GRAVE, words, (name,))
        for words in _weaker(old, new):
            yield Consequence(Kind.GUARD, Severity.GRAVE, words, (name,))


def _elsewhere(old: TargetConfig, new: TargetConfig) -> Iterator[str]:
    name = new.name
    if (new.type, new.region) != (old.type, old.region):
        yield f"{name} is {new.type} of region {new.region}, {old.type} of {old.region} before"
    if new.dsn != old.dsn:
        yield f"the agent reaches {name} by {new.dsn}, by {old.dsn} before"
    if new.control and not old.control:
        yield f"{name} becomes the control database: the agents' lock is there from now on"


def _at_once(name: str, reported: Reported | None) -> str:
    count = 0 if reported is None else reported.objects.get(name, 0)
    if reported is None or not count:
        return ""
    return f"; {plural(count, 'object')} at once, as last reported (entry {reported.entry})"


def _weaker(old: TargetConfig, new: TargetConfig) -> Iterator[str]:
    name, least = old.name, old.max_delete_percent
    if new.max_delete_percent > least:
        yield f"{new.max_delete_percent} % of {name} may be deleted at once, {least} % before"
    if (old.drift, new.drift) == ("heal", "report"):
        yield f"drift of {name} is only reported from now on, and not mended"
    if old.archive is None:
        return
    if new.archive is None:
        yield f"{name} has no place for archives any more"
        return
    if new.archive.folder != old.archive.folder:
        yield f"archives of {name} go to {new.archive.folder}, before to {old.archive.folder}"
    came = sorted(set(new.archive.recipients) - set(old.archive.recipients))
    went = sorted(set(old.archive.recipients) - set(new.archive.recipients))
    if came:
        yield f"new archives of {name} can be read by {few(came)} too"
    if went:
        yield f"new archives of {name} can no longer be read by {few(went)}"
