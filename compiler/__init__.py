"""The compiler: YAML in, diagnostics or a bundle out; and the command line."""
