package intelgraph.tenants_test

import data.intelgraph.tenants

tenant(policies, rest) := {
	"kind": "Tenant",
	"name": "acme-retail",
	"spec": {},
	"derived": object.union({"retention_days": 365, "region": "eu-central", "policies": policies}, rest),
}

ordinary := {"data_classification": "confidential", "min_retention_days": 90}

restricted := {"data_classification": "restricted", "min_retention_days": 90}

denied(resource) := found if {
	found := tenants.deny with input as {"resources": [resource], "roles": []}
}

rules(found) := {finding.rule | some finding in found}

without(value, path) := json.patch(value, [{"op": "remove", "path": path}])

with_value(value, path, new) := json.patch(value, [{"op": "replace", "path": path, "value": new}])

test_an_ordinary_tenant_is_clean if count(denied(tenant(ordinary, {}))) == 0

test_a_tenant_keeps_its_data_as_long_as_its_blueprint_promises if {
	count(denied(tenant(ordinary, {"retention_days": 90}))) == 0
	denied(tenant(ordinary, {"retention_days": 89})) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"pointer": "/spec/retention_days",
		"rule": "tenant-retention",
		"message": "tenant `acme-retail` keeps its data 89 days, and its blueprint promises at least 90",
	}}
}

test_a_tenant_of_which_no_retention_is_known_is_denied if {
	every path in ["/derived/retention_days", "/derived/policies/min_retention_days"] {
		rules(denied(without(tenant(ordinary, {}), path))) == {"tenant-retention"}
		rules(denied(with_value(tenant(ordinary, {}), path, true))) == {"tenant-retention"}
		rules(denied(with_value(tenant(ordinary, {}), path, "9000"))) == {"tenant-retention"}
	}
}

test_restricted_data_stays_in_the_union if {
	count(denied(tenant(restricted, {}))) == 0
	denied(tenant(restricted, {"region": "us-east"})) == {{
		"kind": "Tenant",
		"name": "acme-retail",
		"pointer": "/spec/region",
		"rule": "tenant-region",
		"message": "tenant `acme-retail` has restricted data, which may not lie in region `us-east`",
	}}
	count(denied(tenant(ordinary, {"region": "us-east"}))) == 0
}

test_a_tenant_of_unknown_class_is_held_to_be_restricted if {
	abroad := tenant(ordinary, {"region": "us-east"})
	path := "/derived/policies/data_classification"
	rules(denied(without(abroad, path))) == {"tenant-region"}
	rules(denied(with_value(abroad, path, null))) == {"tenant-region"}
}

test_a_restricted_tenant_of_unknown_region_is_denied if {
	home := tenant(restricted, {})
	rules(denied(without(home, "/derived/region"))) == {"tenant-region"}
	rules(denied(with_value(home, "/derived/region", ["eu-central"]))) == {"tenant-region"}
}

test_a_tenant_of_which_nothing_is_known_is_denied if {
	every broken in [{"kind": "Tenant"}, {"kind": "Tenant", "derived": null}, {"kind": "Tenant", "derived": {}}] {
		rules(denied(broken)) == {"tenant-retention", "tenant-region"}
	}
}

blueprint(policies) := {"kind": "Blueprint", "name": "regulated", "spec": {"policies": policies}, "derived": {}}

closed := {"data_classification": "restricted", "bulk_export": false, "cross_region_reads": false}

test_a_restricted_blueprint_lets_nothing_out if {
	count(denied(blueprint(closed))) == 0
	denied(blueprint(object.union(closed, {"bulk_export": true}))) == {{
		"kind": "Blueprint",
		"name": "regulated",
		"pointer": "/spec/policies/bulk_export",
		"rule": "blueprint-restricted",
		"message": "blueprint `regulated` is for restricted data, which allows no `bulk_export`",
	}}
	{finding.pointer | some finding in denied(blueprint({"data_classification": "restricted"}))} == {
		"/spec/policies/bulk_export",
		"/spec/policies/cross_region_reads",
	}
}

test_another_blueprint_may if {
	every class in ["internal", "confidential"] {
		count(denied(blueprint({"data_classification": class, "bulk_export": true, "cross_region_reads": true}))) == 0
	}
}

test_a_blueprint_that_says_too_little_is_denied if {
	every broken in [{"kind": "Blueprint"}, {"kind": "Blueprint", "spec": null}, blueprint(null), blueprint({})] {
		count(denied(broken)) == 2
	}
	count(denied(blueprint(object.union(closed, {"data_classification": 1, "bulk_export": 0})))) == 1
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
		"message": "tenant `acme-retail` is new and can only start as `active`, not as `suspended`",
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
	count(refused({"kind": "Flag", "name": "x", "before": null, "after": null})) == 0
}
