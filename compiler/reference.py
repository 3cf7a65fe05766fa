"""Kinds -> JSON Schemas for editors and reference pages for people, both from the same pydantic models.

Rules kept: nothing is said here that a kind does not say; the same kinds give the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from compiler.domains.domain import Domain, Kind, RefersTo
from compiler.header import API_VERSION, LABEL, NAME

SCHEMAS = "compiler/schemas"
PAGES = "docs/kinds"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://conductor.intelgraph.io/schemas/"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?:[ :][A-Za-z0-9_./@+-]+)*|[0-9]+[a-zA-Z]+|[0-9]+(?:[.-][0-9]+){2}")
"""Text that YAML reads as the same text without quotes."""
TEMPLATES = Path(__file__).parent / "schemas"


@dataclass(frozen=True)
class Row:
    """One field of a kind, as its reference page shows it."""

    path: str
    type: str
    default: str
    meaning: str
    example: str


def reference(domains: Iterable[Domain]) -> Mapping[str, str]:
    """Return every file: path in the repository -> text."""
    domains = tuple(domains)
    kinds = [kind for domain in domains for kind in domain.kinds]
    files = {f"{SCHEMAS}/{kind.slug}.json": _json(schema(kind)) for kind in kinds}
    files[f"{SCHEMAS}/resource.json"] = _json(_any_of(kinds))
    page = _environment().get_template("kind.md.jinja")
    for domain in domains:
        for kind in domain.kinds:
            files[f"{PAGES}/{kind.slug}.md"] = page.render(
                kind=kind,
                domain=domain.name,
                about=_doc(kind.spec),
                file=f"{kind.folder}/{kind.only or '<name>'}.yaml",
                example=example(kind),
                rows=list(rows(kind.spec)),
            )
    files[f"{PAGES}/README.md"] = _environment().get_template("kinds.md.jinja").render(domains=domains, doc=_doc)
    return dict(sorted(files.items()))


def schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON Schema of a whole document of a kind."""
    spec = _without_null(kind.spec.model_json_schema(ref_template="#/$defs/{model}"))
    definitions = spec.pop("$defs", {})
    name: dict[str, Any] = {"type": "string", "pattern": f"^{NAME.pattern}$"}
    return {
        "$schema": DRAFT,
        "$id": f"{BASE}{kind.slug}.json",
        "title": kind.name,
        "description": _doc(kind.spec),
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.name},
            "metadata": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"const": kind.only} if kind.only else name,
                    "labels": {
                        "type": "object",
                        "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
                        "additionalProperties": {"type": "string"},
                    },
                    "description": {"type": "string"},
                },
            },
            "spec": spec,
        },
        "$defs": definitions,
    }


def _without_null(value: Any) -> Any:
    """A schema in which what may be left out may not be empty: `check` asks for a value, or for the line to go."""
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_null(item) for key, item in value.items() if (key, item) != ("default", None)}
    choices = [item for item in kept.get("anyOf", ()) if item != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **{key: item for key, item in kept.items() if key != "anyOf"}}
    return {**kept, "anyOf": choices} if choices else kept


def _any_of(kinds: Iterable[Kind]) -> dict[str, Any]:
    return {
        "$schema": DRAFT,
        "$id": f"{BASE}resource.json",
        "title": "Resource",
        "description": "A document of any kind; for editors that take one schema for all files.",
        "type": "object",
        "required": ["kind"],
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.name}}},
                "then": {"$ref": f"{kind.slug}.json"},
            }
            for kind in kinds
        ],
    }


def rows(model: type[BaseModel], above: str = "", *, within: bool = False) -> Iterator[Row]:
    """Every field of a model, depth first, in the order in which it is declared; `within` something optional."""
    for name, field in model.model_fields.items():
        yield Row(
            path=above + name,
            type=_type(_whole(field)),
            default=_default(field, within=within),
            meaning=field.description or "",
            example=_example(field),
        )
        inner, suffix = _inner(field.annotation)
        if inner is not None:
            optional = within or not field.is_required()
            yield from rows(inner, f"{above}{name}{suffix}.", within=optional)


def example(kind: Kind) -> str:
    """Return the smallest document of a kind: its required fields, each with its example."""
    name = kind.only or "example"
    head = f"apiVersion: {API_VERSION}\nkind: {kind.name}\nmetadata:\n  name: {name}\nspec:\n"
    return head + "\n".join(_yaml(_smallest(kind.spec), "  "))


def _smallest(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if not field.is_required():
            continue
        inner, suffix = _inner(field.annotation)
        examples = _examples(field)
        if examples:
            found[name] = examples[0]
        elif inner is not None:
            found[name] = [_smallest(inner)] if suffix == "[]" else _smallest(inner)
        else:
            found[name] = _first(field.annotation)
    return found


def _first(annotation: Any) -> Any:
    choices = [value for choice in _literals(annotation) for value in choice]
    if choices:
        return [choices[0]] if get_origin(annotation) is tuple else choices[0]
    if annotation is bool:
        return False
    raise AssertionError(f"a required field of type {annotation} needs an example")


def _literals(annotation: Any) -> Iterator[tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        yield get_args(annotation)
    elif get_origin(annotation) is not None:
        for argument in get_args(annotation):
            yield from _literals(argument)


def _yaml(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield f"{indent}{key}:"
            yield from _yaml(item, indent + "  ")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            yield f"{indent}{key}:"
            for entry in item:
                first, *rest = _yaml(entry, indent + "    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{key}: {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in {"true", "false", "null"}:
        return value
    return json.dumps(value, ensure_ascii=False)


def _whole(field: FieldInfo) -> Any:
    """A field's type with what annotates it."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _type(shape: Any) -> str:
    """Return a type in words."""
    if get_origin(shape) is Annotated:
        inner, *notes = get_args(shape)
        return _annotated(inner, notes)
    if _is_union(shape):
        return " or ".join(_type(item) for item in get_args(shape) if item is not NoneType)
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Literal:
        return (
            ", ".join(f"`{value}`" for value in arguments[:-1]) + f" or `{arguments[-1]}`"
            if len(arguments) > 1
            else f"`{arguments[0]}`"
        )
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return "mapping"
    return {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}[shape]


def _annotated(inner: Any, notes: Iterable[Any]) -> str:
    notes = [note for outer in notes for note in (outer.metadata if isinstance(outer, FieldInfo) else (outer,))]
    words = _type(inner)
    for note in notes:
        match note:
            case RefersTo(kind=kind):
                words = f"name of a [{kind}]({''.join(_dashed(kind))}.md)"
            case WithJsonSchema(json_schema={"title": str(title)}):
                words = title
            case WithJsonSchema(json_schema={"type": list(types)}):
                words = " or ".join(types)
            case _:
                pass
    limits = [text for note in notes for text in _limits(note)]
    return f"{words}, {', '.join(limits)}" if limits else words


def _limits(note: Any) -> Iterator[str]:
    match note:
        case Ge(ge=value):
            yield f"at least {value}"
        case Gt(gt=value):
            yield f"more than {value}"
        case Le(le=value):
            yield f"at most {value}"
        case Lt(lt=value):
            yield f"less than {value}"
        case MinLen(min_length=value) if value > 1:
            yield f"at least {value} long"
        case MaxLen(max_length=value):
            yield f"at most {value} long"
        case _:
            pass


def _dashed(name: str) -> Iterator[str]:
    for index, letter in enumerate(name):
        yield f"-{letter.lower()}" if letter.isupper() and index else letter.lower()


def _default(field: FieldInfo, *, within: bool) -> str:
    if field.is_required():
        return "*required* in it" if within else "*required*"
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "x-default" in extra:
        return str(extra["x-default"])
    value = field.get_default(call_default_factory=False)
    if value is None or value in ((), {}):
        return "—"
    return f"`{_scalar(value)}`"


def _examples(field: FieldInfo) -> list[Any]:
    if field.examples:
        return list(field.examples)
    return [
        item
        for note in _notes(_whole(field))
        if isinstance(note, WithJsonSchema) and note.json_schema
        for item in note.json_schema.get("examples", [])
    ]


def _notes(shape: Any) -> Iterator[Any]:
    """What annotates a type that is not a collection."""
    if get_origin(shape) is Annotated:
        inner, *notes = get_args(shape)
        yield from notes
        yield from _notes(inner)
    elif _is_union(shape):
        for item in get_args(shape):
            yield from _notes(item)


def _example(field: FieldInfo) -> str:
    examples = _examples(field)
    return f"`{_scalar(examples[0])}`" if examples else ""


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model below a field, and how a path goes into it."""
    if get_origin(annotation) is Annotated:
        return _inner(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    if _is_union(annotation):
        return next((found for item in get_args(annotation) if (found := _inner(item))[0] is not None), (None, ""))
    if get_origin(annotation) is tuple:
        return _inner(get_args(annotation)[0])[0], "[]"
    return None, ""


def _is_union(shape: Any) -> bool:
    return get_origin(shape) in {Union, UnionType}


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _environment() -> Environment:
    # the pages are Markdown, and all that goes into them is our own text
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 -- no HTML is made here
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
