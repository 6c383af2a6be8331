"""The common part of all DICOM objects of a result: patient, study, series, equipment, times, characters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.charset import python_encoding
from pydicom.sr.coding import Code as DicomCode

import radscribe
from radscribe.errors import DataError
from radscribe.interop.codes import PRIVATE, SYSTEMS, Code
from radscribe.interop.identity import InstanceReference, StudyIdentity
from radscribe.interop.results.record import Result, as_date, as_time, as_zone

MANUFACTURER = "radscribe"
UTF8 = "ISO_IR 192"
TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # depend on the character set
# Kind → series number and description. The numbers are far from those of modalities.
SERIES = {
    "findings": (9101, "radscribe: findings"),
    "report": (9102, "radscribe: report"),
    "film": (9103, "radscribe: film with evidence"),
}


def coded(code: Code) -> CodedConcept:
    """Return a code as a DICOM content item has it."""
    return CodedConcept.from_code(DicomCode(code.value, code.scheme, code.meaning))


def references(result: Result) -> list[Dataset]:
    """Return stand-ins for the original images: all that highdicom needs to refer to them.

    Raises
    ------
    DataError
        No original has the UIDs of its instance and class.
    """
    found = [
        _reference(result.identity, instance)
        for instance in result.identity.instances
        if instance.sop_class_uid and instance.sop_instance_uid and instance.series_instance_uid
    ]
    if not found:
        raise DataError("the study has no image that a result could refer to", remedy="send it again")
    return found


def _reference(identity: StudyIdentity, instance: InstanceReference) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = instance.sop_class_uid
    dataset.SOPInstanceUID = instance.sop_instance_uid
    dataset.SeriesInstanceUID = instance.series_instance_uid
    dataset.StudyInstanceUID = identity.study_instance_uid
    dataset.Rows, dataset.Columns = instance.rows, instance.columns
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
        setattr(dataset, keyword, "")
    for keyword in ("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(dataset, keyword, "")
    return dataset


def predecessor(result: Result, kind: str, sop_class: str) -> list[Dataset] | None:
    """Return a stand-in for the document that this one takes the place of."""
    uid = result.superseded_uid(kind)
    if uid is None:
        return None
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        result.identity.study_instance_uid,
        result.series_uid(kind),
    )
    return [dataset]


def series(result: Result, kind: str) -> dict[str, Any]:
    """Return highdicom's arguments for the series, the instance and the equipment."""
    number, description = SERIES[kind]
    return {
        "series_instance_uid": result.series_uid(kind),
        "series_number": number,
        "series_description": description,
        "sop_instance_uid": result.uid(kind),
        "instance_number": 1 + (result.review.number if result.review else 0),
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "radscribe",
    }


def status(result: Result) -> dict[str, Any]:
    """Return highdicom's arguments for the status of a document."""
    if result.review is None:
        return {"is_complete": True, "is_verified": False, "is_final": False}
    return {
        "is_complete": True,
        "is_verified": True,
        "is_final": True,
        "verifying_observer_name": person_name(result.review.reviewer),
        "verifying_organization": result.review.organisation[:64],
    }


def person_name(name: str) -> str:
    """Return a name as DICOM writes it: the last word is the family name, unless there is a "^"."""
    name = " ".join(name.replace("\\", " ").replace("=", " ").split())
    if "^" not in name:
        *given, family = name.split()
        name = f"{family}^{' '.join(given)}" if given else family
    return name[:64]


def finish(dataset: Dataset, result: Result) -> Dataset:
    """Put an object into the original study of the original patient, and set its times.

    The values are the original's, so that an archive finds the study. A date, time or sex that no standard
    knows is left empty.
    """
    identity = result.identity
    dataset.StudyInstanceUID = identity.study_instance_uid
    dataset.PatientID = identity.patient_id
    if identity.issuer_of_patient_id:
        dataset.IssuerOfPatientID = identity.issuer_of_patient_id
    dataset.PatientName = identity.patient_name
    dataset.PatientBirthDate = as_date(identity.birth_date)
    dataset.PatientSex = identity.sex if identity.sex in ("M", "F", "O") else ""
    dataset.AccessionNumber = identity.accession_number
    dataset.StudyID = identity.study_id
    dataset.StudyDate = as_date(identity.study_date)
    dataset.StudyTime = as_time(identity.study_time)
    dataset.ReferringPhysicianName = identity.referring_physician
    if identity.study_description:
        dataset.StudyDescription = identity.study_description
    dataset.SoftwareVersions = [radscribe.__version__, result.bundle[:64]]
    if as_zone(identity.timezone) is not None:
        dataset.TimezoneOffsetFromUTC = identity.timezone
    _set_times(dataset, result)
    _set_character_set(dataset, identity.specific_character_set)
    if any(e.keyword == "CodingSchemeDesignator" and e.value == PRIVATE for e in dataset.iterall()):
        dataset.CodingSchemeIdentificationSequence = [_private_scheme()]
    return dataset


def _private_scheme() -> Dataset:
    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE
    scheme.CodingSchemeUID = SYSTEMS[PRIVATE].removeprefix("urn:oid:")
    scheme.CodingSchemeName = "Private codes of radscribe"
    scheme.CodingSchemeResponsibleOrganization = "radscribe"
    return scheme


def _set_times(dataset: Dataset, result: Result) -> None:
    """The times of the result, not of this try, so that a retry sends the same bytes.

    They are in the time zone of the original, because an object has one for all its dates and times, and
    those of the study are the original's. If the original names none, they are in this machine's.
    """
    zone = as_zone(result.identity.timezone)
    at, written = result.at.astimezone(zone), result.written.astimezone(zone)
    day, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    for prefix in ("InstanceCreation", "Content"):
        if f"{prefix}Date" in dataset:
            setattr(dataset, f"{prefix}Date", day)
            setattr(dataset, f"{prefix}Time", time)
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = day, time
    dataset.SeriesDate = written.strftime("%Y%m%d")
    dataset.SeriesTime = written.strftime("%H%M%S")
    for equipment in dataset.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{day}{time}{at:%z}"
    for observer in dataset.get("VerifyingObserverSequence", ()):
        observer.VerificationDateTime = f"{day}{time}{at:%z}"


def _set_character_set(dataset: Dataset, original: str) -> None:
    """The original's character set if it can write every text, else UTF-8."""
    texts = list(_texts(dataset))
    encoding = python_encoding.get(original or "ISO_IR 6")
    if encoding is None or not all(_writes(encoding, text) for text in texts):
        original = UTF8
    if original and original != "ISO_IR 6":
        dataset.SpecificCharacterSet = original
    elif "SpecificCharacterSet" in dataset:
        del dataset.SpecificCharacterSet


def _writes(encoding: str, text: str) -> bool:
    try:
        text.encode("ascii" if encoding == "iso8859" else encoding)
    except UnicodeEncodeError:
        return False
    return True


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR in TEXT and element.value is not None:
            yield str(element.value)
