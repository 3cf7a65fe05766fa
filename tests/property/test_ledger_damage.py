"""Whatever is done to the evidence of a rewritten history, an auditor who kept the last head sees it.

Whoever rewrites may even sign commits as the agent: only the entries and approvals themselves stand in the way.
"""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from runtime.ledger.append import Tip
from runtime.ledger.verify import Report, verify
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import AGENT, document, key_of

SIGN = sign_commit(key_of(AGENT))
Commits = list[dict[str, bytes]]


@cache
def honest() -> tuple[Chronicle, str, tuple[tuple[tuple[str, bytes], ...], ...]]:
    """A history whose evidence comes after all that it speaks of; where that begins; what each commit adds."""
    chronicle = Chronicle.start()
    first = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")})
    second = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    chronicle.apply()
    chronicle.take(first)
    chronicle.take(second)
    chronicle.push(chronicle.heartbeat())
    steps = chronicle.git.first_parents(chronicle.head, since=second)
    added = tuple(
        tuple(
            (change.path, chronicle.git.blob(change.after.oid)) for change in step.changes if change.after is not None
        )
        for step in steps
    )
    return chronicle, second, added


def report_of(commits: Commits) -> Report:
    """Write the commits again, signed as the agent's, and let an auditor look who kept root and head."""
    chronicle, base, _ = honest()
    git = MemoryGit()
    git.objects = dict(chronicle.git.objects)
    git.refs = {"refs/heads/main": base}
    for files in commits:
        git.commit_files(files, author=writer().author, sign=SIGN)
    tip: Tip = chronicle.tip
    return verify(
        git,
        git.refs["refs/heads/main"],
        now=chronicle.now,
        trust_root=chronicle.root,
        since=tip.digest,
        policies=no_objection,
    )


def commits() -> Commits:
    return [dict(files) for files in honest()[2]]


COUNT = len(honest()[2])


def test_written_again_as_it_was_it_is_sound() -> None:
    assert report_of(commits()).ok


@given(st.data())
def test_a_flipped_bit_in_any_file_is_seen(data: st.DataObject) -> None:
    damaged = commits()
    files = damaged[data.draw(st.integers(0, COUNT - 1))]
    path = data.draw(st.sampled_from(sorted(files)))
    bit = data.draw(st.integers(0, len(files[path]) * 8 - 1))
    content = bytearray(files[path])
    content[bit // 8] ^= 1 << bit % 8
    files[path] = bytes(content)
    report = report_of(damaged)
    assert not report.ok
    assert report.problems


@given(st.data())
def test_a_missing_file_is_seen(data: st.DataObject) -> None:
    damaged = commits()
    files = damaged[data.draw(st.integers(0, COUNT - 1))]
    del files[data.draw(st.sampled_from(sorted(files)))]
    assert not report_of(damaged).ok


@given(st.permutations(range(COUNT)))
def test_another_order_is_seen(order: list[int]) -> None:
    whole = commits()
    assert report_of([whole[number] for number in order]).ok == (list(order) == list(range(COUNT)))


@given(st.data())
def test_an_entry_brought_twice_under_two_names_is_seen(data: st.DataObject) -> None:
    damaged = commits()
    files = damaged[data.draw(st.integers(0, COUNT - 1))]
    path = data.draw(st.sampled_from([path for path in sorted(files) if path.startswith("evidence/ledger/")]))
    other = path.replace("/0000000", f"/{data.draw(st.integers(1, 9))}000000")
    damaged[data.draw(st.integers(0, COUNT - 1))][other] = files[path]
    assert not report_of(damaged).ok
