"""A file of weights from any program: its tensors by name, and how they are fitted onto a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from radscribe.errors import WeightsError

LISTED = 8  # names of one kind in a message


class KerasFacts(NamedTuple):
    """The contents of a Keras file besides its tensors."""

    version: str = ""
    layers: tuple[tuple[str, dict[str, Any]], ...] = ()  # class and configuration, if the file has them

    def is_before(self, *version: int) -> bool:
        """Whether an older Keras wrote the file; never so of TensorFlow's own (2.2.4-tf) and the unknown."""
        numbers = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", self.version)
        return numbers is not None and tuple(int(n) for n in numbers.groups()) < version


class WeightsFile(NamedTuple):
    """Everything that is read of a file; no code of it has run."""

    path: Path
    tensors: dict[str, Tensor]
    keras: KerasFacts | None = None  # None: not Keras


class Wanted(NamedTuple):
    """A parameter of ours that a tensor of a file becomes."""

    ours: str
    shape: tuple[int, ...]
    convert: Callable[[Tensor], Tensor] = lambda tensor: tensor


def fit(found: Mapping[str, Tensor], wanted: Mapping[str, Wanted], path: Path) -> dict[str, Tensor]:
    """Our state dict from a file's tensors.

    Parameters
    ----------
    wanted : dict of str to Wanted
        What is wanted, by its name in the file.

    Raises
    ------
    WeightsError
        A tensor too many, too few or of another shape; the message lists them.
    """
    wrong = [
        _listed("missing", [name for name in wanted if name not in found]),
        _listed("unknown", [name for name in found if name not in wanted]),
    ]
    state: dict[str, Tensor] = {}
    misshapen: list[str] = []
    for name, want in wanted.items():
        if name in found:
            # Converted first if possible: the message speaks of the shapes that are in the file.
            tensor = want.convert(found[name]) if found[name].ndim == len(want.shape) else found[name]
            if tuple(tensor.shape) != want.shape:
                misshapen.append(f"{name} {list(tensor.shape)} instead of {list(want.shape)}")
            state[want.ours] = tensor
    wrong.append(_listed("of another shape", misshapen))
    if any(wrong):
        raise WeightsError(
            "; ".join(filter(None, wrong)), subject=path, remedy="nothing was imported: give the whole file"
        )
    return state


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} tensors {what}: {', '.join(names[:LISTED])}{more}"
