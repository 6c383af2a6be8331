"""`draw` and `draw_study`: from a seed to exposed radiographs, the findings in them, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Literal

import numpy as np
from PIL import Image

from radscribe.errors import UsageError
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.imaging.reader import MIN_SIDE
from radscribe.labels import CHESTXRAY14
from radscribe.phantom import frontal_findings, lateral_findings, report
from radscribe.phantom.chest import Layers
from radscribe.phantom.findings import Finding, FindingSpec, complete
from radscribe.phantom.frame import Floats, Frame, Points, blur, stream
from radscribe.phantom.frontal import frontal
from radscribe.phantom.lateral import lateral
from radscribe.phantom.patient import Patient, sample

PhantomView = Literal["PA", "lateral"]
Asked = Sequence[str | FindingSpec] | None
PHOTONS = 90_000.0  # a pixel of 1/512 of the field, unattenuated
STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "L": (((0.0, 0.0), (0.0, 1.0), (0.6, 1.0)),),
    "R": (
        ((0.0, 1.0), (0.0, 0.0), (0.45, 0.0), (0.6, 0.12), (0.6, 0.38), (0.45, 0.5), (0.0, 0.5)),
        ((0.3, 0.5), (0.62, 1.0)),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A drawn radiograph and the truth about it.

    Parameters
    ----------
    radiograph : Radiograph
        Float32 `[size, size]` in 0..1, bright is dense; PA or lateral.
    findings : tuple of Finding
        Findings that were drawn, and where.
    findings_section, impression : str
        The sections of its report.
    """

    radiograph: Radiograph
    findings: tuple[Finding, ...]
    findings_section: str
    impression: str

    @property
    def report(self) -> str:
        """Both sections as one text."""
        return f"{self.findings_section} {self.impression}"

    @property
    def labels(self) -> dict[str, float]:
        """Each of the 14 ChestX-ray14 findings: 1.0 drawn, 0.0 not."""
        drawn = {finding.name for finding in self.findings}
        return {name: float(name in drawn) for name in CHESTXRAY14}


@dataclass(frozen=True, slots=True, eq=False)
class PhantomStudy:
    """A frontal and a lateral radiograph of one patient, with one report."""

    frontal: Phantom
    lateral: Phantom

    @property
    def report(self) -> str:
        """The report of the study; it names sides, which the frontal view shows."""
        return self.frontal.report

    @property
    def labels(self) -> dict[str, float]:
        """Each of the 14 ChestX-ray14 findings: 1.0 drawn, 0.0 not."""
        return self.frontal.labels


def draw(
    seed: int, findings: Asked = None, view: PhantomView = "PA", size: int = 512, visit: int = 0
) -> Phantom:
    """Draw one chest phantom; the same arguments give the same pixels.

    Parameters
    ----------
    seed : int
        Seed of the patient, the exposure, the places of the findings and the phrasing; 0 or larger.
    findings : Asked
        Names or `FindingSpec`s; () is a normal chest; None lets the seed choose none, one or two.
    view : PhantomView
        "PA", with the patient's right on the left of the image, or "lateral", with the front on the left.
    size : int
        Side of the square image in pixels; a field of 40 cm.
    visit : int
        Number of the patient's visit, from 0: the anatomy stays, the position and the exposure are others.

    Raises
    ------
    UsageError
        A finding that is not drawn or makes no sense, another view, a negative seed, or fewer than 64 pixels.
    """
    if seed < 0:
        raise UsageError(f"seed {seed} is negative", subject="phantom", remedy="give 0 or larger")
    if size < MIN_SIDE:
        raise UsageError(f"size {size} is too small", subject="phantom", remedy=f"give at least {MIN_SIDE}")
    if view not in ("PA", "lateral"):
        raise UsageError(f"does not draw view {view!r}", subject="phantom", remedy="give PA or lateral")
    wanted = complete(seed, findings)
    patient = changed(sample(seed), wanted)
    frame = _stand(again(patient, visit), view, size)
    layers, placed = _painted(patient, frame, wanted, view)
    pixels = expose(layers.attenuation(), frame, seed, view, visit)
    sections = report.write(seed, placed, lateral_alone=view == "lateral")
    return Phantom(Radiograph(pixels, view, Provenance(format="phantom")), placed, *sections)


def draw_study(seed: int, findings: Asked = None, size: int = 512) -> PhantomStudy:
    """Draw a frontal and a lateral view of one patient with the same findings.

    Parameters
    ----------
    seed : int
        Seed of the patient, the exposure, the places of the findings and the phrasing; 0 or larger.
    findings : sequence of str or FindingSpec, optional
        Findings to draw; an empty sequence is a normal chest (default: the seed chooses none, one or two).
    size : int
        Side of the square images in pixels.

    Returns
    -------
    PhantomStudy
        The two views and the report.
    """
    frontal_view = draw(seed, findings, "PA", size)
    lateral_view = draw(seed, findings, "lateral", size)
    return PhantomStudy(frontal_view, lateral_view)


def save(phantom: Phantom, path: str | PathLike[str], bits: Literal[8, 16] = 8) -> None:
    """Write the pixels to a grey PNG file.

    Parameters
    ----------
    phantom : Phantom
        The drawn chest.
    path : str or path
        File to write.
    bits : {8, 16}
        Bits per pixel.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    full = 2**bits - 1
    levels = np.rint(phantom.radiograph.pixels * full)
    Image.fromarray(levels.astype(np.uint8 if bits == 8 else np.uint16)).save(path, format="PNG")


def _stand(patient: Patient, view: PhantomView, size: int) -> Frame:
    if view == "PA":
        return Frame(size, patient.tilt, patient.magnification, patient.shift)
    # from the side, patients lean forward a little and stand lower, with their arms above the field
    magnification = 0.97 * patient.magnification
    return Frame(size, patient.tilt - 0.05, magnification, patient.shift - 0.02, drop=0.03)


def _painted(
    patient: Patient, frame: Frame, wanted: Sequence[Finding], view: PhantomView
) -> tuple[Layers, tuple[Finding, ...]]:
    """The layers with every finding in them, and the findings with their boxes."""
    if view == "PA":
        chest = frontal(patient, frame)
        boxes = [frontal_findings.paint(chest, finding) for finding in wanted]
        layers = chest.layers
    else:
        side_view = lateral(patient, frame)
        boxes = [lateral_findings.paint(side_view, finding) for finding in wanted]
        layers = side_view.layers
    return layers, tuple(replace(finding, box=box) for finding, box in zip(wanted, boxes, strict=True))


def again(patient: Patient, visit: int) -> Patient:
    """Return the patient as positioned on a visit; on the first, as `sample` has it."""
    if not visit:
        return patient
    rng = stream(patient.seed, f"visit {visit}")
    return replace(
        patient,
        tilt=patient.tilt + float(rng.normal(0, 0.012)),
        magnification=patient.magnification * float(rng.uniform(0.98, 1.02)),
        shift=float(np.clip(patient.shift + rng.normal(0, 0.008), -0.03, 0.03)),
    )


def changed(patient: Patient, findings: Sequence[Finding]) -> Patient:
    """Return the patient with the anatomy changed by `findings`."""
    for finding in findings:
        if finding.name == "Cardiomegaly":
            patient = replace(patient, ctr=0.57 + 0.10 * finding.strength)
        if finding.name == "Atelectasis":
            rise = 0.025 + 0.045 * finding.strength  # the lung that lost air draws the diaphragm up
            if finding.side == "right":
                patient = replace(patient, dome_right=patient.dome_right - rise)
            else:
                patient = replace(patient, dome_left=patient.dome_left - rise)
    return patient


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
