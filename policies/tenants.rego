# What tenants and blueprints may be, and how a tenant may change.
#
# Helpers take whole resources: `f(tenant.derived)` is undefined, and the rule silent, where that is missing.
package intelgraph.tenants

import data.intelgraph.text.date
import data.intelgraph.text.days
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
	$"{lower(resource.kind)} `{shown(resource.name)}` keeps data {days(gets(resource).retention_days)}, ",
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

# Then `active` and `suspended` follow each other, and from `suspended` it may come to its end, which is one.
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
	not known_step(change)
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
	known_step(change)
	not stays(change)
}

no_move(change) := concat("", [
	$"tenant `{shown(change.name)}` cannot move from region `{shown(object.get(change.before, "region", ""))}` ",
	$"to `{shown(object.get(change.after, "region", ""))}` yet: its data would be left behind",
])

# Residency: nor does a target go elsewhere, or away, under the tenants that live there.
refuse contains {
	"kind": "Target",
	"name": object.get(change, "name", ""),
	"rule": "target-region",
	"message": no_parting(change, names),
} if {
	some change in input.changes
	change.kind == "Target"
	not new(change)
	not holds_no_data(change)
	not same_place(change)
	names := left_behind(change)
	count(names) > 0
}

# What is not plainly a release may hold data.
holds_no_data(change) if change.before.type == "release"

same_place(change) if {
	change.after.type == change.before.type
	change.after.region == change.before.region
}

left_behind(change) := sort([name |
	some name, tenant in data.tenants
	not lives_elsewhere(tenant, change)
])

lives_elsewhere(tenant, change) if tenant.region != change.before.region

no_parting(change, names) := concat("", [
	$"target `{shown(object.get(change, "name", ""))}` cannot leave its region{bound_for(change)}: ",
	$"the data of {count(names)} of its tenants would be left behind, that of `{names[0]}` first",
])

bound_for(change) := $" for `{shown(change.after.region)}`" if {
	change.after.region != change.before.region
} else := ""

# Its data is kept for `retention_days`, as they were before this change, from the moment that the ledger says it is
# suspended, to the end of that day.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-retention",
	"message": too_early(change),
} if {
	some change in input.changes
	change.kind == "Tenant"
	ends(change)
	not kept_long_enough_since_suspension(change)
}

kept_long_enough_since_suspension(change) if {
	is_number(input.facts.now)
	input.facts.now >= first_day(change) * 86400
}

# In days since 1970-01-01.
first_day(change) := ceil((input.facts.tenants[change.name].suspended + (change.before.retention_days * 86400)) / 86400)

too_early(change) := concat("", [
	$"tenant `{shown(change.name)}` is kept {days(change.before.retention_days)} from its suspension: ",
	$"it may become `deprovisioned` from {date(first_day(change))} (UTC) on",
]) if {
	is_number(first_day(change))
} else := concat("", [
	$"tenant `{shown(change.name)}` may not become `deprovisioned`: ",
	"the ledger has no result that says it is suspended, so nothing tells how long its data has been kept",
])

# Under legal hold nothing is deleted, and lifting the hold is a change of its own.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-legal-hold",
	"message": held(change),
} if {
	some change in input.changes
	change.kind == "Tenant"
	ends(change)
	not free(change)
}

held(change) := concat("", [
	$"tenant `{shown(change.name)}` may not become `deprovisioned` under legal hold, before this change or after it: ",
	"let `legal_hold: false` be approved and taken first",
])

# Its file stays until the ledger says that nothing else of it is left.
refuse contains {
	"kind": "Tenant",
	"name": object.get(change, "name", ""),
	"rule": "tenant-removed",
	"message": still_there(change),
} if {
	some change in input.changes
	change.kind == "Tenant"
	removed(change)
	not gone(change)
}

still_there(change) := concat("", [
	$"the file of tenant `{shown(change.name)}` cannot be removed yet: ",
	"the ledger does not say that nothing of it is left; the agent's next run finishes that, or says what is in its way",
]) if {
	change.before.state == "deprovisioned"
} else := concat("", [
	$"the file of tenant `{shown(change.name)}` cannot be removed yet: ",
	"set `state: suspended` instead, and after its retention `state: deprovisioned`, whose result allows it",
])

new(change) if change.before == null

removed(change) if change.after == null

starts_active(change) if change.after.state == "active"

# What may follow each state.
follow := {
	"active": {"active", "suspended"},
	"suspended": {"active", "suspended", "deprovisioned"},
	"deprovisioned": {"deprovisioned"},
}

known_step(change) if change.after.state in follow[change.before.state]

ends(change) if {
	change.before.state == "suspended"
	change.after.state == "deprovisioned"
}

free(change) if {
	change.before.legal_hold == false
	change.after.legal_hold == false
}

gone(change) if {
	change.before.state == "deprovisioned"
	is_number(input.facts.tenants[change.name].deprovisioned)
}

stays(change) if object.get(change.before, "region", null) == object.get(change.after, "region", null)
