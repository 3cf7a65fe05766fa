"""Doubles that tests alter, with the interfaces of the real parts; what judges and writes is never doubled.

Parts: `memory_git`, `memory_target`, `memory_policy`, `tiny_compiler`; and a real server to throw away:
`embedded_postgres`.
What they are fed: `small_tree` (input files, and keys by name), `statements` (of people).
Wholes, the smallest that does is the one to take:
- `court`: one case to be judged, without git;
- `installation`: a history, by an agent that decides honestly;
- `chronicle`: a ledger, by an agent that writes what it is told, right or wrong;
- `fleet`: the agent's whole loop, with its remote and its targets.
"""
