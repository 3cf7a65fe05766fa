"""`policies/**/*.rego`, policy.wasm and policy.lock.json of a tree -> the wasm that may be asked, or findings.

policy.wasm is committed, so that a machine without OPA still compiles; policy.lock.json says from which Rego, by which
OPA, into which bytes it was built. Rules kept: a builtin that wasm lacks is refused at the line that calls it; Rego
that is not what the lock names, and a wasm that is not what the lock names, are one finding: build again. Whether the
wasm really comes from that Rego is not decided here: `conductor approve` and CI build it anew and compare bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.wasm_builtins import LACKING, instead
from runtime.contract.canonical import sha256
from runtime.contract.errors import FormatError
from runtime.contract.manifest import SHA256
from runtime.policy.engine import ENTRYPOINTS

FOLDER = "policies/"
WASM = "policies/policy.wasm"
LOCK = "policies/policy.lock.json"
OPA_VERSION = "1.22.2"
APPROVALS = "policies/approvals.yaml"
BUILD = "conductor policy build"
BEGIN = f"write Rego with the entry points {', '.join(ENTRYPOINTS)}, and say `{BUILD}`"


def sources(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The Rego that goes into the wasm: without tests, sorted by path."""
    return {path: data for path, data in sorted(files.items()) if _is_rego(path) and not path.endswith("_test.rego")}


def tests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tests beside it."""
    return {path: data for path, data in sorted(files.items()) if _is_rego(path) and path.endswith("_test.rego")}


def file_of(rule: str, files: Mapping[str, bytes]) -> str:
    """The file that a rule's findings come from, by the name they carry."""
    named = f'"rule": "{rule}"'.encode()
    return next((path for path, data in sources(files).items() if named in data), FOLDER)


def _is_rego(path: str) -> bool:
    return path.startswith(FOLDER) and path.endswith(".rego")


@dataclass(frozen=True)
class Lock:
    """policy.lock.json: which OPA made which wasm of which Rego (path -> SHA-256), with which entry points."""

    opa: str
    entrypoints: tuple[str, ...]
    rego: Mapping[str, str]
    wasm: str

    @classmethod
    def of(cls, rego: Mapping[str, bytes], wasm: bytes) -> Lock:
        """What the pinned OPA has just built."""
        return cls(OPA_VERSION, ENTRYPOINTS, {path: sha256(data) for path, data in rego.items()}, sha256(wasm))

    @property
    def data(self) -> bytes:
        """The file: JSON for people, the same for the same lock."""
        value = {"opa": self.opa, "entrypoints": list(self.entrypoints), "rego": dict(self.rego), "wasm": self.wasm}
        return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def read(cls, data: bytes) -> Lock:
        """Read the file; raises FormatError for any bytes that `data` would not write."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"not JSON: {error}") from None
        match value:
            case {"opa": str(opa), "entrypoints": list(entrypoints), "rego": dict(rego), "wasm": str(wasm)}:
                lock = cls(opa, tuple(map(str, entrypoints)), rego, wasm)
            case _:
                raise FormatError("it has exactly `opa`, `entrypoints`, `rego` and `wasm`")
        digests: list[Any] = [wasm, *rego.values()]
        if not all(isinstance(digest, str) and SHA256.fullmatch(digest) for digest in digests):
            raise FormatError("a digest is 64 lower-case hex digits")
        if lock.data != data:
            raise FormatError("it is not as it was written")
        return lock


def check(files: Mapping[str, bytes], diagnostics: Diagnostics) -> bytes | None:
    """Add a finding for whatever keeps policy.wasm from being asked; the wasm if nothing does.

    None without a finding: the tree has no policy at all. Where people approve, it needs one: a verified commit without
    a policy allows no change ever again, not even the one that would bring it.
    """
    rego, wasm, lock_data = sources(files), files.get(WASM), files.get(LOCK)
    if not rego and wasm is None and lock_data is None:
        if APPROVALS in files:
            at = Label(_first_line(files, APPROVALS), "without a policy no change of this tree could ever be taken")
            diagnostics.add(codes.POLICY_NOT_BUILT, f"`{WASM}` is missing", at, help=BEGIN)
        return None
    if check_builtins(rego, diagnostics):
        return None
    if wasm is None or lock_data is None:
        missing, there = (WASM, LOCK) if wasm is None else (LOCK, WASM)
        at = Label(_first_line(files, min(rego, default=there)), "nobody could ask what this says")
        diagnostics.add(codes.POLICY_NOT_BUILT, f"`{missing}` is missing", at, help=BUILD)
        return None
    try:
        lock = Lock.read(lock_data)
    except FormatError as error:
        at = Label(_first_line(files, LOCK), error.message)
        diagnostics.add(codes.POLICY_LOCK, f"`{LOCK}` cannot be read", at, help=BUILD)
        return None
    return wasm if _is_built(files, lock, diagnostics) else None


def check_builtins(rego: Mapping[str, bytes], diagnostics: Diagnostics) -> bool:
    """Add a finding for every call of a builtin that wasm lacks; whether there is one."""
    calls = [(path, call) for path, data in rego.items() for call in lacking(data)]
    for path, call in calls:
        span = Span(path, call.line, call.column, call.line, call.column + len(call.builtin))
        diagnostics.add(
            codes.POLICY_BUILTIN,
            f"wasm has no builtin `{call.builtin}`",
            Label(span, "policy.wasm cannot call this"),
            help=instead(call.builtin),
        )
    return bool(calls)


def _is_built(files: Mapping[str, bytes], lock: Lock, diagnostics: Diagnostics) -> bool:
    built = Lock.of(sources(files), files[WASM])
    if built == lock:
        return True
    labels: list[Label] = []
    for path in sorted(built.rego.keys() | lock.rego.keys()):
        if path not in lock.rego:
            labels.append(Label(_first_line(files, path), "new since policy.wasm was built"))
        elif path not in built.rego:
            labels.append(Label(_in_lock(files, path), "part of policy.wasm, and gone"))
        elif lock.rego[path] != built.rego[path]:
            labels.append(Label(_first_line(files, path), "changed since policy.wasm was built"))
    if lock.wasm != built.wasm:
        labels.append(Label(_in_lock(files, lock.wasm), f"{WASM} has {built.wasm[:12]}…"))
    if lock.opa != built.opa:
        labels.append(Label(_in_lock(files, '"opa"'), f"this release builds with OPA {OPA_VERSION}"))
    if lock.entrypoints != built.entrypoints:
        labels.append(Label(_in_lock(files, '"entrypoints"'), f"they are {', '.join(ENTRYPOINTS)}"))
    message = "policy.wasm is not built from this Rego" if lock.rego != built.rego else "policy.wasm is another one"
    diagnostics.add(codes.POLICY_STALE, message, labels[0], *labels[1:], help=BUILD)
    return False


def _first_line(files: Mapping[str, bytes], path: str) -> Span:
    """The first line of a file, where something is to be said about all of it."""
    line = "" if path == WASM else files[path].split(b"\n", 1)[0].decode("utf-8", "replace")
    return Span(path, 1, 1, 1, len(line) + 1)


def _in_lock(files: Mapping[str, bytes], text: str) -> Span:
    """Where a text stands in the lock, which has been read."""
    for number, line in enumerate(files[LOCK].decode().splitlines(), start=1):
        if (column := line.find(text)) >= 0:
            return Span(LOCK, number, column + 1, number, column + 1 + len(text))
    return _first_line(files, LOCK)


class Call(NamedTuple):
    """A call of a builtin that wasm lacks."""

    builtin: str
    line: int
    column: int


_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<template>\$")
      | (?P<raw_template>\$`)
      | (?P<string>"(?:[^"\\\n]|\\.)*"?)
      | (?P<raw>`[^`]*`?)
      | (?P<call>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?=[ \t]*\()
      | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<open>\{)
      | (?P<close>\})""",
    re.VERBOSE,
)
_ENDS = {'"': re.compile(r'(?:[^"\\{\n]|\\.)*'), "`": re.compile(r"(?:[^`\\{]|\\.|\\)*", re.DOTALL)}


def lacking(rego: bytes) -> Iterator[Call]:
    """The calls of a Rego file, in its order, of builtins that wasm lacks; strings and comments call nothing."""
    text = rego.decode("utf-8", "replace")
    for name, start in _calls(text):
        if name in LACKING:
            yield Call(name, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def _calls(text: str) -> Iterator[tuple[str, int]]:
    """Name and offset of everything that is called, also within `$"…{…}…"`."""
    templates: list[tuple[str, int]] = []  # quote of each template we are within an expression of, and its open braces
    position, depth = 0, 0
    while (token := _TOKEN.search(text, position)) is not None:
        position = token.end()
        match token.lastgroup:
            case "call":
                yield token.group(), token.start()
            case "template" | "raw_template":
                position, within = _template_text(text, position, text[position - 1])
                if within:
                    templates.append((token.group()[-1], depth))
                    depth = 0
            case "open":
                depth += 1
            case "close" if depth == 0 and templates:
                quote, outer = templates[-1]
                position, within = _template_text(text, position, quote)
                if not within:
                    templates.pop()
                    depth = outer
            case "close":
                depth = max(0, depth - 1)
            case _:
                pass


def _template_text(text: str, position: int, quote: str) -> tuple[int, bool]:
    """Skip the text of a template: the offset after it, and whether an expression opens there."""
    end = _ENDS[quote].match(text, position)
    position = end.end() if end is not None else position
    return position + 1, text[position : position + 1] == "{"
