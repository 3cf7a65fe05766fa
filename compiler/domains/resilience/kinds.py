"""Operations: from when on somebody is told that Conductor itself is in trouble."""

from __future__ import annotations

from pydantic import Field

from compiler.domains.domain import Kind, Spec


class OperationsSpec(Spec):
    """When the operators of Conductor are alerted. Alert rules and a dashboard of the agent go out with the release."""

    not_converging_seconds: int = Field(
        ge=300,
        le=86_400,
        description="How long no turn may end well before somebody is woken up; an agent waits up to 300 between two.",
        examples=[900],
    )
    pending_hours: int = Field(
        ge=1, le=720, description="How long a change may wait on main before somebody is asked to look.", examples=[24]
    )
    action_deadline_seconds: int = Field(
        3600, ge=60, le=86_400, description="How long an intent may be without its result: longer than actions take."
    )
    clock_gap_seconds: int = Field(
        30, ge=1, le=3600, description="How far an agent's clock may be behind the ledger's last entry."
    )


OPERATIONS = Kind("Operations", "operations", "spec/operations", OperationsSpec, only="conductor")
