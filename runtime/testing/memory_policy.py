"""A policy that is a function: stands where a `policy.wasm` would, and answers about transitions only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runtime.contract.policy_input import TransitionInput
from runtime.policy.engine import Policy, Refused


class MemoryPolicy(Policy):
    """See the module."""

    def __init__(self, objections: Callable[[TransitionInput], list[Refused]]) -> None:
        self.objections = objections

    def transition(self, asked: TransitionInput) -> list[Refused]:
        """Answer as told."""
        return self.objections(asked)


def no_objection(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """Load any policy as one that allows everything."""
    del wasm, contents
    return MemoryPolicy(lambda _: [])


def legal_hold(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """Load any policy as one that lets nobody remove the tenant `globex`."""
    del wasm, contents
    return MemoryPolicy(
        lambda asked: [
            Refused(change["kind"], change["name"], "legal-hold", "a tenant under a legal hold cannot be removed")
            for change in asked["changes"]
            if (change["kind"], change["name"]) == ("Tenant", "globex") and change["after"] is None
        ]
    )
