"""The real OPA of the pinned version: found, or built."""

from __future__ import annotations

from compiler.opa import Opa, cached, version_of
from compiler.rego import OPA_VERSION
from runtime.contract.errors import EnvironmentFailedError
from tests.cases.inputs import ROOT
from tests.services.go_tools import built

MODULE = f"github.com/open-policy-agent/opa@v{OPA_VERSION}"


def opa() -> Opa:
    """Find OPA, or build it."""
    try:
        return Opa.find(ROOT)
    except EnvironmentFailedError:
        return Opa(built(MODULE, cached(), fits=lambda path: version_of(path) == OPA_VERSION))
