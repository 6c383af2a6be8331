"""Attach precomputed features to a manifest's images by name.

Features are `.npz` files with an array of names (`name`, or `image` as in the original system's encodings)
and one array of vectors for each kind of feature. Pickles are refused, because opening one runs the code in
it.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.data import features
from radscribe.data.features import FeatureTable
from radscribe.data.image_files import image_key, study_key
from radscribe.data.manifest import Manifest
from radscribe.errors import DataError
from radscribe.files import atomic_write
from radscribe.labels import CHESTXRAY14

NAMES = ("name", "image", "names", "path", "file_name")
PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".pth")


@dataclass(slots=True)
class Attached:
    """Features that were attached.

    Parameters
    ----------
    kinds : dict
        The length of a vector of each kind of feature.
    images : int
        Images that have features.
    studies : int
        Studies all of whose images have features.
    missing : list of str
        Paths of images without features.
    lacking : list of str
        Ids of studies that have such an image.
    unused : list of str
        Names of the file that no image has.
    """

    kinds: dict[str, int]
    images: int = 0
    studies: int = 0
    missing: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def read(path: Path) -> tuple[list[str], dict[str, npt.NDArray[np.float32]]]:
    """Read a file of features.

    An array that is not called `probabilities` or `pooled` counts as probabilities if it has a column for
    each of the 14 findings and values from 0 to 1, otherwise as pooled features.

    Parameters
    ----------
    path : Path
        The `.npz` file.

    Returns
    -------
    list of str
        N names.
    dict
        Arrays `[N, ...]` by kind of feature.

    Raises
    ------
    DataError
        The file is a pickle, or has no names and vectors.
    """
    refuse_pickle(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, npt.NDArray[Any]] = {kind: file[kind] for kind in file.files}
        key = next(kind for kind in NAMES if kind in arrays)
        names = [str(name) for name in arrays.pop(key)]
        vectors: dict[str, npt.NDArray[np.float32]] = {}
        for name, values in arrays.items():
            kind = _kind(name, values)
            vectors[name if kind in arrays or kind in vectors else kind] = values.astype(np.float32)
    except (OSError, ValueError, TypeError, AttributeError, StopIteration, zipfile.BadZipFile) as error:
        reason = "it has no array of names" if isinstance(error, StopIteration) else str(error)
        raise DataError(
            f"does not hold features ({reason})",
            subject=path,
            remedy="write names and vectors with numpy.savez(FILE, name=..., pooled=...)",
        ) from error
    if not vectors or any(len(values) != len(names) or values.ndim < 2 for values in vectors.values()):
        raise DataError(
            f"holds {len(names)} names but not one vector for each",
            subject=path,
            remedy="write names and vectors with numpy.savez(FILE, name=..., pooled=...)",
        )
    if bad := [kind for kind, values in vectors.items() if not np.isfinite(values).all()]:
        raise DataError(
            f"'{bad[0]}' holds values that are not numbers", subject=path, remedy="compute them again"
        )
    return names, vectors


def refuse_pickle(path: Path) -> None:
    """Raise `DataError` for a pickle, by its name or its first bytes. Nothing in it is loaded."""
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(2)
    # Protocols 2 to 5 start with 0x80 and their number; older ones are recognised only by name.
    if path.suffix.lower() in PICKLES or (
        head[:1] == b"\x80" and head[1:] in (b"\x02", b"\x03", b"\x04", b"\x05")
    ):
        raise DataError(
            "is a pickle, which can run any program when it is opened, so it was not opened",
            subject=path,
            remedy="use the .npz of the same features or, if you trust its author, convert it: "
            "numpy.savez(FILE, name=names, probabilities=vectors)",
        )


def attach(manifest: Manifest, path: Path, out: Path) -> Attached:
    """Write `features.npz` with the features of the manifest's images.

    An image is found by its path or file name, without suffixes and, for the Indiana collection, without the
    prefixes that its distributions add. The images of a study that R2Gen renamed get the study's features in
    the file's order; if there are more of these than images, each image gets the mean of all.

    Parameters
    ----------
    manifest : Manifest
        The dataset.
    path : Path
        The file of features.
    out : Path
        The folder to write to.

    Returns
    -------
    Attached
        What matched.

    Raises
    ------
    DataError
        Nothing matches, the names are not unique, or `read` refuses the file.
    """
    names, vectors = read(path)
    rows = _Rows(names, path)
    result = Attached({kind: int(np.prod(values.shape[1:])) for kind, values in vectors.items()})
    found: dict[str, list[int]] = {}
    for study in manifest:
        whole = True
        for place, image in enumerate(study.images):
            places = rows.find(image.path, study.id)
            # If there are as many as the study has images, each has its own.
            found[image.path] = [places[place]] if len(places) == len(study.images) > 1 else places
            if not found[image.path]:
                result.missing.append(image.path)
                whole = False
        result.studies += whole and bool(study.images)
        if not whole:
            result.lacking.append(study.id)
    matched = {image: places for image, places in found.items() if places}
    if not matched:
        raise DataError(
            f"none of its {len(names)} names is that of an image; the first is {names[0] if names else '-'}",
            subject=path,
            remedy="check that the features are of these images",
        )
    used = {row for places in matched.values() for row in places}
    result.images, result.unused = len(matched), [names[row] for row in range(len(names)) if row not in used]
    table = FeatureTable(
        list(matched),
        {
            kind: np.stack([values[places].mean(0) for places in matched.values()])
            for kind, values in vectors.items()
        },
    )
    with atomic_write(out / features.FILE) as file:
        table.save(file)
    return result


class _Rows:
    """The rows of a file of features, by every name that an image may have."""

    def __init__(self, names: list[str], path: Path) -> None:
        self._exact = {name: row for row, name in enumerate(names)}
        if len(self._exact) < len(names):
            twice = next(name for row, name in enumerate(names) if self._exact[name] != row)
            raise DataError(f"names {twice} twice", subject=path, remedy="keep one of them")
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._by_study: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(names):
            key = image_key(name)
            self._by_key[key].append(row)
            parts = key.split("-")
            for end in range(
                2, len(parts)
            ):  # 2372_IM-0933-0001-0002 is of 2372_IM-0933 or of 2372_IM-0933-0001
                self._by_study["-".join(parts[:end])].append(row)

    def find(self, image: str, study_id: str) -> list[int]:
        """The rows whose mean is an image's features; empty if nothing matches."""
        if image in self._exact:
            return [self._exact[image]]
        named = self._by_key.get(image_key(image), [])
        if len(named) == 1:  # 0.png is in many folders and identifies none
            return named
        study = study_key(study_id)
        return self._by_study.get(study, []) if study else []


def _kind(name: str, values: npt.NDArray[Any]) -> str:
    if name in ("probabilities", "pooled"):
        return name
    is_scores = values.ndim == 2 and values.shape[1] == len(CHESTXRAY14) and values.size > 0
    return "probabilities" if is_scores and values.min() >= 0 and values.max() <= 1 else "pooled"
