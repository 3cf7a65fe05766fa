"""All git I/O: trees by raw blob, commits and their signatures, append and push."""
