package intelgraph.budgets

# time.now_ns() in a comment calls nothing, and neither does "sprintf(x)" in a text.
deny contains $"at {time.now_ns()} tenant \{sprintf(x)} {upper($"{semver.compare("1.0.0", tenant.name)}")}" if {
	some tenant in input.resources
	not tenant.spec.budgets == `crypto.md5(x)`
}
