"""The stage `check`: the policy is asked about every resource that is not in error already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from compiler.check import check
from compiler.decode import decode
from compiler.diagnostics.model import Code, Diagnostics, Severity
from compiler.domains.domain import Model
from compiler.domains.registry import ALL, KINDS
from compiler.parse import parse
from compiler.resolve import resolve
from runtime.contract.policy_input import DenyInput
from runtime.policy.engine import NOBODY_IN_PARTICULAR, Denial, PolicyError
from tests.cases.inputs import own_tree

TREE = own_tree()
WARNING = Code("MC9998", "a-warning", "a warning of a test", Severity.WARNING)
ERROR = Code("MC9999", "an-error", "an error of a test")


class Asked:
    """A policy that remembers what it was asked about, and denies what it is told to."""

    def __init__(self, *denials: Denial, error: PolicyError | None = None) -> None:
        self.denials = list(denials)
        self.error = error
        self.names: set[str] = set()
        self.roles: set[str] = set()

    def deny(self, wasm: bytes, batches: Iterable[DenyInput]) -> list[Denial]:
        assert wasm == TREE["policies/policy.wasm"]
        if self.error is not None:
            raise self.error
        for batch in batches:
            self.names |= {resource["name"] for resource in batch["resources"]}
            self.roles |= set(batch["roles"])
        return self.denials


def checked(asked: Asked, code: Code | None = None, kind: str = "Flag") -> Diagnostics:
    """Check the own tree with a rule that adds a finding at every resource of a kind."""
    diagnostics = Diagnostics()
    model = resolve(decode(parse(TREE, diagnostics), (), KINDS, diagnostics), diagnostics)

    def rule(given: Model, found: Diagnostics) -> None:
        if code is not None:
            for resource in given.resources[kind].values():
                found.add(code, "so it is", resource.name_span)

    domains = (replace(ALL[0], check=rule), *ALL[1:])
    sound = check(model, TREE, domains, asked.deny, diagnostics).sound
    assert sound is not diagnostics.failed
    return diagnostics


def test_every_resource_is_asked_about() -> None:
    asked = Asked()
    assert not len(checked(asked))
    assert len(asked.names) == len([path for path in TREE if path.endswith(".yaml")])
    assert {"admin", "pm"} <= asked.roles


def test_a_warning_keeps_no_resource_from_the_policy() -> None:
    with_warnings, without = Asked(), Asked()
    assert not checked(with_warnings, WARNING).failed
    checked(without)
    assert with_warnings.names == without.names


def test_an_error_is_not_followed_by_a_second_finding_of_the_policy() -> None:
    asked, without = Asked(), Asked()
    assert checked(asked, ERROR).failed
    checked(without)
    assert without.names - asked.names == {path[6:-5] for path in TREE if path.startswith("flags/")}


def test_whoever_has_a_mistake_may_have_any_role() -> None:
    asked = Asked()
    checked(asked, ERROR, "Person")
    assert {"admin", "auditor", "frontend", "qa", "ds"} <= asked.roles


def test_what_the_policy_denies_is_found_where_its_pointer_leads() -> None:
    name = "cost-panel"
    found = checked(
        Asked(
            Denial("Flag", name, "/spec/ttl_seconds", "too-long", "it lives too long"),
            Denial("Flag", name, "/spec/nothing/of/this", "absent", "it is not there"),
            Denial("Flag", name, "", "whole", "all of it"),
        )
    )
    lines = TREE[f"flags/{name}.yaml"].decode().split("\n")
    by_message = {item.message: lines[item.primary.span.line - 1].strip() for item in found}
    assert by_message["it lives too long"].startswith("ttl_seconds:")
    assert by_message["it is not there"] == "spec:"
    assert by_message["all of it"] == "apiVersion: conductor/v1"


def test_what_the_policy_holds_against_the_roles_is_found_once_at_the_first_person() -> None:
    (found,) = checked(Asked(Denial(*NOBODY_IN_PARTICULAR, "flag-setter", "nobody may set a flag")))
    people = sorted(path for path in TREE if path.startswith("policies/people/"))
    lines = TREE[people[0]].decode().split("\n")
    assert found.code.id == "MC0900"
    assert found.primary.span.path == people[0]
    assert lines[found.primary.span.line - 1].strip().startswith("roles:")


def test_a_policy_that_fails_or_answers_out_of_turn_lets_nothing_through() -> None:
    for asked in (
        Asked(error=PolicyError("no answer")),
        Asked(Denial("Flag", "nobody-asked", "", "r", "m")),
        Asked(Denial("", "", "", "r", "m")),
    ):
        found = checked(asked)
        assert found.failed
        assert [item.code.id for item in found] == ["MC0913"]
