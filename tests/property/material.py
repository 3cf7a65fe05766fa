"""What histories are made of: the files of an installation, and the edits of pull requests.

Edits have kinds and small numbers, so that the same is made again, and meets. `TINY` is for the tiny compiler, `REAL`
this repository's own YAML under the real compiler and policy.wasm, with keys that the tests have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

from compiler import driver
from compiler.cli.key import as_yaml
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.possession import Holder
from runtime.git.inputs import is_input
from runtime.governance.config import KeyProof
from runtime.policy.engine import Policy
from runtime.testing.installation import Installation, Kit
from runtime.testing.proofs import proved
from runtime.testing.small_tree import REPOSITORY, RULES, START, document, key_of, person, policy, small_tree
from tests.cases.inputs import own_tree

ROOT = Path(__file__).parents[2]
EVERYBODY = ("ines", "mara", "tomas")
GROUPS = (EVERYBODY, EVERYBODY, EVERYBODY, ("mara", "tomas"), ("ines", "mara"), ("mara",), ("guest-0", "ines"))
FORBIDDEN = ("mixed", "remove-tenant")
"""Kinds of edits that nothing but a refusal can come of."""
KINDS = (
    "tenant",
    "new-tenant",
    "blueprint",
    "notes",
    "flag",
    "drop-extra",
    "use-extra",
    "days",
    "people",
    "exact",
    *FORBIDDEN,
)
Edits = Mapping[str, bytes | None]
EXACT = "sec-tl"
"""The role that the rule asks for which carries nothing over."""
EXACT_FLAG = "flags/audit-log-verbosity.yaml"


@dataclass(frozen=True)
class Material:
    """`people`: short name -> name; `held`: the input that the policy lets nobody remove; `exact`: how the inputs begin
    over whose changes no approval is carried; `removable`: whether a new tenant can be taken back; `ledger`: the branch
    that holds the ledger (None: main)."""

    files: Callable[[], Mapping[str, bytes]]
    edits: Callable[[str, int], Edits]
    held: str
    exact: str
    people: Mapping[str, str] = field(default_factory=dict)
    kit: Kit = field(default_factory=Kit)
    removable: bool = True
    ledger: str | None = None

    def start(self) -> Installation:
        """An installation at its genesis."""
        first = tuple(self.people.get(name, name) for name in ("mara", "tomas", "ines"))
        return Installation.start(self.files(), people=first, kit=self.kit, ledger=self.ledger)

    def lasting(self, kind: str) -> bool:
        """Whether edits of this kind can be taken, and taken back."""
        return kind not in FORBIDDEN and (self.removable or kind != "new-tenant")


QUARTER = 7_776_000
"""Seconds for which these agents, who send no heartbeats, may be silent."""


def _tiny(kind: str, number: int) -> Edits:
    match kind:
        case "tenant":
            return {f"tenants/{('acme', 'globex')[number % 2]}.yaml": document(blueprint="basic", seats=number)}
        case "new-tenant":
            return {f"tenants/new-{number % 3}.yaml": document(blueprint=("basic", "extra")[number % 2])}
        case "blueprint":
            return {"tenants/blueprints/basic.yaml": document(size=f"size {number}")}
        case "notes":
            return {f"spec/notes-{number % 3}.yaml": document(text=f"text {number}")}
        case "flag":
            return {"flags/checkout.yaml": document(tenants=["acme"], share=number)}
        case "drop-extra":
            return {"tenants/blueprints/extra.yaml": None}
        case "use-extra":
            return {"tenants/globex.yaml": document(blueprint="extra", seats=number)}
        case "days":
            return {"policies/approvals.yaml": _rules(10 + number)}
        case "exact":
            return {f"spec/exact-{number % 3}.yaml": document(text=f"text {number}")}
        case "people":
            guest = person(f"guest-{number % 2}", "mc", "sec-tl", keys=number + 1)
            return proved({f"policies/people/{guest.name}.yaml": guest.data()})
        case "mixed":
            return {**_tiny("days", number), **_tiny("notes", number)}
        case _:
            return {"tenants/globex.yaml": None, "flags/checkout.yaml": document(tenants=[])}


def _rules(days: int) -> bytes:
    """The small tree's rules, and one that carries nothing over."""
    exact = {"exact": (("spec/exact-*.yaml",), (EXACT,))}
    return policy({**RULES, **exact}, approval_days=days, clock_gap_seconds=QUARTER, exact=("exact",)).data()


def _small() -> Mapping[str, bytes]:
    more = {"tenants/blueprints/extra.yaml": document(size="l"), "policies/approvals.yaml": _rules(14)}
    return small_tree(**more)


TINY = Material(
    files=_small,
    edits=_tiny,
    held="tenants/globex.yaml",
    exact="spec/exact-",
)

EXTRA = "tenants/blueprints/extra.yaml"
NAMES = {"mara": "mara-lindqvist", "tomas": "tomas-okafor", "ines": "ines-carvalho"}
NOTES = ("flags/cost-panel.yaml", "flags/query-cache-policy.yaml", "flags/slow-query-killer.yaml")
_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]+")


@cache
def own_files() -> dict[str, bytes]:
    """This repository's inputs, with the keys of people and agents that `key_of` gives, and one blueprint more."""
    found = dict(own_tree())
    for path, data in found.items():
        if path.startswith(("policies/people/", "policies/agents/")):
            name, numbers = path.rsplit("/", 1)[-1].removesuffix(".yaml"), count(1)
            found[path] = _KEY.sub(lambda _: key_of(name, next(numbers)).public_line, data.decode()).encode()  # noqa: B023 -- used at once
    rule = f"    - name: exact\n      paths: [{EXACT_FLAG}]\n      people: {{{EXACT}: 1}}\n      carry: exact\n"
    found["policies/approvals.yaml"] += rule.encode()
    approvals = "policies/approvals.yaml"
    found[approvals] = re.sub(rb"clock_gap_seconds: .*", b"clock_gap_seconds: %d" % QUARTER, found[approvals])
    return {**found, EXTRA: found["tenants/blueprints/standard.yaml"].replace(b"name: standard", b"name: extra")}


def inputs_of(tree: Path) -> dict[str, bytes]:
    """The input files below a folder."""
    return {
        name: path.read_bytes()
        for folder in INPUT_FOLDERS
        for path in sorted((tree / folder).rglob("*"))
        if path.is_file() and is_input(name := path.relative_to(tree).as_posix())
    }


def real(files: Mapping[str, bytes]) -> Material:
    """Edits of these files, which are a copy of this repository's."""

    def edited(path: str, pattern: str, new: str) -> Edits:
        return {path: re.sub(pattern, new, files[path].decode(), count=1).encode()}

    def edits(kind: str, number: int) -> Edits:
        match kind:
            case "tenant":
                name = ("velora-retail", "calder-freight")[number % 2]
                return {f"tenants/{name}.yaml": _tenant(name, "standard", number)}
            case "new-tenant":
                name = f"new-pilot-{number % 3}"
                return {f"tenants/{name}.yaml": _tenant(name, ("standard", "extra")[number % 2], number)}
            case "blueprint":
                return edited(
                    "tenants/blueprints/standard.yaml", r"connection_limit: \d+", f"connection_limit: {50 + number}"
                )
            case "notes":
                return edited(NOTES[number % 3], r"reason: .*", f"reason: Reconsidered for the time number {number}")
            case "flag":
                return edited("flags/planner-hints.yaml", r"reason: .*", f"reason: Pinned plans, attempt {number}")
            case "drop-extra":
                return {"tenants/blueprints/extra.yaml": None}
            case "use-extra":
                return {"tenants/calder-freight.yaml": _tenant("calder-freight", "extra", number)}
            case "days":
                return edited("policies/approvals.yaml", r"approval_days: \d+", f"approval_days: {10 + number}")
            case "people":
                return _guest(f"guest-{number % 2}", number + 1)
            case "exact":
                return edited(EXACT_FLAG, r"reason: .*", f"reason: Reconsidered for the time number {number}")
            case "mixed":
                return {**edits("days", number), **edits("notes", number)}
            case _:
                gone: Edits = {"tenants/prairie-telecom.yaml": None}
                return {**gone, **edited("flags/cdc-dedupe-strict.yaml", r"  tenants:\n    prairie-telecom: .*\n", "")}

    return Material(
        files=lambda: files,
        edits=edits,
        held="tenants/prairie-telecom.yaml",
        exact=EXACT_FLAG,
        people=NAMES,
        kit=Kit(driver.compile_commit, Policy.of),
        removable=False,
    )


def _tenant(name: str, blueprint: str, number: int) -> bytes:
    return f"""apiVersion: conductor/v1
kind: Tenant
metadata:
  name: {name}
spec:
  blueprint: {blueprint}
  region: {"us-east" if name == "calder-freight" else "eu-central"}
  budgets: {{monthly: "{2600 + number}.00", currency: EUR}}
""".encode()


def _guest(name: str, keys: int) -> Edits:
    held = [key_of(name, number + 1) for number in range(keys)]
    lines = "".join(f"    - {key.public_line}\n" for key in held)
    proofs = [KeyProof.by(key, Holder("person", name), REPOSITORY, START, key.public.sha256[:8]) for key in held]
    files = {f"policies/keys/{proof.name}.yaml": as_yaml(proof).encode() for proof in proofs}
    written = f"""apiVersion: conductor/v1
kind: Person
metadata:
  name: {name}
spec:
  title: Guest
  roles: [mc, sec-tl]
  keys:
{lines}"""
    return {**files, f"policies/people/{name}.yaml": written.encode()}


REAL = real(own_files())
