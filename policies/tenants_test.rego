package intelgraph.tenants_test

import data.intelgraph.tenants

ordinary := {
	"data_classification": "confidential",
	"bulk_export": true,
	"cross_region_reads": true,
	"min_retention_days": 90,
}

restricted := {
	"data_classification": "restricted",
	"bulk_export": false,
	"cross_region_reads": false,
	"min_retention_days": 90,
}

tenant(policies, own) := {
	"kind": "Tenant",
	"name": "acme-retail",
	"spec": object.union({"blueprint": "standard"}, own),
	"derived": object.union({"retention_days": 365, "region": "eu-central", "policies": policies}, own),
}

blueprint(policies, own) := {
	"kind": "Blueprint",
	"name": "regulated",
	"spec": object.union({"retention_days": 365, "region": "eu-central", "policies": policies}, own),
	"derived": {},
}

denied(resource) := found if {
	found := tenants.deny with input as {"resources": [resource], "roles": []}
}

rules(found) := {finding.rule | some finding in found}

without(value, path) := json.patch(value, [{"op": "remove", "path": path}])

with_value(value, path, new) := json.patch(value, [{"op": "replace", "path": path, "value": new}])

test_ordinary_resources_are_clean if {
	count(denied(tenant(ordinary, {}))) == 0
	count(denied(tenant(restricted, {}))) == 0
	count(denied(blueprint(ordinary, {}))) == 0
	count(denied(blueprint(restricted, {}))) == 0
}

test_data_is_kept_as_long_as_the_policies_promise if {
	count(denied(tenant(ordinary, {"retention_days": 90}))) == 0
	denied(tenant(ordinary, {"retention_days": 89})) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"pointer": "/spec/retention_days",
		"rule": "retention",
		"message": "tenant `acme-retail` keeps data 89 days, less than the 90 that its policies promise",
	}}
	denied(blueprint(ordinary, {"retention_days": 89})) == {{
		"kind": "Blueprint",
		"name": "regulated",
		"pointer": "/spec/retention_days",
		"rule": "retention",
		"message": "blueprint `regulated` keeps data 89 days, less than the 90 that its policies promise",
	}}
}

test_what_a_tenant_leaves_to_its_blueprint_is_no_finding_of_its_own if {
	inherited := object.union(tenant(restricted, {}), {"derived": {"retention_days": 1, "region": "us-east"}})
	count(denied(inherited)) == 0
}

test_a_tenant_of_unknown_retention_is_denied if {
	own := tenant(ordinary, {"retention_days": 365})
	every path in ["/derived", "/derived/retention_days", "/derived/policies/min_retention_days"] {
		rules(denied(without(own, path))) == {"retention"}
		rules(denied(with_value(own, path, true))) == {"retention"}
		rules(denied(with_value(own, path, "9000"))) == {"retention"}
	}
}

test_a_blueprint_of_unknown_retention_is_denied if {
	every path in ["/spec/retention_days", "/spec/policies/min_retention_days"] {
		rules(denied(without(blueprint(ordinary, {}), path))) == {"retention"}
		rules(denied(with_value(blueprint(ordinary, {}), path, true))) == {"retention"}
		rules(denied(with_value(blueprint(ordinary, {}), path, "9000"))) == {"retention"}
	}
}

test_restricted_data_stays_in_the_union if {
	count(denied(tenant(restricted, {"region": "eu-west"}))) == 0
	count(denied(tenant(ordinary, {"region": "us-east"}))) == 0
	denied(tenant(restricted, {"region": "us-east"})) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"pointer": "/spec/region",
		"rule": "restricted-region",
		"message": "tenant `acme-retail` is for restricted data, which may not lie in region `us-east`",
	}}
	rules(denied(blueprint(restricted, {"region": "us-east"}))) == {"restricted-region"}
}

test_data_of_unknown_class_is_held_to_be_restricted if {
	abroad := tenant(ordinary, {"region": "us-east"})
	path := "/derived/policies/data_classification"
	rules(denied(without(abroad, path))) == {"restricted-region"}
	rules(denied(with_value(abroad, path, null))) == {"restricted-region"}
	vague := without(blueprint(ordinary, {"region": "us-east"}), "/spec/policies/data_classification")
	rules(denied(vague)) == {"restricted-region", "restricted-export"}
}

test_restricted_data_of_unknown_region_is_denied if {
	home := tenant(restricted, {"region": "eu-west"})
	rules(denied(without(home, "/derived/region"))) == {"restricted-region"}
	rules(denied(with_value(home, "/derived/region", ["eu-west"]))) == {"restricted-region"}
	rules(denied(without(blueprint(restricted, {}), "/spec/region"))) == {"restricted-region"}
}

test_a_tenant_of_which_nothing_is_known_is_denied if {
	every broken in [{"kind": "Tenant"}, {"kind": "Tenant", "spec": null}, {"kind": "Tenant", "derived": {}}] {
		rules(denied(broken)) == {"retention", "restricted-region"}
	}
}

test_a_restricted_blueprint_lets_nothing_out if {
	denied(blueprint(restricted, {"policies": object.union(restricted, {"bulk_export": true})})) == {{
		"kind": "Blueprint",
		"name": "regulated",
		"pointer": "/spec/policies/bulk_export",
		"rule": "restricted-export",
		"message": "blueprint `regulated` is for restricted data, which allows no `bulk_export`",
	}}
	every policy in ["bulk_export", "cross_region_reads"] {
		path := $"/spec/policies/{policy}"
		{finding.pointer | some finding in denied(without(blueprint(restricted, {}), path))} == {path}
		{finding.pointer | some finding in denied(with_value(blueprint(restricted, {}), path, 0))} == {path}
	}
}

test_a_blueprint_of_which_nothing_is_known_is_denied if {
	every broken in [{"kind": "Blueprint"}, {"kind": "Blueprint", "spec": null}, {"kind": "Blueprint", "spec": {}}] {
		rules(denied(broken)) == {"retention", "restricted-region", "restricted-export"}
	}
}

test_another_kind_is_none_of_its_business if count(denied({"kind": "Flag", "name": "new-checkout"})) == 0

refused(change) := found if {
	found := tenants.refuse with input as {"changes": [change], "approvers": [], "facts": {}, "time": ""}
}

change(before, after) := {"kind": "Tenant", "name": "acme-retail", "before": before, "after": after}

active := {"name": "acme-retail", "state": "active"}

suspended := {"name": "acme-retail", "state": "suspended", "retention_days": 30, "legal_hold": false}

deprovisioned := object.union(suspended, {"state": "deprovisioned"})

day := 86400

# The suspension was at noon of 2026-11-24, so that 30 days have passed with the whole of 2026-12-24.
noon := (20781 * day) + 43200

facts(now) := {"now": now, "tenants": {"acme-retail": {"suspended": noon}}}

allowed_from := 20812 * day

refused_with(change, given) := found if {
	found := tenants.refuse with input as {"changes": [change], "approvers": [], "facts": given, "time": ""}
}

test_a_tenant_starts_as_active if {
	count(refused(change(null, active))) == 0
	refused(change(null, suspended)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-new",
		"message": "tenant `acme-retail` is new and starts as `active`, not as `suspended`",
	}}
	every after in [{}, {"state": null}, {"state": ["active"]}, "active", 1] {
		rules(refused(change(null, after))) == {"tenant-new"}
	}
}

test_active_and_suspended_follow_each_other if {
	every before in [active, suspended] {
		every after in [active, suspended] {
			count(refused(change(before, after))) == 0
		}
	}
}

test_from_suspended_it_comes_to_its_end_and_never_back if {
	count(refused_with(change(suspended, deprovisioned), facts(allowed_from))) == 0
	count(refused(change(deprovisioned, deprovisioned))) == 0
	every after in [active, suspended] {
		rules(refused_with(change(deprovisioned, after), facts(allowed_from))) == {"tenant-state"}
	}
	rules(refused(change(null, deprovisioned))) == {"tenant-new"}
}

test_data_is_kept_from_the_suspension_on_to_the_end_of_the_last_day if {
	refused_with(change(suspended, deprovisioned), facts(allowed_from - 1)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-retention",
		"message": concat("", [
			"tenant `acme-retail` is kept 30 days from its suspension: ",
			"it may become `deprovisioned` from 2026-12-25 (UTC) on",
		]),
	}}
	count(refused_with(change(suspended, deprovisioned), facts(allowed_from))) == 0
	longer := object.union(suspended, {"retention_days": 31})
	rules(refused_with(change(longer, deprovisioned), facts(allowed_from))) == {"tenant-retention"}
	shorter := object.union(deprovisioned, {"retention_days": 1})
	rules(refused_with(change(suspended, shorter), facts(allowed_from - 1))) == {"tenant-retention"}
}

test_a_suspension_on_the_stroke_of_midnight_counts_from_that_day if {
	midnight := {"now": 20811 * day, "tenants": {"acme-retail": {"suspended": 20781 * day}}}
	count(refused_with(change(suspended, deprovisioned), midnight)) == 0
}

test_what_the_ledger_does_not_say_is_suspended_is_kept if {
	refused_with(change(suspended, deprovisioned), {"now": allowed_from, "tenants": {}}) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-retention",
		"message": concat("", [
			"tenant `acme-retail` may not become `deprovisioned`: the ledger has no result that says it is suspended, ",
			"so nothing tells how long its data has been kept",
		]),
	}}
	other := {"now": allowed_from, "tenants": {"nordwind": {"suspended": noon}}}
	rules(refused_with(change(suspended, deprovisioned), other)) == {"tenant-retention"}
	every odd in ["0", null, true, [0], {}] {
		untold := {"now": allowed_from, "tenants": {"acme-retail": {"suspended": odd}}}
		rules(refused_with(change(suspended, deprovisioned), untold)) == {"tenant-retention"}
	}
}

test_without_a_clock_or_a_retention_everything_is_kept if {
	every path in ["/now", "/tenants", "/tenants/acme-retail/suspended"] {
		given := without(facts(allowed_from), path)
		rules(refused_with(change(suspended, deprovisioned), given)) == {"tenant-retention"}
	}
	every odd in ["9999999999", null, true, [9999999999], {}] {
		given := object.union(facts(allowed_from), {"now": odd})
		rules(refused_with(change(suspended, deprovisioned), given)) == {"tenant-retention"}
	}
	untold := without(suspended, "/retention_days")
	rules(refused_with(change(untold, deprovisioned), facts(allowed_from))) == {"tenant-retention"}
}

test_nothing_is_deleted_under_legal_hold if {
	held := {"legal_hold": true}
	refused_with(change(object.union(suspended, held), deprovisioned), facts(allowed_from)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-legal-hold",
		"message": concat("", [
			"tenant `acme-retail` may not become `deprovisioned` under legal hold, before this change or after it: ",
			"let `legal_hold: false` be approved and taken first",
		]),
	}}
	after := object.union(deprovisioned, held)
	rules(refused_with(change(suspended, after), facts(allowed_from))) == {"tenant-legal-hold"}
	both := change(object.union(suspended, held), after)
	rules(refused_with(both, facts(allowed_from))) == {"tenant-legal-hold"}
	vague := without(suspended, "/legal_hold")
	rules(refused_with(change(vague, deprovisioned), facts(allowed_from))) == {"tenant-legal-hold"}
	unclear := without(deprovisioned, "/legal_hold")
	rules(refused_with(change(suspended, unclear), facts(allowed_from))) == {"tenant-legal-hold"}
}

test_a_legal_hold_or_a_retention_hinders_nothing_else if {
	held := object.union(suspended, {"legal_hold": true})
	count(refused(change(held, held))) == 0
	count(refused(change(held, active))) == 0
	count(refused(change(deprovisioned, object.union(deprovisioned, {"legal_hold": true})))) == 0
}

test_no_other_state_follows if {
	refused_with(change(active, deprovisioned), facts(allowed_from)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-state",
		"message": "tenant `acme-retail` cannot go from `active` to `deprovisioned`",
	}}
	every broken in [{}, {"state": null}, "active", 1] {
		rules(refused(change(active, broken))) == {"tenant-state"}
		rules(refused(change(broken, active))) == {"tenant-state"}
	}
}

test_a_tenant_stays_in_its_region if {
	here := object.union(active, {"region": "eu-central"})
	there := object.union(suspended, {"region": "us-east"})
	count(refused(change(here, object.union(suspended, {"region": "eu-central"})))) == 0
	refused(change(here, there)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-region",
		"message": concat("", [
			"tenant `acme-retail` cannot move from region `eu-central` to `us-east` yet: ",
			"its data would be left behind",
		]),
	}}
	rules(refused(change(here, active))) == {"tenant-region"}
	rules(refused(change(active, there))) == {"tenant-region"}
	rules(refused(change(here, object.union(active, {"region": null})))) == {"tenant-region"}
}

test_the_file_of_a_tenant_stays_until_nothing_else_of_it_is_left if {
	over := {"now": allowed_from, "tenants": {"acme-retail": {"suspended": noon, "deprovisioned": allowed_from}}}
	count(refused_with(change(deprovisioned, null), over)) == 0
	refused_with(change(deprovisioned, null), facts(allowed_from)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-removed",
		"message": concat("", [
			"the file of tenant `acme-retail` cannot be removed yet: the ledger does not say that nothing of it is left; ",
			"the agent's next run finishes that, or says what is in its way",
		]),
	}}
	refused_with(change(suspended, null), over) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-removed",
		"message": concat("", [
			"the file of tenant `acme-retail` cannot be removed yet: set `state: suspended` instead, ",
			"and after its retention `state: deprovisioned`, whose result allows it",
		]),
	}}
	rules(refused_with(change(active, null), over)) == {"tenant-removed"}
	rules(refused_with(change(null, null), over)) == {"tenant-removed"}
	every odd in ["1", null, true, [1]] {
		untold := {"now": allowed_from, "tenants": {"acme-retail": {"deprovisioned": odd}}}
		rules(refused_with(change(deprovisioned, null), untold)) == {"tenant-removed"}
	}
}

test_a_change_that_says_too_little_is_refused if {
	rules(refused({"kind": "Tenant"})) == {"tenant-state"}
	rules(refused({"kind": "Tenant", "after": active})) == {"tenant-state"}
	rules(refused({"kind": "Tenant", "before": null})) == {"tenant-new"}
}

test_a_change_of_another_kind_is_none_of_its_business if {
	every before in [null, {}] {
		every after in [null, {}] {
			count(refused({"kind": "Flag", "name": "x", "before": before, "after": after})) == 0
		}
	}
	moved := {"before": {"state": "active", "region": "a"}, "after": {"state": "active", "region": "b"}}
	count(refused(object.union({"kind": "Flag", "name": "x"}, moved))) == 0
	count(refused({"kind": "Flag", "name": "x", "before": suspended, "after": deprovisioned})) == 0
	held := object.union(deprovisioned, {"legal_hold": true})
	count(refused({"kind": "Flag", "name": "x", "before": suspended, "after": held})) == 0
}

target := {"name": "pg-eu", "type": "postgres", "region": "eu-central"}

here := {"acme-retail": {"region": "eu-central"}, "nordwind": {"region": "us-east"}}

parted(before, after, living) := found if {
	asked := {"kind": "Target", "name": "pg-eu", "before": before, "after": after}
	found := tenants.refuse with input as {"changes": [asked], "approvers": [], "facts": {}, "time": ""}
		with data.tenants as living
}

test_a_target_does_not_leave_the_region_of_its_tenants if {
	moved := object.union(target, {"region": "us-east"})
	two := object.union(here, {"aalto": {"region": "eu-central"}})
	parted(target, moved, two) == {{
		"kind": "Target",
		"name": "pg-eu",
		"rule": "target-region",
		"message": concat("", [
			"target `pg-eu` cannot leave its region for `us-east`: ",
			"the data of 2 of its tenants would be left behind, that of `aalto` first",
		]),
	}}
	every after in [null, object.union(target, {"type": "release"})] {
		messages := {finding.message | some finding in parted(target, after, here)}
		messages == {concat("", [
			"target `pg-eu` cannot leave its region: ",
			"the data of 1 of its tenants would be left behind, that of `acme-retail` first",
		])}
	}
}

test_a_target_without_tenants_goes_where_it_likes if {
	moved := object.union(target, {"region": "us-west"})
	count(parted(target, moved, {"nordwind": {"region": "us-east"}})) == 0
	count(parted(target, null, {})) == 0
	count(parted(null, target, here)) == 0
}

test_a_target_that_stays_or_holds_no_data_may_change if {
	count(parted(target, object.union(target, {"drift": "heal"}), here)) == 0
	release := object.union(target, {"type": "release"})
	count(parted(release, object.union(release, {"region": "us-east"}), here)) == 0
	count(parted(release, null, here)) == 0
}

test_a_target_or_a_tenant_of_which_too_little_is_known_stays if {
	every path in ["/type", "/region"] {
		rules(parted(without(target, path), target, here)) == {"target-region"}
		rules(parted(target, without(target, path), here)) == {"target-region"}
	}
	rules(parted(target, null, {"nordwind": {}})) == {"target-region"}
	rules(parted("odd", null, here)) == {"target-region"}
	untold := {"changes": [{"kind": "Target"}], "approvers": [], "facts": {}, "time": ""}
	found := tenants.refuse with input as untold with data.tenants as here
	rules(found) == {"target-region"}
}

test_what_is_no_target_leaves_no_tenant_behind if {
	asked := {"kind": "Flag", "name": "pg-eu", "before": target, "after": null}
	found := tenants.refuse with input as {"changes": [asked], "approvers": [], "facts": {}, "time": ""}
		with data.tenants as here
	count(found) == 0
}
