"""Findings: spans, codes, one file per output format."""
