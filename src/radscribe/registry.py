"""Registries of named parts: ours by name, and those that other packages bring through entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from radscribe.errors import RadscribeError, UsageError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Named parts of one kind. Parts are imported when they are first used.

    Parameters
    ----------
    kind : str
        What one part is called in messages, such as "decoder". Other packages register theirs in the entry
        point group ``radscribe.<kind>s``.
    parts : mapping of str to str
        Our own parts: name to ``"package.module:attribute"``.

    Examples
    --------
    >>> decoders = Registry("decoder", {"show-and-tell": "radscribe.models.show_and_tell:ShowAndTell"})
    >>> list(decoders)
    ['show-and-tell']
    """

    def __init__(self, kind: str, parts: Mapping[str, str]) -> None:
        self.kind, self._parts = kind, dict(parts)
        self._loaded: dict[str, T] = {}
        self._foreign: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._parts
        yield from (name for name in self._others() if name not in self._parts)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _load(self, name: str) -> T:
        if name in self._parts:
            module, _, attribute = self._parts[name].partition(":")
            return cast(T, getattr(import_module(module), attribute))
        if name not in self._others():
            near = get_close_matches(name, list(self), n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(self)}"
            raise UsageError(f"no {self.kind} is called {name!r}", remedy=hint)
        point = self._others()[name]
        try:
            return cast(T, point.load())
        except Exception as error:
            raise RadscribeError(
                f"the {self.kind} {name!r} cannot be imported from {point.value}: {error}",
                remedy="mend or uninstall the package that brings it",
            ) from error

    def _others(self) -> dict[str, Any]:
        if self._foreign is None:
            self._foreign = {point.name: point for point in entry_points(group=f"radscribe.{self.kind}s")}
        return self._foreign
