"""A perceptual hash: 256 bits that recompressed and resized copies of a radiograph share.

The signs of the 16 x 16 lowest frequencies of a 32 x 32 thumbnail's cosine transform (pHash; Zauner, 2010),
four times as many as usual because all frontals look alike. On 3,246 radiographs of four collections, copies
saved again as JPEG of quality 60, at half the size or at twice the size differ in at most 15 bits, and
different images in at least 38 (benchmarks/data/image_hash_distances.py), so that `SAME` is 15.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radscribe.errors import ImageError, OutputError
from radscribe.files import atomic_write

SAME = 15  # bits that copies of one image differ in at most
WORDS = 4  # of 64 bits
THUMB, LOWEST = 32, 16
FILE = "hashes.npz"
_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"})
Hashes = npt.NDArray[np.uint64]


def image_hash(path: Path) -> Hashes:
    """The hash of an image file, `[4]`.

    Raises
    ------
    ImageError : it cannot be read.
    """
    pixels = _thumbnail(path)
    basis = _cosines()
    low = (basis @ pixels @ basis.T)[:LOWEST, :LOWEST]
    low[0, 0] = 0  # brightness
    return np.packbits(low.ravel() > 0).view(np.uint64)


def image_hashes(
    root: Path, paths: Sequence[str], store: Path | None = None, advance: Callable[[], object] = lambda: None
) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """The hashes of images, `[N, 4]`, and which of them could be read, `[N]`.

    Parameters
    ----------
    store : `hashes.npz`, where hashes of files that have not changed since are found and new ones are left.
    advance : called once an image.
    """
    known = _load(store)
    hashes = np.zeros((len(paths), WORDS), dtype=np.uint64)
    stamps = np.zeros((len(paths), 2), dtype=np.int64)  # size and time of the file; zeros: not readable

    def work(index: int) -> bool:
        """Whether the image had to be read."""
        advance()
        path = paths[index]
        try:
            state = os.stat(root / path)  # noqa: PTH116 - 400,000 Path objects take a second
            stamp = (state.st_size, state.st_mtime_ns)
            if path in known and known[path][0] == stamp:
                hashes[index], stamps[index] = known[path][1], stamp
                return False
            hashes[index], stamps[index] = image_hash(root / path), stamp
        except (OSError, ImageError):
            return False
        return True

    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:  # Pillow decodes outside the lock
        fresh = any(list(pool.map(work, range(len(paths)))))
    if store is not None and fresh:
        _save(store, paths, stamps, hashes)
    return hashes, stamps[:, 1] != 0


@cache
def _cosines() -> npt.NDArray[np.float32]:
    """The cosine transform (DCT-II) as a matrix, `[32, 32]`."""
    k, n = np.mgrid[:THUMB, :THUMB]
    basis: npt.NDArray[np.float32] = np.cos(np.pi * k * (2 * n + 1) / (2 * THUMB)).astype(np.float32)
    return basis


def _thumbnail(path: Path) -> npt.NDArray[np.float32]:
    """Grey pixels, `[32, 32]`; the range does not matter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                if image.mode in _EIGHT_BITS:
                    image.draft("L", (4 * THUMB, 4 * THUMB))  # a JPEG is decoded at a fraction of its size
                    small = image.convert("L").resize((THUMB, THUMB), Image.Resampling.LANCZOS)
                    return np.asarray(small, dtype=np.float32)
    except Exception:  # noqa: BLE001, S110 - what Pillow cannot read, our own reader may, or says why not
        pass
    from radscribe.imaging.reader import read

    whole = Image.fromarray(read(path).pixels)
    return np.asarray(whole.resize((THUMB, THUMB), Image.Resampling.LANCZOS), dtype=np.float32)


def _load(store: Path | None) -> dict[str, tuple[tuple[int, int], Hashes]]:
    if store is None or not store.is_file():
        return {}
    try:
        with np.load(store, allow_pickle=False) as file:
            paths, stamps, hashes = file["path"], file["stamp"], file["hash"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return {}  # it is only a cache
    return {
        str(path): ((int(stamp[0]), int(stamp[1])), value)
        for path, stamp, value in zip(paths, stamps, hashes, strict=True)
    }


def _save(store: Path, paths: Sequence[str], stamps: npt.NDArray[np.int64], hashes: Hashes) -> None:
    readable = stamps[:, 1] != 0
    # A folder that cannot be written to costs time, not the check.
    with suppress(OutputError), atomic_write(store) as file:
        np.savez(
            file, path=np.array(paths, dtype=str)[readable], stamp=stamps[readable], hash=hashes[readable]
        )
