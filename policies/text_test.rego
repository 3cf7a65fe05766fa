package intelgraph.text_test

import data.intelgraph.text

test_text_and_numbers_are_shown_as_they_are if {
	text.shown("eu-central") == "eu-central"
	text.shown(604800) == 604800
}

test_of_anything_else_only_the_type_is_shown if {
	text.shown(null) == "<null>"
	text.shown(true) == "<boolean>"
	text.shown(["a"]) == "<array>"
	text.shown({"b": 1, "a": 2}) == "<object>"
	text.shown({"a"}) == "<set>"
}

test_what_is_missing_is_shown_as_undefined if {
	$"{text.shown(input.x)}" == "<undefined>" with input as {}
}
