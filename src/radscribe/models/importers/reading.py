"""Chooses the reader for a file by its first bytes, never by its suffix."""

from __future__ import annotations

import zipfile
from pathlib import Path

from radscribe.errors import RadscribeError, WeightsError
from radscribe.models.importers import keras_file, torch_file
from radscribe.models.importers.weights_file import WeightsFile

HDF5 = b"\x89HDF\r\n\x1a\n"


def read_weights_file(path: Path) -> WeightsFile:
    """Read Keras (`.h5`, `.weights.h5`, `.keras`), torch (`.pth`, `.pt`, `.tar`) or safetensors.

    Raises
    ------
    WeightsError
        No such file, damaged, of no known kind, or with more than tensors in it.
    """
    try:
        return _read(path)
    except RadscribeError:
        raise
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror or error}", subject=path) from error
    except Exception as error:  # the readers raise whatever comes of a damaged file
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise WeightsError(
            f"is damaged, or no file of Keras, torch or safetensors ({reason[:120]})",
            subject=path,
            remedy="fetch it again",
        ) from error


def _read(path: Path) -> WeightsFile:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(HDF5):
        return keras_file.read_hdf5(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if keras_file.WEIGHTS in archive.namelist():
                return keras_file.read_keras(path, archive)
    if head[8:9] == b"{":  # after the length of the header, which is JSON
        return torch_file.read_safetensors(path)
    return torch_file.read_torch(path)
