package intelgraph.access_test

import data.intelgraph.access

grants := {
	"admins": {
		"roles": ["admin"],
		"scopes": ["admin.write", "graph.export", "graph.read", "tenant.read"],
		"blueprints": ["standard"],
		"tenants": [],
	},
	"auditors": {
		"roles": ["auditor"],
		"scopes": ["billing.read", "tenant.read"],
		"blueprints": [],
		"tenants": ["acme"],
	},
}

open_handed := {"cross_region_reads": true, "bulk_export": true}

strict := {"cross_region_reads": false, "bulk_export": false}

acme := {"blueprint": "standard", "region": "eu-central", "state": "active", "policies": open_handed}

nordwind := {"blueprint": "regulated", "region": "eu-central", "state": "active", "policies": strict}

asked(role, scope) := {
	"requester": {"name": "mara", "role": role},
	"scope": scope,
	"tenant": "acme",
	"region": "eu-central",
}

with_part(value, part) := object.union(value, part)

may(question, tenant) if {
	access.allow with input as question
		with data.grants as grants
		with data.tenants as {"acme": tenant, "nordwind": nordwind}
}

test_a_grant_gives_its_scopes_to_its_roles_alone if {
	may(asked("admin", "admin.write"), acme)
	may(asked("auditor", "tenant.read"), acme)
	not may(asked("auditor", "admin.write"), acme)
	not may(asked("admin", "billing.read"), acme)
	not may(asked("sre", "tenant.read"), acme)
}

test_a_grant_covers_the_tenants_it_names_and_those_of_its_blueprints if {
	not may(with_part(asked("admin", "tenant.read"), {"tenant": "nordwind"}), acme)
	not may(with_part(asked("auditor", "tenant.read"), {"tenant": "nordwind"}), acme)
	not may(asked("admin", "tenant.read"), with_part(acme, {"blueprint": "regulated"}))
	may(asked("auditor", "tenant.read"), with_part(acme, {"blueprint": "regulated"}))
	not may(with_part(asked("admin", "tenant.read"), {"tenant": "nobody"}), acme)
}

test_of_a_suspended_tenant_only_how_it_stands_is_left if {
	asleep := with_part(acme, {"state": "suspended"})
	may(asked("auditor", "tenant.read"), asleep)
	may(asked("auditor", "billing.read"), asleep)
	every scope in ["admin.write", "graph.read", "graph.export"] {
		not may(asked("admin", scope), asleep)
	}
	every state in ["deprovisioned", null, true, ["active"]] {
		not may(asked("auditor", "tenant.read"), with_part(acme, {"state": state}))
	}
}

test_from_another_region_a_tenant_is_looked_at_where_its_blueprint_allows_it if {
	away := {"region": "us-east"}
	may(with_part(asked("admin", "graph.read"), away), acme)
	may(with_part(asked("auditor", "billing.read"), away), acme)
	may(with_part(asked("auditor", "tenant.read"), away), acme)
	not may(with_part(asked("admin", "admin.write"), away), acme)
	not may(with_part(asked("admin", "graph.export"), away), acme)
	every value in [false, null, "true", 1] {
		guarded := with_part(acme, {"policies": {"cross_region_reads": value}})
		not may(with_part(asked("admin", "graph.read"), away), guarded)
		may(asked("admin", "graph.read"), guarded)
	}
}

test_nothing_is_exported_in_bulk_where_the_blueprint_forbids_it if {
	may(asked("admin", "graph.export"), acme)
	every value in [false, null, "true", 1] {
		guarded := with_part(acme, {"policies": {"bulk_export": value}})
		not may(asked("admin", "graph.export"), guarded)
		may(asked("admin", "admin.write"), guarded)
	}
}

test_what_is_missing_is_refused if {
	every path in ["/requester", "/requester/role", "/scope", "/tenant"] {
		not may(json.patch(asked("admin", "graph.read"), [{"op": "remove", "path": path}]), acme)
	}
	near := json.patch(asked("admin", "admin.write"), [{"op": "remove", "path": "/region"}])
	not may(near, acme)
	every path in ["/state", "/blueprint", "/region"] {
		not may(asked("admin", "admin.write"), json.patch(acme, [{"op": "remove", "path": path}]))
	}
	not may(near, json.patch(acme, [{"op": "remove", "path": "/region"}]))
	every path in ["/roles", "/scopes", "/blueprints"] {
		cut := {"admins": json.patch(grants.admins, [{"op": "remove", "path": path}])}
		not access.allow with input as asked("admin", "admin.write") with data.grants as cut
			with data.tenants as {"acme": acme}
	}
	access.allow == false with input as asked("admin", "admin.write")
	access.allow == false with input as {} with data.grants as grants with data.tenants as {"acme": acme}
}
