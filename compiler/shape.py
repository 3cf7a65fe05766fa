"""A kind's pydantic model -> what may stand at a place in it, and which of its places refer to other resources."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from compiler.domains.domain import RefersTo
from compiler.nodes import Pointer


class Every(Enum):
    """A step that is taken for every item of a list, or every value of a mapping."""

    ITEM = "item"


Path: TypeAlias = tuple[str | Every, ...]


def fields_at(model: type[BaseModel], place: Iterable[str | int]) -> frozenset[str]:
    """Names of the fields that may stand in the mapping at a place below a model."""
    shapes: list[Any] = [model]
    for part in place:
        inner = [item for shape in shapes for item in _inside(shape, part)]
        shapes = inner or shapes  # pydantic names a union's branch in a place; that is no step in the document
    models = [item for shape in shapes for item in _plain(shape) if _is_model(item)]
    return frozenset(name for item in models for name in item.model_fields)


@dataclass(frozen=True)
class Facts:
    """What is known of a place in a model, other than its type."""

    examples: tuple[Any, ...] = ()
    low: Any = None
    high: Any = None
    kind: str | None = None
    """The kind of the resources that may be named there."""
    pattern: str | None = None
    """What text there must match."""


def facts_at(model: type[BaseModel], place: Iterable[str | int]) -> Facts:
    """What the field at a place below a model says of its values."""
    shapes: list[Any] = [model]
    for part in place:
        inner = [item for shape in shapes for item in _fields(shape, part)]
        shapes = inner or shapes
    said = [item for shape in shapes for item in _said(shape)]
    found = [example for item in said for example in getattr(item, "examples", None) or ()]
    for item in said:
        if isinstance(item, WithJsonSchema) and item.json_schema:
            found += item.json_schema.get("examples", ())
    bounds = {
        name: next((value for item in said if (value := getattr(item, name, None)) is not None), None)
        for name in ("ge", "le")
    }
    kind = next((item.kind for item in said if isinstance(item, RefersTo)), None)
    schemas = [item.json_schema for item in said if isinstance(item, WithJsonSchema) and item.json_schema]
    pattern = next((schema["pattern"] for schema in schemas if "pattern" in schema), None)
    return Facts(tuple(found), bounds["ge"], bounds["le"], kind, pattern)


def may_be_left_out(model: type[BaseModel], place: Iterable[str | int]) -> bool:
    """Whether a place below a model is one of its fields, and nothing need stand there."""
    shapes: list[Any] = [model]
    for part in place:
        shapes = [inner for shape in shapes for inner in _fields(shape, part)]
    return any(
        isinstance(shape, FieldInfo) and any(item is NoneType for item in _plain(shape.annotation)) for shape in shapes
    )


@cache
def references(model: type[BaseModel]) -> tuple[tuple[Path, RefersTo], ...]:
    """Paths in a model that hold names of resources, and of which kind."""
    return tuple(_references(model, (), frozenset()))


def named(value: Any, path: Path, at: Pointer = ()) -> Iterator[tuple[Pointer, str, bool]]:
    """Every name that stands at a path of a model, or of plain JSON: where, the name, and whether it is the key there.

    Plain JSON may have another shape than the model; what does not fit holds no name.
    """
    if value is None:
        return
    if not path:
        if isinstance(value, str):
            yield at, value, False
        elif isinstance(value, MappingOf):
            yield from (((*at, key), key, True) for key in value)
    elif isinstance(path[0], str):
        inner = value.get(path[0]) if isinstance(value, dict) else getattr(value, path[0], None)
        yield from named(inner, path[1:], (*at, path[0]))
    elif isinstance(value, MappingOf):
        for key, item in value.items():
            yield from named(item, path[1:], (*at, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from named(item, path[1:], (*at, index))


def _references(shape: Any, path: Path, above: frozenset[Any]) -> Iterator[tuple[Path, RefersTo]]:
    if get_origin(shape) is Annotated:
        yield from _here(get_args(shape)[0], path, shape.__metadata__)
        yield from _references(get_args(shape)[0], path, above)
    elif _is_model(shape):
        if shape in above:
            return
        for name, field in shape.model_fields.items():
            yield from _here(field.annotation, (*path, name), field.metadata)
            yield from _references(field.annotation, (*path, name), above | {shape})
    elif _is_union(shape):
        for branch in get_args(shape):
            yield from _references(branch, path, above)
    elif isinstance(get_origin(shape), type) and issubclass(get_origin(shape), MappingOf):
        key, value = get_args(shape)
        yield from ((path, item) for inner, item in _references(key, path, above) if inner == path)
        yield from _references(value, (*path, Every.ITEM), above)
    else:
        for argument in get_args(shape):
            yield from _references(argument, (*path, Every.ITEM), above)


def _here(shape: Any, path: Path, metadata: Iterable[Any]) -> Iterator[tuple[Path, RefersTo]]:
    """What annotations of a place say: of a list they speak of its items."""
    is_list = any(get_origin(item) in {tuple, list} for item in _plain(shape))
    yield from (((*path, Every.ITEM) if is_list else path, item) for item in metadata if isinstance(item, RefersTo))


def _inside(shape: Any, part: str | int) -> Iterator[Any]:
    for item in _plain(shape):
        if _is_model(item):
            if part in item.model_fields:
                yield item.model_fields[part].annotation
            continue
        arguments = [argument for argument in get_args(item) if argument is not Ellipsis]
        is_mapping = isinstance(get_origin(item), type) and issubclass(get_origin(item), MappingOf)
        if arguments and (is_mapping or isinstance(part, int)):
            yield arguments[-1]


def _fields(shape: Any, part: str | int) -> Iterator[Any]:
    """As `_inside`, but a field of a model as itself, with all that is said of it."""
    for item in _plain(shape.annotation if isinstance(shape, FieldInfo) else shape):
        if _is_model(item) and part in item.model_fields:
            yield item.model_fields[part]
        else:
            yield from _inside(item, part)


def _said(shape: Any) -> Iterator[Any]:
    """Whatever annotates a place."""
    if isinstance(shape, FieldInfo):
        yield shape
        yield from shape.metadata
        yield from _said(shape.annotation)
    elif get_origin(shape) is Annotated:
        for item in shape.__metadata__:
            yield from _said(item) if isinstance(item, FieldInfo) else (item,)
        yield from _said(get_args(shape)[0])
    elif _is_union(shape):
        for branch in get_args(shape):
            yield from _said(branch)


def _plain(shape: Any) -> Iterator[Any]:
    if get_origin(shape) is Annotated:
        yield from _plain(get_args(shape)[0])
    elif _is_union(shape):
        for branch in get_args(shape):
            yield from _plain(branch)
    else:
        yield shape


def _is_union(shape: Any) -> bool:
    return get_origin(shape) in {Union, types.UnionType}


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and get_origin(shape) is None and issubclass(shape, BaseModel)
