"""The base of every model that is read from what others wrote: frozen, strict, no unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Its validator is built when it is first needed: a command reads few of the hundred forms that it imports."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)
