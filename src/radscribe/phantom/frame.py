"""Where the patient stands on the detector: patient coordinates, and shapes drawn in them.

Patient coordinates are fractions of the field's side: `u` from the midline to the right of the image, `v`
downwards from the upper edge. A field is 40 cm wide.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.floating[Any]]  # [H, W] unless said otherwise; float32, except intermediate results
Points = npt.NDArray[np.float64]  # [N, 2], columns u and v
Box = tuple[int, int, int, int]  # top, left, bottom, right in pixels; bottom and right are exclusive

FIELD_CM = 40.0
PIVOT = 0.45  # the v about which patients tilt and magnify
OVERSAMPLING = 2


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers for one purpose: what one part draws never shifts the numbers of another."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class Frame:
    """The detector's grid in patient coordinates.

    Parameters
    ----------
    size : int
        Side of the image in pixels.
    tilt : float
        Rotation of the patient in the image plane, radians.
    magnification : float
        1 is a field of 40 cm.
    shift : float
        Shift of the midline from the centre of the image, in fractions of its side.
    drop : float
        Drop of the whole patient, likewise.
    """

    def __init__(self, size: int, tilt: float, magnification: float, shift: float, drop: float = 0.0) -> None:
        self.size = size
        self.magnification = magnification
        self._centre = np.array([0.5 + shift, PIVOT + drop])
        cos, sin = np.cos(tilt), np.sin(tilt)
        self._turn = np.array([[cos, -sin], [sin, cos]])
        axis = (np.arange(size, dtype=np.float64) + 0.5) / size
        x, y = axis[None, :] - self._centre[0], axis[:, None] - self._centre[1]
        self.u: Floats = ((x * cos + y * sin) / magnification).astype(np.float32)  # [H, W]
        self.v: Floats = ((y * cos - x * sin) / magnification + PIVOT).astype(np.float32)  # [H, W]

    def pixels(self, points: Points) -> Points:
        """Convert patient coordinates to image x and y in pixels."""
        offset = (points - np.array([0.0, PIVOT])) * self.magnification
        image: Points = (offset @ self._turn.T + self._centre) * self.size
        return image

    def polygon(self, points: Points) -> Floats:
        """Return the coverage of a closed outline, 0..1 `[H, W]`, antialiased."""
        corners = self.pixels(points)
        left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, self.size)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, self.size)
        covered = np.zeros((self.size, self.size), dtype=np.float32)
        if left >= right or top >= bottom:
            return covered
        window = Image.new("L", (int(right - left) * OVERSAMPLING, int(bottom - top) * OVERSAMPLING))
        path = (corners - (left, top)) * OVERSAMPLING
        ImageDraw.Draw(window).polygon(path.ravel().tolist(), fill=255)
        covered[top:bottom, left:right] = np.asarray(window.reduce(OVERSAMPLING))
        return covered / np.float32(255)

    def tube(self, points: Points, radii: npt.ArrayLike) -> Floats:
        """Return the coverage of a bent rod, 0..1 `[H, W]`; `radii` is one number, or one per point."""
        along = np.gradient(points, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        across *= np.broadcast_to(np.asarray(radii, dtype=np.float64), len(points))[:, None]
        return self.polygon(np.concatenate([points + across, (points - across)[::-1]]))

    def lines(self, strokes: Sequence[tuple[Points, float]]) -> Floats:
        """Thickness in cm `[H, W]` of round rods `(points, radius)`; the thicker hides the thinner."""
        big = Image.new("L", (self.size * OVERSAMPLING,) * 2)
        pen = ImageDraw.Draw(big)
        scale = self.magnification * self.size * OVERSAMPLING
        thickest = max(radius for _, radius in strokes)
        ordered = sorted(strokes, key=lambda stroke: stroke[1])
        corners = self.pixels(np.concatenate([points for points, _ in ordered])) * OVERSAMPLING
        ends = np.cumsum([len(points) for points, _ in ordered])[:-1]
        for path, (_, radius) in zip(np.split(corners, ends), ordered, strict=True):
            width = 2 * radius * scale
            fill = 255 * radius / thickest * min(1.0, width)  # a rod thinner than a pixel is fainter
            pen.line(path.ravel().tolist(), fill=round(fill), width=max(1, round(width)), joint="curve")
        thickness = np.asarray(big.reduce(OVERSAMPLING), dtype=np.float32) / np.float32(255)
        return thickness * np.float32(2 * thickest * FIELD_CM)

    def blur(self, image: Floats, sigma: float) -> Floats:
        """Gaussian blur; `sigma` in patient coordinates."""
        return blur(image, sigma * self.magnification * self.size)

    def box(self, mask: Floats, least: float = 0.15) -> Box:
        """The smallest box around pixels above `least`; the middle pixels of the image if there are none."""
        rows, columns = np.nonzero(mask.max(axis=1) > least)[0], np.nonzero(mask.max(axis=0) > least)[0]
        if not rows.size:
            middle = self.size // 2
            return middle, middle, middle + 1, middle + 1
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def blur(image: Floats, sigma: float) -> Floats:
    """Gaussian blur by `sigma` pixels, edges repeated: float32 `[H, W]` → float32 `[H, W]`."""
    if sigma < 0.2:
        return image
    pad = 16 * (int(3 * sigma) // 16 + 1)  # sides with small factors transform fast
    padded = np.pad(image, pad, mode="edge")
    rows = np.exp(-2 * (np.pi * sigma * np.fft.fftfreq(padded.shape[0])) ** 2)
    columns = np.exp(-2 * (np.pi * sigma * np.fft.rfftfreq(padded.shape[1])) ** 2)
    spectrum = np.fft.rfft2(padded) * np.outer(rows, columns).astype(np.float32)
    smooth = np.fft.irfft2(spectrum, s=padded.shape)[pad:-pad, pad:-pad]
    return smooth.astype(np.float32)


def spline(points: Sequence[tuple[float, float]], closed: bool = False, samples: int = 10) -> Points:
    """Catmull–Rom curve through `points`: `[N, 2]`."""
    knots = np.array(points, dtype=np.float64)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = knots[:-3], knots[1:-2], knots[2:-1], knots[3:]
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, start, end, after))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat: Points = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, knots[-2:-1]])


def texture(rng: np.random.Generator, size: int, cells: int) -> Floats:
    """Smooth noise of about unit variance with `cells` bumps a side: `[size, size]`."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    fine = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(fine, dtype=np.float32) * np.float32(1.4)


def step(distance: Floats, width: float) -> Floats:
    """A soft edge: 0 far below zero, 1 far above, over about `width`."""
    ramp = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    smooth: Floats = ramp * ramp * (3 - 2 * ramp)
    return smooth
