"""policy.wasm x data x input -> decisions, in process (plan, section 6).

Rules kept here:
- fail closed: a policy that is not complete is not loaded; an answer that is undefined, or not of the form it must
  have, allows nothing;
- that this machine got no answer (no memory, no time) is an error of its own, and never one of the policy: whoever
  judges what was taken long ago must not take it for a no;
- an input is strict JSON: no NaN, no half surrogates, no integers beyond 2^53-1, and no floats but in the files of
  `config/` that have them, so that wasm and stock OPA read the same value;
- the policy calls nothing outside: a wasm that needs a builtin of its host is refused when it is loaded, not when the
  call fails;
- answers are sorted; sets come back from wasm in no order.

One compiled module serves every `Policy` of the same bytes. `deny` asks in batches of `BATCH` resources.
Measured on two loaded cores: load 0.06 s, and 0.12 s for importing wasmtime when it is first needed; `deny`, encoding
included, 25 us for a tenant of 40 values and 10 us for a flag, in batches of 100 as of 1,000; a transition 0.12 ms,
and 0.3 ms when the data differs from the question before (0.6 ms with the data of 100 tenants, 4 ms with 1,000).
"""

from __future__ import annotations

import json
import re
import string
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from runtime.contract.canonical import JSON, encode, sha256
from runtime.contract.errors import ConductorError, EnvironmentFailedError, FormatError
from runtime.contract.policy_input import ACTIONS, AllowInput, DenyInput, TransitionInput
from runtime.policy import scopes
from runtime.policy.data import data_text

if TYPE_CHECKING:
    from opapywasm import OpaWasmPolicy

DENY = "conductor/deny"
TRANSITION = "conductor/transition"
ALLOW = "conductor/allow"
ENTRYPOINTS = (DENY, TRANSITION, ALLOW)
ALLOWED = "conductor/batch/allowed"
"""Asks `conductor/allow` many questions at once; no rule of the repository's, `conductor policy build` puts it in."""

NOBODY_IN_PARTICULAR = ("", "", "/roles")
"""Kind, name and pointer of a denial that speaks of the roles which people have, and of no resource."""
BATCH = 100
"""Resources in one input: ten times as many are no faster, and take 14 MiB more to read, and 5 to write."""
_MAX_WASM = 8 * 1024 * 1024
"""Compiling takes time that no deadline ends; ours has 0.15 MB."""
_KEPT = 8


class PolicyError(ConductorError):
    """The policy cannot be loaded, or gave no answer that can be used."""


class NoAnswerError(PolicyError, EnvironmentFailedError):
    """This machine could not load or ask the policy. What is proposed is not allowed then; of what was taken nothing is
    known."""


class Denial(NamedTuple):
    """What `conductor/deny` holds against one resource. `pointer` (RFC 6901) leads into its document. Or against
    nobody in particular: neither kind nor name, and `/roles`, where too few roles are given."""

    kind: str
    name: str
    pointer: str
    rule: str
    message: str


class Refused(NamedTuple):
    """What `conductor/transition` holds against one resource's change."""

    kind: str
    name: str
    rule: str
    message: str


class Policy:
    """A policy.wasm with its data. Values: `with_data` gives another one. Safe to share between threads."""

    def __init__(self, module: _Module, data: bytes) -> None:
        self._module = module
        self._data = data

    @classmethod
    def load(cls, wasm: bytes) -> Self:
        """Load a policy.wasm, with no data; raises PolicyError for bytes that are none or not a complete one."""
        return cls(_module(wasm), b"{}")

    @classmethod
    def of(cls, wasm: bytes, contents: Mapping[str, str]) -> Self:
        """Load the policy of a snapshot: its wasm, and the `policy/**/data.json` among its contents."""
        return cls(_module(wasm), data_text(contents).encode())

    def with_data(self, data: Mapping[str, JSON]) -> Self:
        """Return the same policy over other data."""
        return type(self)(self._module, encode(dict(data)))

    @cached_property
    def _document(self) -> dict[str, JSON]:
        return cast("dict[str, JSON]", json.loads(self._data))

    @cached_property
    def _regions(self) -> frozenset[str]:
        return scopes.regions(self._document)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the wasm."""
        return self._module.digest

    def deny(self, asked: DenyInput) -> list[Denial]:
        """Everything that the rules hold against these resources, sorted; raises PolicyError if they give no answer."""
        resources, roles = asked["resources"], list(asked["roles"])
        found: set[Denial] = set()
        for start in range(0, len(resources), BATCH):
            batch = {"resources": list(resources[start : start + BATCH]), "roles": roles}
            found.update(cast("Iterator[Denial]", self._findings(DENY, batch, Denial)))
        return sorted(found)

    def transition(self, asked: TransitionInput) -> list[Refused]:
        """Everything that the rules hold against this change now, sorted. A policy that gives no answer refuses; where
        this machine is why, NoAnswerError."""
        try:
            return sorted(set(cast("Iterator[Refused]", self._findings(TRANSITION, asked, Refused))))
        except NoAnswerError:
            raise
        except (PolicyError, FormatError) as error:
            return [Refused("", "", "policy-answers", error.message)]

    def allow(self, asked: AllowInput) -> bool:
        """Whether the requester may; anything but a plain `true` is no. About scopes, a rule is told no names,
        and nothing is asked that a plan does not ask; about an action that is none, nothing at all."""
        question: object = asked
        if not isinstance(question, dict) or question.get("action") not in ACTIONS:
            return False
        try:
            if question["action"] == scopes.ACTION:
                if (known := scopes.asked_as(self._document, self._regions, question)) is None:
                    return False
                return self.with_data(scopes.seen(self._document, question["tenant"])).results(ALLOW, known) == _YES
            return self.results(ALLOW, asked) == _YES
        except (PolicyError, FormatError):
            return False

    def allowed(self, asked: Sequence[AllowInput]) -> frozenset[int]:
        """Which of these questions are answered with a plain `true`, as this data has it; raises PolicyError.

        At once where the wasm can, which takes a twentieth of the time; one built by other means is asked one by one.
        """
        if not self._module.batches:
            return frozenset(index for index, one in enumerate(asked) if self.results(ALLOW, one) == _YES)
        match self.results(ALLOWED, list(asked)):
            case [{"result": list(found)}] if all(type(index) is int for index in found):
                return frozenset(cast("list[int]", found))
        raise PolicyError(f"`{ALLOW}` gave no answer", help=_CHECK)

    def results(self, entrypoint: str, asked: Any) -> list[JSON]:
        """OPA's result set, as it is: `[{"result": answer}]`, or `[]` where the answer is undefined."""
        return self._module.ask(entrypoint, _strict(asked, floats=entrypoint == TRANSITION), self._data)

    def _findings(self, entrypoint: str, asked: Any, form: type[Denial | Refused]) -> Iterator[Denial | Refused]:
        match self.results(entrypoint, asked):
            case [{"result": list(found)}]:
                pass
            case _:
                raise PolicyError(f"`{entrypoint}` gave no answer", help=_CHECK)
        fields = form._fields
        for item in found:
            if not isinstance(item, dict) or item.keys() != set(fields):
                raise PolicyError(f"`{entrypoint}` answers with exactly {', '.join(fields)}, not {item!r}", help=_CHECK)
            values = [item[field] for field in fields]
            if not all(isinstance(value, str) for value in values):
                raise PolicyError(f"`{entrypoint}` answers with strings, not {item!r}", help=_CHECK)
            yield form(*values)


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False)
_YES: list[JSON] = [{"result": True}]
_NUMBER_TO_JUDGE = re.compile(rb"[:\[,]-?\d+(?:[.eE]|\d{15})")
_LETTERS = bytes(set(string.ascii_letters.encode()) - set(b"eE"))
"""Of no number; without them the search takes two thirds of the time."""


def _strict(asked: Any, *, floats: bool) -> bytes:
    """The JSON of a question; raises FormatError. `encode` judges whatever could be a float or a large integer, and
    is not asked about the rest: it takes three times as long."""
    try:
        data = _JSON.encode(asked).encode()
    except (TypeError, ValueError, RecursionError):
        return encode(asked, floats=floats)
    return encode(asked, floats=floats) if _NUMBER_TO_JUDGE.search(data.translate(None, _LETTERS)) else data


_CHECK = "say `conductor policy test`: the rules of policies/ must answer whatever they are asked"


class _Module:
    """One compiled wasm, asked by one thread at a time; the data in it is that of whoever asked last."""

    def __init__(self, wasm: bytes, digest: str) -> None:
        # imported here: wasmtime takes 0.1 s, and most commands never ask a policy
        from runtime.policy import limits  # noqa: PLC0415 -- see above

        self.digest = digest
        self._limits = limits
        self._lock = threading.Lock()
        self._data = b""
        if len(wasm) > _MAX_WASM:
            raise PolicyError(f"policy.wasm has {len(wasm)} bytes; at most {_MAX_WASM} are loaded", help=_BUILD)
        try:
            if (wrong := limits.invalid(wasm)) is not None:
                raise PolicyError(f"policy.wasm cannot be loaded: {_reason(wrong)}", help=_BUILD)
            self._policy: OpaWasmPolicy = limits.LimitedPolicy.from_wasm_bytes(wasm, limits.CONFIG)
        except limits.FAILURES as error:
            raise self._error("policy.wasm cannot be loaded", error, help=_BUILD) from None
        # closed with this module, and before the interpreter ends: wasmtime keeps a thread for the time limit
        weakref.finalize(self, self._policy.close)
        if lacking := sorted(self._policy.builtins):
            names = ", ".join(f"`{name}`" for name in lacking)
            raise PolicyError(f"policy.wasm calls what wasm has not: {names}", help="write the rule without it")
        if absent := [name for name in ENTRYPOINTS if name not in self._policy.entrypoints]:
            raise PolicyError(f"policy.wasm has no entry point `{absent[0]}`", help=_BUILD)
        self.batches = ALLOWED in self._policy.entrypoints

    def ask(self, entrypoint: str, asked: bytes, data: bytes) -> list[JSON]:
        """The result set of an entry point."""
        if max(len(asked), len(data)) > self._limits.MAX_BYTES:
            raise PolicyError(f"`{entrypoint}` is asked {len(asked)} bytes over {len(data)} of data, which is too much")
        with self._lock:
            try:
                if data != self._data:
                    self._policy.set_data(data)
                    self._data = data
                return cast("list[JSON]", self._policy.evaluate_raw(asked, entrypoint))
            except self._limits.FAILURES as error:
                self._data = b""
                raise self._error(f"`{entrypoint}` failed", error, help=_CHECK) from None

    def _error(self, what: str, error: Exception, *, help: str) -> PolicyError:  # noqa: A002 -- as the errors have it
        """Whose failure it is."""
        why = f"{what}: {_reason(str(error)) or type(error).__name__}"
        if self._limits.everywhere(error):
            return PolicyError(why, help=help)
        return NoAnswerError(f"{why}, on this machine at least", help=f"{help}; or free memory and processor time here")


def _reason(text: str) -> str:
    """What went wrong; a trap has a backtrace, and its reason at the end."""
    return next(iter(text.splitlines()[-1:]), "").strip()


_BUILD = "build it with `conductor policy build`"
_modules: OrderedDict[str, _Module] = OrderedDict()
_modules_lock = threading.Lock()


def _module(wasm: bytes) -> _Module:
    """The compiled module of these bytes; the last few are kept by digest."""
    digest = sha256(wasm)
    with _modules_lock:
        if digest not in _modules:
            _modules[digest] = _Module(wasm, digest)
        _modules.move_to_end(digest)
        while len(_modules) > _KEPT:
            _modules.popitem(last=False)
        return _modules[digest]
