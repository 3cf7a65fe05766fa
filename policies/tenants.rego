# What a tenant may be and how it may change.
#
# Helpers take whole resources: `f(tenant.derived)` is undefined, and the rule silent, where that is missing.
package intelgraph.tenants

import data.intelgraph.text.shown

# A tenant keeps its data at least as long as its blueprint promises.
deny contains {
	"kind": "Tenant",
	"name": object.get(tenant, "name", ""),
	"pointer": "/spec/retention_days",
	"rule": "tenant-retention",
	"message": retention(tenant),
} if {
	some tenant in input.resources
	tenant.kind == "Tenant"
	not keeps_long_enough(tenant)
}

keeps_long_enough(tenant) if {
	is_number(tenant.derived.retention_days)
	is_number(tenant.derived.policies.min_retention_days)
	tenant.derived.retention_days >= tenant.derived.policies.min_retention_days
}

retention(tenant) := concat("", [
	$"tenant `{shown(tenant.name)}` keeps its data {shown(tenant.derived.retention_days)} days, ",
	$"and its blueprint promises at least {shown(tenant.derived.policies.min_retention_days)}",
])

# Restricted data stays in the European Union. What is not plainly less is held to be restricted.
deny contains {
	"kind": "Tenant",
	"name": object.get(tenant, "name", ""),
	"pointer": "/spec/region",
	"rule": "tenant-region",
	"message": $"tenant `{shown(tenant.name)}` has restricted data, which may not lie in region `{shown(tenant.derived.region)}`",
} if {
	some tenant in input.resources
	tenant.kind == "Tenant"
	not less_than_restricted(tenant)
	not in_the_union(tenant)
}

less_than_restricted(tenant) if tenant.derived.policies.data_classification in {"internal", "confidential"}

in_the_union(tenant) if {
	is_string(tenant.derived.region)
	startswith(tenant.derived.region, "eu-")
}

# Restricted data leaves the platform page by page, and its region not at all.
deny contains {
	"kind": "Blueprint",
	"name": object.get(blueprint, "name", ""),
	"pointer": $"/spec/policies/{policy}",
	"rule": "blueprint-restricted",
	"message": $"blueprint `{shown(blueprint.name)}` is for restricted data, which allows no `{policy}`",
} if {
	some blueprint in input.resources
	blueprint.kind == "Blueprint"
	not holds_less_than_restricted(blueprint)
	some policy in ["bulk_export", "cross_region_reads"]
	not switched_off(blueprint, policy)
}

holds_less_than_restricted(blueprint) if {
	blueprint.spec.policies.data_classification in {"internal", "confidential"}
}

switched_off(blueprint, policy) if blueprint.spec.policies[policy] == false

# A tenant starts as `active`.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-new",
	"message": $"tenant `{shown(change.name)}` is new and can only start as `active`, not as `{shown(change.after.state)}`",
} if {
	some change in input.changes
	change.kind == "Tenant"
	new(change)
	not removed(change)
	not starts_active(change)
}

# Then `active` and `suspended` follow each other.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-state",
	"message": $"tenant `{shown(change.name)}` cannot go from `{shown(change.before.state)}` to `{shown(change.after.state)}`",
} if {
	some change in input.changes
	change.kind == "Tenant"
	not new(change)
	not removed(change)
	not known_states(change)
}

# Its file stays: there is no deprovisioning yet whose record could allow this.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-removed",
	"message": $"the file of tenant `{shown(change.name)}` cannot be removed yet: set `state: suspended` instead",
} if {
	some change in input.changes
	change.kind == "Tenant"
	removed(change)
}

new(change) if change.before == null

removed(change) if change.after == null

starts_active(change) if change.after.state == "active"

known_states(change) if {
	change.before.state in {"active", "suspended"}
	change.after.state in {"active", "suspended"}
}
