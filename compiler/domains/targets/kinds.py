"""Target: a running system the agent observes and acts on."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from compiler.domains.domain import Kind, Spec
from compiler.domains.fields import Reference, Region, text

Identity: TypeAlias = Annotated[
    str,
    *text(
        r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$",
        "identity",
        "an identity is what the system says it is, like 7437208815519240193/intelgraph",
        "7437208815519240193/intelgraph",
    ),
]


Folder: TypeAlias = Annotated[
    str,
    *text(
        r"^file:/[A-Za-z0-9_./-]+$",
        "folder reference",
        "a folder is `file:` and an absolute path on the agent's machine, like file:/var/lib/conductor/archives",
        "file:/var/lib/conductor/archives",
    ),
]
Recipient: TypeAlias = Annotated[
    str,
    *text(
        r"^age1[02-9ac-hj-np-z]{58}$",
        "age recipient",
        "an age recipient is what `age-keygen -y` prints: `age1` and 58 more characters",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    ),
]


class Archive(Spec):
    """Where the data of deprovisioned tenants is kept."""

    folder: Folder = Field(description="A folder of the agent's machine. An archive lies there as a file of mode 0600.")
    recipients: tuple[Recipient, ...] = Field(
        min_length=1, description="Who can read the archives: public keys as `age-keygen` makes them."
    )


class TargetSpec(Spec):
    """A running system, how to reach it, and what the agent may do to it."""

    type: Literal["postgres", "release"] = Field(
        description="`postgres`: a database server; `release`: a folder that flags, dashboards, rules and policy go to."
    )
    region: Region = Field(description="Where it stands; tenants of a region live in its one postgres target.")
    dsn: Reference = Field(description="Where the agent finds its connection string, or a release folder's path.")
    identity: Identity = Field(
        description="Which system is meant: `<system identifier>/<database>` of PostgreSQL, the id in a release "
        "folder's `.conductor-target`. `conductor agent once --dry-run` prints the one it finds.",
    )
    drift: Literal["heal", "report"] = Field(
        "report", description="Whether what was altered by hand is set right, or only recorded."
    )
    max_delete_percent: int = Field(
        10,
        ge=0,
        le=100,
        description="A larger share of the target's objects never goes at once, but for one tenant's; 0: none goes.",
    )
    control: bool = Field(
        False,  # noqa: FBT003 -- a field's default
        description="Whether this is the one database that holds the agent's lock and the ledger's head.",
    )
    archive: Archive | None = Field(
        None, description="Where the data of its deprovisioned tenants is kept; without it none can be deprovisioned."
    )


TARGET = Kind("Target", "target", "spec/targets", TargetSpec)
