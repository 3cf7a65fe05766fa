"""P's policy x change x time -> the question `judge` asks of those who count (plan, section 7, rule 5).

Rule kept: the answer is P's policy's, about the change's own content; whoever verifies later asks the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.governance.case import Problem, Transition
from runtime.governance.people import Approver
from runtime.policy.engine import Policy
from runtime.policy.transition import refusals


def ask(policy: Policy | None, change: Change, *, at: datetime, facts: Mapping[str, JSON] | None = None) -> Transition:
    """Bind the question to P's policy (None: P has none, and everything is refused), the change and the time."""

    def transition(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        people = [(approver.name, approver.roles) for approver in approvers]
        return tuple(
            Problem("transitions", f"{refused.kind} {refused.name}: {refused.message}".lstrip(" :"))
            for refused in refusals(policy, change, people, at=at, facts=facts)
        )

    return transition
