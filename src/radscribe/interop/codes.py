"""The codes of findings, sides, sites and statuses, in one table with their sources.

Codes come from the first of these that has one for the concept:

1. DICOM PS3.16, whose context groups name DCM and SNOMED CT codes. The tests look each of them up in
   pydicom's copy of the standard (`pydicom.sr.codedict`).
2. SNOMED CT, International Edition, by the concept's fully specified name.
3. A private code of the scheme `99RADSCRIBE`, if no agreed code means the same. Its `source` says why.

Codes of RadLex 4.3 are added where RadLex has a class of the same meaning. It has none for
cardiomegaly and for pleural thickening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRIVATE = "99RADSCRIBE"
# Scheme of DICOM → system of FHIR.
SYSTEMS: Mapping[str, str] = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "RADLEX": "http://radlex.org",
    "UCUM": "http://unitsofmeasure.org",
    PRIVATE: "urn:oid:2.25.280858536198803919091540985005077700945",
}


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: its value, the coding scheme that defines it (as DICOM calls it), its meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class FindingCode:
    """How a finding is coded.

    Parameters
    ----------
    code : Code
        The finding.
    site : Code
        Where in the body it is.
    source : str
        Where the code comes from; for a private code, why there is no other.
    also : tuple of Code
        Codes of the same meaning in other schemes.
    """

    code: Code
    site: Code
    source: str
    also: tuple[Code, ...] = ()


LUNG = Code("39607008", "SCT", "Lung")
PLEURA = Code("3120008", "SCT", "Pleura")
HEART = Code("80891009", "SCT", "Heart")
CHEST = Code("816094009", "SCT", "Chest")
DIAPHRAGM = Code("5798000", "SCT", "Diaphragm")
SPINE = Code("421060004", "SCT", "Spine")

_CONCEPT = "SNOMED CT, {} (disorder)"


def _radlex(number: int, meaning: str) -> tuple[Code, ...]:
    return (Code(f"RID{number}", "RADLEX", meaning),)


FINDINGS: Mapping[str, FindingCode] = {
    "Atelectasis": FindingCode(
        Code("46621007", "SCT", "Atelectasis"),
        LUNG,
        _CONCEPT.format("Atelectasis"),
        _radlex(28493, "atelectasis"),
    ),
    "Cardiomegaly": FindingCode(
        Code("8186001", "SCT", "Cardiomegaly"), HEART, _CONCEPT.format("Cardiomegaly")
    ),
    "Effusion": FindingCode(
        Code("60046008", "SCT", "Pleural effusion"),
        PLEURA,
        "PS3.16 CID 645",
        _radlex(34539, "pleural effusion"),
    ),
    "Infiltration": FindingCode(Code("112121", "DCM", "Infiltrate"), LUNG, "PS3.16 CID 6104"),
    "Mass": FindingCode(Code("4147007", "SCT", "Mass"), LUNG, "PS3.16 CID 6104", _radlex(3874, "mass")),
    "Nodule": FindingCode(
        Code("27925004", "SCT", "Nodule"), LUNG, "PS3.16 CID 6104", _radlex(3875, "nodule")
    ),
    "Pneumonia": FindingCode(
        Code("233604007", "SCT", "Pneumonia"), LUNG, _CONCEPT.format("Pneumonia"), _radlex(5350, "pneumonia")
    ),
    "Pneumothorax": FindingCode(
        Code("36118008", "SCT", "Pneumothorax"), PLEURA, "PS3.16 CID 6105", _radlex(5352, "pneumothorax")
    ),
    "Consolidation": FindingCode(
        Code("95436008", "SCT", "Lung consolidation"),
        LUNG,
        _CONCEPT.format("Lung consolidation"),
        _radlex(43255, "consolidation"),
    ),
    "Edema": FindingCode(
        Code("19242006", "SCT", "Pulmonary edema"), LUNG, "PS3.16 CID 3700", _radlex(4866, "pulmonary edema")
    ),
    "Emphysema": FindingCode(
        Code("87433001", "SCT", "Pulmonary emphysema"),
        LUNG,
        _CONCEPT.format("Pulmonary emphysema"),
        _radlex(4799, "emphysema"),
    ),
    "Fibrosis": FindingCode(
        Code("51615001", "SCT", "Fibrosis of lung"),
        LUNG,
        _CONCEPT.format("Fibrosis of lung"),
        _radlex(3820, "fibrosis"),
    ),
    "Pleural_Thickening": FindingCode(
        Code("PLEURAL-THICK", PRIVATE, "Pleural thickening"),
        PLEURA,
        "PS3.16 and RadLex have no code of it, and no code of SNOMED CT is agreed on for radiographs",
    ),
    "Hernia": FindingCode(
        Code("39839004", "SCT", "Diaphragmatic hernia"), DIAPHRAGM, _CONCEPT.format("Diaphragmatic hernia")
    ),
    "Opacity": FindingCode(
        Code("112001", "DCM", "Opacity"), LUNG, "PS3.16 CID 6104", _radlex(28530, "opacity")
    ),
    "Support_Devices": FindingCode(
        Code("63653004", "SCT", "Biomedical device"),
        CHEST,
        "SNOMED CT, Biomedical device (physical object)",
        _radlex(29033, "medical device"),
    ),
    "Fracture": FindingCode(
        Code("125605004", "SCT", "Fracture of bone"),
        CHEST,
        _CONCEPT.format("Fracture of bone"),
        _radlex(4650, "fracture"),
    ),
    "Granuloma_or_Calcification": FindingCode(
        Code("GRANULOMA-CALC", PRIVATE, "Granuloma or calcification"),
        CHEST,
        "the label joins two concepts that each scheme keeps apart",
    ),
    "Scoliosis_or_Degenerative": FindingCode(
        Code("SPINE-SCOL-DEGEN", PRIVATE, "Scoliosis or degenerative change of spine"),
        SPINE,
        "the label joins two concepts that each scheme keeps apart",
    ),
    "Hyperinflation": FindingCode(
        Code("HYPERINFLATION", PRIVATE, "Hyperinflation of lung"),
        LUNG,
        "PS3.16 and RadLex have no code of it; SNOMED CT codes the over-expanded chest, not the lung",
    ),
    "Scar": FindingCode(Code("111168", "DCM", "Scar tissue"), LUNG, "PS3.16 Annex D"),
    "Normal": FindingCode(Code("17621005", "SCT", "Normal"), CHEST, "PS3.16 CID 222"),
}

# What a text says of a finding: PS3.16 CID 240.
PRESENCE: Mapping[str, Code] = {
    "present": Code("52101004", "SCT", "Present"),
    "absent": Code("272519000", "SCT", "Absent"),
    "uncertain": Code("373068000", "SCT", "Undetermined"),
}
# PS3.16 CID 244.
SIDES: Mapping[str, Code] = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "bilateral": Code("51440002", "SCT", "Bilateral"),
}
LATERALITY = Code("272741003", "SCT", "Laterality")
PROBABILITY = Code("122157", "DCM", "Probability")
NO_UNITS = Code("1", "UCUM", "no units")
FINDING = Code("121071", "DCM", "Finding")
IMPRESSION = Code("121073", "DCM", "Impression")
FINDINGS_SECTION = Code("59776-5", "LN", "Findings")  # PS3.16 CID 7001
IMPRESSION_SECTION = Code("19005-8", "LN", "Impressions")
# CID 7000. The specific 43468-8, "X-Ray Report", is rarer among receivers, who file reports by this one.
REPORT = Code("11528-7", "LN", "Radiology Report")
RADIOGRAPHY = Code("43468-8", "LN", "XR unspecified body region")  # CID 100
PRESENCE_OF = Code("121052", "DCM", "Presence of property")


def code_of(finding: str) -> FindingCode:
    """Return the codes of a finding. One that is not in the table gets a private code of its name."""
    if finding in FINDINGS:
        return FINDINGS[finding]
    name = finding.replace("_", " ")
    return FindingCode(Code(finding.upper(), PRIVATE, name[:64]), CHEST, "a label of the bundle's own")
