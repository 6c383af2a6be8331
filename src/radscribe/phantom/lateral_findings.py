"""Findings in the lateral view: each changes the layers and says where."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radscribe.phantom.chest import Chest, ball, bands, patch, pouch
from radscribe.phantom.findings import Finding
from radscribe.phantom.frame import Box, Floats, step, stream
from radscribe.phantom.frontal_findings import ZONE_LEVELS
from radscribe.phantom.lateral import diaphragm, lung_outline


def paint(view: Chest, finding: Finding) -> Box:
    """Draw `finding` into `view.layers`; returns its box."""
    return view.frame.box(PAINTERS[finding.name](view, finding))


def zone_centre(view: Chest, finding: Finding) -> tuple[float, float]:
    """The same height as in the frontal view; in front of the hilum or behind it."""
    rng = stream(view.patient.seed, f"place {finding.name} {finding.side}")
    dome = view.patient.dome(finding.sign)
    level = ZONE_LEVELS[finding.zone or "middle"] + rng.uniform(-0.05, 0.05)
    behind = rng.random() < 0.6 or finding.zone == "lower"
    u = rng.uniform(0.09, 0.13) if behind else rng.uniform(-0.11, -0.06)
    return u, view.patient.apex + level * (dome - view.patient.apex)


def _cardiomegaly(view: Chest, finding: Finding) -> Floats:
    return view.heart  # the heart is drawn large: see `change`


def _effusion(view: Chest, finding: Finding) -> Floats:
    """Fluid that fills the posterior sulcus first and climbs behind."""
    patient, frame = view.patient, view.frame
    level = patient.sinus - 0.02 - 0.30 * finding.strength**1.2
    climb = np.float32(0.05) * np.clip((np.float32(0.20) - frame.u) / np.float32(0.2), 0, 2)
    fluid = step(frame.v - (level + climb), 0.03) * frame.blur(view.lungs[finding.sign], 0.002)
    view.layers.fill(np.float32(0.62) * fluid)  # the other lung lies over it
    return fluid


def _pneumothorax(view: Chest, finding: Finding) -> Floats:
    patient, frame = view.patient, view.frame
    shrink = 1 - (0.10 + 0.20 * finding.strength)
    anchor = np.array([0.03, patient.dome(finding.sign) - 0.02])
    inner = anchor + (lung_outline(patient, finding.sign) - anchor) * np.array([0.4 + 0.6 * shrink, shrink])
    remaining = frame.blur(frame.polygon(inner), 0.0015)
    lung = view.lungs[finding.sign]
    above = step(np.float32(patient.dome(finding.sign) - 0.03) - frame.v, 0.04)
    rim = np.clip(lung - remaining, 0, 1) * above
    line = np.clip(remaining - frame.blur(remaining, 0.003), 0, 1) * lung * above
    view.layers.empty(np.float32(0.55) * rim)
    view.layers.insert(np.float32(3.2) * line)
    return rim


def _consolidation(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    radius = 0.062 + 0.045 * finding.strength
    filled = patch(view.frame, zone_centre(view, finding), radius, rng, finding.strength)
    filled = np.float32(0.75) * filled * view.frame.blur(view.lungs[finding.sign], 0.002)
    view.layers.fill(filled)
    return filled


def _round(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    lobes, density = (0.05, 2.3) if finding.name == "Nodule" else (0.16, 1.15)
    depth = ball(view.frame, zone_centre(view, finding), finding.diameter_mm or 0, rng, lobes)
    depth = depth * np.float32(1.15 * density)
    view.layers.insert(depth)
    return depth


def _atelectasis(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, f"shape {finding.name} {finding.side}")
    patient, frame = view.patient, view.frame
    dome = float(diaphragm(patient, np.array([0.05]), finding.sign)[0])
    depth = bands(frame, (0.05, dome - 0.04), 0.13 + 0.05 * finding.strength, finding.strength, rng, 1)
    depth = np.float32(1.2) * depth * view.lungs[finding.sign]
    view.layers.insert(depth)
    raised = frame.v - diaphragm(patient, frame.u, finding.sign)
    rise = 0.025 + 0.045 * finding.strength
    base = ((raised > 0) & (raised < rise) & (np.abs(frame.u + 0.02) < 0.16)).astype(np.float32)
    changed: Floats = np.maximum(depth, base)
    return changed


def _hernia(view: Chest, finding: Finding) -> Floats:
    rng = stream(view.patient.seed, "shape Hernia")
    radius = 0.050 + 0.035 * finding.strength
    centre = (0.115, view.patient.dome_left - 0.2 * radius + rng.uniform(0.0, 0.01))
    body, gas = pouch(view.frame, centre, radius, rng.uniform(-0.2, 0.15) * radius)
    view.layers.fill(np.float32(0.55) * body)
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
