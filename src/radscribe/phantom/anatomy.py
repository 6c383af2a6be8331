"""What both views share: the bones of the chest as depths in cm, and the trees of pulmonary vessels."""

from __future__ import annotations

import math

import numpy as np

from radscribe.phantom.frame import Floats, Frame, Points, spline, step, stream
from radscribe.phantom.patient import Patient

RIBS = 10
RIB_SPACING = 0.063
VERTEBRA = 0.047  # body and disc
Stroke = tuple[Points, float]  # points [N, 2] and radius


def bones(patient: Patient, frame: Frame) -> Floats:
    """All bones together `[H, W]`."""
    return ribs(patient, frame) + spine(frame) + girdle(patient, frame)


def hollow(frame: Frame, points: Points, radii: Points, cortex: float, marrow: float) -> Floats:
    """A bone with a dense rim: depth in cm of its wall, and of its inside."""
    outer, inner = frame.tube(points, radii), frame.tube(points, radii - 0.0035)
    return np.float32(cortex) * (outer - inner) + np.float32(marrow) * inner


def ribs(patient: Patient, frame: Frame) -> Floats:
    """Ten pairs: behind, they slope down to the side; in front, steeper down to the midline."""
    rng = stream(patient.seed, "ribs")
    total = np.zeros_like(frame.u)
    spacing = RIB_SPACING * (patient.sinus - patient.apex) / 0.72
    slope = rng.uniform(0.85, 1.2)
    for index in range(RIBS):
        head = patient.apex + 0.005 + spacing * index
        droop = slope * (0.045 + 0.006 * index)
        for side in (-1, 1):
            turn = head + droop + rng.normal(0, 0.002)
            widest = float(patient.cavity(np.array([turn + 0.02]))[0]) + 0.008
            behind = [
                (0.030, head + 0.006),
                (0.30 * widest, head - 0.010),
                (0.58 * widest, head + 0.15 * droop),
                (0.82 * widest, head + 0.52 * droop),
                (0.96 * widest, turn),
            ]
            fall = slope * (0.052 + 0.006 * index)
            end = 0.32 + 0.05 * index  # lower ribs end further out
            front = [(widest, turn + 0.32 * fall), (0.93 * widest, turn + 0.80 * fall)]
            if index < 6:
                front += [
                    ((0.5 * (0.93 + end)) * widest, turn + 1.35 * fall),
                    (end * widest, turn + 1.62 * fall),
                ]
            path = spline([*behind, *front])
            path[:, 0] *= side
            radii = np.interp(np.arange(len(path)), [0, 20, 45, 60, len(path)], [9, 13, 13, 13, 14]) / 1000
            total += hollow(frame, path[:46], radii[:46], 0.68, 0.42)  # behind
            total += hollow(frame, path[45:], radii[45:], 0.28, 0.20)  # in front
    fade = step(np.abs(frame.u) - 0.03, 0.06)  # near the midline the mediastinum hides them
    low = step(np.float32(patient.sinus + 0.01) - frame.v, 0.20)
    depth: Floats = frame.blur(total, 0.0016) * (0.25 + 0.75 * fade) * (0.25 + 0.75 * low)
    return depth


def spine(frame: Frame) -> Floats:
    """Vertebral bodies with discs between them, pedicles and spinous processes."""
    u, v = np.abs(frame.u), frame.v
    half = 0.030 + 0.012 * np.clip(v, 0, 1)
    phase = (v / VERTEBRA) % 1.0
    waist = half - 0.003 * np.sin(np.pi * phase)
    body = step(waist - u, 0.007)
    plates = np.exp(-(((phase - 0.88) / 0.05) ** 2)) + np.exp(-(((phase - 0.12) / 0.05) ** 2))
    disc = step(np.abs(phase - 0.5) - 0.42, 0.10)
    pedicles = np.exp(-(((u - 0.62 * half) / 0.006) ** 2) - ((phase - 0.40) / 0.15) ** 2)
    process = np.exp(-((u / 0.006) ** 2) - ((phase - 0.72) / 0.2) ** 2)
    edge = np.exp(-(((u - waist) / 0.004) ** 2))
    depth = body * (0.58 + 0.45 * plates - 0.40 * disc + 0.5 * pedicles + 0.5 * process) + 0.3 * edge
    return frame.blur(depth.astype(np.float32), 0.0025)


def girdle(patient: Patient, frame: Frame) -> Floats:
    """Clavicles, scapulae with the acromion, and the heads and shafts of the humeri."""
    rng = stream(patient.seed, "girdle")
    total = np.zeros_like(frame.u)
    joint = patient.half_width + 0.075
    lift = patient.apex - 0.075 + rng.uniform(-0.02, 0.02)
    protraction = rng.uniform(0.015, 0.06)
    for side in (-1, 1):
        jitter = rng.normal(0, 0.004)
        level = lift + jitter
        clavicle = spline(
            [(0.030, level + 0.128), (0.10, level + 0.110), (0.21, level + 0.088), (joint, level + 0.045)]
        )
        scapula = spline(
            [
                (joint - 0.005, level + 0.075),
                (joint + 0.01, level + 0.13),
                (patient.half_width + protraction, level + 0.23),
                (patient.half_width - 0.035 + protraction, level + 0.385),
                (patient.half_width - 0.065 + protraction, level + 0.365),
                (patient.half_width - 0.085 + protraction, level + 0.22),
                (patient.half_width - 0.07 + protraction, level + 0.085),
            ],
            closed=True,
        )
        acromion = spline(
            [(joint - 0.12, level + 0.10), (joint - 0.04, level + 0.065), (joint + 0.04, level + 0.04)]
        )
        humerus = spline(
            [
                (joint + 0.040, level + 0.060),
                (joint + 0.050, level + 0.115),
                (joint + 0.068, level + 0.20),
                (joint + 0.085, level + 0.34),
                (joint + 0.105, level + 0.60),
            ]
        )
        for path in (clavicle, scapula, acromion, humerus):
            path[:, 0] *= side
        total += hollow(frame, clavicle, np.linspace(0.0145, 0.0115, len(clavicle)), 1.25, 0.80)
        blade = frame.polygon(scapula)
        total += 0.30 * blade + 0.9 * np.clip(blade - frame.blur(blade, 0.008), 0, 1)
        total += hollow(frame, acromion, np.full(len(acromion), 0.012), 0.8, 0.5)
        wide = np.interp(
            np.linspace(0, 1, len(humerus)), [0, 0.12, 0.3, 0.5, 1], [0.03, 0.038, 0.03, 0.021, 0.02]
        )
        total += hollow(frame, humerus, wide, 1.0, 0.75)
    return frame.blur(total, 0.0016)


def tree(
    rng: np.random.Generator,
    root: tuple[float, float],
    headings: tuple[float, float],
    trunks: int,
    radius: float,
    reach: float,
) -> list[Stroke]:
    """A tree of vessels.

    Parameters
    ----------
    root : tuple[float, float]
        Where the trunks start (u, v).
    headings : tuple[float, float]
        The sector they fan out over, radians, 0 to the right of the image and π/2 downwards.
    trunks : int
        Their number.
    radius : float
        Radius of a trunk at the root.
    reach : float
        Length of a trunk's first piece.
    """
    start = np.array(root)
    strokes: list[Stroke] = []
    for heading in np.linspace(*headings, trunks) + rng.normal(0, 0.16, trunks):
        u, v = (start + rng.normal(0, (0.008, 0.022), 2)).tolist()
        _grow(rng, (u, v), float(heading), radius, reach, 5, strokes)
    return strokes


def _grow(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    radius: float,
    reach: float,
    generations: int,
    strokes: list[Stroke],
) -> None:
    bend = rng.normal(0, 0.30)
    turns = [heading + bend * index / 3 for index in range(4)]  # plain numbers: arrays of four are slow
    path = [start]
    for turn in turns:
        u, v = path[-1]
        path.append((u + math.cos(turn) * (reach / 4), v + math.sin(turn) * (reach / 4)))
    for index in range(4):  # each piece a little thinner: vessels taper
        strokes.append((np.array(path[index : index + 2]), radius * (1 - 0.07 * index)))
    if generations == 0:
        return
    thinner, end = radius * 0.75, path[-1]
    for turn in (rng.uniform(0.08, 0.5), -rng.uniform(0.08, 0.5)):
        scale = rng.uniform(0.62, 0.98)
        _grow(rng, end, turns[-1] + turn, thinner * scale**0.5, reach * scale, generations - 1, strokes)
