"""Reads a file of weights. Its first bytes choose the reader, never its suffix.

Only tensors and plain values are unpickled from torch checkpoints.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radscribe.errors import RadscribeError, WeightsError
from radscribe.models.importers import keras_file
from radscribe.models.importers.weights_file import WeightsFile

HDF5 = b"\x89HDF\r\n\x1a\n"
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the weights


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
    except Exception as error:  # readers of damaged files raise many kinds
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
        return read_safetensors(path)
    return read_torch(path)


def read_torch(path: Path) -> WeightsFile:
    """A state dict, or the one in a training script's checkpoint.

    Raises
    ------
    WeightsError
        No tensors by name, or a pickle that would run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols: what cannot be read is an error
            checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := re.search(r"GLOBAL (\S+)", str(error)):
            raise WeightsError(
                f"is not opened: beside tensors it holds {refused[1]}, and unpickling would run its code",
                subject=path,
                remedy="where you trust it, load it and torch.save(model.state_dict()) to another file",
            ) from error
        raise
    if isinstance(checkpoint, dict):
        inner = [checkpoint[name] for name in WRAPPERS if isinstance(checkpoint.get(name), dict)]
        tensors = {str(k): t for k, t in (inner or [checkpoint])[0].items() if isinstance(t, Tensor)}
        if tensors:
            return WeightsFile(path, {name: tensor.float() for name, tensor in tensors.items()})
    raise WeightsError("holds no tensors by name", subject=path, remedy="give a state dict")


def read_safetensors(path: Path) -> WeightsFile:
    """The tensors of a safetensors file."""
    from safetensors.torch import load_file

    return WeightsFile(path, {name: tensor.float() for name, tensor in load_file(path).items()})
