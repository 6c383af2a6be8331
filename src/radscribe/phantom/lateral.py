"""The lateral view: the spine on the image's right, the sternum on its left; u is 0 in the middle."""

from __future__ import annotations

import numpy as np

from radscribe.phantom.anatomy import VERTEBRA, hollow, tree
from radscribe.phantom.chest import SIDES, Chest, Layers
from radscribe.phantom.frame import Floats, Frame, Points, spline, step, stream, texture
from radscribe.phantom.patient import Patient, Sign

HILUM = (0.035, 0.405)


def lateral(patient: Patient, frame: Frame) -> Chest:
    """Body, lungs, heart, vessels and bones, in the order in which they displace each other."""
    lungs = {side: frame.polygon(lung_outline(patient, side)) for side in SIDES}
    heart = frame.polygon(heart_outline(patient))
    body = body_depth(patient, frame)
    aerated = lung_depth(patient, frame, lungs)
    rounded = 0.4 * frame.blur(heart, 0.008) + 0.6 * frame.blur(heart, 0.04)
    aerated = aerated * (1 - np.float32(0.40) * rounded) * (1 - mediastinum(patient, frame))
    air = airway(frame)
    rng = stream(patient.seed, "vessels lateral")
    strokes = tree(rng, HILUM, (0.0, 2 * np.pi * 0.93), 15, 0.0062, 0.056)
    vessels = frame.blur(frame.lines(strokes), 0.0011) * np.minimum(lungs[-1] + lungs[1], 1) * np.float32(2.4)
    layers = Layers(
        tissue=np.maximum(body - aerated - air, 0),
        lung=aerated,
        vessels=vessels * np.minimum(aerated / 8, 1),
        bone=bones(patient, frame) * np.minimum(body / 8, 1),
    )
    return Chest(patient, frame, layers, lungs, heart)


def front(v: Floats) -> Floats:
    """u of the inner surface of the sternum and, below it, of the anterior chest wall."""
    return np.interp(
        v, [0.12, 0.2, 0.3, 0.45, 0.6, 0.8], [-0.03, -0.125, -0.19, -0.245, -0.27, -0.28]
    ).astype(np.float32)


def column(v: Floats) -> Floats:
    """u of the middle of the vertebral bodies."""
    return np.interp(v, [0, 0.12, 0.3, 0.5, 0.7, 1.0], [0.11, 0.155, 0.215, 0.235, 0.215, 0.15]).astype(
        np.float32
    )


def diaphragm(patient: Patient, u: Floats, side: Sign) -> Floats:
    """v of a hemidiaphragm: highest in front of the middle, deep behind."""
    top = patient.dome(side) - 0.005
    behind, ahead = np.clip(u + 0.06, 0, 1), np.clip(-0.06 - u, 0, 1)
    levels: Floats = (top + 2.0 * behind**1.75 + 1.3 * ahead**1.7).astype(np.float32)
    return levels


def lung_outline(patient: Patient, side: Sign) -> Points:
    """Outline of a lung from the side."""
    v = np.linspace(patient.apex + 0.07, patient.dome(side), 9).astype(np.float32)
    ahead = list(zip((front(v) + 0.012).tolist(), v.tolist(), strict=True))
    u = np.linspace(-0.245, 0.225, 14).astype(np.float32)
    base = list(zip(u.tolist(), diaphragm(patient, u, side).tolist(), strict=True))
    back = np.linspace(float(base[-1][1]) - 0.05, patient.apex + 0.10, 7).astype(np.float32)
    behind = list(zip((column(back) + 0.044).tolist(), back.tolist(), strict=True))
    crown = [(0.155, patient.apex + 0.04), (0.10, patient.apex + 0.012), (0.045, patient.apex + 0.025)]
    return spline([*ahead, *base, *behind, *crown], closed=True)


def heart_outline(patient: Patient) -> Points:
    """Silhouette of the heart, on the diaphragm behind the lower sternum; deeper when it is large."""
    scale = 1 + 1.6 * (patient.ctr - 0.45)
    base = patient.heart_floor
    outline = [
        (-0.255, 0.02),
        (-0.235, -0.13),
        (-0.15, -0.235),
        (-0.03, -0.245),
        (0.045, -0.15),
        (0.06, -0.05),
        (0.03, 0.03),
    ]
    return spline([(-0.25 + (u + 0.25) * scale, base + v * scale) for u, v in outline], closed=True)


def body_depth(patient: Patient, frame: Frame) -> Floats:
    """Side-to-side depth in cm of everything inside the skin, with the raised arms above."""
    u, v = frame.u, frame.v
    rng = stream(patient.seed, "habitus lateral")
    fat = patient.wall * 0.75 + 0.01
    ahead = front(v) - fat - 0.035 + 0.05 * step(np.float32(0.3) - v, 0.3) - 0.06 * step(v - 0.72, 0.3)
    behind = column(v) + 0.085 + fat + 0.015 * step(v - 0.6, 0.4)
    middle, half = (ahead + behind) / 2, (behind - ahead) / 2
    round_off = np.sqrt(np.clip(1 - ((u - middle) / half) ** 2, 0, 1))
    wide = 2 * (patient.half_width + 0.6 * patient.wall) * 40
    trunk = wide * (0.10 + 0.90 * round_off) * step(np.minimum(u - ahead, behind - u), 0.012)
    trunk = trunk * (0.80 + 0.20 * step(v - 0.25, 0.3))
    shoulders = 27.0 * np.exp(-(((u - 0.06) / 0.20) ** 2) - (np.clip(v - 0.06, 0, 1) / 0.10) ** 2)
    arm = frame.tube(spline([(0.06, 0.12), (-0.10, 0.03), (-0.30, -0.08)]), np.float64(0.075))
    depth = np.maximum(trunk, shoulders * step(np.minimum(u + 0.26, 0.36 - u), 0.12)) + 5.0 * frame.blur(
        arm, 0.010
    )
    if patient.female:
        breast = spline(
            [(-0.22, 0.36), (-0.33, 0.50), (-0.37, 0.60), (-0.32, 0.655), (-0.22, 0.66)], closed=True
        )
        depth = np.maximum(depth, 11.0 * frame.blur(frame.polygon(breast), 0.012))
    muscle = texture(rng, frame.size, 8) + np.float32(0.6) * texture(rng, frame.size, 21)
    return frame.blur(depth.astype(np.float32), 0.005) * (1 + np.float32(0.02) * muscle)


def lung_depth(patient: Patient, frame: Frame, lungs: dict[Sign, Floats]) -> Floats:
    """Depth in cm of aerated lung, right and left added: each fills half of the cavity."""
    v = frame.v
    share = np.interp(v, [0.1, 0.2, 0.4, 0.8], [0.35, 0.62, 0.92, 1.0]).astype(np.float32)
    each = np.float32(0.40 * 2 * patient.half_width * 40) * share
    mottle = texture(stream(patient.seed, "parenchyma lateral"), frame.size, 45)
    depth = np.zeros_like(v)
    for side in SIDES:
        mask = lungs[side]
        depth += each * (0.22 * frame.blur(mask, 0.003) + 0.78 * frame.blur(mask, 0.035) * mask)
    return depth * (1 + np.float32(0.025) * mottle)


def mediastinum(patient: Patient, frame: Frame) -> Floats:
    """Share of the lung that the great vessels, the hila and the spine displace."""
    arch = spline(
        [
            (-0.05, 0.40),
            (-0.045, 0.31),
            (0.01, 0.265),
            (0.075, 0.29),
            (0.105, 0.38),
            (0.14, 0.60),
            (0.15, 0.8),
        ]
    )
    share = 0.20 * frame.blur(frame.tube(arch, 0.026 + 0.3 * patient.knob), 0.006)
    rng = stream(patient.seed, "hila lateral")
    size = rng.uniform(0.030, 0.038)
    share += 0.30 * np.exp(-((np.hypot(frame.u - HILUM[0], frame.v - HILUM[1]) / size) ** 2))
    share += 0.22 * step(np.float32(0.042) - np.abs(frame.u - column(frame.v)), 0.03)
    upper = np.exp(-(((frame.u - 0.03) / 0.06) ** 2)) * step(np.float32(0.30) - frame.v, 0.2)
    displaced: Floats = np.clip(share + 0.25 * upper, 0, 0.9).astype(np.float32)
    return displaced


def airway(frame: Frame) -> Floats:
    """Depth in cm of air in the trachea and in the bronchi, which are seen end on."""
    trachea = spline([(0.005, -0.02), (0.02, 0.14), (0.035, 0.27), (0.042, 0.37)])
    air = 2.6 * frame.blur(frame.tube(trachea, 0.018), 0.005)
    for u, v, radius in ((0.043, 0.375, 0.014), (0.040, 0.425, 0.012)):
        air += 2.5 * step(np.float32(radius) - np.hypot(frame.u - u, frame.v - v), 0.012)
    return air.astype(np.float32)


def bones(patient: Patient, frame: Frame) -> Floats:
    """Depth in cm of bone: vertebrae with end plates, ribs of both sides crossing, sternum, scapulae."""
    rng = stream(patient.seed, "bones lateral")
    distance, phase = frame.u - column(frame.v), (frame.v / VERTEBRA) % 1.0
    body = step(np.float32(0.034) - np.abs(distance), 0.006)
    plates = np.exp(-((np.minimum(phase, 1 - phase) / 0.09) ** 2))
    total = body * (0.9 + 0.7 * plates) + 0.5 * np.exp(-(((distance + 0.034) / 0.004) ** 2))
    arches = np.exp(-(((distance - 0.075) / 0.020) ** 2)) * (0.5 + 0.5 * np.cos(2 * np.pi * phase))
    total = (total + 1.5 * arches).astype(np.float32)
    spacing = 0.062 * (patient.sinus - patient.apex) / 0.72
    for index in range(9):
        for offset in (0.0, rng.uniform(0.010, 0.024)):  # the far side is projected a little lower
            head = patient.apex + 0.02 + spacing * index + offset
            back = float(column(np.array([head]))[0])
            ahead = float(front(np.array([head + 0.17]))[0])
            reach = back - ahead
            path = spline(
                [
                    (back + 0.03, head),
                    (back + 0.055, head + 0.035),
                    (back - 0.22 * reach, head + 0.085),
                    (ahead + 0.3 * reach, head + 0.15),
                    (ahead + 0.06, head + 0.18),
                ]
            )
            total += hollow(frame, path, np.linspace(0.010, 0.012, len(path)), 0.46, 0.24)
    v = np.linspace(0.21, 0.56, 8).astype(np.float32)
    sternum = spline(list(zip((front(v) - 0.018).tolist(), v.tolist(), strict=True)))
    total += hollow(frame, sternum, np.full(len(sternum), 0.014), 1.6, 0.8)
    for lean in (0.0, 0.03):
        scapula = spline([(0.10 + lean, 0.06), (0.19 + lean, 0.12), (0.235 + lean, 0.30)])
        total += hollow(frame, scapula, np.full(len(scapula), 0.014), 1.3, 0.5)
    return frame.blur(total, 0.0018)
