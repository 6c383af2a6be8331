"""One patient: the measures that both views share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radscribe.phantom.frame import Floats, Points, spline, stream

Sign = int  # -1 the patient's right (left in a frontal image), +1 the left

# Half-width of the thoracic cavity from apex (0) to costophrenic angle (1), as a share of the widest.
CAVITY_LEVELS = (0.0, 0.05, 0.12, 0.22, 0.36, 0.58, 0.82, 1.0)
CAVITY_SHARES = (0.46, 0.60, 0.72, 0.83, 0.91, 0.97, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Patient:
    """Measures in fractions of the field (40 cm), except where a unit is named.

    Parameters
    ----------
    seed : int
        Seed of everything that is drawn of this patient.
    female : bool
        Breast shadows.
    half_width : float
        Half width of the thoracic cavity at its widest.
    wall : float
        Thickness of the chest wall at the side.
    depth_cm : float
        Depth in cm of the chest from front to back.
    apex : float
        V of the lungs' upper ends.
    dome_right, dome_left : float
        V of the hemidiaphragms' highest points; larger is a deeper breath.
    sinus : float
        V of the costophrenic angles.
    heart_floor : float
        V on which the heart rests.
    ctr : float
        Cardiothoracic ratio.
    knob : float
        How far the aortic knob stands out.
    tilt : float
        Rotation in the image plane, radians.
    magnification, shift : float
        Magnification of the field.
    """

    seed: int
    female: bool
    half_width: float
    wall: float
    depth_cm: float
    apex: float
    dome_right: float
    dome_left: float
    sinus: float
    heart_floor: float
    ctr: float
    knob: float
    tilt: float
    magnification: float
    shift: float

    def dome(self, side: Sign) -> float:
        """v of the highest point of a hemidiaphragm."""
        return self.dome_right if side < 0 else self.dome_left

    def cavity(self, v: Floats) -> Floats:
        """Half-width of the thoracic cavity at each v."""
        level = (v - self.apex) / (self.sinus - self.apex)
        share = np.interp(level, CAVITY_LEVELS, CAVITY_SHARES)
        widths: Floats = (share * self.half_width).astype(np.float32)
        return widths

    def diaphragm(self, distance: Floats, side: Sign) -> Floats:
        """v of a hemidiaphragm at each distance from the midline."""
        top, peak = self.dome(side), 0.52 * self.half_width
        lateral = np.clip((distance - peak) / (self.half_width - peak), 0, 1.2)
        medial = np.clip((peak - distance) / peak, 0, 1)
        drop = (self.sinus - top) * lateral**2.4 + 0.05 * medial**2
        levels: Floats = (top + drop).astype(np.float32)
        return levels

    def lung(self, side: Sign) -> Points:
        """Outline of a lung field in the frontal view, behind the heart up to the spine."""
        levels = np.linspace(0.10, 1.0, 12)
        v = (self.apex + levels * (self.sinus - self.apex)).astype(np.float32)
        lateral = list(zip(self.cavity(v).tolist(), v.tolist(), strict=True))
        across = np.linspace(0.97, 0.12, 12).astype(np.float32) * np.float32(self.half_width)
        base = list(zip(across.tolist(), self.diaphragm(across, side).tolist(), strict=True))
        crown = [
            (0.040, self.apex + 0.110),
            (0.052, self.apex + 0.055),
            (0.085, self.apex + 0.014),
            (0.42 * self.half_width, self.apex),
            (0.60 * self.half_width, self.apex + 0.020),
        ]
        outline = spline([*crown, *lateral, *base, (0.033, self.dome(side)), (0.033, 0.35)], closed=True)
        outline[:, 0] *= side
        return outline


def sample(seed: int) -> Patient:
    """A patient without findings; the cardiothoracic ratio is 0.42 to 0.49."""
    rng = stream(seed, "patient")
    female = bool(rng.random() < 0.5)
    breath = float(rng.normal(0, 0.018))
    dome_right = float(np.clip(0.675 + breath, 0.62, 0.73))
    dome_left = dome_right + float(rng.uniform(0.012, 0.034))
    return Patient(
        seed=seed,
        female=female,
        half_width=float(rng.uniform(0.300, 0.345) - 0.012 * female),
        wall=float(rng.uniform(0.040, 0.085)),
        depth_cm=float(rng.uniform(19.0, 24.0)),
        apex=float(rng.uniform(0.075, 0.115)),
        dome_right=dome_right,
        dome_left=dome_left,
        sinus=dome_right + 0.14,
        heart_floor=dome_left,
        ctr=float(rng.uniform(0.42, 0.49)),
        knob=float(rng.uniform(0.008, 0.024)),
        tilt=float(np.deg2rad(np.clip(rng.normal(0, 1.1), -2.2, 2.2))),
        magnification=float(rng.uniform(1.02, 1.14)),
        shift=float(np.clip(rng.normal(0, 0.012), -0.03, 0.03)),
    )
