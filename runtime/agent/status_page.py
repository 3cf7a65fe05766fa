"""Status -> one plain HTML page: the agent's `/status` for people.

Rules kept: no script, nothing from elsewhere, every word from outside escaped; one style, named in the policy (`CSP`)
by its digest; headings, lists and tables as a screen reader wants them, and nothing said by colour alone.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from html import escape

from runtime.agent.status import DRIFT_HELP, Lacking, Owed, Status, Waiting, ago, title_of
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.contract.printable import shown

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin-bottom:.25rem}
.answer{border-left:.4rem solid;padding:.25rem 1rem}
.good{border-color:#1a7f37}.bad{border-color:#cf222e}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #8886}
th{width:9rem;overflow-wrap:anywhere}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
.type{display:block;overflow-x:auto;white-space:nowrap;padding:.4rem .75rem;background:#8882}
.aside{opacity:.75}
"""
CSP = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)


_ANYONE = "anyone"
"""What a judgement says where a rule asks for no role."""
_LAST_TURN = "The agent's last turn did not go well"


def page(status: Status | None, problem: str | None) -> bytes:
    """Return the page; `problem` is what kept the last turn from going well."""
    body = _nothing() if status is None else _body(status, problem)
    trouble = "" if problem is None else f'<p class="answer bad"><strong>{_LAST_TURN}:</strong> {_said(problem)}</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_title(status, problem)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>Conductor</h1>{trouble}{body}</main></body></html>\n"
    ).encode()


def _title(status: Status | None, problem: str | None) -> str:
    """What a tab shows: the worst first."""
    if status is None:
        return "Conductor: not read yet"
    if problem is not None:
        return f"Conductor: {_LAST_TURN[0].lower()}{_LAST_TURN[1:]}"
    count = len(status.attention)
    return f"Conductor: {count} for a person" if count else "Conductor: nothing waits"


def _nothing() -> str:
    return '<p class="answer bad">The ledger has not been read yet.</p>'


def _body(status: Status, problem: str | None) -> str:
    return "".join(
        (
            "" if problem is not None and not status.attention else _answer(status),
            _source(status),
            "<h2>What runs</h2>",
            _table(_running(status)),
            _queue(status),
            *(["<h2>Open debt</h2>", _owes(status, status.debt)] if status.debt is not None else []),
            _trouble(status),
            "<h2>Agents and ledger</h2>",
            _table(_agents(status)),
        )
    )


def _source(status: Status) -> str:
    return (
        f'<p class="aside">As read at {_moment(status.at)} from commit <code>{_said(status.main[:12])}</code> of '
        f"{_said(status.branch)}; other branches are not looked at (<code>conductor plan</code> does). "
        " <code>conductor status</code> says the same, offline, in any clone.</p>"
    )


def _answer(status: Status) -> str:
    if not status.attention:
        return '<p class="answer good" role="status">Nothing waits for a person.</p>'
    items = "".join(f"<li>{_said(item)}</li>" for item in status.attention)
    return f'<div class="answer bad" role="status"><p>Waiting for a person:</p><ul>{items}</ul></div>'


def _running(status: Status) -> Iterable[tuple[str, str]]:
    runs, verified = status.running, status.verified
    if runs is None:
        yield "Commit", "none: no intent has ended well yet"
    else:
        yield "Commit", f"{_commit(runs.commit, title_of(runs))} {_when(status, runs.at)}"
        yield "Manifest", f"<code>sha256:{_said(runs.manifest)}</code>"
    by = f"verdict {verified.entry}" if verified.entry else "the genesis"
    same = runs is not None and runs.manifest == verified.manifest
    what = "the same" if same else _commit(verified.commit, title_of(verified))
    yield "Verified", f"{what}, by {by} {_when(status, verified.at)}"
    if status.open_intent is not None:
        at = _when(status, status.open_intent.at)
        yield "At work", f"intent {status.open_intent.entry} has no result yet {at}"


def _queue(status: Status) -> str:
    """What somebody has to do something about, or the agent takes next; apart from it, what main has taken back."""
    waits = [_waits(status, item) for item in status.waiting if item.reason != "taken-back"]
    back = [f"<li>{_commit(item.commit, item.subject)}</li>" for item in status.waiting if item.reason == "taken-back"]
    told = f"<h2>What waits</h2>{''.join(waits)}" if waits else ""
    if back:
        told += f"<h2>Taken back</h2><p>Nothing is to be done about these:</p><ul>{''.join(back)}</ul>"
    return told


def _waits(status: Status, item: Waiting) -> str:
    since = _when(status, item.since)
    approved = f"<p>Approved by {_said(', '.join(item.approved_by))}.</p>" if item.approved_by else ""
    return (
        f"<h3>{_commit(item.commit, title_of(item))} {since}</h3>"
        f"{_list((*item.why, *_place(item)))}{approved}{_missing(item.lacking)}"
        f"{_command('To look at it' if item.reason == 'unsound' else 'To approve it', item.command)}"
        f"{_command('To take it back', item.take_back)}"
    )


def _place(item: Waiting) -> Iterable[str]:
    if item.brought_by:
        yield f"Brought by {', '.join(one.commit[:12] for one in item.brought_by)}; this is {item.subject}."
    if item.after is not None:
        yield f"Comes after {item.after[:12]}: by itself once that is taken or taken back, or else together with it."
    if item.comes_with is not None:
        yield f"Comes with {item.comes_with[:12]}, so there is nothing to do."
    if item.mended_by is not None:
        yield f"{item.mended_by[:12]} mends it, so there is nothing to do."


def _owes(status: Status, debt: Owed) -> str:
    due = f"its approvals are {'overdue since' if debt.overdue else 'due by'} {_moment(debt.deadline)}"
    if debt.command is None:
        due = "it has been approved since, and the agent clears it next"
    return (
        f"<p>{_said(debt.by)} let change <code>{_said(debt.change[:12])}</code> through by emergency "
        f"{_when(status, debt.opened)}; {due}.</p>"
        f"<p>Reason: {_said(debt.why)}</p>{_missing(debt.lacking)}{_command('To approve it', debt.command)}"
    )


def _trouble(status: Status) -> str:
    parts: list[str] = []
    if status.failures:
        told = [f"{item.action}: {item.message}" for item in status.failures]
        parts += ["<h2>Failed actions</h2>", _list(told)]
    if status.drift is not None:
        parts += [f"<h2>Drift {_when(status, status.drift.at)}</h2>", _list(status.drift.objects)]
        parts += [
            f"<p>{_said(DRIFT_HELP)}</p>",
            _command("To look at all of it", f"conductor evidence show {status.drift.entry}"),
        ]
    if status.refused is not None:
        refused = status.refused
        parts += [
            "<h2>Last refusal</h2>",
            f"<p>Commit {_commit(refused.commit, '')}, entry {refused.entry} {_when(status, refused.at)}</p>",
            _list(refused.unmet),
        ]
    return "".join(parts)


def _agents(status: Status) -> Iterable[tuple[str, str]]:
    for item in status.agents:
        told = "has written nothing yet"
        if item.at is not None:
            told = f"wrote entry {item.entry}, a {_said(item.kind or '')} {_when(status, item.at)}"
        yield item.name, told + ("" if item.heartbeat_seconds is not None else "; not declared any more")
    wrong = f"{plural(len(status.findings), 'finding')}: <code>conductor verify</code>" if status.findings else "sound"
    entries = plural(status.ledger, "entry", "entries")
    yield "Ledger", f"{entries}, the last {ago(status.at, status.ledger_at)}; {wrong}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f'<tr><th scope="row">{_said(name)}</th><td>{value}</td></tr>' for name, value in rows)
    return f"<table>{body}</table>"


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_said(item)}</li>' for item in items)}</ul>" if items else ""


def _missing(lacking: Sequence[Lacking]) -> str:
    return _list(
        [
            f"the rule {item.rule} still asks for {_and(_asked(item.roles))}: {_and(item.could, 'or') or 'nobody can'}"
            for item in lacking
        ]
    )


def _asked(roles: Sequence[str]) -> list[str]:
    """`2 more people`, `1 of platform`."""
    return [
        plural(count, "more person", "more people") if role == _ANYONE else f"{count} of {role}"
        for role, count in Counter(roles).items()
    ]


def _and(words: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _command(what: str, command: str | None) -> str:
    """A command on a line of its own, which scrolls where it is too long: copied as it is typed."""
    return "" if command is None else f'<p>{what}: <code class="type" tabindex="0">{_said(command)}</code></p>'


def _moment(moment: datetime) -> str:
    return f'<time datetime="{text(moment)}">{text(moment)}</time>'


def _commit(commit: str, subject: str) -> str:
    return f"<code>{_said(commit[:12])}</code> {_said(subject)}".rstrip()


def _when(status: Status, moment: datetime) -> str:
    return f'<time class="aside" datetime="{text(moment)}">({ago(status.at, moment)})</time>'


def _said(words: str) -> str:
    """Words from outside, as text."""
    return escape(shown(words))
