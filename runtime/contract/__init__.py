"""The wire formats both halves share: canonical JSON, manifest, change, objects, statements, envelopes. No I/O."""
