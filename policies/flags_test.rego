package intelgraph.flags_test

import data.intelgraph.flags

week := 604800

roles := [
	"admin",
	"mc",
	"pm",
	"tech-lead",
	"platform",
	"backend",
	"data-eng",
	"ds",
	"graph-eng",
	"sre",
	"sre-finops",
	"security",
	"sec-tl",
	"qa",
	"frontend",
	"incident-commander",
	"auditor",
]

asked(role, ttl) := {"requester": {"name": "mara", "role": role}, "flag": {"name": "f", "ttl_seconds": ttl}}

test_an_admin_may_set_a_flag_for_a_week if flags.allow with input as asked("admin", week)

test_an_admin_may_not_set_a_flag_for_a_second_more if not flags.allow with input as asked("admin", week + 1)

test_of_all_roles_only_admin_may_set_a_flag if {
	allowed := {role | some role in roles; flags.allow with input as asked(role, week)}
	allowed == {"admin"}
}

test_a_ttl_that_is_no_number_is_refused if {
	every ttl in [true, false, null, "604800", [], {}, [1]] {
		not flags.allow with input as asked("admin", ttl)
	}
}

test_a_role_that_is_no_text_is_refused if {
	every role in [true, null, 1, [], ["admin"], {"admin": true}] {
		not flags.allow with input as asked(role, week)
	}
}

test_what_is_missing_is_refused if {
	every missing in ["/requester", "/requester/role", "/flag", "/flag/ttl_seconds"] {
		cut := json.patch(asked("admin", week), [{"op": "remove", "path": missing}])
		not flags.allow with input as cut
	}
	not flags.allow with input as {}
	not flags.allow with input as null
}

test_the_answer_is_false_and_not_undefined if {
	flags.allow == false with input as {}
}

flag(ttl) := {"kind": "Flag", "name": "new-checkout", "spec": {"ttl_seconds": ttl}}

denied(flag, roles) := found if {
	found := flags.deny with input as {"resources": [flag], "roles": roles}
}

test_a_flag_that_an_admin_may_set_is_clean if {
	count(denied(flag(week), ["mc", "admin"])) == 0
}

test_a_flag_that_lives_too_long_is_denied if {
	denied(flag(week + 1), ["mc", "admin"]) == {{
		"kind": "Flag",
		"name": "new-checkout",
		"pointer": "/spec/ttl_seconds",
		"rule": "flag-allowed",
		"message": "flag `new-checkout` lives 604801 seconds; at most 604800 are allowed",
	}}
}

no_setter := {
	"kind": "",
	"name": "",
	"pointer": "/roles",
	"rule": "flag-setter",
	"message": "nobody may set a flag: only an `admin` may, and nobody has that role",
}

test_flags_that_nobody_may_set_are_denied_as_one if {
	found := flags.deny with input as {"resources": [flag(week), flag(1)], "roles": ["mc"]}
	found == {no_setter}
}

test_where_nobody_may_set_flags_one_that_lives_too_long_is_denied_as_well if {
	found := flags.deny with input as {"resources": [flag(week), flag(week + 1)], "roles": ["mc"]}
	{finding.rule | some finding in found} == {"flag-allowed", "flag-setter"}
	denied(flag(week + 1), ["mc"]) == denied(flag(week + 1), ["admin"])
}

test_where_there_is_no_flag_nobody_need_set_one if count(flags.deny) == 0 with input as {"resources": [], "roles": []}

test_a_flag_without_what_the_rule_asks_for_is_denied if {
	bare := {"kind": "Flag"}
	every broken in [bare, object.union(bare, {"spec": {}}), object.union(bare, {"spec": null}), flag("1"), flag(null)] {
		count(denied(broken, ["admin"])) == 1
	}
}

test_without_roles_every_flag_is_denied if {
	every roles in [{}, {"roles": null}, {"roles": []}] {
		found := flags.deny with input as object.union({"resources": [flag(1), flag(week + 1)]}, roles)
		count(found) == 2
	}
}

test_another_kind_is_none_of_its_business if {
	count(denied({"kind": "Tenant", "name": "acme"}, [])) == 0
	count(denied(object.union(flag(week), {"kind": "Tenant"}), [])) == 0
}

# Whom the policy above allows is asked, and not written down again.
sre_alone(_, role) if role == "sre"

test_a_flag_that_any_role_is_allowed_is_clean if {
	count(denied(flag(week), ["mc", "sre"])) == 0 with data.intelgraph.flags.allowed_to as sre_alone
}

changed(before, after, approvers) := found if {
	found := flags.refuse with input as {
		"changes": [{"kind": "Flag", "name": "new-checkout", "before": before, "after": after}],
		"approvers": approvers,
		"facts": {},
		"time": "2026-11-24T08:00:00Z",
	}
}

config(ttl) := {"name": "new-checkout", "ttl_seconds": ttl}

mara := {"name": "mara-lindqvist", "roles": ["mc", "admin"]}

tomas := {"name": "tomas-okafor", "roles": ["backend", "sre"]}

test_a_new_flag_with_an_admin_among_its_approvers_passes if count(changed(null, config(week), [tomas, mara])) == 0

test_an_altered_flag_without_an_admin_is_refused if {
	changed(config(1), config(2), [tomas]) == {{
		"kind": "Flag",
		"name": "new-checkout",
		"rule": "flag-approver",
		"message": "flag `new-checkout` needs an `admin` among its approvers and at most 604800 seconds",
	}}
}

test_a_flag_that_lives_too_long_is_refused_whoever_approves if {
	count(changed(null, config(week + 1), [mara, tomas])) == 1
}

test_a_flag_may_be_taken_away_by_anybody if count(changed(config(week), null, [tomas])) == 0

test_a_change_of_a_flag_that_says_too_little_is_refused if {
	every after in [{}, 1, "x", {"ttl_seconds": "1"}] {
		count(changed(null, after, [mara])) == 1
	}
	count(flags.refuse) == 1 with input as {"changes": [{"kind": "Flag"}], "approvers": [mara]}
	added := [{"kind": "Flag", "after": config(1)}]
	count(flags.refuse) == 1 with input as {"changes": added}
	count(flags.refuse) == 1 with input as {"changes": added, "approvers": [{"name": "x"}]}
}

test_a_change_of_another_kind_is_none_of_its_business if {
	count(flags.refuse) == 0 with input as {"changes": [{"kind": "Tenant", "before": null, "after": {}}], "approvers": []}
}
