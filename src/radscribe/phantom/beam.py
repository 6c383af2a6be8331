"""From attenuation to grey values: scatter, quantum noise, the logarithm, the display curve, the edges."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radscribe.phantom.frame import Floats, Frame, Points, blur, stream

PHOTONS = 90_000.0  # a pixel of 1/512 of the field, unattenuated
STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "L": (((0.0, 0.0), (0.0, 1.0), (0.6, 1.0)),),
    "R": (
        ((0.0, 1.0), (0.0, 0.0), (0.45, 0.0), (0.6, 0.12), (0.6, 0.38), (0.45, 0.5), (0.0, 0.5)),
        ((0.3, 0.5), (0.62, 1.0)),
    ),
}


def expose(
    attenuation: Floats, frame: Frame, seed: int, view: Literal["PA", "lateral"], visit: int = 0
) -> Floats:
    """A developed radiograph: float32 `[H, W]` in 0..1, bright is dense."""
    rng = stream(seed, f"exposure {view} {visit}" if visit else f"exposure {view}")
    primary = np.exp(-frame.blur(attenuation, 0.0013))
    signal = primary + np.float32(0.08) * frame.blur(primary, 0.05) + np.float32(0.002)
    noise = rng.standard_normal(attenuation.shape).astype(np.float32)
    noise = blur(noise, 0.55)  # the scintillator spreads each quantum over its neighbours
    noise /= noise.std()
    photons = PHOTONS * rng.uniform(0.6, 1.6) * (512 / frame.size) ** 2
    signal = signal + noise * np.sqrt(signal / np.float32(photons))
    density = -np.log(np.maximum(signal, np.float32(1e-4)))
    shown = _display(density, rng, view)
    shown = _collimate(shown, frame, rng)
    return np.clip(_mark(shown, rng), 0, 1).astype(np.float32)


def _display(density: Floats, rng: np.random.Generator, view: str) -> Floats:
    """A straight window with a shoulder, as detectors' default looks have."""
    low, high = (0.78, 4.30) if view == "PA" else (1.0, 5.2)
    low, high = low + rng.uniform(-0.2, 0.15), high + rng.uniform(-0.15, 0.35)
    gamma = rng.uniform(0.85, 1.1)
    unit = np.clip((density - low) / (high - low), -0.1, 1.3)
    curve = 1 / (1 + np.exp(-np.float32(4.6) * (unit - np.float32(0.47))))
    floor, ceiling = (float(1 / (1 + np.exp(-4.6 * (edge - 0.47)))) for edge in (-0.1, 1.1))
    scaled = np.clip((curve - floor) / (ceiling - floor), 0, 1) ** np.float32(gamma)
    shown: Floats = (0.02 + 0.89 * scaled).astype(np.float32)
    return shown


def _collimate(image: Floats, frame: Frame, rng: np.random.Generator) -> Floats:
    """Sometimes the collimator's blades show at the edges."""
    blades = rng.uniform(0.004, 0.022, 4) * (rng.random(4) < 0.25)
    top, bottom, left, right = (round(float(blade) * frame.size) for blade in blades)
    shade = np.ones_like(image)
    shade[:top] = 0.08
    shade[frame.size - bottom :] = 0.08
    shade[:, :left] = 0.08
    shade[:, frame.size - right :] = 0.08
    return image * blur(shade, frame.size / 400)


def _mark(image: Floats, rng: np.random.Generator) -> Floats:
    """The lead letter of a side, upright, on the patient's own side of a frontal."""
    detector = Frame(len(image), tilt=0.0, magnification=1.0, shift=0.0)
    letter = "L" if rng.random() < 0.65 else "R"
    height = float(rng.uniform(0.028, 0.045))
    offset = float(rng.uniform(0.41, 0.44))
    corner = np.array([offset if letter == "L" else -offset, float(rng.uniform(0.04, 0.11))])
    strokes: list[tuple[Points, float]] = [
        (corner + height * np.array(stroke), 0.09 * height) for stroke in STROKES[letter]
    ]
    lead = detector.lines(strokes)
    lead = lead / max(float(lead.max()), 1e-6)
    return image + (np.float32(0.97) - image) * lead
