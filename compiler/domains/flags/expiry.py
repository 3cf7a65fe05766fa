"""Flags x day -> warnings for those that have expired, errors for those that start in the future.

Apart from the other rules, because time is an argument: `build` never asks (plan, section 5).
"""

from __future__ import annotations

from datetime import date

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label
from compiler.domains.domain import Model
from compiler.domains.flags.kinds import FlagSpec
from runtime.flags.config import last_day, starts_later


def judge_days(model: Model, today: date, diagnostics: Diagnostics) -> None:
    """Find every flag whose last day is before `today`, and every one that is dated later."""
    for flag in model.all(FlagSpec).values():
        created = date.fromisoformat(flag.spec.created)
        last = last_day(created, flag.spec.ttl_seconds)
        if starts_later(created, today):
            diagnostics.add(
                codes.FLAG_STARTS_LATER,
                f"flag `{flag.name}` is dated in the future",
                Label(flag.span("created"), f"today is {today}"),
                help=f"set the day it is created: `created: {today}`",
            )
        elif last < today:
            diagnostics.add(
                codes.FLAG_EXPIRED,
                f"flag `{flag.name}` has expired",
                Label(flag.span("ttl_seconds"), f"its last day was {last}, and today is {today}"),
                Label(flag.span("created"), "it lives from the start of this day"),
                help="remove the flag and what asks for it, or decide anew: a new `created`, approved like any change",
            )
