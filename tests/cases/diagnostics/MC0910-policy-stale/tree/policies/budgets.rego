package intelgraph.budgets

deny contains $"tenant {tenant.name} has no budget" if {
	some tenant in input.resources
	not tenant.spec.budgets
}
