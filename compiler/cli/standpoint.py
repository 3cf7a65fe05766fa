"""Repository x base x head -> Standpoint: everything a plan is made from, asked of git, ledger and clock once.

Rules kept: commits only, never the work tree; the snapshot of what a verdict (or the genesis) took comes from the
ledger, never from a compiler; once there is a genesis, only the release that the head pins goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from compiler.aside import Aside, Deny
from compiler.broken import Broken
from compiler.cli.broken_main import broken_at, judged_alone
from compiler.cli.clone import Clone, commit_named
from compiler.cli.queue import Way, queue
from compiler.diagnostics.model import Diagnostic, Diagnostics
from compiler.driver import compile_tree
from compiler.nodes import Scalar
from compiler.parse import parse_file
from compiler.plan import Forecast, Landed, Point, Standpoint
from compiler.plan_resources import Inputs
from compiler.plan_unsound import Unsound
from compiler.source import MAX_WASM_BYTES, WASM, SourceTree, from_commit, from_files
from runtime.contract.change import Change, Row, Snapshot, between, taken
from runtime.contract.errors import ConductorError, EnvironmentFailedError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS, Manifest
from runtime.git.inputs import digests, digests_from, is_input, rows
from runtime.git.interface import Git
from runtime.git.onward import onward
from runtime.git.returned import returned
from runtime.governance.case import Case
from runtime.governance.emergency import debt_case
from runtime.ledger.history import History
from runtime.ledger.reported import last_reported
from runtime.release import VERSION

_PIN = "policies/compiler.yaml"
_EMPTY = Snapshot(Manifest({}, {}), {})
_NO_REPOSITORY = "0" * 32


class UnsoundError(ConductorError):
    """The head does not compile: `unsound` is all that a plan can say of it."""

    def __init__(self, unsound: Unsound) -> None:
        super().__init__("the head does not compile")
        self.unsound = unsound


@dataclass(frozen=True)
class Known:
    """A commit whose inputs are known (None: they are not), so that those of one near it need no reading."""

    commit: str
    inputs: Mapping[str, str] | None

    def digests(self, git: Git, commit: str) -> dict[str, str]:
        """Every input of a commit: path -> SHA-256."""
        if self.inputs is None:
            return digests(git, commit)
        return digests_from(git, self.commit, self.inputs, commit)


def policy_aside(git: Git, head: str | None) -> Aside:
    """Let the policy of the head get ready while everything else is read."""
    oid = git.resolve(head or "HEAD")
    file = None if oid is None else git.files(oid, WASM).get(WASM)
    return Aside(None if file is None else git.readable([file.oid], MAX_WASM_BYTES).get(file.oid))


def stand(clone: Clone, base: str | None, head: str | None, *, at: datetime, today: date) -> Standpoint:
    """Take in everything about the change from `base` to `head`; raises UnsoundError, UsageError."""
    git, history = clone.git, clone.history
    head_oid = commit_named(git, head or "HEAD")
    base_oid = commit_named(git, base) if base is not None else default_base(clone, head_oid)
    tree = from_commit(git, head_oid)
    if history is not None:
        _same_release(tree)
    point = _titled(git, point_of(git, head_oid, head, "compiled"), head_oid, base_oid)
    after, found = _compiled(tree, clone.deny)
    if after is None:
        points = point_of(git, base_oid, base, "unknown"), replace(point, source="unknown")
        raise UnsoundError(_unsound(clone, *points, found, tree.files))
    broken = None
    near = Known(head_oid, None if tree.findings else after.manifest.inputs)
    try:
        before, source = _before(clone, base_oid, near)
    except UsageError:
        # main does not compile there, so the change is planned from where it last did
        broken = None if base is not None or base_oid is None else _broken(clone, base_oid)
        if broken is None or broken.sound is None:
            raise
        base_oid, broken = broken.sound, _broken(clone, clone.main)
        before, source = _before(clone, base_oid, near)
    repository = _NO_REPOSITORY if history is None else history.genesis.repository
    change = between(before, after, repository=repository, branch=clone.branch)
    merged = git.is_ancestor(head_oid, clone.main)
    landed, forecast = landed_since(clone, head_oid if merged else base_oid, change, tree, near, merged=merged)
    start = point_of(git, base_oid, base, source)
    case = None if history is None else _case(clone, history, change, at, near, merged=merged)
    return Standpoint(
        branch=clone.branch,
        base=start,
        head=point,
        change=change,
        inputs=_inputs(git, base_oid, head_oid, change, tree),
        files=tree.files,
        warnings=_new_warnings(clone, base_oid, found),
        before=before.contents,
        after=after.contents,
        case=case,
        merged=merged,
        queue=None
        if history is None or case is None
        else queue(clone, history, Way(start, head_oid, case, merged, forecast), at),
        landed=landed,
        forecast=forecast,
        today=today,
        allowed=clone.allowed,
        broken=None if broken is None else replace(broken, mended=True),
        reported=None if history is None else last_reported(history.entries),
    )


def default_base(clone: Clone, head: str) -> str | None:
    """The merge base with main; on main itself the last verified commit, and where that does not lie behind the head
    (before genesis, or for what was taken long ago) the first parent."""
    git = clone.git
    fork = git.merge_base(clone.main, head)
    if fork is not None and fork != head:
        return fork
    verified = None if clone.history is None else clone.history.commit
    if verified is not None and verified != head and git.is_ancestor(verified, head):
        return verified
    if verified == head:
        return verified
    parents = git.commit(head).parents
    return parents[0] if parents else None


def _returned(clone: Clone, history: History, commit: str) -> tuple[str, ...]:
    verified, git = history.verified, clone.git
    line = onward(git, verified.commit, clone.main, through=verified.seen) or ()
    base = git.files(verified.commit, *INPUT_FOLDERS)
    return returned(base, ((step.commit.oid, step.changes) for step in line)).of(commit)


def _case(clone: Clone, history: History, change: Change, at: datetime, near: Known, *, merged: bool) -> Case:
    debt, statements = history.debt, clone.statements(change.digest)
    if debt is not None and debt.change.digest == change.digest:
        return debt_case(history.verified, debt, statements, at=at)
    main = near.digests(clone.git, clone.main)
    gone = _returned(clone, history, near.commit) if merged else ()
    if not merged:
        # what main would have if the change were merged now
        for path, _, after in change.inputs:
            main.pop(path, None)
            if after is not None:
                main[path] = after
    return Case(
        verified=history.verified,
        change=change,
        approvals=statements,
        at=at,
        main=main,
        release=VERSION,
        transition=history.transition(change, at),
        returned=frozenset(gone),
    )


def _before(clone: Clone, base: str | None, near: Known) -> tuple[Snapshot, str]:
    if base is None:
        return _EMPTY, "empty"
    known = None if clone.history is None else verified_snapshot(clone.history, near.digests(clone.git, base))
    if known is not None:
        return known, "ledger"
    compiled, _ = _compiled(from_commit(clone.git, base), clone.deny)
    if compiled is None:
        raise UsageError(
            f"the base {base[:12]} does not compile, so no change can start from it",
            help="name another with --base: a commit before the mistake, or the last verified one",
        )
    return compiled, "compiled"


def _unsound(clone: Clone, base: Point, head: Point, found: Diagnostics, files: Mapping[str, bytes]) -> Unsound:
    commit = head.commit or ""
    if base.commit is None:
        inputs: tuple[Row, ...] = tuple((path, None, digest) for path, digest in digests(clone.git, commit).items())
    else:
        inputs = rows(clone.git, base.commit, commit)
    broken = _broken(clone, clone.main)
    if broken is not None and not clone.git.is_ancestor(commit, clone.main):
        broken = judged_alone(clone.git, broken, inputs, files, clone.deny)
    return Unsound(clone.branch, base, head, inputs, tuple(found), files, broken)


def _broken(clone: Clone, commit: str) -> Broken | None:
    """Whether main does not compile at a commit, and since when."""
    history = clone.history
    known = history is not None and clone.git.is_ancestor(history.commit, commit)
    since = history.commit if history is not None and known else None
    return broken_at(clone.git, clone.branch, commit, clone.deny, since=since)


def verified_snapshot(history: History, inputs: Mapping[str, str]) -> Snapshot | None:
    """The snapshot of the verified state that has exactly these inputs, the latest first; None if none has."""
    if history.snapshot.manifest.inputs == inputs:
        return history.snapshot
    snapshot, found = history.genesis.snapshot, None
    for digest in history.taken:
        if snapshot.manifest.inputs == inputs:
            found = snapshot
        change = history.change(digest)
        if change is None:
            break
        snapshot = taken(snapshot, change)
    return found


def landed_since(
    clone: Clone, since: str | None, change: Change, tree: SourceTree | None, near: Known, *, merged: bool
) -> tuple[tuple[Landed, ...], Forecast | None]:
    """What has come to main since a commit; where none of it meets the change, what the change is, merged now."""
    landed = tuple(_landed(clone, since, change))
    if not landed or merged or any(item.meets or item.same for item in landed):
        return landed, None
    return landed, _forecast(clone, clone.main, change, tree or from_commit(clone.git, near.commit), near)


def _landed(clone: Clone, since: str | None, change: Change) -> Iterator[Landed]:
    pending = set(clone.history.pending) if clone.history is not None else set()
    waiting = set(clone.history.waiting) if clone.history is not None else set()
    mine = {path for path, _, _ in change.inputs}
    for step in clone.git.first_parents(clone.main, *INPUT_FOLDERS, since=since):
        paths = [item.path for item in step.changes if is_input(item.path)]
        if paths:
            oid, meets = step.commit.oid, tuple(path for path in paths if path in mine)
            taken_ = clone.history is not None and oid not in pending
            same = (
                oid in waiting and mine == set(paths) and rows(clone.git, step.commit.parents[0], oid) == change.inputs
            )
            yield Landed(oid, step.commit.subject, taken_, () if same else meets, same)


def _forecast(clone: Clone, main: str, change: Change, head: SourceTree, near: Known) -> Forecast:
    """Merge the change into main as files, and see whether it would still be this change."""
    onto = from_commit(clone.git, main)
    files = dict(onto.files)
    for path, _, after in change.inputs:
        files.pop(path, None)
        if after is not None:
            files[path] = head.files[path]
    broken = None
    try:
        before, _ = _before(clone, main, near)
    except UsageError as error:
        broken = _broken(clone, main)
        if broken is None or broken.sound is None:
            return Forecast(same=False, errors=(error.message,))
        before, _ = _before(clone, broken.sound, near)
    after_merge, found = _compiled(from_files(files), clone.deny)
    if after_merge is None:
        said = () if broken is None else (broken.sentence,)
        return Forecast(same=False, errors=(*said, *(item.message for item in found)))
    merged = between(before, after_merge, repository=change.repository, branch=change.branch)
    if merged.digest == change.digest:
        return Forecast(same=True)
    differ = {*merged.inputs, *merged.bundle} ^ {*change.inputs, *change.bundle}
    return Forecast(same=False, differs=tuple(sorted({row[0] for row in differ})))


def _compiled(tree: SourceTree, deny: Deny) -> tuple[Snapshot | None, Diagnostics]:
    """The snapshot of a tree, if it compiles, and what is found in it."""
    diagnostics = Diagnostics()
    bundle = compile_tree(tree, diagnostics, deny=deny)
    return None if bundle is None else Snapshot.of(tree.digests(), bundle), diagnostics


def _new_warnings(clone: Clone, base: str | None, found: Diagnostics) -> tuple[Diagnostic, ...]:
    """What is found at the head and was not at the base, wherever it stood there."""
    if not len(found) or base is None:
        return tuple(found)
    _, known = _compiled(from_commit(clone.git, base), clone.deny)
    before = Counter((item.code.id, item.primary.span.path, item.message) for item in known)
    new: list[Diagnostic] = []
    for item in found:
        key = (item.code.id, item.primary.span.path, item.message)
        before[key] -= 1
        if before[key] < 0:
            new.append(item)
    return tuple(new)


def _same_release(tree: SourceTree) -> None:
    """Refuse another release than the one that the head pins."""
    document = parse_file(_PIN, tree.files[_PIN], Diagnostics()) if _PIN in tree.files else None
    node = None if document is None else document.node(("spec", "release"))
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value != VERSION:
        raise EnvironmentFailedError(
            f"{_PIN} pins release {node.value}, and this is release {VERSION}",
            help=f"install intelgraph-conductor {node.value}; or, to move the repository to this one, set "
            f"`release: {VERSION}` there",
        )


def _inputs(git: Git, base: str | None, head: str, change: Change, tree: SourceTree) -> Inputs:
    files = {item.path: item.before for item in git.changes(base, head, *INPUT_FOLDERS)}
    oids = {path: file.oid for path, _, _ in change.inputs if (file := files.get(path)) is not None}
    blobs = git.blobs(oids.values())
    after = {path: tree.files[path] for path, _, digest in change.inputs if digest is not None}
    return Inputs({path: blobs[oid] for path, oid in oids.items()}, after)


def point_of(git: Git, oid: str | None, name: str | None, source: str) -> Point:
    """A commit (None: nothing) by the name it was given, and where its snapshot comes from."""
    if oid is None:
        return Point(None, "nothing", "", source)
    shown = name if name is not None and not oid.startswith(name) and name != "HEAD" else oid[:12]
    return Point(oid, shown, git.commit(oid).subject, source)


def _titled(git: Git, point: Point, head: str, base: str | None) -> Point:
    """What the change calls itself: the last commit that alters inputs, not the evidence that follows it on main."""
    steps = [step for step in git.first_parents(head, *INPUT_FOLDERS, since=base) if step.changes]
    return replace(point, subject=steps[-1].commit.subject, commits=len(steps)) if steps else point
