"""The domains' rules where one mistake could look like two, or like none (one case of each code is in tests/cases)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from compiler.diagnostics.model import Diagnostic, Diagnostics
from compiler.domains.domain import Spec
from compiler.domains.tenants.kinds import (
    Database,
    DatabaseOverrides,
    Privileges,
    PrivilegesOverrides,
    Quotas,
    QuotasOfTenant,
)
from compiler.domains.tenants.promql import unbalanced
from compiler.driver import check_tree
from compiler.source import from_files
from tests.cases.inputs import base_tree, own_policy

TENANT = "tenants/acme-retail.yaml"
BLUEPRINT = "tenants/blueprints/standard.yaml"
FLAG = "flags/new-checkout.yaml"
POSTGRES = "spec/targets/pg-eu.yaml"
RULES = "policies/approvals.yaml"
ADA = "policies/people/ada-berg.yaml"
Find: TypeAlias = Callable[..., list[Diagnostic]]


@pytest.fixture(scope="module")
def base() -> dict[str, str]:
    return {path: data.decode() for path, data in base_tree().items() if path not in own_policy()}


@pytest.fixture
def find(base: dict[str, str]) -> Find:
    def found(*edits: tuple[str, str, str], **more: str) -> list[Diagnostic]:
        files = base | {path.replace("__", "/") + ".yaml": text for path, text in more.items()}
        for path, old, new in edits:
            assert old in files[path], f"{old!r} is not in {path}"
            files[path] = files[path].replace(old, new)
        diagnostics = Diagnostics()
        check_tree(from_files({**own_policy(), **{path: text.encode() for path, text in files.items()}}), diagnostics)
        return list(diagnostics)

    return found


def tenant(name: str, more: str = "") -> str:
    return f"apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: {name}\nspec:\n  blueprint: standard\n{more}"


def ids(found: list[Diagnostic]) -> list[str]:
    return [f"{item.code.id} {item.primary.span.path}" for item in found]


def targeting(*rules: str) -> tuple[str, str, str]:
    return (FLAG, "  owner:", "  targeting:\n" + "".join(rules) + "  owner:")


def rule(name: str, *conditions: str, then: str = "serve: enabled") -> str:
    when = "      when:\n" + "".join(f"        - {{{item}}}\n" for item in conditions) if conditions else ""
    return f"    - name: {name}\n{when}      {then}\n"


def test_the_base_has_no_finding(find: Find) -> None:
    assert find() == []


@pytest.mark.parametrize(
    ("whole", "part"), [(Quotas, QuotasOfTenant), (Database, DatabaseOverrides), (Privileges, PrivilegesOverrides)]
)
def test_what_a_tenant_may_say_differently_is_what_its_blueprint_says(whole: type[Spec], part: type[Spec]) -> None:
    assert list(part.model_fields) == list(whole.model_fields)
    assert not any(field.is_required() for field in part.model_fields.values())


# --- tenants -------------------------------------------------------------------------------------------------------


def test_a_region_of_a_blueprint_without_a_target_is_found_once_however_many_tenants_have_it(find: Find) -> None:
    found = find((BLUEPRINT, "eu-central", "ap-south"), tenants__globex=tenant("globex"))
    assert ids(found) == [f"MC0303 {BLUEPRINT}"]


def test_a_misspelt_region_of_a_target_is_found_at_the_target_and_not_at_each_tenant(find: Find) -> None:
    found = find((POSTGRES, "eu-central", "eu-centrall"), tenants__globex=tenant("globex", "  region: eu-central\n"))
    assert ids(found) == [f"MC0303 {POSTGRES}"]
    assert found[0].help == "did you mean `eu-central`?"


def test_a_tenant_in_a_region_of_a_target_that_could_not_be_read_is_not_blamed(find: Find) -> None:
    assert ids(find((POSTGRES, "type: postgres", "type: postgre"))) == [f"MC0115 {POSTGRES}"]


def test_an_override_of_an_alert_that_the_blueprint_lacks_is_not_allowed(find: Find) -> None:
    found = find((TENANT, "standard\n", "standard\n  overrides:\n    alerts: {TenantErrorRate: 0.1}\n"))
    assert ids(found) == [f"MC0301 {TENANT}"]
    assert found[0].help == "leave it out: the blueprint has no `alerts.TenantErrorRate`"


def test_a_misspelt_override_is_one_finding_about_its_key(find: Find) -> None:
    found = find((TENANT, "standard\n", "standard\n  overrides:\n    database: {conection_limit: 5}\n"))
    assert ids(found) == [f"MC0111 {TENANT}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budgets", "{monthly: 2500.00, currency: EUR}"),
        ("budgets", '{monthly: "2500.5", currency: EUR}'),
        ("budgets", '{monthly: "-1", currency: EUR}'),
        ("budgets", '{monthly: "2500.00", currency: euro}'),
        ("retention_days", "0"),
        ("legal_hold", '"false"'),
        ("contacts", "[{purpose: owner, email: nobody}]"),
        ("state", "deleted"),
    ],
)
def test_a_value_that_a_tenant_cannot_have_is_exactly_one_finding(find: Find, field: str, value: str) -> None:
    found = find((TENANT, "standard\n", f"standard\n  {field}: {value}\n"))
    assert [item.primary.span.path for item in found] == [TENANT]
    assert found[0].primary.span.line == 7


def test_a_password_that_is_no_reference_is_found_and_never_repeated(find: Find) -> None:
    found = find((TENANT, "standard\n", "standard\n  database: {password: tr0ub4dor-and-3}\n"))
    assert ids(found) == [f"MC0118 {TENANT}"]
    assert "tr0ub4dor" not in repr(found)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(rate(x[5m]))", None),
        ('x{a="(",b=~"\\"[",c=`\\`} > 1', None),
        ("x # (a comment, isn't it\n > 1", None),
        ("sum(x", "`(` is never closed"),
        ("sum(x))", "`)` closes nothing that is open"),
        ("x[5m)", "`)` closes nothing that is open"),
        ("x{a='b}", "a text that ' opens is never closed"),
    ],
)
def test_brackets_and_quotes_of_an_expression_match_outside_texts_and_comments(
    expression: str, problem: str | None
) -> None:
    assert unbalanced(expression) == problem


# --- flags ---------------------------------------------------------------------------------------------------------


def test_a_split_is_summed_exactly_and_not_as_floats(find: Find) -> None:
    tenths = ", ".join(f"v{index}: 10.1" for index in range(9))
    variants = ", ".join(f"v{index}: true" for index in range(9))
    edits = [
        (FLAG, "{enabled: true, disabled: false}", f"{{enabled: true, disabled: false, {variants}}}"),
        targeting(rule("all", then=f"split: {{enabled: 9.1, {tenths}}}")),
    ]
    assert find(*edits) == []


def test_a_split_that_misses_a_hundred_by_the_smallest_share_there_is_is_found(find: Find) -> None:
    found = find(targeting(rule("all", then='split: {enabled: "99.9999999", disabled: 0.0000002}')))
    assert ids(found) == [f"MC0403 {FLAG}"]
    assert "100.0000001" in found[0].message


@pytest.mark.parametrize("share", ["-1", "101", '"12,5"', "0.00000001", "1e-9", '"100.00000000000000000001"'])
def test_a_share_that_no_server_of_flags_can_carry_is_found(find: Find, share: str) -> None:
    found = find(targeting(rule("all", then=f"split: {{enabled: {share}, disabled: 50}}")))
    assert ids(found) == [f"MC0114 {FLAG}"]


def test_a_rule_behind_one_with_fewer_of_its_conditions_is_unreachable(find: Find) -> None:
    region, client = "attribute: region, equals: eu-central", "attribute: client, equals: web"
    found = find(targeting(rule("wide", region), rule("narrow", client, region, then="serve: disabled")))
    assert ids(found) == [f"MC0404 {FLAG}"]
    assert find(targeting(rule("narrow", client, region, then="serve: disabled"), rule("wide", region))) == []


def test_every_rule_behind_one_that_always_decides_is_unreachable(find: Find) -> None:
    region, client = "attribute: region, equals: eu-central", "attribute: client, equals: web"
    found = find(targeting(rule("always"), rule("one", region), rule("two", client)))
    assert ids(found) == [f"MC0404 {FLAG}"] * 2


def test_conditions_that_differ_in_type_are_not_identical(find: Find) -> None:
    one, text = "attribute: tier, equals: 1", 'attribute: tier, equals: "1"'
    assert find(targeting(rule("one", one), rule("text", text, then="serve: disabled"))) == []


def test_a_boolean_is_no_number_and_a_number_no_boolean(find: Find) -> None:
    found = find(
        (FLAG, "type: boolean", "type: number"),
        (FLAG, "{enabled: true, disabled: false}", "{enabled: true, disabled: 0}"),
    )
    assert ids(found) == [f"MC0402 {FLAG}"]
    found = find((FLAG, "{enabled: true, disabled: false}", "{enabled: 1, disabled: false}"))
    assert ids(found) == [f"MC0402 {FLAG}"]


@pytest.mark.parametrize("day", ["2026-02-30", "24.11.2026", "2026-11-24T08:00:00Z", "tomorrow"])
def test_a_day_that_is_none_is_found(find: Find, day: str) -> None:
    assert len(find((FLAG, "created: 2026-11-24", f"created: {day}"))) == 1


def test_an_unknown_tenant_and_an_unknown_owner_are_found_where_they_stand(find: Find) -> None:
    found = find((FLAG, "acme-retail: enabled", "acme-retial: enabled"), (FLAG, "owner: ada-berg", "owner: ada"))
    assert [(item.code.id, item.primary.span.line) for item in found] == [("MC0012", 11), ("MC0012", 12)]


# --- targets -------------------------------------------------------------------------------------------------------


def test_a_control_field_that_could_not_be_read_does_not_also_leave_the_tree_without_one(find: Find) -> None:
    assert len(find((POSTGRES, "control: true", 'control: "true"'))) == 1
    assert len(find((POSTGRES, "control: true", "control: yes"))) == 1


# --- governance ----------------------------------------------------------------------------------------------------


def test_a_misspelt_role_of_a_person_is_not_also_a_rule_that_nobody_can_meet(find: Find) -> None:
    assert ids(find((ADA, "[admin, platform, mc]", "[admin, platfrom, mc]"))) == [f"MC0601 {ADA}"]


def test_a_role_that_is_no_text_is_not_also_a_rule_that_nobody_can_meet(find: Find) -> None:
    assert [item.primary.span.path for item in find((ADA, "[admin, platform, mc]", "[admin, 7, mc]"))] == [ADA]


def test_a_rule_is_met_by_an_assignment_and_not_by_counting_roles(find: Find) -> None:
    # ada alone is admin, ben alone has both `pm` and `sec-tl`, and one person fills one role
    assert find((RULES, "{platform: 1, pm: 1}", "{admin: 1, sec-tl: 1}")) == []
    found = find((RULES, "{platform: 1, pm: 1}", "{pm: 1, sec-tl: 1}"))
    assert ids(found) == [f"MC0603 {RULES}"]


@pytest.mark.parametrize(
    "glob",
    [
        "**",
        "tenants/*",
        "tenants/acme*",
        "tenants/blueprints/*.yaml",
        "policy/.manifest",
        "policy/**/data.json",
        "policy/*",
        "**/data.json",
        "objects/*/acme-retail.json",
        "*/tenant/**",
        "spec/**/pg-*.yaml",
        "policies/policy.wasm",
    ],
)
def test_a_glob_that_could_match_is_not_doubted(find: Find, glob: str) -> None:
    assert find((RULES, "[tenants/**,", f'[tenants/**, "{glob}",')) == []


@pytest.mark.parametrize("glob", ["tenant/**", "tenants/*.yml", "evidence/**", "compiler/**", "flags", "docs/*.md"])
def test_a_glob_that_no_change_can_have_a_path_for_is_a_warning(find: Find, glob: str) -> None:
    found = find((RULES, "[tenants/**,", f'[tenants/**, "{glob}",'))
    assert [item.code.id for item in found] == ["MC0604"]
    assert found[0].severity.value == "warning"


def test_a_tree_without_people_may_be_compiled(base: dict[str, str]) -> None:
    kept = {path: text.encode() for path, text in base.items() if not path.startswith(("policies/", "flags/"))}
    files = {**own_policy(), **kept}
    diagnostics = Diagnostics()
    check_tree(from_files(files), diagnostics)
    assert list(diagnostics) == []
