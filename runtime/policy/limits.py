"""policy.wasm -> a policy whose every call into the wasm ends: in time, and within an amount of memory.

Anybody may propose a wasm, and whoever reviews it loads it. The library limits the time of an evaluation only. Rules
kept: whatever runs inside the wasm runs under a deadline, its start function, its tables of entry points and the
loading of data included; what it cannot have of memory it is refused; that a call failed is held against the wasm only
where it fails on every machine: all else (memory, time, threads, a trap after a grow that was not granted) may be ours.

This module is imported where a policy is needed: wasmtime takes 0.1 s.
"""

from __future__ import annotations

from typing import Any

from opapywasm import OpaAbiError, OpaAbortError, OpaInvalidPolicyError, OpaWasmError, OpaWasmPolicy, PolicyConfig
from opapywasm import runtime as _library
from wasmtime import Engine, Module, Trap, WasmtimeError

EVALUATION_SECONDS = 30.0
LOADING_SECONDS = 3.0
"""For making an instance, which takes milliseconds."""
MAX_BYTES = 64 * 1024 * 1024
_PAGES = 16 * 1024
"""Of 64 KiB: 1 GiB."""

CONFIG = PolicyConfig(
    pool_size=1,
    borrow_timeout_seconds=None,
    max_input_bytes=MAX_BYTES,
    max_data_bytes=MAX_BYTES,
    max_result_bytes=MAX_BYTES,
    max_cstring_scan_bytes=MAX_BYTES,
    max_memory_pages=_PAGES,
    parse_raw_json_input=False,
    eval_timeout_seconds=EVALUATION_SECONDS,
)

FAILURES = (
    *(OpaWasmError, WasmtimeError, Trap, ArithmeticError, LookupError, ValueError),
    *(MemoryError, OSError, RuntimeError),
)
"""What a wasm can make of a call (the library reports most as its own error, but not what its tables lead to); and what
a machine can: no memory, no threads."""


def invalid(wasm: bytes) -> str | None:
    """Why these bytes are no wasm at all; raises WasmtimeError where there is no engine to ask."""
    engine = Engine()
    try:
        Module.validate(engine, wasm)
    except WasmtimeError as error:
        return str(error)
    return None


def everywhere(error: BaseException) -> bool:
    """Whether a call fails so on every machine: the wasm is not a policy's, or the policy itself breaks off."""
    if isinstance(error, OpaAbortError):
        return "malloc" not in str(error)
    return isinstance(error, OpaAbiError | OpaInvalidPolicyError) and error.__cause__ is None


LOADING_TICKS = int(LOADING_SECONDS / _library.EpochTicker.tick_seconds)
# what the library gives every new instance, and every one between two questions: 348 years, as it comes
_library._NO_DEADLINE_TICKS = LOADING_TICKS  # noqa: SLF001 -- it has no other way


class LimitedPolicy(OpaWasmPolicy):
    """The library's policy, with the clock running from the first instance on."""

    def _build_instance(self) -> Any:
        self._factory.epoch.ensure_running()
        return super()._build_instance()

    def _refresh_instance(self, instance: Any, data: object, version: int) -> None:
        # it has waited between two questions, and what it was given then is over
        instance.abi.set_epoch_deadline(self._factory.epoch.deadline_ticks(EVALUATION_SECONDS))
        super()._refresh_instance(instance, data, version)
