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

# A flag of the tree that no role is allowed, somebody's or not. The policy above is asked once per role.
deny contains {
	"kind": "Flag",
	"name": object.get(flag, "name", ""),
	"pointer": "/spec/ttl_seconds",
	"rule": "flag-allowed",
	"message": $"flag `{shown(flag.name)}` lives {shown(flag.spec.ttl_seconds)} seconds; at most {max_ttl_seconds} are allowed",
} if {
	some flag in input.resources
	flag.kind == "Flag"
	not allowed_to_somebody(flag)
	not allowed_to(flag, "admin")
}

# Flags that lack nothing but somebody to set them: one finding about the roles, however many flags there are.
deny contains {
	"kind": "",
	"name": "",
	"pointer": "/roles",
	"rule": "flag-setter",
	"message": "nobody may set a flag: only an `admin` may, and nobody has that role",
} if {
	some flag in input.resources
	flag.kind == "Flag"
	not allowed_to_somebody(flag)
	allowed_to(flag, "admin")
}

# Helpers take whole resources: `not allowed_to(flag.spec)` would be undefined, not true, for a flag without a spec.
allowed_to_somebody(flag) if {
	some role in input.roles
	allowed_to(flag, role)
}

allowed_to(flag, role) if allow with input as {"requester": {"role": role}, "flag": flag.spec}

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
