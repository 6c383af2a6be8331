"""Findings that change the patient before anything is drawn: a large heart, a raised hemidiaphragm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from radscribe.phantom.findings import Finding
from radscribe.phantom.patient import Patient


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
