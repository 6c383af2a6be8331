"""A file of weights, whoever wrote it: tensors by name, told apart by its first bytes, never by its ending."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from radscribe.errors import WeightsError

HDF5 = b"\x89HDF\r\n\x1a\n"
KERAS_WEIGHTS = "model.weights.h5"  # in a `.keras` archive


class KerasFacts(NamedTuple):
    """What a Keras file says beside its tensors."""

    version: str = ""
    layers: tuple[tuple[str, dict[str, Any]], ...] = ()  # class and configuration; none where weights alone


class WeightsFile(NamedTuple):
    """Everything that is read of a file; no code of it has run."""

    path: Path
    tensors: dict[str, Tensor]
    keras: KerasFacts | None = None  # None: not Keras


def read_weights_file(path: Path) -> WeightsFile:
    """Read Keras (`.h5`, `.weights.h5`, `.keras`), torch (`.pth`, `.pt`, `.tar`) or safetensors.

    Raises
    ------
    WeightsError : no such file, damaged, of no known kind, or with more than tensors in it.
    """
    from radscribe.models.importers import keras_file, torch_file

    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(HDF5):
            return keras_file.read_hdf5(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if KERAS_WEIGHTS in archive.namelist():
                    return keras_file.read_keras(path, archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"cannot be read: {error}", subject=path, remedy="fetch it again") from error
    if head[8:9] == b"{":  # after the length of the header, which is JSON
        return torch_file.read_safetensors(path)
    return torch_file.read_torch(path)
