package intelgraph.budgets

deny contains sprintf("tenant %v has no budget", [tenant.name]) if {
	some tenant in input.resources
	not tenant.spec.budgets
}
