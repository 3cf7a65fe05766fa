"""The agent's half: contracts, consent, ledger, targets. Imports with the base dependencies alone."""
