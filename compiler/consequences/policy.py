"""Changed Rego -> tests of the policy that are gone, and that the policy itself is another.

Rules kept: a test counts by its rule's name, so that one which moved to another file is not gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compiler.consequences.consequence import Consequence, Kind, Severity
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
    changed = sorted(path for path in _rego(inputs.before) | _rego(inputs.after))
    if changed:
        words = f"the policy itself is another: {few(changed)} (`conductor plan --full` shows the lines)"
        yield Consequence(Kind.POLICY, Severity.GRAVE, words, tuple(changed))


def _tests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {
        name.decode(): path for path, data in files.items() if path.endswith(_TESTS) for name in _TEST.findall(data)
    }


def _rego(files: Mapping[str, bytes]) -> set[str]:
    return {path for path in files if path.endswith(".rego") and not path.endswith(_TESTS)}
