"""People, agents and approval rules -> findings: roles exist, rules can be met, keys are keys and stand once.

Rules kept: a rule that nobody can meet is found once; that a private key stands here has been found before (MC0118).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.diagnostics.suggest import did_you_mean, nearest, one_of
from compiler.domains.domain import Model, Resource
from compiler.domains.governance import grants
from compiler.domains.governance.kinds import (
    AgentSpec,
    ApprovalPolicySpec,
    CompilerSpec,
    GrantSpec,
    KeyProofSpec,
    PersonSpec,
)
from compiler.domains.governance.render import key_proof
from compiler.domains.repeated import repeated
from compiler.nodes import Document, Scalar, Sequence
from runtime.contract.errors import FormatError
from runtime.contract.manifest import INPUT_FOLDERS, INPUT_SUFFIXES
from runtime.contract.policy_input import ROLES
from runtime.contract.possession import Holder
from runtime.governance import globs
from runtime.governance.config import Requirement
from runtime.governance.people import assign, places
from runtime.release import VERSION
from runtime.signing.keys import PublicKey

_ROLES = frozenset(ROLES)
_BUNDLE_FOLDERS = ("config", "objects", "policy")
_BUNDLE_SUFFIXES = (".json", ".rego", ".wasm", ".manifest")


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what is wrong with governance."""
    people, agents = model.all(PersonSpec), model.all(AgentSpec)
    for person in people.values():
        _roles(person, diagnostics)
    for grant in model.all(GrantSpec).values():
        if not _ROLES.issuperset(grant.spec.roles):
            _roles_as_written(grant.document, diagnostics)
    for kind, document in model.left_out:
        if kind in {"Person", "Grant"}:
            _roles_as_written(document, diagnostics)
    grants.check(model, diagnostics)
    _keys([*people.values(), *agents.values()], diagnostics)
    for proof in model.all(KeyProofSpec).values():
        _proof(proof, model, diagnostics)
    for policy in model.all(ApprovalPolicySpec).values():
        _policy(policy, model, diagnostics)
    for pin in model.all(CompilerSpec).values():
        _release(pin, diagnostics)
    if model.whole("Person", "Agent", "ApprovalPolicy", "Compiler"):
        _whole(model, diagnostics)


def _roles(person: Resource[PersonSpec], diagnostics: Diagnostics) -> None:
    roles = person.spec.roles
    for again, first in repeated(roles):
        diagnostics.twice(
            codes.DUPLICATE_ROLE,
            f"`{person.name}` has the role `{roles[again]}` twice",
            again=person.span("roles", again),
            first=person.span("roles", first),
            help="take one away: a person fills one place of a rule, however often they have its role",
        )
    if not _ROLES.issuperset(roles):
        _roles_as_written(person.document, diagnostics)


def _roles_as_written(document: Document, diagnostics: Diagnostics) -> None:
    """Say which roles there are not. They are read where they stand, as a spec lacks an item with a mistake."""
    node = document.node(("spec", "roles"))
    items = [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
    for role, span in {item.value: item.span for item in reversed(items)}.items():
        if isinstance(role, str):
            _role(role, span, diagnostics)


def _role(role: str, span: Span, diagnostics: Diagnostics) -> None:
    if role not in ROLES:
        diagnostics.add(
            codes.UNKNOWN_ROLE,
            f"there is no role `{role}`",
            span,
            help=did_you_mean(role, ROLES, f"one of {one_of(ROLES, limit=len(ROLES))}"),
        )


def _release(pin: Resource[CompilerSpec], diagnostics: Diagnostics) -> None:
    release = pin.spec.release
    if release != VERSION:
        diagnostics.add(
            codes.OTHER_RELEASE,
            f"release {release} is pinned, and this is release {VERSION}",
            Label(pin.span("release"), f"only {release} plans, approves and takes this tree"),
            help=f"install intelgraph-conductor {release}, or move the repository to this one: `release: {VERSION}`",
        )


def _whole(model: Model, diagnostics: Diagnostics) -> None:
    """What holds of all of governance together; a tree without people has none, and may be compiled."""
    people, agents = model.all(PersonSpec), model.all(AgentSpec)
    policies = model.all(ApprovalPolicySpec)
    pins = model.all(CompilerSpec)
    if not people and not policies:
        return
    first = next(item.name_span for named in (people, policies) for item in named.values())
    if len(people) < 2:
        diagnostics.add(
            codes.TOO_FEW_PEOPLE,
            f"{'one person is' if people else 'nobody is'} declared, and every change needs two",
            first,
            help="declare another Person in policies/people/",
        )
    for kind, file, there in (("ApprovalPolicy", "approvals", policies), ("Compiler", "compiler", pins)):
        if not there:
            more = f", with `release: {VERSION}`" if kind == "Compiler" else ""
            diagnostics.add(
                codes.INCOMPLETE_GOVERNANCE,
                f"people are declared, but there is no {kind}",
                first,
                help=f"write policies/{file}.yaml{more}",
            )
    if not any(agent.spec.keys for agent in agents.values()):
        without = next(iter(agents.values()), None)
        diagnostics.add(
            codes.NO_AGENT_KEY,
            "no agent has a key",
            without.key_span("keys") if without else first,
            help="add the public line of the agent's key to `keys`"
            if without
            else "declare an Agent in policies/agents/",
        )


def _keys(owners: Iterable[Resource[PersonSpec] | Resource[AgentSpec]], diagnostics: Diagnostics) -> None:
    first: dict[str, tuple[str, Span]] = {}
    for owner in owners:
        for index, line in enumerate(owner.spec.keys):
            span = owner.span("keys", index)
            key = _key(line, span, diagnostics)
            if key is None:
                continue
            name, where = first.setdefault(key.fingerprint, (owner.name, span))
            if where != span:
                diagnostics.twice(
                    codes.SHARED_KEY,
                    f"`{owner.name}` and `{name}` have one key"
                    if name != owner.name
                    else f"`{name}` has the same key twice",
                    again=span,
                    first=where,
                    help="people are counted by their keys: each key belongs to one name",
                )


def _key(line: str, span: Span, diagnostics: Diagnostics) -> PublicKey | None:
    try:
        return PublicKey.parse(line)
    except FormatError:
        diagnostics.add(
            codes.MALFORMED_KEY,
            "this is no OpenSSH public key of kind ssh-ed25519, ecdsa-sha2-nistp256 or sk-ssh-ed25519@openssh.com",
            span,
            help="put the one line of the key's `.pub` file here: `ssh-ed25519 AAAA… name`",
        )
        return None


def _proof(proof: Resource[KeyProofSpec], model: Model, diagnostics: Diagnostics) -> None:
    """Whether it proves anything. Whether it is of this repository is asked by the rule `possession`: a tree does not
    know where its history starts."""
    key = _key(proof.spec.key, proof.span("key"), diagnostics)
    if key is None:
        return
    holder = Holder.parse(proof.spec.holder)
    there: Mapping[str, Resource[PersonSpec] | Resource[AgentSpec]]
    there = model.all(PersonSpec) if holder.kind == "person" else model.all(AgentSpec)
    if model.whole(holder.kind.title()) and holder.name not in there:
        diagnostics.add(
            codes.KEY_PROOF,
            f"there is no {holder.kind} `{holder.name}`",
            proof.span("holder"),
            help=did_you_mean(holder.name, there, "take this file away: it proves something about nobody"),
        )
        return
    owner = there.get(holder.name)
    if owner is not None and key.line not in {" ".join(line.split()[:2]) for line in owner.spec.keys}:
        diagnostics.add(
            codes.KEY_PROOF,
            f"{holder.kind} `{holder.name}` has not this key",
            Label(proof.span("key"), "it is none of theirs"),
            Label(owner.key_span("keys"), "these are"),
            help="add its line to `keys` there, or take this file away",
        )
    elif not _sound(proof):
        diagnostics.add(
            codes.KEY_PROOF,
            f"the key did not sign that it is {holder}'s",
            Label(proof.span("signature"), "this is no signature of that key over what stands here"),
            help=f"whoever has the key writes it anew: conductor key prove --{holder.kind} {holder.name} --key FILE",
        )


def _sound(proof: Resource[KeyProofSpec]) -> bool:
    try:
        return key_proof(proof.name, proof.spec).sound
    except FormatError:  # of a moment: 2026-02-31T25:00:00Z
        return False


def _said(person: Resource[PersonSpec]) -> bool:
    """Whether every role that is written is one: what is none has a finding of its own already."""
    node = person.document.node(("spec", "roles"))
    roles = person.spec.roles
    return isinstance(node, Sequence) and len(node.items) == len(roles) and all(role in ROLES for role in roles)


def _policy(policy: Resource[ApprovalPolicySpec], model: Model, diagnostics: Diagnostics) -> None:
    people = model.all(PersonSpec)
    known = model.whole("Person") and bool(people) and all(_said(person) for person in people.values())
    rules = policy.spec.rules
    for again, first in repeated(rule.name for rule in rules):
        diagnostics.twice(
            codes.DUPLICATE_PATH_RULE,
            f"two rules are called `{rules[again].name}`",
            again=policy.span("rules", again, "name"),
            first=policy.span("rules", first, "name"),
            help="give it a name of its own",
        )
    for index, rule in enumerate(rules):
        for at, glob in enumerate(rule.paths):
            _glob(glob, policy.span("rules", index, "paths", at), diagnostics)
        for role in rule.people:
            _role(role, policy.key_span("rules", index, "people", role), diagnostics)
        if known:
            _can_be_met(policy, index, model, diagnostics)


def _can_be_met(policy: Resource[ApprovalPolicySpec], index: int, model: Model, diagnostics: Diagnostics) -> None:
    rule = policy.spec.rules[index]
    people = [frozenset(person.spec.roles) for person in model.all(PersonSpec).values()]
    held = frozenset().union(*people)
    nobody = [role for role in rule.people if role in ROLES and role not in held]
    for role in nobody:
        diagnostics.add(
            codes.ROLE_OF_NOBODY,
            f"rule `{rule.name}` asks for `{role}`, and nobody has that role",
            policy.key_span("rules", index, "people", role),
            help=f"give the role `{role}` to a person in policies/people/, or ask for another",
        )
    if nobody or not all(role in ROLES for role in rule.people):
        return
    wanted = places(Requirement(role=role, count=count) for role, count in rule.people.items())
    seats = assign(people, wanted)
    if not seats.complete:
        missing = " and ".join(f"`{role}`" for role in dict.fromkeys(seats.empty))
        diagnostics.add(
            codes.UNMEETABLE_RULE,
            f"nobody can meet rule `{rule.name}`: it asks for {len(wanted)} different people",
            Label(policy.key_span("rules", index, "people"), f"no one is left to be {missing}"),
            help="one person fills one role of a rule: give the role to another person, or ask for fewer",
        )


def _glob(glob: str, span: Span, diagnostics: Diagnostics) -> None:
    problem = globs.problem(glob)
    if problem is not None:
        diagnostics.add(
            codes.BAD_GLOB, f"`{glob}` is not a valid glob", Label(span, problem), help="tenants/**, for example"
        )
        return
    if any(globs.matches(glob, path) for path in _witnesses(glob)):
        return
    first = glob.split("/", 1)[0]
    near = nearest(first, [*INPUT_FOLDERS, *_BUNDLE_FOLDERS]) if "/" in glob else None
    inputs = ", ".join(f"{folder}/" for folder in INPUT_FOLDERS)
    diagnostics.add(
        codes.GLOB_MATCHES_NOTHING,
        f"`{glob}` matches nothing that could change",
        span,
        help=f"did you mean `{near}/{glob.split('/', 1)[1]}`?"
        if near and near != first
        else f"changes are of files in {inputs} and of the bundle: config/, objects/, policy/",
    )


def _witnesses(glob: str) -> Iterator[str]:
    """Paths of which one matches, if the glob matches any file there could be: its stars filled in, each ending."""
    filled = glob.replace("**", "x").replace("*", "x")
    folder, _, file = filled.rpartition("/")
    stars = "*" in glob.rpartition("/")[2]
    for root, suffix in (("tenants", ".yaml"), ("policy", ".rego")):
        yield from (f"{root}/x{suffix}", f"{root}/x/x{suffix}")
    for roots, suffixes in ((INPUT_FOLDERS, INPUT_SUFFIXES), (_BUNDLE_FOLDERS, _BUNDLE_SUFFIXES)):
        for root in roots:
            parts = folder.split("/") if folder else []
            below = [root, *parts[1:]] if parts[:1] in ([root], ["x"]) else None
            if below is None:
                continue
            for suffix in suffixes:
                for name in (file, f"{file}{suffix}", file.replace("x", f"x{suffix}")) if stars else (file,):
                    if name.endswith(suffix):
                        yield "/".join([*below, name])
