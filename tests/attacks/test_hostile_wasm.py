"""A wasm that somebody proposes: whoever reviews it loads it, and gets an answer."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
import wasmtime

from runtime.policy import limits
from runtime.policy.engine import Policy, PolicyError

WASM = (Path(__file__).parents[2] / "policies/policy.wasm").read_bytes()
BUILTINS = "".join(
    f'(import "env" "opa_builtin{count}" (func (param i32 i32{" i32" * count}) (result i32)))' for count in range(5)
)
IMPORTS = f'(import "env" "memory" (memory 2)) (import "env" "opa_abort" (func (param i32))) {BUILTINS}'
FOR_EVER = "(loop $again (br $again))"
STARTS_FOR_EVER = bytes(wasmtime.wat2wasm(f"(module {IMPORTS} (func $start {FOR_EVER}) (start $start))"))


def exports_for_ever() -> bytes:
    """Whatever the real policy exports, but no function ever returns."""
    text = ""
    for export in wasmtime.Module(wasmtime.Engine(), WASM).exports:
        match export.type:
            case wasmtime.FuncType() as kind:
                given = "".join(f" {one}" for one in kind.params)
                result = "(result i32) " if kind.results else ""
                value = "i32.const 0" if kind.results else ""
                text += f'(func (export "{export.name}") (param{given}) {result}{FOR_EVER} {value})'
            case wasmtime.GlobalType():
                version = 1 if export.name == "opa_wasm_abi_version" else 2
                text += f'(global (export "{export.name}") i32 (i32.const {version}))'
    return bytes(wasmtime.wat2wasm(f"(module {IMPORTS} {text})"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of a second instead of seconds."""
    library = sys.modules["opapywasm.runtime"]
    assert getattr(library, "_NO_DEADLINE_TICKS") == limits.LOADING_TICKS  # noqa: B009 -- mypy knows no such name
    monkeypatch.setattr(library, "_NO_DEADLINE_TICKS", 10)


@pytest.mark.parametrize("wasm", [STARTS_FOR_EVER, exports_for_ever()], ids=["start", "exports"])
def test_wasm_that_never_ends_is_refused(wasm: bytes) -> None:
    """A reviewer plans a branch whose policy.wasm loops as soon as it is loaded, and waits for ever."""
    with pytest.raises(PolicyError, match="cannot be loaded"):
        Policy.load(wasm)


def test_wasm_that_wants_all_memory_is_refused() -> None:
    """A start function takes 4 GiB, page by page, and writes into each."""
    grow = "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))"
    with pytest.raises(PolicyError, match="cannot be loaded"):
        Policy.load(bytes(wasmtime.wat2wasm(f"(module {IMPORTS} (func $start {grow}) (start $start))")))


def test_wasm_that_is_too_large_to_compile_is_refused() -> None:
    with pytest.raises(PolicyError, match="at most"):
        Policy.load(WASM + b"\0" * 8 * 1024 * 1024)


def test_policy_answers_however_long_nobody_has_asked() -> None:
    """What an instance is given between two questions is over: neither new data nor a question may be refused."""
    policy = Policy.load(bytes(WASM))
    others = [policy.with_data({"people": {name: {"roles": ["admin"]}}}) for name in ("mara", "tomas")]
    engine = policy._module._policy._factory.engine  # noqa: SLF001 -- whose clock is put forward
    for asked in (*others, *others, others[0], others[0]):
        for _ in range(20):
            engine.increment_epoch()
        assert asked.transition({"changes": [], "approvers": [], "facts": {}, "time": "2026-11-24T08:00:00Z"}) == []


@pytest.mark.service  # it waits as long as the real thing does
def test_process_beside_ends_with_the_one_that_asks() -> None:
    """`plan` is killed while the process that evaluates for it is busy in a wasm, and that goes on for ever."""
    beside = "import opapywasm.runtime as it; it._NO_DEADLINE_TICKS = 1 << 40; from compiler.aside import main; main()"
    asking = (
        "import signal, subprocess, sys\n"
        f"it = subprocess.Popen([sys.executable, '-c', {beside!r}], stdin=subprocess.PIPE)\n"
        "it.stdin.write(sys.stdin.buffer.readline()); it.stdin.flush()\n"
        "print('asked', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", asking], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(b64encode(STARTS_FOR_EVER).decode()).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"asked\n"
        process.kill()
        process.communicate(timeout=60)  # until nobody has its output open any more
