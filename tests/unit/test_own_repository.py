"""IntelGraph's own YAML: the installation that the five folders hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Model
from compiler.domains.flags.expiry import judge_days
from compiler.domains.flags.kinds import FlagSpec
from compiler.domains.governance.kinds import AgentSpec, ApprovalPolicySpec, PersonSpec
from compiler.domains.targets.kinds import TargetSpec
from compiler.domains.tenants.kinds import BlueprintSpec, TenantSpec
from compiler.driver import check_tree
from compiler.source import from_files
from runtime.contract.canonical import decode
from runtime.contract.objects import decode_objects
from runtime.flags.config import FlagConfig
from runtime.governance.config import Governance, Requirement
from runtime.governance.globs import matches
from runtime.governance.people import assign, places
from runtime.release import VERSION
from runtime.targets.config import targets_of
from runtime.tenants.config import TenantConfig
from tests.cases.inputs import own_bundle, own_tree

THREE = ("mara-lindqvist", "tomas-okafor", "ines-carvalho")


@pytest.fixture(scope="module")
def model() -> Model:
    diagnostics = Diagnostics()
    checked = check_tree(from_files(own_tree()), diagnostics)
    assert list(diagnostics) == []
    return checked.model


@pytest.fixture(scope="module")
def bundle() -> Mapping[str, bytes]:
    return own_bundle()


def test_five_pilots_are_active_in_two_regions_and_a_sixth_is_suspended(bundle: Mapping[str, bytes]) -> None:
    tenants = [
        TenantConfig.from_bytes(data) for path, data in bundle.items() if path.startswith("config/tenants/tenant/")
    ]
    active = [tenant for tenant in tenants if tenant.state == "active"]
    assert len(active) == 5
    assert {tenant.region for tenant in active} == {"eu-central", "us-east"}
    assert [tenant.state for tenant in tenants if tenant not in active] == ["suspended"]
    assert sum(tenant.blueprint == "regulated" for tenant in active) == 1


def test_a_dozen_flags_have_owners_and_reasons_and_live_for_a_week_at_most(model: Model) -> None:
    flags = model.all(FlagSpec)
    assert len(flags) == 12
    assert all(flag.spec.ttl_seconds <= 604_800 and len(flag.spec.reason) > 40 for flag in flags.values())
    assert {flag.spec.type for flag in flags.values()} == {"boolean", "string", "number", "object"}
    assert len({flag.spec.owner for flag in flags.values()}) >= 6


def test_no_flag_has_expired_on_the_day_it_was_written_for_and_all_have_a_month_later(model: Model) -> None:
    today, later = Diagnostics(), Diagnostics()
    judge_days(model, date(2026, 11, 24), today)
    judge_days(model, date(2026, 12, 24), later)
    flags = sorted(f"flags/{name}.yaml" for name in model.all(FlagSpec))
    assert list(today) == []
    assert [(item.code.id, item.primary.span.path) for item in later] == [("MC0406", path) for path in flags]
    assert not later.failed


def test_a_flag_made_tomorrow_may_be_made_where_that_is_today_and_later_ones_are_from_the_future(model: Model) -> None:
    made = {name: date.fromisoformat(flag.spec.created) for name, flag in model.all(FlagSpec).items()}
    first = min(made.values())
    day_before, earlier = Diagnostics(), Diagnostics()
    judge_days(model, first - timedelta(days=1), day_before)
    judge_days(model, first - timedelta(days=2), earlier)
    assert {item.code.id for item in (*day_before, *earlier)} == {"MC0409"}
    assert (len(day_before), len(earlier)) == (sum(day > first for day in made.values()), len(made))
    assert earlier.failed


def test_three_people_together_meet_every_rule_and_one_of_them_is_an_admin(model: Model) -> None:
    people = model.all(PersonSpec)
    assert len(people) == 9
    roles = [frozenset(people[name].spec.roles) for name in THREE]
    (policy,) = model.all(ApprovalPolicySpec).values()
    for rule in policy.spec.rules:
        wanted = places(Requirement(role=role, count=count) for role, count in rule.people.items())
        assert assign(roles, wanted).complete, rule.name
    assert "admin" in roles[0]
    assert all("admin" not in person.spec.roles for name, person in people.items() if name not in THREE)


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("tenants/velora-retail.yaml", {"platform", "pm"}),
        ("tenants/blueprints/standard.yaml", {"platform", "pm"}),
        ("objects/tenant/velora-retail.json", {"platform", "pm"}),
        ("config/tenants/alerts/velora-retail.json", {"platform", "pm"}),
        ("policy/tenants/velora-retail/data.json", {"platform", "pm"}),
        ("flags/cost-panel.yaml", {"backend", "sec-tl"}),
        ("config/flags/flag/cost-panel.json", {"backend", "sec-tl"}),
        ("spec/targets/pg-us-east.yaml", {"platform", "security"}),
        ("config/targets/target/pg-us-east.json", {"platform", "security"}),
        ("spec/privacy/export.yaml", {"security", "mc"}),
        ("spec/pins/shortest-path.yaml", {"graph-eng", "tech-lead"}),
        ("spec/streams/orders.yaml", {"data-eng", "mc"}),
        ("spec/drills/failover.yaml", {"sre", "mc"}),
        ("spec/showback/november.yaml", {"sre-finops", "pm"}),
        ("controls/cc6-1.yaml", {"mc", "sec-tl"}),
        ("policies/people/mara-lindqvist.yaml", {"mc", "sec-tl"}),
        ("policies/flags.rego", {"mc", "sec-tl"}),
        ("config/governance/person/mara-lindqvist.json", {"mc", "sec-tl"}),
        ("policy/people/mara-lindqvist/data.json", {"mc", "sec-tl"}),
        ("policies/grants/audit.yaml", {"mc", "sec-tl"}),
        ("policy/grants/audit/data.json", {"mc", "sec-tl"}),
        ("policy/policy.wasm", {"mc", "sec-tl"}),
        ("policy/flags.rego", {"mc", "sec-tl"}),
        ("policy/.manifest", {"mc", "sec-tl"}),
    ],
)
def test_whoever_is_responsible_and_accountable_is_asked(model: Model, path: str, roles: set[str]) -> None:
    (policy,) = model.all(ApprovalPolicySpec).values()
    asked = [rule for rule in policy.spec.rules if any(matches(glob, path) for glob in rule.paths)]
    assert [set(rule.people) for rule in asked] == [roles]


def test_every_path_of_the_bundle_is_spoken_of_by_exactly_one_rule(model: Model, bundle: Mapping[str, bytes]) -> None:
    (policy,) = model.all(ApprovalPolicySpec).values()
    for path in (*bundle, *own_tree()):
        asked = [rule.name for rule in policy.spec.rules if any(matches(glob, path) for glob in rule.paths)]
        assert len(asked) == 1, (path, asked)


def test_two_databases_and_a_release_folder_are_the_targets_and_one_agent_acts_on_them(model: Model) -> None:
    targets = model.all(TargetSpec)
    assert {name: target.spec.type for name, target in targets.items()} == {
        "pg-eu-central": "postgres",
        "pg-us-east": "postgres",
        "release-eu": "release",
    }
    assert [name for name, target in targets.items() if target.spec.control] == ["pg-eu-central"]
    assert list(model.all(AgentSpec)) == ["conductor-eu"]
    assert set(model.all(BlueprintSpec)) == {"regulated", "standard"}
    assert len(model.all(TenantSpec)) == 6


def test_every_configuration_reads_back_as_its_type_and_every_file_is_canonical(bundle: Mapping[str, bytes]) -> None:
    contents = {path: data.decode() for path, data in bundle.items() if path.startswith("config/")}
    governance = Governance.of(contents)
    assert governance.compiler.release == VERSION
    assert len(governance.public_keys) == 11
    assert set(targets_of(contents)) == {"pg-eu-central", "pg-us-east", "release-eu"}
    for path, data in bundle.items():
        match path.split("/"):
            case ["config", "tenants", "tenant", _]:
                assert TenantConfig.from_bytes(data).data() == data
            case ["config", "flags", "flag", _]:
                assert FlagConfig.from_bytes(data).data() == data
            case ["objects", "tenant", name]:
                assert {item.tenant for item in decode_objects(data)} == {name.removesuffix(".json")}
            case [*_, name] if name.endswith(".json"):
                decode(data)


def test_no_two_tenants_share_an_object_or_a_password(bundle: Mapping[str, bytes]) -> None:
    objects = [
        item for path, data in bundle.items() if path.startswith("objects/tenant/") for item in decode_objects(data)
    ]
    assert len({item.id for item in objects}) == len(objects) == 6 * 4
    passwords = [item.attributes["password"] for item in objects if "password" in item.attributes]
    assert len(set(passwords)) == 6
