"""Checkpoints in the Hugging Face layout: `hf:owner/name`, `hf:owner/name@revision` or `hf:FOLDER`.

Only JSON and safetensors are read. Nothing is unpickled, and no code of a repository runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radscribe.bundle import hub
from radscribe.errors import WeightsError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files
PROCESSOR = "preprocessor_config.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt")
# Of no use for the architecture, or about the machine that saved it.
_LEFT_OUT = (
    "_name_or_path",
    "id2label",
    "label2id",
    "transformers_version",
    "dtype",
    "torch_dtype",
    "architectures",
)


def is_checkpoint(name: str) -> bool:
    """Return whether a backbone's or decoder's name is that of a checkpoint."""
    return name.startswith(hub.PREFIX)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    Parameters
    ----------
    name : str
        What messages call it.
    folder : Path
        Where its files are.
    config : dict
        The content of `config.json`.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]

    def architecture(self) -> dict[str, Any]:
        """Return `config.json` without what does not shape the network."""
        return {key: value for key, value in self.config.items() if key not in _LEFT_OUT}

    def image_input(self) -> tuple[int, list[float], list[float]]:
        """Return side, mean and deviation of the input, for grey values in 0..1.

        Raises
        ------
        WeightsError
            `preprocessor_config.json` is damaged.
        """
        path = self.folder / PROCESSOR
        processor = _json(path) if path.is_file() else {}
        try:
            side = processor.get("crop_size") if processor.get("do_center_crop", True) else None
            side = _side(side) or _side(processor.get("size")) or _side(self.config.get("image_size")) or 224
            # A processor may scale 0..255 by another factor than 1 / 255, or not at all.
            scale = 255 * float(processor.get("rescale_factor", 1 / 255))
            scale = scale if processor.get("do_rescale", True) else 255.0
            normalises = bool(processor.get("do_normalize", bool(processor)))
            mean = [float(x) / scale for x in processor["image_mean"]] if normalises else [0.0]
            std = [float(x) / scale for x in processor["image_std"]] if normalises else [1 / scale]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"is not a processor's configuration ({error!r})", subject=path, remedy="fetch it again"
            ) from error
        channels = int(self.config.get("num_channels", 3))
        return side, _fitted(mean, channels), _fitted(std, channels)

    def tensors(self) -> dict[str, Tensor]:
        """Read all weights as they are named in the files.

        Raises
        ------
        WeightsError
            There are no safetensors, or they are damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        state: dict[str, Tensor] = {}
        for name in weight_files(self.folder):
            try:
                state |= load_file(self.folder / name)
            except (SafetensorError, OSError) as error:
                raise WeightsError(
                    f"cannot be read ({error})", subject=self.folder / name, remedy="fetch it again"
                ) from error
        return {name: tensor.to(torch.float32) for name, tensor in state.items()}


def open_checkpoint(name: str) -> Checkpoint:
    """Find a checkpoint and read its configuration; one on the Hub is fetched.

    Parameters
    ----------
    name : str
        `hf:` and a folder, or `hf:owner/name` with `@revision` if wanted.

    Raises
    ------
    WeightsError
        There is none, it holds no safetensors, or needs its own code.
    BundleError
        It cannot be fetched.
    """
    place = Path(name.removeprefix(hub.PREFIX))
    if place.is_dir():
        folder = place
    elif place.is_absolute() or place.parts[:1] == ("..",):
        raise WeightsError("is not a folder", subject=place, remedy="give a folder or hf:owner/name")
    else:
        optional = (INDEX, PROCESSOR, *TOKENIZER_FILES)
        folder = hub.fetch(name, CONFIG, weight_files, optional, what="checkpoint")
    config = _json(folder / CONFIG)
    if "auto_map" in config:
        raise WeightsError(
            "needs its own code (auto_map), which radscribe does not run",
            subject=name,
            remedy="use a checkpoint of an architecture that transformers has",
        )
    if not all((folder / file).is_file() for file in weight_files(folder)):
        raise WeightsError(
            "holds no safetensors; other formats of weights can run code and are not read",
            subject=name,
            remedy="convert it with transformers: save_pretrained(..., safe_serialization=True)",
        )
    return Checkpoint(name, folder, config)


def weight_files(folder: Path) -> list[str]:
    """Return the names of the files with the weights."""
    if not (folder / INDEX).is_file():
        return [WEIGHTS]
    names = sorted(set(_json(folder / INDEX).get("weight_map", {}).values()))
    if wrong := [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]:
        raise WeightsError(f"names {wrong[0]!r}", subject=folder / INDEX, remedy="use another checkpoint")
    return names


def portable_name(name: str) -> str:
    """Return a checkpoint's name without the folders of this machine."""
    if not is_checkpoint(name):
        return name
    place = Path(name.removeprefix(hub.PREFIX))
    return f"{hub.PREFIX}{place.name}" if place.is_dir() or place.is_absolute() else name


def _json(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(
            "is missing", subject=path, remedy="name a checkpoint in the Hugging Face layout"
        ) from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"is not JSON ({error})", subject=path, remedy="fetch it again") from error
    if not isinstance(table, dict):
        raise WeightsError("holds no table", subject=path, remedy="fetch it again")
    return table


def _side(size: object) -> int:
    """The side of the square that a processor's `size` asks for; 0 if it does not say."""
    if isinstance(size, Mapping):
        size = size.get("height") or size.get("shortest_edge") or 0
    if isinstance(size, Sequence) and not isinstance(size, str):
        size = size[0]
    return int(size or 0)  # type: ignore[call-overload, no-any-return]


def _fitted(values: Sequence[float], channels: int) -> list[float]:
    """Figures of as many channels as the network has: the mean of them, or one repeated."""
    if len(values) == channels:
        return list(values)
    return [sum(values) / len(values)] * channels
