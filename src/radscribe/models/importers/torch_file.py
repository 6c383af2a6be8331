"""torch checkpoints and safetensors as tensors by name; nothing is unpickled but tensors and plain values."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radscribe.errors import WeightsError
from radscribe.models.importers.weights_file import WeightsFile

WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the weights


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
