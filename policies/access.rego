# Who may use which scope, on which tenant, from where: what a grant gives, as far as the tenant allows it now.
package intelgraph.access

# From another region a tenant is at most looked at.
reads := {"billing.read", "graph.read", "tenant.read"}

# And of a suspended one no more than how it stands. A deprovisioned one is not in the data at all.
of_the_suspended := {"billing.read", "tenant.read"}

default allow := false

allow if {
	some grant in data.grants
	input.requester.role in grant.roles
	input.scope in grant.scopes
	tenant := data.tenants[input.tenant]
	covers(grant, tenant)
	usable(tenant)
	reachable(tenant)
	may_leave(tenant)
}

covers(grant, _) if input.tenant in grant.tenants

covers(grant, tenant) if tenant.blueprint in grant.blueprints

usable(tenant) if tenant.state == "active"

usable(tenant) if {
	tenant.state == "suspended"
	input.scope in of_the_suspended
}

reachable(tenant) if input.region == tenant.region

reachable(tenant) if {
	input.scope in reads
	tenant.policies.cross_region_reads == true
}

may_leave(_) if input.scope != "graph.export"

may_leave(tenant) if tenant.policies.bulk_export == true
