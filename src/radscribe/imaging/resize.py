"""Resampling: one way for training, inference and the chest check."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

GAP = 2.0  # the bilinear filter reads at least this many pixels for each that it writes
SPARE = 2.0  # an image decoded at reduced resolution keeps this many pixels for each that is needed
BAND = 64  # rows that are looked up at a time, so that they stay in the processor's cache


def reduction(side: int, needed: int) -> int:
    """Return by how much a decoder may reduce an image: 1 for not at all.

    Parameters
    ----------
    side : int
        Shorter side of the image, in pixels.
    needed : int
        Pixels that are needed along each side.
    """
    return max(1, int(side / (needed * SPARE)))


def resize(pixels: Floats, height: int, width: int) -> Floats:
    """Resize an image: bilinear with antialiasing.

    Large images are first reduced by averaging blocks of whole pixels. The aspect ratio is not kept: CheXNet
    was trained on radiographs squeezed to a square.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values.
    height, width : int
        New size in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width)
        `pixels` itself if it has that size.
    """
    if pixels.shape == (height, width):
        return pixels
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=GAP)
    return np.asarray(resized, dtype=np.float32)


def look_up(
    cells: npt.NDArray[Any],
    table: Floats,
    mask: npt.NDArray[np.bool_] | None = None,
    size: int | None = None,
    extent: tuple[float, float] | None = None,
    shift: float = 0.0,
) -> Floats:
    """Turn raw cells into grey values through a table, and resize them on the way.

    The same as ``resize(table[cells], size, size)``, bit for bit, but without the image of full size.

    Parameters
    ----------
    cells : ndarray of unsigned integers, shape (H, W)
        Places in `table`, all of them within it.
    table : ndarray of float32
        Grey value of each cell.
    mask : ndarray of bool, shape (H, W), optional
        Where the image is; everything else becomes 0 (default: everywhere).
    size : int, optional
        Side of the square that is returned (default: the size of `cells`).
    extent : (float, float), optional
        Height and width of the image in cells, where the last row and column of cells only belong to it in
        part (default: the shape of `cells`).
    shift : float
        Distance from the centre of each cell's block to the point that the cell stands for, as a share of a
        cell.

    Returns
    -------
    ndarray of float32, shape (size, size) or (H, W)
        Grey values.
    """
    height, width = cells.shape
    x_factor, y_factor = (int(side / size / GAP) or 1 if size else 1 for side in (width, height))
    step = BAND * y_factor if y_factor > 1 else BAND
    reduced = np.empty((-(-height // y_factor), -(-width // x_factor)), np.float32)
    buffer = np.empty((min(step, height), width), np.float32)
    for top in range(0, height, step):
        band = buffer[: min(step, height - top)]
        rows = slice(top, top + len(band))
        np.take(table, cells[rows], out=band, mode="wrap")  # nothing wraps, and no other mode is as fast
        if mask is not None:
            band *= mask[rows]
        target = slice(top // y_factor, top // y_factor + -(-len(band) // y_factor))
        if x_factor == y_factor == 1:
            reduced[target] = band
        else:
            reduced[target] = np.asarray(Image.fromarray(band).reduce((x_factor, y_factor)))
    if size is None:
        return reduced
    if reduced.shape == (size, size) and (height, width) == (size, size) and not shift:
        return reduced
    bottom, right = extent or (height, width)
    box = (0.0, 0.0, right / x_factor, bottom / y_factor)
    if shift:
        # The image lies that far to the right of and below its samples: shift the box, and repeat the edge.
        reduced = np.pad(reduced, ((0, 1), (0, 1)), mode="edge")
        dx, dy = -shift / x_factor, -shift / y_factor
        box = (dx, dy, box[2] + dx, box[3] + dy)
    image = Image.fromarray(reduced)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box), dtype=np.float32)
