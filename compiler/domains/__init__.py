"""One room per domain: kinds, rules, render. `ALL` in `registry.py` is the list of domains."""
