"""Keys and envelopes, in and out."""
