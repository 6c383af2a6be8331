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
    WeightsError : damaged, no checkpoint, or one that would run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols: what cannot be read is told below
            checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := re.search(r"GLOBAL (\S+)", str(error)):
            raise WeightsError(
                f"is not opened: beside tensors it holds {refused[1]}, and unpickling would run its code",
                subject=path,
                remedy="where you trust it, load it and torch.save(model.state_dict()) to another file",
            ) from error
        raise _unreadable(path, error) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise _unreadable(path, error) from error
    if isinstance(checkpoint, dict):
        for name in WRAPPERS:
            if isinstance(checkpoint.get(name), dict):
                checkpoint = checkpoint[name]
                break
        tensors = {str(name): value for name, value in checkpoint.items() if isinstance(value, Tensor)}
        if tensors:
            return WeightsFile(path, {name: tensor.float() for name, tensor in tensors.items()})
    raise WeightsError("holds no tensors by name", subject=path, remedy="give a state dict")


def read_safetensors(path: Path) -> WeightsFile:
    """Raises `WeightsError` where the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return WeightsFile(path, {name: tensor.float() for name, tensor in load_file(path).items()})
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    reason = str(error).strip().splitlines()
    return WeightsError(
        "is damaged, or no file of Keras, torch or safetensors" + (f" ({reason[0][:120]})" if reason else ""),
        subject=path,
        remedy="fetch it again",
    )
