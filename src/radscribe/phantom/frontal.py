"""The frontal view of a patient without findings; the patient's right is on the image's left."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from radscribe.phantom.anatomy import Stroke, bones, tree
from radscribe.phantom.chest import SIDES, Chest, Layers
from radscribe.phantom.frame import Floats, Frame, Points, spline, step, stream, texture
from radscribe.phantom.patient import Patient, Sign

HILUM_U = 0.075
CARINA_V = 0.335


def frontal(patient: Patient, frame: Frame) -> Chest:
    """Body, lungs, heart, vessels and bones, in the order in which they displace each other."""
    lungs = {side: frame.polygon(patient.lung(side)) for side in SIDES}
    heart = frame.polygon(heart_outline(patient))
    body = body_depth(patient, frame)
    aerated = lung_depth(patient, frame, lungs)
    rounded = 0.45 * frame.blur(heart, 0.003) + 0.55 * frame.blur(heart, 0.022)
    aerated = aerated * (1 - np.float32(0.60) * np.minimum(rounded * 1.2, 1))
    aerated = aerated * (1 - mediastinum(patient, frame))
    air = airways(frame) + stomach_bubble(patient, frame)
    vessels = lung_vessels(patient, frame) * np.minimum(lungs[-1] + lungs[1], 1)
    layers = Layers(
        tissue=np.maximum(body - aerated - air, 0),
        lung=aerated,
        vessels=vessels * np.minimum(aerated / 6, 1),
        bone=bones(patient, frame) * np.minimum(body / 6, 1),
    )
    return Chest(patient, frame, layers, lungs, heart)


def body_depth(patient: Patient, frame: Frame) -> Floats:
    """Depth in cm of everything inside the skin."""
    u, v = np.abs(frame.u), frame.v
    rng = stream(patient.seed, "habitus")
    trunk = patient.half_width + patient.wall
    slope = patient.apex - 0.085 + rng.uniform(-0.03, 0.02)
    side = np.interp(v, [0.0, 0.10, 0.35, 0.6, 1.0], [trunk - 0.02, trunk + 0.01, trunk, trunk, trunk + 0.02])
    ellipse = np.sqrt(np.clip(1 - (u / side) ** 2, 0, 1))
    torso = patient.depth_cm * (0.38 + 0.62 * ellipse) * step(side - u, 0.010)
    torso = torso * (0.66 + 0.34 * step(v - 0.26, 0.44))
    skin = (
        slope
        + 0.20 * (1 - np.exp(-np.clip(u - 0.12, 0, 1) / 0.12)) * 0.55
        + 1.2 * np.clip(u - 0.36, 0, 1) ** 2
    )
    above = step(v - skin.astype(np.float32), 0.03)
    reach = trunk + 0.115
    fold = np.float32(0.36) + 1.1 * (u - trunk)  # the axilla: the arm hangs from the shoulder
    shoulder = 16.0 * step(reach + 0.05 * v - u, 0.10) * step(fold - v, 0.12)
    gap = rng.uniform(-0.015, 0.045)
    arm_u = trunk + 0.050 + gap * step(v - 0.42, 0.3) + 0.03 * v
    arm = 11.5 * np.sqrt(np.clip(1 - ((u - arm_u) / 0.080) ** 2, 0, 1))
    neck = 12.0 * np.sqrt(np.clip(1 - (u / 0.135) ** 2, 0, 1)) * step(np.float32(0.25) - v, 0.2)
    depth = np.maximum.reduce([torso * above, shoulder * above, arm * above, neck])
    depth = frame.blur(depth.astype(np.float32), 0.004)
    muscle = texture(rng, frame.size, 7) + np.float32(0.7) * texture(rng, frame.size, 19)
    depth = depth * (1 + np.float32(0.022) * muscle)
    return depth + breasts(patient, frame, rng) * step(side - u, 0.03)


def breasts(patient: Patient, frame: Frame, rng: np.random.Generator) -> Floats:
    """Soft shadows that fade upwards and end below in a crease; in men, only the pectoral folds."""
    size = float(rng.uniform(1.2, 3.6)) if patient.female else float(rng.uniform(0.2, 0.7))
    fold = rng.uniform(0.60, 0.72) if patient.female else rng.uniform(0.42, 0.48)
    lateral = np.abs(frame.u) - np.float32(0.62 * patient.half_width)
    reach = np.sqrt(np.clip(1 - (lateral / 0.17) ** 2, 0, 1))
    crease = np.float32(fold) - 0.9 * lateral**2 * np.float32(4)
    fade = np.exp(-np.clip(crease - frame.v, 0, 1) / np.float32(0.09))
    return frame.blur(np.float32(size) * reach * fade * step(crease - frame.v, 0.02), 0.004)


def lung_depth(patient: Patient, frame: Frame, lungs: dict[Sign, Floats]) -> Floats:
    """Depth in cm of aerated lung: an elliptical cavity, with the recess behind the domes."""
    u, v = np.abs(frame.u), frame.v
    widest = patient.cavity(v)
    ellipse = np.sqrt(np.clip(1 - (u / (widest * np.float32(1.015))) ** 2, 0, 1))
    level = (v - patient.apex) / (patient.sinus - patient.apex)
    share = np.interp(level, [0, 0.08, 0.25, 0.5, 0.85, 1.0], [0.35, 0.55, 0.80, 0.95, 1.0, 0.85])
    cavity = (patient.depth_cm - 4.5) * share.astype(np.float32) * (0.12 + 0.88 * ellipse)
    mottle = texture(stream(patient.seed, "parenchyma"), frame.size, 40)
    mottle = mottle + texture(stream(patient.seed, "fine parenchyma"), frame.size, 110)
    depth = np.zeros_like(u)
    for side in SIDES:
        mask = frame.blur(lungs[side], 0.0022)
        behind = np.clip(v - patient.diaphragm(u, side), 0, 1)
        recess = 0.14 * np.exp(-behind / np.float32(0.07)) * (behind > 0) * (frame.u * side > 0.05)
        recess = recess * step(widest - u, 0.02) * step(np.float32(patient.sinus + 0.02) - v, 0.04)
        depth += cavity * np.maximum(mask, frame.blur(recess.astype(np.float32), 0.002))
    return depth * (1 + np.float32(0.020) * mottle)


def heart_outline(patient: Patient) -> Points:
    """Silhouette of the heart: the apex to the patient's left, a third of it to the right."""
    width = patient.ctr * 2 * patient.half_width
    right, left = 0.35 * width, 0.65 * width
    base = patient.heart_floor - 0.035
    tall = 0.8 + 0.2 * patient.ctr / 0.45
    outline = spline(
        [
            (-0.040, base - 0.22 * tall),
            (-0.80 * right, base - 0.145 * tall),
            (-right, base - 0.05 * tall),
            (-0.90 * right, base + 0.035),
            (-0.30 * right, base + 0.075),
            (0.50 * left, base + 0.085),
            (0.90 * left, base + 0.060),
            (left, base + 0.005),
            (0.90 * left, base - 0.075 * tall),
            (0.62 * left, base - 0.165 * tall),
            (0.058, base - 0.225 * tall),
            (0.020, base - 0.26 * tall),
        ],
        closed=True,
    )
    half = (outline[:, 0].max() - outline[:, 0].min()) / 2
    outline[:, 0] *= width / (2 * half)  # the curve swings a little beyond its knots
    return outline


def mediastinum(patient: Patient, frame: Frame) -> Floats:
    """Share of the lung that great vessels, aorta, hila and spine displace beside the heart."""
    top, knob = patient.apex - 0.05, 0.042 + patient.knob
    vena_cava = 0.048
    outline = spline(
        [
            (-0.046, top),
            (-vena_cava, 0.22),
            (-vena_cava - 0.004, 0.32),
            (-0.050, 0.42),
            (-0.036, 0.95),
            (0.034, 0.95),
            (0.042, 0.50),
            (0.060, 0.395),
            (0.052, 0.345),
            (knob, 0.305),
            (knob, 0.275),
            (0.042, 0.235),
            (0.044, top),
        ],
        closed=True,
    )
    centre = frame.blur(frame.polygon(outline), 0.006)
    hila = np.zeros_like(centre)
    rng = stream(patient.seed, "hila")
    for side, v in ((-1, 0.415), (1, 0.395)):
        size = rng.uniform(0.022, 0.031)
        distance = ((frame.u - side * HILUM_U) / size) ** 2 + ((frame.v - v) / (1.9 * size)) ** 2
        hila += np.float32(0.16) * np.exp(-distance)
    return np.clip(np.float32(0.74) * centre + hila, 0, 0.88)


def airways(frame: Frame) -> Floats:
    """Depth in cm of air in the trachea and the main bronchi."""
    lean = 0.006
    trachea = spline([(0.0, -0.05), (0.0, 0.12), (-lean, 0.24), (-lean, CARINA_V)])
    right = spline([(-lean, CARINA_V - 0.012), (-0.035, CARINA_V + 0.045), (-0.062, CARINA_V + 0.085)])
    left = spline([(-lean, CARINA_V - 0.012), (0.040, CARINA_V + 0.035), (0.080, CARINA_V + 0.060)])
    air = 3.3 * frame.tube(trachea, 0.0195)
    air = np.maximum(air, 1.5 * frame.tube(right, np.linspace(0.017, 0.013, len(right))))
    air = np.maximum(air, 1.3 * frame.tube(left, np.linspace(0.015, 0.011, len(left))))
    return frame.blur(air.astype(np.float32), 0.005)


def stomach_bubble(patient: Patient, frame: Frame) -> Floats:
    """Depth in cm of gas under the left dome: round above, with texture; not in everyone."""
    rng = stream(patient.seed, "stomach")
    if rng.random() < 0.25:
        return np.zeros_like(frame.u)
    u, v = rng.uniform(0.13, 0.20), patient.dome_left + rng.uniform(0.055, 0.08)
    wide, tall = rng.uniform(0.03, 0.065), rng.uniform(0.022, 0.042)
    ripple = texture(rng, frame.size, 24)
    distance = np.hypot((frame.u - u) / wide, (frame.v - v) / tall) + np.float32(0.10) * ripple
    return np.float32(rng.uniform(2.0, 4.5)) * frame.blur(step(1 - distance, 0.5), 0.004)


def lung_vessels(patient: Patient, frame: Frame) -> Floats:
    """Depth in cm of blood in the vessels of both lungs."""
    return frame.blur(frame.lines(_vessels(patient.seed)), 0.0011) * np.float32(2.5)


@lru_cache(1)  # of both studies of a pair
def _vessels(seed: int) -> list[Stroke]:
    rng = stream(seed, "vessels")
    right = tree(rng, (-HILUM_U, 0.41), (np.pi * 0.58, np.pi * 1.42), 8, 0.0072, 0.062)
    left = tree(rng, (HILUM_U, 0.39), (-np.pi * 0.42, np.pi * 0.42), 8, 0.0070, 0.060)
    return right + left
