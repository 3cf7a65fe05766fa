# Who may set a flag, and for how long: a flag is a promise to come back within a week.
package intelgraph.flags

import data.intelgraph.text.shown

# Seven days.
max_ttl_seconds := 604800

default allow := false

# Numbers only: Rego orders values of every type, so `true <= 604800` holds.
allow if {
	input.requester.role == "admin"
	is_number(input.flag.ttl_seconds)
	input.flag.ttl_seconds <= max_ttl_seconds
}

# A flag of the tree that no role somebody has is allowed. The policy above is asked once per role.
deny contains {
	"kind": "Flag",
	"name": object.get(flag, "name", ""),
	"pointer": "/spec/ttl_seconds",
	"rule": "flag-allowed",
	"message": why(flag),
} if {
	some flag in input.resources
	flag.kind == "Flag"
	not allowed_to_somebody(flag)
}

# Helpers take whole resources: `not allowed_to(flag.spec)` would be undefined, not true, for a flag without a spec.
allowed_to_somebody(flag) if {
	some role in input.roles
	allowed_to(flag, role)
}

allowed_to(flag, role) if allow with input as {"requester": {"role": role}, "flag": flag.spec}

why(flag) := $"nobody may set flag `{shown(flag.name)}`: only an `admin` may, and nobody has that role" if {
	allowed_to(flag, "admin")
} else := $"flag `{shown(flag.name)}` lives {shown(flag.spec.ttl_seconds)} seconds; at most {max_ttl_seconds} are allowed"

# A flag that a change adds or alters needs an approver whose role may set it. Taking one away needs none.
refuse contains {
	"kind": "Flag",
	"name": object.get(change, "name", ""),
	"rule": "flag-approver",
	"message": $"flag `{shown(change.name)}` needs an `admin` among its approvers and at most {max_ttl_seconds} seconds",
} if {
	some change in input.changes
	change.kind == "Flag"
	not removed(change)
	not allowed_to_an_approver(change)
}

removed(change) if change.after == null

allowed_to_an_approver(change) if {
	some approver in input.approvers
	some role in approver.roles
	allow with input as {"requester": {"role": role}, "flag": change.after}
}
