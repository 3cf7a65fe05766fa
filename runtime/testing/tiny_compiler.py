"""Input files -> Compiled: a compiler small enough for tests of what comes after one, with the real one's interface.

Documents are canonical JSON (which is YAML). It knows tenants, blueprints, flags, targets and governance, renders the
paths of a bundle, and a tenant to two objects on `pg-eu`. It keeps what the rules of consent lean on: the result is a
function of the inputs alone, one file per resource, `config/tenants/tenant/*` depends on the tenant and its blueprint,
and a reference that points at nothing does not compile.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from runtime.contract.canonical import JSON, decode, encode, sha256
from runtime.contract.compiling import Compile, Compiled
from runtime.contract.errors import FormatError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.objects import Object, ObjectId, encode_objects
from runtime.git.inputs import is_input
from runtime.git.interface import Git

_GOVERNANCE = {
    "policies/approvals.yaml": "config/governance/approval-policy/approvals.json",
    "policies/compiler.yaml": "config/governance/compiler/compiler.json",
}
_SAFEGUARDS = ("legal_hold", "retention_days")
"""What a blueprint gives its tenants, unless they say otherwise."""


def compile_commit(git: Git) -> Compile:
    """Return a `compile` over a repository."""

    def compiled(commit: str) -> Compiled:
        entries = {path: entry for path, entry in git.files(commit, *INPUT_FOLDERS).items() if is_input(path)}
        blobs = git.blobs(entry.oid for entry in entries.values())
        return compile_files({path: blobs[entry.oid] for path, entry in entries.items()})

    return compiled


def compile_files(files: Mapping[str, bytes]) -> Compiled:
    """Compile input files, path -> bytes."""
    return _compiled(tuple(sorted(files.items())))


@lru_cache(maxsize=2048)
def _compiled(items: tuple[tuple[str, bytes], ...]) -> Compiled:
    files = dict(items)
    inputs = {path: sha256(data) for path, data in files.items()}
    bundle: dict[str, bytes] = {}
    errors: list[str] = []
    for path, data in sorted(files.items()):
        try:
            bundle.update(_rendered(path, data, files))
        except FormatError as error:
            errors.append(f"{path}:1:1: error: {error.message}")
    return Compiled(inputs, {} if errors else bundle, tuple(errors))


def _rendered(path: str, data: bytes, files: Mapping[str, bytes]) -> dict[str, bytes]:
    name = path.rsplit("/", 1)[-1].split(".", 1)[0]
    match path.split("/"):
        case ["tenants", _]:
            spec = _document(data)
            blueprint = files.get(f"tenants/blueprints/{spec.get('blueprint')}.yaml")
            if blueprint is None:
                raise FormatError(f"unknown blueprint `{spec.get('blueprint')}`")
            content = {
                "name": name,
                "state": spec.get("state", "active"),
                "spec": spec,
                "blueprint": _document(blueprint),
                **{key: value for key, value in {**_document(blueprint), **spec}.items() if key in _SAFEGUARDS},
            }
            objects = encode_objects(_objects(name, spec))
            return {f"config/tenants/tenant/{name}.json": encode(content), f"objects/tenant/{name}.json": objects}
        case ["tenants", "blueprints", _]:
            _document(data)
            return {}
        case ["flags", _]:
            spec = _document(data)
            for tenant in spec.get("tenants", []):
                if f"tenants/{tenant}.yaml" not in files:
                    raise FormatError(f"unknown tenant `{tenant}`")
            return {f"config/flags/flag/{name}.json": encode({"name": name, "spec": spec})}
        case ["spec", "targets", _]:
            return {f"config/targets/target/{name}.json": data}
        case ["policies", "people", _]:
            roles = encode({"roles": _document(data).get("roles", [])})
            return {f"config/governance/person/{name}.json": data, f"policy/people/{name}/data.json": roles}
        case ["policies", "agents", _]:
            return {f"config/governance/agent/{name}.json": data}
        case ["policies", "keys", _]:
            return {f"config/governance/key-proof/{name}.json": data}
        case ["policies", file] if path in _GOVERNANCE or file.endswith((".rego", ".wasm")):
            return {_GOVERNANCE.get(path, f"policy/{file}"): data}
        case _:
            return {}


def _objects(name: str, spec: Mapping[str, JSON]) -> list[Object]:
    login: dict[str, JSON] = {"login": spec.get("state", "active") == "active"}
    password = {"password": spec["password"]} if "password" in spec else {}
    adopt = spec.get("adopt") is True
    return [
        Object(ObjectId("pg-eu", "role", f"{name}_app"), login | password, 1, name, adopt),
        Object(ObjectId("pg-eu", "schema", name), {"owner": f"{name}_app"}, 2, name, adopt),
    ]


def _document(data: bytes) -> dict[str, JSON]:
    value = decode(data)
    if not isinstance(value, dict):
        raise FormatError("a document is an object")
    return value
