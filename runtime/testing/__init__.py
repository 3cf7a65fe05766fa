"""In-memory doubles with the interfaces of the real ones, for our tests and for users."""
