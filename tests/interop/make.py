"""Studies and drafts to make results from."""

from __future__ import annotations

from typing import Any

from radscribe.interop.identity import InstanceReference, StudyIdentity
from radscribe.interop.results.record import Result, Review, result_of

ROOT = "1.2.826.0.1.3680043.8.498"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
IDENTITY = StudyIdentity(
    study_instance_uid=f"{ROOT}.1",
    patient_id="4711",
    issuer_of_patient_id="WARD",
    patient_name="Doe^Jane",
    birth_date="19560301",
    sex="F",
    accession_number="A-17",
    study_id="9",
    study_date="20260102",
    study_time="101500",
    referring_physician="Roe^Richard",
    study_description="Chest PA and lateral",
    specific_character_set="ISO_IR 100",
    instances=(
        InstanceReference(DX, f"{ROOT}.11", f"{ROOT}.10", 2000, 1600, "pa"),
        InstanceReference(DX, f"{ROOT}.12", f"{ROOT}.10", 2000, 1600, "lat"),
    ),
)
TEXT = "There is a small left pleural effusion. No pneumothorax. The heart is possibly enlarged."
MAP = [[0.01] * 8 for _ in range(8)]
MAP[5][6] = MAP[5][7] = 0.8
DOCUMENT: dict[str, Any] = {
    "study": "",
    "files": ["pa", "lat"],
    "text": TEXT,
    "sections": {"findings": TEXT, "impression": "Small left pleural effusion."},
    "tokens": [],
    "findings": {"Effusion": 0.81234, "Pneumothorax": 0.02, "Cardiomegaly": 0.48, "Nodule": 0.1},
    "warnings": ["Draft by a research model: not verified, not for diagnosis."],
    "used": ["pa", "lat"],
    "left_out": {},
    "bundle": "iu-nih-3@0123456789ab",
    "not_assessed": ["Fracture"],
}
EVIDENCE: list[dict[str, Any]] = [
    {"file": "pa", "findings": {"Effusion": MAP, "Nodule": MAP}, "findings_from": "cam"},
    {"file": "lat", "findings": {"Effusion": MAP}, "findings_from": "cam"},
]
REVIEWED = (
    "FINDINGS: Moderate left pleural effusion. Left rib fracture.\n\nIMPRESSION: Effusion and fracture."
)


def draft(identity: StudyIdentity = IDENTITY, **changes: Any) -> Result:
    document = {**DOCUMENT, **changes}
    return result_of(identity, "01draft", document, "2026-01-02T10:16:07.250Z", evidence=EVIDENCE)


def reviewed(identity: StudyIdentity = IDENTITY, text: str = REVIEWED, number: int = 1) -> Result:
    first = draft(identity)
    review = Review("Ada Reader", "St. Elsewhere", text, first.written.replace(hour=12), number, number > 1)
    return result_of(
        identity,
        "01draft",
        DOCUMENT,
        "2026-01-02T10:16:07.250Z",
        evidence=EVIDENCE,
        review=review,
        supersedes="01draft",
    )
