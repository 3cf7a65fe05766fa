"""Inputs -> bundle: the whole pipeline on one screen (plan, section 2).

Data goes one way; every stage is a module with one public function of its name; findings go into the sink.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from compiler.aside import Deny, deny_here
from compiler.check import CheckedModel, check
from compiler.decode import decode
from compiler.diagnostics.concise import line
from compiler.diagnostics.model import Diagnostics, Severity
from compiler.domains.registry import ALL, KINDS
from compiler.parse import parse
from compiler.render import Bundle, render
from compiler.resolve import resolve
from compiler.source import SourceTree, from_commit
from compiler.values import NO_VALUES, Values
from runtime.contract.compiling import Compile, Compiled
from runtime.contract.policy_input import DenyInput
from runtime.git.interface import Git
from runtime.policy.engine import Denial, NoAnswerError

KEPT = 16


def check_tree(
    tree: SourceTree, diagnostics: Diagnostics, *, deny: Deny = deny_here, values: Values = NO_VALUES
) -> CheckedModel:
    """Find every mistake of a tree. `deny` asks policy.wasm; `values` remembers what was read, for `check` alone."""
    with without_collector():
        diagnostics.extend(tree.findings)
        documents = parse(tree.files, diagnostics, values)
        resources = decode(documents, tree.refused, KINDS, diagnostics)
        model = resolve(resources, diagnostics)
        return check(model, tree.files, ALL, deny, diagnostics)


def compile_tree(tree: SourceTree, diagnostics: Diagnostics, *, deny: Deny = deny_here) -> Bundle | None:
    """Return the bundle of a tree; None if there is an error in it."""
    checked = check_tree(tree, diagnostics, deny=deny)
    with without_collector():
        return render(checked, tree.files, ALL) if checked.sound else None


def compile_commit(git: Git) -> Compile:
    """Return what the runtime compiles commits with. The last few commits are compiled once."""

    @lru_cache(maxsize=KEPT)
    def compile_(commit: str) -> Compiled:
        return compiled(from_commit(git, commit))

    return compile_


def compiled(tree: SourceTree) -> Compiled:
    """Compile a tree for the runtime: its findings as lines."""
    diagnostics = Diagnostics()
    unanswered: list[str] = []

    def deny(wasm: bytes, batches: Iterable[DenyInput]) -> list[Denial]:
        try:
            return deny_here(wasm, batches)
        except NoAnswerError as error:
            unanswered.append(error.message)
            raise

    bundle = compile_tree(tree, diagnostics, deny=deny)
    if bundle is None:
        errors = tuple(line(item) for item in diagnostics if item.severity is Severity.ERROR)
        return Compiled(tree.digests(), {}, errors, next(iter(unanswered), None))
    return Compiled(tree.digests(), bundle)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's garbage collector away while many small values are made that all stay: it costs a third.

    A command that ends soon also freezes them (`gc.freeze`); an agent that lives on must not.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
