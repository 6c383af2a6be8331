"""Display Shutter (PS3.3 C.7.6.11): the visible part of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from pydicom import Dataset

from radscribe.imaging.grey import numbers

LEAST_VISIBLE = 0.05  # share of the image below which the shutter must be wrong
Mask = npt.NDArray[np.bool_]


def visible(dataset: Dataset, height: int, width: int, notes: list[str]) -> Mask | None:
    """Find the part of an image that its Display Shutter leaves visible.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Its Display Shutter module. Several shapes leave visible what all of them do.
    height, width : int
        Size of the image. Rows and columns of the module count from 1.
    notes : list of str
        Receives a note for each element that is ignored.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        None without a usable shutter.
    """
    mask: Mask | None = None
    for shape in _shapes(dataset):
        make = SHAPES.get(shape)
        part = make(dataset, height, width) if make else None
        if part is None:
            notes.append(f"Display Shutter ignored: its {shape.lower()} shape is not usable")
            continue
        mask = part if mask is None else mask & part
    if mask is None or mask.all():
        return None
    if mask.mean() < LEAST_VISIBLE:
        notes.append("Display Shutter ignored: it would hide nearly the whole image")
        return None
    return mask


def _shapes(dataset: Dataset) -> list[str]:
    value: Any = dataset.get("ShutterShape")
    parts = [value] if isinstance(value, str) else list(value or [])
    known = (str(part).strip().upper() for part in parts)
    return [shape if shape in (*SHAPES, "BITMAP") else "unknown" for shape in known if shape]


def _whole(dataset: Dataset, keyword: str) -> list[int]:
    found = numbers(dataset, keyword)
    return [round(value) for value in found if value is not None and abs(value) < 1 << 31]


def _rectangle(dataset: Dataset, height: int, width: int) -> Mask | None:
    edges = [
        _whole(dataset, f"Shutter{edge}Edge")
        for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    ]
    if not all(edges):
        return None
    left, right, top, bottom = (edge[0] for edge in edges)
    mask = np.zeros((height, width), np.bool_)
    # Some writers count from 0, some hide the edges: without them, both read the same.
    mask[max(top, 0) : max(bottom - 1, 0), max(left, 0) : max(right - 1, 0)] = True
    return mask


def _circle(dataset: Dataset, height: int, width: int) -> Mask | None:
    centre, radius = _whole(dataset, "CenterOfCircularShutter"), _whole(dataset, "RadiusOfCircularShutter")
    if len(centre) < 2 or not radius or radius[0] <= 0:
        return None
    y = (np.arange(1, height + 1) - float(centre[0]))[:, None]
    x = (np.arange(1, width + 1) - float(centre[1]))[None]
    mask: Mask = y * y + x * x < float(radius[0] - 1) ** 2
    return mask


def _polygon(dataset: Dataset, height: int, width: int) -> Mask | None:
    values = _whole(dataset, "VerticesOfThePolygonalShutter")
    if len(values) < 6 or len(values) % 2:
        return None
    limit = 1 << 20  # far outside of any image, and within what Pillow draws
    points = [
        (max(-limit, min(x - 1, limit)), max(-limit, min(y - 1, limit)))
        for y, x in zip(values[::2], values[1::2], strict=True)
    ]
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).polygon(points, fill=1)
    inner = image.convert("L").filter(ImageFilter.MinFilter(3))  # without the edges, as above
    return np.asarray(inner) > 0


SHAPES = {"RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon}
