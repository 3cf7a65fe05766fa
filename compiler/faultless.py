"""Document -> the resource that it is, if nothing is to be said about it; part of the stage `decode`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import ValidationError

from compiler.domains.domain import Kind, Resource, Spec
from compiler.header import API_VERSION, LABEL, MAX_NAME, METADATA_KEYS, NAME, ROOT_KEYS
from compiler.nodes import Document
from compiler.secrets import worth_a_look

_ROOT, _METADATA = frozenset(ROOT_KEYS), frozenset(METADATA_KEYS)


def faultless(document: Document, kinds: Mapping[str, Kind]) -> Resource[Spec] | None:
    """Return the resource that a document is if nothing is to be said about it: most of a tree, and no node is read.

    It asks what `compiler.decode` asks, which decodes the others, and gives what that would give (a property shows it).
    """
    value = document.value
    if value is None or value.keys() != _ROOT or value["apiVersion"] != API_VERSION or worth_a_look(document.text):
        return None
    kind = kinds.get(value["kind"]) if isinstance(value["kind"], str) else None
    metadata, spec = value["metadata"], value["spec"]
    folder, _, file = document.path.rpartition("/")
    if kind is None or folder != kind.folder or (kind.only is not None and file != f"{kind.only}.yaml"):
        return None
    if not isinstance(metadata, dict) or not isinstance(spec, dict) or not _METADATA.issuperset(metadata):
        return None
    name, labels, description = metadata.get("name"), metadata.get("labels", {}), metadata.get("description", "")
    if not isinstance(name, str) or NAME.fullmatch(name) is None or len(name) > MAX_NAME:
        return None
    if not isinstance(labels, dict) or not all(map(LABEL.fullmatch, labels)):
        return None
    if not all(isinstance(text, str) for text in (*labels.values(), description)):
        return None
    written = json.dumps(spec, ensure_ascii=False)
    if "null" in written:
        return None  # perhaps a value that was forgotten
    try:
        model = kind.spec.model_validate_json(written, strict=True)
    except ValidationError:
        return None
    return Resource(kind, name, labels, description, model, document)
