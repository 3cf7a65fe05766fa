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

suspended := {"name": "acme-retail", "state": "suspended"}

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

test_no_other_state_follows if {
	refused(change(active, {"state": "deprovisioned"})) == {{
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

test_the_file_of_a_tenant_cannot_be_removed_yet if {
	refused(change(suspended, null)) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"rule": "tenant-removed",
		"message": "the file of tenant `acme-retail` cannot be removed yet: set `state: suspended` instead",
	}}
	rules(refused(change(active, null))) == {"tenant-removed"}
	rules(refused(change(null, null))) == {"tenant-removed"}
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
}
