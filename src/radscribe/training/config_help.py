"""What `--help` says of a configuration: each key, its type, its default and its meaning.

A key's meaning is the comment behind it in `training/config.py`, so that it is written once.
"""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from radscribe.training.config import RunConfig, shown

NAMES = {int: "integer", float: "number", bool: "true or false", str: "text", tuple: "list", dict: "table"}


class Key(NamedTuple):
    """One key of a configuration."""

    name: str
    type: str
    default: str
    meaning: str


def keys(kind: type[RunConfig]) -> list[Key]:
    """The keys of a configuration: those of this kind alone first, then those of every run."""
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, RunConfig):
            meanings |= _comments(base)
    default = kind()
    shared = RunConfig.__struct_fields__
    fields = sorted(msgspec.structs.fields(kind), key=lambda field: field.name in shared)
    return [
        Key(field.name, _type(field.type), shown(getattr(default, field.name)), meanings[field.name])
        for field in fields
    ]


def _comments(kind: type[RunConfig]) -> dict[str, str]:
    """The comment behind each key that a class defines, by name."""
    rows = [row.strip() for row in inspect.getsource(kind).splitlines()]
    keyed = [row.partition(":") for row in rows if row.partition(":")[0] in kind.__annotations__]
    return {key: rest.partition("  # ")[2] for key, _, rest in keyed if "  # " in rest}


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if origin in (Union, UnionType):
        return _type(next(part for part in get_args(annotation) if part is not type(None)))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return NAMES[dict]
    return NAMES.get(origin or annotation, "text")
