# The three entry points. Each asks the packages that have something to say; a new domain is one more line.
package conductor

# At compile time: what is wrong with the resources of the tree. Every rule speaks of one resource, or with
# neither kind nor name of `/roles`, so that the compiler may ask in batches.
deny contains finding if some finding in data.intelgraph.flags.deny

deny contains finding if some finding in data.intelgraph.tenants.deny

# Before a verdict: what of this change may not be made now, by these approvers.
transition contains refusal if some refusal in data.intelgraph.flags.refuse

transition contains refusal if some refusal in data.intelgraph.tenants.refuse

# At run time: may this requester do this.
default allow := false

allow if {
	input.action == "set-flag"
	has_role(input.requester)
	data.intelgraph.flags.allow
}

allow if {
	input.action == "use-scope"
	has_role(input.requester)
	data.intelgraph.access.allow
}

# A role is what `policies/people` says, never what a requester says.
has_role(requester) if requester.role in data.people[requester.name].roles
