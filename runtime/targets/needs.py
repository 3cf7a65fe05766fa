"""Targets x wanted objects -> every secret they need, read at once; or one error that names all that is missing.

Rules kept:
- nothing is observed, decided or written without them: a password that cannot be read is not a password that differs;
- what is declared is needed: the DSN of every target, and the password of every tenant, a suspended one's too, because
  its suspension is proved with it and what is stored is compared with it, whenever that was. What is to be deleted
  needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import Object
from runtime.targets.config import TargetConfig
from runtime.targets.postgres import scram
from runtime.targets.secrets import Check, Secrets

Need = tuple[str, Check]


def needs(targets: Iterable[TargetConfig], objects: Iterable[Object]) -> Iterator[Need]:
    """Every reference, with what is asked of its value. The password is the one secret that an object has."""
    for config in targets:
        yield config.dsn, _anything
    for item in objects:
        password = item.attributes.get("password")
        if item.id.type == "role" and isinstance(password, str):
            yield password, scram.require_plain


def require(secrets: Secrets, targets: Iterable[TargetConfig], objects: Iterable[Object]) -> None:
    """Hold all secrets that these need; raises EnvironmentFailedError that names every one that is missing."""
    problems = secrets.hold(sorted(needs(targets, objects), key=lambda need: need[0]))
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise EnvironmentFailedError(
            "\n  ".join([f"{len(problems)} secrets are missing:", *(problem.message for problem in problems)]),
            help="set them where the agent is started, or change the references in YAML; until then nothing is looked "
            "at and nothing is written",
        )


def _anything(value: str, _: str) -> str:
    return value
