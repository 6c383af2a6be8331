"""A file of weights, whoever wrote it: tensors by name, and what a Keras file says beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor


class KerasFacts(NamedTuple):
    """The contents of a Keras file besides its tensors."""

    version: str = ""
    layers: tuple[tuple[str, dict[str, Any]], ...] = ()  # class and configuration; none where weights alone

    def is_before(self, *version: int) -> bool:
        """Whether an older Keras wrote the file; never so of TensorFlow's own (2.2.4-tf) and the unknown."""
        numbers = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", self.version)
        return numbers is not None and tuple(int(n) for n in numbers.groups()) < version


class WeightsFile(NamedTuple):
    """Everything that is read of a file; no code of it has run."""

    path: Path
    tensors: dict[str, Tensor]
    keras: KerasFacts | None = None  # None: not Keras
