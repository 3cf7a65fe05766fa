# How values are shown in messages.
package intelgraph.text

# wasm writes the keys of objects and the items of sets in another order than OPA, so only plain values are written out.
shown(value) := value if {
	is_string(value)
} else := value if {
	is_number(value)
} else := $"<{type_name(value)}>"
