"""Findings in the frontal view: each changes the layers and says where."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radscribe.phantom.chest import Chest, ball, bands, patch, pouch
from radscribe.phantom.findings import Finding
from radscribe.phantom.frame import Box, Floats, step, stream

ZONE_LEVELS = {"upper": 0.25, "middle": 0.50, "lower": 0.76}  # share of the way from apex to dome


def paint(view: Chest, finding: Finding) -> Box:
    """Draw `finding` into `view.layers`; returns its box."""
    return view.frame.box(PAINTERS[finding.name](view, finding))


def zone_centre(view: Chest, finding: Finding) -> tuple[float, float]:
    """A place in the middle of a zone, clear of heart and chest wall."""
    rng = stream(view.patient.seed, f"place {finding.name} {finding.side}")
    dome = view.patient.dome(finding.sign)
    level = ZONE_LEVELS[finding.zone or "middle"] + rng.uniform(-0.05, 0.05)
    v = view.patient.apex + level * (dome - view.patient.apex)
    widest = float(view.patient.cavity(np.array([v]))[0])
    inner = 0.62 if finding.zone == "lower" and finding.side == "left" else 0.48
    return finding.sign * widest * (inner + rng.uniform(0.0, 0.16)), v


def _cardiomegaly(view: Chest, finding: Finding) -> Floats:
    return view.heart  # the heart is drawn large: see `change`


def _effusion(view: Chest, finding: Finding) -> Floats:
    """Fluid that climbs the chest wall: the meniscus."""
    patient, frame = view.patient, view.frame
    distance = frame.u * finding.sign
    level = patient.sinus - 0.075 - 0.30 * finding.strength**1.2
    outward = np.clip(distance / patient.cavity(frame.v), 0, 1)
    surface = level + np.float32(0.05 + 0.03 * finding.strength) * (1 - outward**3)
    lung = frame.blur(view.lungs[finding.sign], 0.002)
    fluid = step(frame.v - surface, 0.030) * lung * (distance > 0.03)
    view.layers.fill(np.float32(0.90) * fluid + np.float32(0.85) * _recess(view, finding))
    return fluid


def _recess(view: Chest, finding: Finding) -> Floats:
    """Lung behind the dome, where fluid gathers first."""
    behind = view.frame.v > view.patient.diaphragm(np.abs(view.frame.u), finding.sign)
    return (behind & (view.frame.u * finding.sign > 0.05)).astype(np.float32)


def _pneumothorax(view: Chest, finding: Finding) -> Floats:
    """The lung shrinks towards its root; air without vessels lies outside its thin pleural line."""
    patient, frame = view.patient, view.frame
    shrink = 1 - (0.10 + 0.24 * finding.strength)
    anchor = np.array([finding.sign * 0.05, patient.dome(finding.sign) - 0.02])
    outline = patient.lung(finding.sign)
    inner = anchor + (outline - anchor) * np.array([0.45 + 0.55 * shrink, shrink])
    remaining = frame.blur(frame.polygon(inner), 0.0015)
    lung = view.lungs[finding.sign]
    rim = np.clip(lung - remaining, 0, 1) * (frame.u * finding.sign > 0.045)
    line = np.clip(remaining - frame.blur(remaining, 0.003), 0, 1) * step(frame.u * finding.sign - 0.05, 0.02)
    view.layers.empty(rim)
    view.layers.fill(np.float32(0.02 + 0.05 * finding.strength) * remaining * lung)
    view.layers.insert(np.float32(2.4) * line * lung)
    return rim


def _consolidation(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    radius = 0.062 + 0.045 * finding.strength
    filled = patch(view.frame, zone_centre(view, finding), radius, rng, finding.strength)
    filled = filled * view.frame.blur(view.lungs[finding.sign], 0.002)
    view.layers.fill(filled)
    return filled


def _round(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    lobes, density = (0.05, 2.3) if finding.name == "Nodule" else (0.16, 1.15)
    depth = ball(view.frame, zone_centre(view, finding), finding.diameter_mm or 0, rng, lobes)
    depth = depth * np.float32(density)  # a nodule is denser than tissue, or ribs would hide it
    view.layers.insert(depth)
    return depth


def _atelectasis(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    patient, frame = view.patient, view.frame
    inner = 0.62 if finding.side == "left" else 0.50  # clear of the heart
    centre = (finding.sign * inner * patient.half_width, patient.dome(finding.sign) - 0.035)
    depth = bands(frame, centre, 0.13 + 0.05 * finding.strength, finding.strength, rng, finding.sign)
    depth = depth * view.lungs[finding.sign]
    view.layers.insert(depth)
    distance = frame.u * finding.sign
    raised = frame.v - patient.diaphragm(distance, finding.sign)
    rise = 0.025 + 0.045 * finding.strength
    dome = ((raised > 0) & (raised < rise) & (np.abs(distance / patient.half_width - 0.52) < 0.33)).astype(
        np.float32
    )
    changed: Floats = np.maximum(depth, dome)
    return changed


def _hernia(view: Chest, finding: Finding) -> Floats:
    """Stomach behind the heart, with its own air-fluid level."""
    rng = stream(view.patient.seed, "shape Hernia")
    radius = 0.050 + 0.035 * finding.strength
    centre = (rng.uniform(0.020, 0.045), view.patient.dome_left - 0.55 * radius - 0.015)
    body, gas = pouch(view.frame, centre, radius, rng.uniform(-0.2, 0.15) * radius)
    view.layers.fill(body)
    view.layers.tissue = np.maximum(view.layers.tissue - gas, 0)
    return body


PAINTERS: dict[str, Callable[[Chest, Finding], Floats]] = {
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Pneumothorax": _pneumothorax,
    "Consolidation": _consolidation,
    "Nodule": _round,
    "Mass": _round,
    "Atelectasis": _atelectasis,
    "Hernia": _hernia,
}
