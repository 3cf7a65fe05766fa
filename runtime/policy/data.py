"""`policy/<path>/data.json` files -> the one `data` document that Rego sees, as OPA itself lays it out.

Rules kept: a file is an object in canonical JSON; no key is given twice. The document is put together as text: a
history asks again after every verdict, and most files are as they were before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from runtime.contract.canonical import decode
from runtime.contract.errors import FormatError

_FOLDER = "policy/"
_FILE = "data.json"


def data_text(contents: Mapping[str, str]) -> str:
    """The document of the data files among a snapshot's contents, as JSON text; raises FormatError."""
    folders: dict[str, Any] = {}
    for path in sorted(path for path in contents if path.startswith(_FOLDER) and path.rsplit("/", 1)[-1] == _FILE):
        if not _is_object(contents[path]):
            raise FormatError(f"{path} is no JSON object")
        place = folders
        for part in path.split("/")[1:-1]:
            place = place.setdefault(part, {})
        place[""] = (path, contents[path])
    return _text(folders)


def _text(folder: dict[str, Any]) -> str:
    """One folder: its own file's keys, and its folders."""
    path, own = folder.pop("", (None, "{}"))
    if not folder:
        return str(own)
    if path is not None and (twice := json.loads(own).keys() & folder.keys()):
        raise FormatError(f"{path} gives `{min(twice)}`, and so does a folder beside it")
    inner = [f"{json.dumps(name)}:{_text(below)}" for name, below in folder.items()]
    return "{" + ",".join([own[1:-1]] * (own != "{}") + inner) + "}"


@lru_cache(maxsize=16_384)
def _is_object(text: str) -> bool:
    """Whether this is one, in canonical JSON."""
    return isinstance(decode(text.encode()), dict)
