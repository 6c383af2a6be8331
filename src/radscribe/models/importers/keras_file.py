"""Keras files as tensors by layer and variable, read with only h5py: no model is built, and no code in them
runs.

Keras 1 and 2, and `.h5` of Keras 3, name layers: `conv1_conv/kernel` (a slash in a layer's name becomes `_`).
`.weights.h5` and `.keras` of Keras 3 count them by class: `conv2d_3/kernel`.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
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
CHILD = Path(__file__).with_name("hdf5_child.py")
SECONDS = 300.0  # at the very most; the child limits its own processor time far below
SEVERAL = 4  # variables that a layer has at most; a group with more is a model within the model


def read_hdf5(path: Path) -> WeightsFile:
    """A whole model (`.h5`) or its weights (`.h5`, `.weights.h5`).

    Raises
    ------
    WeightsError
        Damaged, or with data in other files.
    """
    return _read(path, path.read_bytes(), KerasFacts())


def read_keras(path: Path, archive: zipfile.ZipFile) -> WeightsFile:
    """A `.keras` archive. Raises as `read_hdf5`."""
    version = str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
    facts = KerasFacts(version, tuple(_layers(json.loads(archive.read("config.json")))))
    return _read(path, archive.read(WEIGHTS), facts)


def _read(path: Path, content: bytes, facts: KerasFacts) -> WeightsFile:
    try:
        import h5py
    except ImportError as error:
        raise RadscribeError(
            "Keras files need h5py", remedy='run: pip install ".[train]" in the checkout'
        ) from error
    _try_in_child(path, content)
    with h5py.File(io.BytesIO(content), "r") as file:
        own = isinstance(file.get("model_weights", getlink=True), h5py.HardLink)  # not of another file
        root = file["model_weights"] if own else file
        if not any(name.startswith("layer_names") for name in root.attrs):
            return WeightsFile(path, _unique(_numbered(path, file)), facts)
        facts = KerasFacts(
            _text(file, "keras_version") or _text(root, "keras_version"),
            tuple(_layers(json.loads(_text(file, "model_config") or "{}"))),
        )
        return WeightsFile(path, _unique(_layers_by_name(path, root)), facts)


def _try_in_child(path: Path, content: bytes) -> None:
    """Raises `WeightsError` where the HDF5 library fails on the file, crashes or does not come back."""
    try:
        child = subprocess.run(
            # -P: the folder of the script is not one to import from
            [sys.executable, "-P", str(CHILD)],
            input=content,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        damaged = child.returncode != 0
    except subprocess.TimeoutExpired:
        damaged = True
    if damaged:
        raise WeightsError("is a damaged HDF5 file", subject=path, remedy="fetch it again")


Named = Iterator[tuple[str, str, Tensor]]  # layer and variable; the same as in the file; the values


def _unique(found: Named) -> dict[str, Tensor]:
    """Tensors by layer and variable; where two would have one name, the second keeps the file's."""
    tensors: dict[str, Tensor] = {}
    for name, in_file, tensor in found:
        tensors[in_file if name in tensors else name] = tensor
    return tensors


def _layers_by_name(path: Path, root: Any) -> Named:
    """Layers by name, of the format before Keras 3."""
    # Long lists of names are cut into layer_names0, layer_names1, ...
    parts = [root.attrs[key] for key in root.attrs if key.startswith("layer_names")]
    tensors = dict(_datasets(path, root))
    for name in (_decoded(name) for part in parts for name in part):
        found = [key for key in tensors if key.startswith(f"{name}/")]
        for key in found:
            scope, _, last = key[len(name) + 1 :].removesuffix(":0").rpartition("/")
            layer = scope.removeprefix(f"{name}/") if len(found) > SEVERAL else name
            yield f"{layer.replace('/', '_')}/{last}", key, tensors.pop(key)
    for key, tensor in tensors.items():  # of no layer: no importer wants them, and each is reported
        yield key, key, tensor


def _numbered(path: Path, root: Any) -> Named:
    """Layers by class and number, of the format of Keras 3."""
    for variable, tensor in _datasets(path, root):
        # layers/lstm/cell/vars/0; a model within the model is layers/functional/layers/conv2d/vars/0.
        steps = variable.split("/")
        if steps[0] == "optimizer" or "seed_generator" in steps:
            continue  # the state of training, and of a dropout's random numbers
        *place, kind, number = ["", "", *steps]
        if kind != "vars" or not number.isdigit():
            yield variable, variable, tensor
            continue
        layer = [step for step in place if step != "cell"][-1]
        names = VARIABLES.get(layer.rstrip("0123456789").rstrip("_"), ())
        yield f"{layer}/{names[int(number)] if int(number) < len(names) else number}", variable, tensor


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
