# How values are shown in messages.
package intelgraph.text

# wasm writes the keys of objects and the items of sets in another order than OPA, so only plain values are written out.
shown(value) := value if {
	is_string(value)
} else := value if {
	is_number(value)
} else := $"<{type_name(value)}>"

# How long something is kept.
days(number) := "1 day" if {
	number == 1
} else := $"{shown(number)} days"

# Days since 1970-01-01 as a date; by hand, because wasm has no `time.*`. Years begin in March, so that a leap day is
# the last day of one (Hinnant, "chrono-compatible low-level date algorithms").
date(days) := $"{year}-{two(month)}-{two(day)}" if {
	shifted := days + 719468
	era := floor(shifted / 146097)
	of_era := shifted - (era * 146097)
	leap := (floor(of_era / 1460) - floor(of_era / 36524)) + floor(of_era / 146096)
	year_of_era := floor((of_era - leap) / 365)
	of_year := of_era - (((365 * year_of_era) + floor(year_of_era / 4)) - floor(year_of_era / 100))
	from_march := floor(((5 * of_year) + 2) / 153)
	day := (of_year - floor(((153 * from_march) + 2) / 5)) + 1
	month := ((from_march + 2) % 12) + 1
	year := (year_of_era + (era * 400)) + floor((14 - month) / 12)
}

two(number) := $"0{number}" if {
	number < 10
} else := $"{number}"
