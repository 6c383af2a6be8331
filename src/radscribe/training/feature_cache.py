"""An encoder's features on disk, computed once for each image and read without copying.

    CACHE/<encoder>/<kinds>/<kind>.npy  a row per image: probabilities, pooled (float32), grid, maps (float16)
    CACHE/<encoder>/<kinds>/index.json  SHA-256 of the content of each row's image file

`<encoder>` is the start of a SHA-256 of the encoder's weights and shape. An image that changed is another;
runs and datasets may share a cache. Rows are appended: data first, then the array's header, then the index.
Rows that a killed run wrote behind the last row of the index are overwritten.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radscribe.data.features import FeatureTable
from radscribe.data.webdataset import source
from radscribe.errors import DataError
from radscribe.files import atomic_write
from radscribe.imaging.exposure import normalise
from radscribe.imaging.resize import resize
from radscribe.models import Encoder
from radscribe.models.encoder import EncoderOutput
from radscribe.training.encoder_module import as_input
from radscribe.training.image_data import read_image

INDEX = "index.json"
BATCH = 32
THREADS = 4  # Pillow decodes, and hashes are made, outside the interpreter's lock
LARGE = 1 << 30  # bytes on disk; a larger cache is announced before it is written
TYPES: dict[str, type[np.floating[Any]]] = {
    "probabilities": np.float32,
    "pooled": np.float32,
    "grid": np.float16,
    "maps": np.float16,
}


def encoder_key(encoder: Encoder) -> str:
    """Another one for other weights, backbone, image size or findings."""
    shape = {
        "backbone": encoder.backbone_name,
        "size": encoder.image_size,
        "findings": encoder.findings,
        "exposure": "normalised",
    }
    key = hashlib.sha256(json.dumps(shape).encode())
    for name, value in sorted(encoder.state_dict().items()):
        key.update(name.encode())
        key.update(value.detach().cpu().contiguous().numpy().tobytes())
    return key.hexdigest()[:16]


class FeatureCache:
    """The features of one encoder.

    Parameters
    ----------
    folder : Path
        CACHE; a folder of the encoder and the kinds is made in it.
    kinds : iterable of str
        Kinds of feature. The vectors, which are small, are always kept.
    """

    def __init__(self, folder: Path, encoder: Encoder, kinds: Iterable[str] = ()) -> None:
        self.encoder = encoder.eval()
        self.kinds = [kind for kind in TYPES if kind in {"probabilities", "pooled", *kinds}]
        self.folder = folder / encoder_key(encoder) / "+".join(self.kinds)
        self.folder.mkdir(parents=True, exist_ok=True)

    def table(self, root: Path, names: Sequence[str]) -> FeatureTable:
        """Features of images by path below `root`; those that are not there yet are computed.

        Raises
        ------
        DataError
            An image cannot be read, or the cache is damaged.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            digests = list(pool.map(_digest, [root / name for name in names]))
        with self._locked():
            known = set(self._index())
            files = dict(zip(digests, (root / name for name in names), strict=True))
            self._fill({digest: path for digest, path in files.items() if digest not in known})
            row = {digest: place for place, digest in enumerate(self._index())}
        try:
            arrays = {kind: np.load(self._array(kind), mmap_mode="r") for kind in self.kinds}
            return FeatureTable({n: row[digest] for n, digest in zip(names, digests, strict=True)}, arrays)
        except (OSError, EOFError, ValueError, DataError) as error:
            raise DataError(
                f"is a damaged cache of features ({error})",
                subject=self.folder,
                remedy="delete the folder; it will be computed again",
            ) from error

    def _fill(self, missing: dict[str, Path]) -> None:
        paths = list(missing.items())
        with ThreadPoolExecutor(THREADS) as pool:
            for first in range(0, len(paths), BATCH):
                digests, files = zip(*paths[first : first + BATCH], strict=True)
                pixels = torch.stack(list(pool.map(self._pixels, files)))
                rows = self._rows(self._infer(pixels))
                if first == 0:
                    self._tell_size(rows, len(paths))
                index = self._index()
                for kind in self.kinds:
                    append(self._array(kind), rows[kind], len(index))
                with atomic_write(self.folder / INDEX) as file:
                    file.write(json.dumps([*index, *digests]).encode())

    def _pixels(self, path: Path) -> Tensor:
        size = self.encoder.image_size
        pixels = normalise(resize(read_image(path).pixels, size, size))
        return torch.from_numpy((pixels * 255 + 0.5).astype(np.uint8))[None]

    @torch.no_grad()
    def _infer(self, pixels: Tensor) -> EncoderOutput:
        output: EncoderOutput = self.encoder(as_input(pixels, self.encoder.image_size))
        return output

    def _rows(self, output: EncoderOutput) -> dict[str, npt.NDArray[Any]]:
        """The arrays to keep for N images: vectors `[N, K]`, cells `[N, h * w, K]`."""
        rows: dict[str, npt.NDArray[Any]] = {}
        for kind in self.kinds:
            values: Tensor = getattr(output, kind)
            if values.ndim == 4:
                values = values.flatten(2).transpose(1, 2)  # [N, K, h, w] → [N, h * w, K]
            rows[kind] = values.cpu().numpy().astype(TYPES[kind])
        return rows

    def _tell_size(self, rows: dict[str, npt.NDArray[Any]], images: int) -> None:
        size = images * sum(values[0].nbytes for values in rows.values())
        if size > LARGE:
            line = f"{self.folder} grows by {size / LARGE:.1f} GiB: features of {images:,} images"
            click.echo(line, err=True)

    def _index(self) -> list[str]:
        path = self.folder / INDEX
        digests: list[str] = json.loads(path.read_bytes()) if path.is_file() else []
        return digests

    def _array(self, kind: str) -> Path:
        return self.folder / f"{kind}.npy"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process fills; others wait, and find it filled."""
        with (self.folder / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def append(path: Path, rows: npt.NDArray[Any], after: int) -> None:
    """Write rows behind the first `after` rows of a `.npy` file; what stood there goes.

    Raises
    ------
    DataError
        The file has fewer rows, or rows of another shape.
    """
    description = {"descr": np.lib.format.dtype_to_descr(rows.dtype), "fortran_order": False}
    header = io.BytesIO()
    # numpy leaves room in the header, so that it is as long for any number of rows.
    np.lib.format.write_array_header_1_0(
        header, {**description, "shape": (after + len(rows), *rows.shape[1:])}
    )
    start = len(header.getvalue())
    end = start + after * rows[0].nbytes
    with path.open("r+b" if path.exists() else "w+b") as file:
        if file.seek(0, os.SEEK_END) < end and after:
            raise DataError(f"has fewer than {after} rows", subject=path, remedy="delete its folder")
        file.seek(end if after else start)
        file.truncate()
        file.write(np.ascontiguousarray(rows).tobytes())
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        file.write(header.getvalue())


def _digest(path: Path) -> str:
    try:
        content = source(path)
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", subject=path, remedy="check the manifest's images"
        ) from error
