"""A painted chest: its layers in the path of the beam, and the shapes that findings add to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radscribe.phantom.frame import FIELD_CM, Floats, Frame, Points, step, texture
from radscribe.phantom.patient import Patient, Sign

# Linear attenuation in 1/cm at about 70 keV; bone stands for the mixture of cortex and marrow.
TISSUE = np.float32(0.20)
LUNG = np.float32(0.055)
BONE = np.float32(0.48)
SIDES: tuple[Sign, Sign] = (-1, 1)


@dataclass(slots=True)
class Layers:
    """Depths in cm, each float32 `[H, W]`; the rest is air.

    Parameters
    ----------
    tissue : numpy.ndarray
        Muscle, fat, blood and fluid outside the lungs' vessels.
    lung : numpy.ndarray
        Aerated lung.
    vessels : numpy.ndarray
        Blood in the lungs' vessels.
    bone : numpy.ndarray
        Bone in excess of the tissue that it replaces.
    """

    tissue: Floats
    lung: Floats
    vessels: Floats
    bone: Floats

    def fill(self, share: Floats) -> None:
        """A share (0..1) of the lung's depth becomes tissue or fluid; vessels drown in it."""
        filled = self.lung * np.clip(share, 0, 1)
        self.lung = self.lung - filled
        self.tissue = self.tissue + filled
        self.vessels = self.vessels * (1 - np.clip(share, 0, 1))

    def empty(self, share: Floats) -> None:
        """A share (0..1) of the lung gives way to air."""
        left = 1 - np.clip(share, 0, 1)
        self.lung = self.lung * left
        self.vessels = self.vessels * left

    def insert(self, depth_cm: Floats) -> None:
        """A solid body of this depth displaces lung."""
        self.lung = np.maximum(self.lung - depth_cm, 0)
        self.tissue = self.tissue + depth_cm

    def attenuation(self) -> Floats:
        """The exponent of Beer and Lambert's law, `[H, W]`."""
        line: Floats = TISSUE * (self.tissue + self.vessels) + LUNG * self.lung + BONE * self.bone
        return np.maximum(line, 0)


@dataclass(slots=True)
class Chest:
    """The layers, and the masks (0..1, `[H, W]`) that findings are placed by.

    Parameters
    ----------
    lungs : dict of Sign to Floats
        Each lung field, by side: frontally with what of it lies behind the heart; from the side the two lie
        over each other.
    heart : numpy.ndarray
        The cardiac silhouette.
    """

    patient: Patient
    frame: Frame
    layers: Layers
    lungs: dict[Sign, Floats]
    heart: Floats


def ball(
    frame: Frame, centre: tuple[float, float], diameter_mm: float, rng: np.random.Generator, lobes: float
) -> Floats:
    """Depth in cm of a rounded body; `lobes` is how far its outline departs from a circle."""
    du, dv = frame.u - np.float32(centre[0]), frame.v - np.float32(centre[1])
    angle = np.arctan2(dv, du)
    radius = np.full_like(du, diameter_mm / 20 / FIELD_CM)
    for count in (2, 3, 5):
        radius *= 1 + np.float32(lobes / count) * np.cos(count * angle + rng.uniform(0, 2 * np.pi))
    share = np.hypot(du, dv) / radius
    depth = np.sqrt(np.clip(1 - share**2, 0, 1)) * np.float32(diameter_mm / 10)
    return frame.blur(depth.astype(np.float32), 0.0012)


def patch(
    frame: Frame, centre: tuple[float, float], radius: float, rng: np.random.Generator, strength: float
) -> Floats:
    """Share of airspace that a consolidation fills: patchy, ill-defined, with branching air bronchograms."""
    du, dv = frame.u - np.float32(centre[0]), frame.v - np.float32(centre[1])
    ragged = texture(rng, frame.size, 12) * np.float32(0.15) + texture(rng, frame.size, 30) * np.float32(0.10)
    share = step(np.float32(0.9) - np.hypot(du, dv / np.float32(0.9)) / np.float32(radius) + ragged, 1.3)
    outward = np.array([np.sign(centre[0]), 0.35 * rng.uniform(-1, 1)])
    fork, across = np.array(centre) - 0.25 * radius * outward, np.array([0.0, 1.0])
    strokes: list[tuple[Points, float]] = [(np.stack([fork - 0.7 * radius * outward, fork]), 0.0042)]
    for turn in (-0.5, 0.0, 0.4):  # an airway comes from the hilum and divides
        end = fork + radius * (rng.uniform(0.6, 0.9) * outward + turn * across)
        strokes.append((np.stack([fork, (fork + end) / 2 + 0.006 * across, end]), 0.0032))
    tubes = frame.lines(strokes)
    airways = frame.blur(tubes / max(float(tubes.max()), 1e-6), 0.0022)
    clumps = np.clip(1 + np.float32(0.12) * texture(rng, frame.size, 48), 0, 1.3)
    depth = np.float32(0.30 + 0.34 * strength)
    filled: Floats = share * clumps * depth * (1 - np.float32(0.45) * airways)
    return filled


def bands(
    frame: Frame,
    centre: tuple[float, float],
    length: float,
    strength: float,
    rng: np.random.Generator,
    sign: int,
) -> Floats:
    """Depth in cm of plates of collapsed lung seen on edge: lines near the base, one to three of them."""
    depth = np.zeros_like(frame.u)
    for index in range(1 + round(strength * 2)):
        lean = rng.uniform(-0.25, 0.05)
        middle = np.array([centre[0] + rng.normal(0, 0.008), centre[1] - 0.026 * index])
        reach = length * rng.uniform(0.8, 1.0) / 2
        along = np.array([np.cos(lean) * sign, np.sin(lean)])
        t = np.linspace(-1, 1, 12)[:, None]
        path = middle + t * reach * along + (1 - t**2) * np.array([0.0, -0.008])
        radii = (0.0032 + 0.003 * strength) * (1.02 - np.linspace(-1, 1, 12) ** 2)
        depth += np.float32(2.6 + 1.8 * strength) * frame.tube(path, radii)
    return frame.blur(depth, 0.0022)


def pouch(frame: Frame, centre: tuple[float, float], radius: float, fluid: float) -> tuple[Floats, Floats]:
    """A herniated stomach: the share of lung that it fills, and depth in cm of the gas above its level."""
    du, dv = frame.u - np.float32(centre[0]), frame.v - np.float32(centre[1])
    share = np.hypot(du, dv / np.float32(0.92)) / np.float32(radius)
    body = step(1 - share, 0.16)
    inside = step(np.float32(0.84) - share, 0.30)
    gas = inside * step(np.float32(fluid) - dv, 0.007)
    return body * np.float32(0.72), np.float32(4.0) * gas
