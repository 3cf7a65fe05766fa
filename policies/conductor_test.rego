package conductor_test

import data.conductor

test_denials_of_every_package_are_collected if {
	found := conductor.deny with input as {
		"resources": [{"kind": "Flag"}, {"kind": "Tenant"}, {"kind": "Blueprint"}, {"kind": "Person"}],
		"roles": ["admin"],
	}
	{finding.rule | some finding in found} == {
		"flag-allowed",
		"retention",
		"restricted-region",
		"restricted-export",
	}
}

test_refusals_of_every_package_are_collected if {
	found := conductor.transition with input as {
		"changes": [
			{"kind": "Flag", "name": "f", "before": null, "after": {}},
			{"kind": "Tenant", "name": "a", "before": null, "after": {}},
			{"kind": "Tenant", "name": "b", "before": {}, "after": {}},
			{"kind": "Tenant", "name": "c", "before": {}, "after": null},
		],
		"approvers": [],
		"facts": {},
		"time": "2026-11-24T08:00:00Z",
	}
	{finding.rule | some finding in found} == {"flag-approver", "tenant-new", "tenant-state", "tenant-removed"}
}

people := {"mara-lindqvist": {"roles": ["admin", "mc"]}, "tomas-okafor": {"roles": ["backend"]}}

asked(name, role, ttl) := {
	"action": "set-flag",
	"requester": {"name": name, "role": role},
	"flag": {"name": "new-checkout", "ttl_seconds": ttl},
}

test_an_admin_may_set_a_flag_at_run_time if {
	conductor.allow with input as asked("mara-lindqvist", "admin", 604800) with data.people as people
}

test_nobody_may_keep_it_longer_than_a_week if {
	not conductor.allow with input as asked("mara-lindqvist", "admin", 604801) with data.people as people
}

test_in_another_role_she_may_not if {
	not conductor.allow with input as asked("mara-lindqvist", "mc", 60) with data.people as people
}

test_a_role_that_a_requester_only_claims_is_none if {
	not conductor.allow with input as asked("tomas-okafor", "admin", 60) with data.people as people
	not conductor.allow with input as asked("nobody", "admin", 60) with data.people as people
	not conductor.allow with input as asked("mara-lindqvist", "admin", 60) with data.people as {}
	not conductor.allow with input as asked("mara-lindqvist", "admin", 60)
}

test_what_is_missing_is_refused if {
	every path in ["/action", "/requester", "/requester/name", "/requester/role", "/flag", "/flag/ttl_seconds"] {
		cut := json.patch(asked("mara-lindqvist", "admin", 60), [{"op": "remove", "path": path}])
		conductor.allow == false with input as cut with data.people as people
	}
	conductor.allow == false with input as {} with data.people as people
	conductor.allow == false with data.people as people
}

test_another_action_is_refused if {
	other := object.union(asked("mara-lindqvist", "admin", 60), {"action": "drop-everything"})
	not conductor.allow with input as other with data.people as people
}

test_a_scope_is_used_in_a_role_that_one_has if {
	question := {
		"action": "use-scope",
		"requester": {"name": "tomas-okafor", "role": "backend"},
		"scope": "tenant.read",
		"tenant": "acme",
		"region": "eu-central",
	}
	grants := {"readers": {"roles": ["admin", "backend"], "scopes": ["tenant.read"], "tenants": ["acme"]}}
	tenants := {"acme": {"state": "active", "region": "eu-central"}}
	conductor.allow with input as question
		with data.people as people
		with data.grants as grants
		with data.tenants as tenants
	every part in [
		{"action": "set-flag"},
		{"requester": {"name": "tomas-okafor", "role": "admin"}},
		{"requester": {"name": "nobody", "role": "backend"}},
		{"scope": "admin.write"},
	] {
		not conductor.allow with input as object.union(question, part)
			with data.people as people
			with data.grants as grants
			with data.tenants as tenants
	}
}
