"""A kind's pydantic model -> what may stand at a place in it, and which of its places refer to other resources."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from enum import Enum
from functools import cache
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

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
