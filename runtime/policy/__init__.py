"""Rego decisions in process, from the committed policy.wasm."""
