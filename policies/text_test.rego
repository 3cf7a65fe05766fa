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

test_one_day_is_no_days if {
	text.days(1) == "1 day"
	text.days(0) == "0 days"
	text.days(30) == "30 days"
	text.days(null) == "<null> days"
}

test_what_is_missing_is_shown_as_undefined if {
	$"{text.shown(input.x)}" == "<undefined>" with input as {}
}

test_days_are_shown_as_dates if {
	text.date(0) == "1970-01-01"
	text.date(9) == "1970-01-10"
	text.date(11015) == "2000-02-28"
	text.date(11016) == "2000-02-29"
	text.date(11017) == "2000-03-01"
	text.date(11322) == "2000-12-31"
	text.date(20781) == "2026-11-24"
	text.date(21243) == "2028-02-29"
	text.date(47540) == "2100-02-28"
	text.date(47541) == "2100-03-01"
	text.date(157053) == "2399-12-31"
	text.date(157113) == "2400-02-29"
}
