"""A change -> what of it matters most, as sentences: what a reader has to know before any table of fields."""
