"""A perceptual hash of 256 bits that recompressed and resized copies of a radiograph share, and its search.

The bits are the signs of the 16 x 16 lowest frequencies in the cosine transform of a 32 x 32 thumbnail
(pHash; Zauner, 2010), four times as many as usual because all frontals look alike. On 3,246 radiographs of
four collections, copies saved again as JPEG of quality 60, at half the size or at twice the size differ in at
most 15 bits, and different images in at least 38 (benchmarks/data/image_hash_distances.py). So `SAME` is 15.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radscribe.errors import ImageError, OutputError
from radscribe.files import atomic_write

SAME = 15  # largest number of bits in which copies of one image differ
BANDS = SAME + 1
WORDS = 4  # of 64 bits
THUMB, LOWEST = 32, 16
FILE = "hashes.npz"
_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"})
Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
_POPULATION = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def image_hash(path: Path) -> Hashes:
    """Return the hash of an image file.

    Parameters
    ----------
    path : Path
        Any image that radscribe can read.

    Returns
    -------
    array of uint64, [4]
        The hash.

    Raises
    ------
    ImageError
        The file cannot be read.
    """
    pixels = _thumbnail(path)
    basis = _cosines()
    low = (basis @ pixels @ basis.T)[:LOWEST, :LOWEST]
    low[0, 0] = 0  # brightness
    return np.packbits(low.ravel() > 0).view(np.uint64)


def image_hashes(
    root: Path, paths: Sequence[str], store: Path | None = None, advance: Callable[[], object] = lambda: None
) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """Return the hashes of many images.

    Parameters
    ----------
    root : Path
        The folder that relative paths start from.
    paths : sequence of str
        The images.
    store : Path, optional
        `hashes.npz`, a cache: the hashes of files that have not changed are read from it, new ones are added.
    advance : callable
        Called once per image.

    Returns
    -------
    array of uint64, [N, 4]
        The hashes; zeros if an image cannot be read.
    array of bool, [N]
        Whether each image could be read.
    """
    known = _load(store)
    hashes = np.zeros((len(paths), WORDS), dtype=np.uint64)
    stamps = np.zeros(
        (len(paths), 2), dtype=np.int64
    )  # size and time of the file; zeros if it is not readable

    def work(index: int) -> bool:
        """Hash an image; returns whether it had to be read."""
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
    """Grey pixels, `[32, 32]`, of any range."""
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
        return {}  # a damaged cache is computed again
    return {
        str(path): ((int(stamp[0]), int(stamp[1])), value)
        for path, stamp, value in zip(paths, stamps, hashes, strict=True)
    }


def _save(store: Path, paths: Sequence[str], stamps: npt.NDArray[np.int64], hashes: Hashes) -> None:
    readable = stamps[:, 1] != 0
    # Without the cache the next check is slower, but not wrong.
    with suppress(OutputError), atomic_write(store) as file:
        np.savez(
            file, path=np.array(paths, dtype=str)[readable], stamp=stamps[readable], hash=hashes[readable]
        )


def pairs_across(
    hashes: Hashes, parts: npt.NDArray[np.integer], most: int = SAME
) -> list[tuple[int, int, int]]:
    """Find images in different parts that are the same, without comparing each with each.

    Hashes that differ in at most 15 of 256 bits agree in at least one of 16 bands of 16 bits, so only images
    that share a band are compared.

    Parameters
    ----------
    hashes : array of uint64, [N, 4]
        The hashes of the images.
    parts : array of int, [N]
        The part of each image.
    most : int
        Bits in which two hashes may differ.

    Returns
    -------
    list of tuple
        The places of the two images, and the number of bits in which they differ.
    """
    found: dict[tuple[int, int], int] = {}
    data = hashes.view(np.uint8)
    for one, other in _sharing_a_band(hashes):
        differ = parts[one] != parts[other]
        one, other = one[differ], other[differ]
        distance = _POPULATION[data[one] ^ data[other]].sum(1, dtype=np.int64)
        for k in np.flatnonzero(distance <= most):
            found[int(one[k]), int(other[k])] = int(distance[k])
    return [(one, other, bits) for (one, other), bits in sorted(found.items())]


def _sharing_a_band(hashes: Hashes) -> Iterator[tuple[Places, Places]]:
    """Places of images that share a band, the lower one first, once for each band that they share."""
    bands = _scattered(hashes)
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        start, step = np.arange(len(hashes)), 1
        while True:  # each with its next neighbour of the same value, then with the one after that
            start = start[start + step < len(hashes)]
            start = start[values[start] == values[start + step]]
            if not len(start):
                break
            yield order[start], order[start + step]
            step += 1


def _scattered(hashes: Hashes) -> npt.NDArray[np.uint16]:
    """The bands of each hash, `[N, 16]`. Each has bits of all frequencies, so none is constant."""
    count = len(hashes)
    bits = np.unpackbits(hashes.view(np.uint8), axis=1).reshape(count, 16, BANDS)
    rows = np.arange(16)[:, None]
    # Row r of the frequencies is rotated by r, so a band is a diagonal and not one column of frequencies.
    turned = bits[:, rows, (np.arange(BANDS)[None] + rows) % BANDS]  # [N, 16, 16]
    return np.packbits(turned.transpose(0, 2, 1).reshape(count, 16 * BANDS), axis=1).view(np.uint16)
