"""Keras files as tensors by layer and variable, read with h5py alone: no model is built, no code of it runs.

Keras 1 and 2, and `.h5` of Keras 3, name layers: `conv1_conv/kernel` (a slash in a layer's name becomes `_`).
`.weights.h5` and `.keras` of Keras 3 count them by class: `conv2d_3/kernel`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radscribe.errors import RadscribeError, WeightsError
from radscribe.models.importers.weights_file import KerasFacts, WeightsFile

# Variables of a layer of Keras 3, in the order in which it numbers them.
VARIABLES: dict[str, tuple[str, ...]] = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "embedding": ("embeddings",),
    "lstm": ("kernel", "recurrent_kernel", "bias"),
}
WEIGHTS = "model.weights.h5"  # in a `.keras` archive
SEVERAL = 4  # variables that a layer has at most; a group with more is a model within the model


def read_hdf5(path: Path) -> WeightsFile:
    """A whole model (`.h5`) or its weights (`.h5`, `.weights.h5`).

    Raises
    ------
    WeightsError : damaged, or no file of Keras.
    """
    return _read(path, path, None)


def read_keras(path: Path, archive: zipfile.ZipFile) -> WeightsFile:
    """A `.keras` archive. Raises as `read_hdf5`."""
    try:
        config = json.loads(archive.read("config.json"))
        version = str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
        weights = io.BytesIO(archive.read(WEIGHTS))
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    return _read(path, weights, KerasFacts(version, tuple(_layers(config))))


def _read(path: Path, source: Path | io.BytesIO, facts: KerasFacts | None) -> WeightsFile:
    try:
        import h5py
    except ImportError as error:
        raise RadscribeError(
            "Keras files need h5py", remedy='install it with: pip install "radscribe[train]"'
        ) from error
    try:
        with h5py.File(source, "r") as file:
            own = isinstance(file.get("model_weights", getlink=True), h5py.HardLink)  # not of another file
            root = file["model_weights"] if own else file
            if any(name.startswith("layer_names") for name in root.attrs):
                facts = KerasFacts(
                    _text(file, "keras_version") or _text(root, "keras_version"),
                    tuple(_layers(json.loads(_text(file, "model_config") or "{}"))),
                )
                return WeightsFile(path, dict(_named(path, root)), facts)
            return WeightsFile(path, dict(_numbered(path, file)), facts or KerasFacts())
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def _named(path: Path, root: Any) -> Iterator[tuple[str, Tensor]]:
    """Layers by name, of the format before Keras 3."""
    # Long lists of names are cut into layer_names0, layer_names1, ...
    parts = [root.attrs[key] for key in root.attrs if key.startswith("layer_names")]
    tensors = dict(_datasets(path, root))
    for name in (_decoded(name) for part in parts for name in part):
        found = {
            key[len(name) + 1 :]: tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")
        }
        for variable, tensor in found.items():
            scope, _, last = variable.removesuffix(":0").rpartition("/")
            layer = scope.removeprefix(f"{name}/") if len(found) > SEVERAL else name
            yield f"{layer.replace('/', '_')}/{last}", tensor


def _numbered(path: Path, root: Any) -> Iterator[tuple[str, Tensor]]:
    """Layers by class and number, of the format of Keras 3."""
    for variable, tensor in _datasets(path, root):
        # layers/lstm/cell/vars/0; a model within the model is layers/functional/layers/conv2d/vars/0.
        steps = variable.split("/")
        if steps[0] not in ("layers", "_layer_checkpoint_dependencies") or "seed_generator" in steps:
            continue  # the optimiser's state, and that of a dropout's random numbers
        layer, number = [step for step in steps[:-2] if step != "cell"][-1], int(steps[-1])
        names = VARIABLES.get(layer.rstrip("0123456789").rstrip("_"), ())
        yield f"{layer}/{names[number] if number < len(names) else number}", tensor


def _datasets(path: Path, group: Any) -> Iterator[tuple[str, Tensor]]:
    """Every dataset in a group, which must lie in this very file."""
    import h5py

    found: list[tuple[str, Any]] = []
    group.visititems(
        lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None
    )
    for name, item in found:
        if item.external or item.is_virtual:
            raise WeightsError(f"'{name}' points to another file", subject=path, remedy="do not trust it")
        array = item[()]
        if item.attrs.get("dtype") == "bfloat16":
            raise WeightsError(f"'{name}' is bfloat16", subject=path, remedy="save it as float32")
        yield name, torch.from_numpy(array.astype("float32")) if array.shape else torch.tensor(float(array))


def _layers(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Class and configuration of every layer, those of models within the model too."""
    inner = config.get("config") or {}
    for layer in inner if isinstance(inner, list) else inner.get("layers", []):
        yield str(layer.get("class_name")), dict(layer.get("config") or {})
        yield from _layers(layer)


def _text(group: Any, name: str) -> str:
    return _decoded(group.attrs.get(name, ""))


def _decoded(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _damaged(path: Path, error: Exception) -> WeightsError:
    reason = (str(error).strip().splitlines() or ["?"])[0][:120]
    return WeightsError(f"is damaged, or no file of Keras ({reason})", subject=path, remedy="fetch it again")
