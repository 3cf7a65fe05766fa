# What tenants and blueprints may be, and how a tenant may change.
#
# Helpers take whole resources: `f(tenant.derived)` is undefined, and the rule silent, where that is missing.
package intelgraph.tenants

import data.intelgraph.text.shown

# What a tenant gets, from itself or from its blueprint; what a blueprint gives.
gets(resource) := resource.derived if resource.kind == "Tenant"

gets(resource) := resource.spec if resource.kind == "Blueprint"

# What a tenant leaves to its blueprint is the blueprint's to answer for: one mistake, one finding.
inherits(resource, key) if {
	resource.kind == "Tenant"
	not key in object.keys(resource.spec)
}

# Data is kept as long as the blueprint's policies promise.
deny contains {
	"kind": resource.kind,
	"name": object.get(resource, "name", ""),
	"pointer": "/spec/retention_days",
	"rule": "retention",
	"message": too_short(resource),
} if {
	some resource in input.resources
	resource.kind in {"Tenant", "Blueprint"}
	not inherits(resource, "retention_days")
	not keeps_long_enough(resource)
}

keeps_long_enough(resource) if {
	is_number(gets(resource).retention_days)
	is_number(gets(resource).policies.min_retention_days)
	gets(resource).retention_days >= gets(resource).policies.min_retention_days
}

too_short(resource) := concat("", [
	$"{lower(resource.kind)} `{shown(resource.name)}` keeps data {shown(gets(resource).retention_days)} days, ",
	$"less than the {shown(gets(resource).policies.min_retention_days)} that its policies promise",
])

# Restricted data stays in the European Union.
deny contains {
	"kind": resource.kind,
	"name": object.get(resource, "name", ""),
	"pointer": "/spec/region",
	"rule": "restricted-region",
	"message": too_far(resource),
} if {
	some resource in input.resources
	resource.kind in {"Tenant", "Blueprint"}
	not inherits(resource, "region")
	not less_than_restricted(resource)
	not in_the_union(resource)
}

# What is not plainly something less is held to be restricted.
less_than_restricted(resource) if gets(resource).policies.data_classification in {"internal", "confidential"}

in_the_union(resource) if startswith(gets(resource).region, "eu-")

too_far(resource) := concat("", [
	$"{lower(resource.kind)} `{shown(resource.name)}` is for restricted data, ",
	$"which may not lie in region `{shown(gets(resource).region)}`",
])

# Restricted data leaves the platform page by page, and its region not at all.
deny contains {
	"kind": "Blueprint",
	"name": object.get(blueprint, "name", ""),
	"pointer": $"/spec/policies/{policy}",
	"rule": "restricted-export",
	"message": $"blueprint `{shown(blueprint.name)}` is for restricted data, which allows no `{policy}`",
} if {
	some blueprint in input.resources
	blueprint.kind == "Blueprint"
	not less_than_restricted(blueprint)
	some policy in ["bulk_export", "cross_region_reads"]
	not switched_off(blueprint, policy)
}

switched_off(blueprint, policy) if blueprint.spec.policies[policy] == false

# A tenant starts as `active`.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-new",
	"message": $"tenant `{shown(change.name)}` is new and starts as `active`, not as `{shown(change.after.state)}`",
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
	"message": no_step(change),
} if {
	some change in input.changes
	change.kind == "Tenant"
	not new(change)
	not removed(change)
	not known_states(change)
}

no_step(change) := concat("", [
	$"tenant `{shown(change.name)}` cannot go from `{shown(change.before.state)}` ",
	$"to `{shown(change.after.state)}`",
])

# Its data stays where it is: nothing moves it yet, and making the objects anew elsewhere would leave it behind.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-region",
	"message": no_move(change),
} if {
	some change in input.changes
	change.kind == "Tenant"
	known_states(change)
	not stays(change)
}

no_move(change) := concat("", [
	$"tenant `{shown(change.name)}` cannot move from region `{shown(object.get(change.before, "region", ""))}` ",
	$"to `{shown(object.get(change.after, "region", ""))}` yet: its data would be left behind",
])

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

stays(change) if object.get(change.before, "region", null) == object.get(change.after, "region", null)
