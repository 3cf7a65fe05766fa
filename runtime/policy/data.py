"""`policy/<path>/data.json` files -> the one `data` document that Rego sees, as OPA itself lays it out.

Rules kept: a file is an object in canonical JSON; no key is given twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.contract.canonical import JSON, decode
from runtime.contract.errors import FormatError

_FOLDER = "policy/"
_FILE = "data.json"


def data_of(contents: Mapping[str, str]) -> dict[str, JSON]:
    """Put the data files among a snapshot's contents together; raises FormatError."""
    document: dict[str, Any] = {}
    for path, text in sorted(contents.items()):
        if not path.startswith(_FOLDER) or path.rsplit("/", 1)[-1] != _FILE:
            continue
        content = decode(text.encode())
        if not isinstance(content, dict):
            raise FormatError(f"{path} is no JSON object")
        place = document
        for part in path.split("/")[1:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise FormatError(f"{path} lies below a value of another data.json")
        if twice := place.keys() & content.keys():
            raise FormatError(f"{path} gives `{min(twice)}`, which another data.json gives too")
        place.update(content)
    return document
