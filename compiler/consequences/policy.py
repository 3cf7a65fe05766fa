"""Changed Rego -> tests of the policy that are gone, or lines of them, and that the policy itself is another.

Rules kept: a test counts by its rule's name, so that one which moved to another file is not gone; lines of tests that
are there still are counted, since an assertion less is what lets an edit pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_lines import lines_between
from compiler.plan_resources import Inputs
from runtime.contract.plural import plural
from runtime.ledger.story import few

_TESTS = "_test.rego"
_TEST = re.compile(rb"^test_\w+", re.MULTILINE)


def of_policy(inputs: Inputs) -> Iterator[Consequence]:
    """Say what happens to the policy and its tests; `inputs` are the changed ones."""
    olds, news = _tests(inputs.before), _tests(inputs.after)
    gone = sorted(olds.keys() - news.keys())
    if gone:
        files = sorted({olds[name] for name in gone})
        words = f"{plural(len(gone), 'test')} of the policy {'is' if len(gone) == 1 else 'are'} gone, of {few(files)}"
        yield Consequence(Kind.POLICY, Severity.GRAVE, words, tuple(gone))
    lost = {path: went for path, went in _lines_gone(inputs) if path not in {olds[name] for name in gone}}
    if lost:
        count = sum(lost.values())
        words = f"{plural(count, 'line')} of the policy's tests {'is' if count == 1 else 'are'} gone, of {few([*lost])}"
        yield Consequence(Kind.POLICY, Severity.GRAVE, words, tuple(lost))
    changed = sorted(path for path in _rego(inputs.before) | _rego(inputs.after))
    if changed:
        words = f"the policy itself is another: {few(changed)}"
        yield Consequence(Kind.POLICY, Severity.GRAVE, words, tuple(changed))


def _tests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {
        name.decode(): path for path, data in files.items() if path.endswith(_TESTS) for name in _TEST.findall(data)
    }


def _lines_gone(inputs: Inputs) -> Iterator[tuple[str, int]]:
    """How many lines went from each file of tests; an altered line is one that went."""
    for path, data in sorted(inputs.before.items()):
        if path.endswith(_TESTS):
            went = lines_between(data.splitlines(), inputs.after.get(path, b"").splitlines()).went
            if went:
                yield path, went


def _rego(files: Mapping[str, bytes]) -> set[str]:
    return {path for path in files if path.endswith(".rego") and not path.endswith(_TESTS)}
