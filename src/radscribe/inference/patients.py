"""The patient of a file: images of different patients are never one study."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from radscribe.imaging.header import Header

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient in a file's header. For grouping only: it is never stored, logged or printed.

    Parameters
    ----------
    file : str
        Name of the file, for messages.
    id : str, optional
        DICOM Patient ID (0010,0020).
    name : str, optional
        DICOM Patient's Name (0010,0010).
    birth_date : str, optional
        DICOM Patient's Birth Date (0010,0030).
    issuer : str, optional
        DICOM Issuer of Patient ID (0010,0021), within which an id is unique.
    """

    file: str
    id: str | None = None
    name: str | None = None
    birth_date: str | None = None
    issuer: str | None = None

    @classmethod
    def of(cls, header: Header, file: str) -> Patient:
        """Read the patient from a file's header."""
        return cls(file, header.patient_id, header.patient_name, header.birth_date, header.issuer)

    @property
    def unknown(self) -> bool:
        """Whether the file does not name its patient."""
        return not (self.id or self.name or self.birth_date)

    def hashed(self) -> tuple[str, str, str]:
        """Return SHA-256 hashes of id, name and birth date ("" if missing), for comparisons."""
        parts = (self.id, _normalised_name(self.name), self.birth_date)
        return cast(
            tuple[str, str, str],
            tuple(hashlib.sha256(part.encode()).hexdigest() if part else "" for part in parts),
        )

    def differs(self, other: Patient) -> bool:
        """Whether two files belong to different patients: by id, otherwise by name or date of birth."""
        if self.id and other.id:
            issuers = {issuer for issuer in (self.issuer, other.issuer) if issuer}
            return self.id != other.id or len(issuers) > 1
        name, birth = (
            bool(mine and theirs) and _normalised_name(mine) != _normalised_name(theirs)
            for mine, theirs in ((self.name, other.name), (self.birth_date, other.birth_date))
        )
        return name or birth


def _normalised_name(text: str | None) -> str:
    """A name without the punctuation and spaces that systems write differently."""
    return " ".join((text or "").replace("^", " ").replace(",", " ").split()).casefold()


def by_patient(items: Sequence[T], patients: Sequence[Patient]) -> list[list[T]]:
    """Split the files of one study by patient.

    A file that fits more than one patient, because its header says too little, becomes its own study.

    Parameters
    ----------
    items : sequence
        The files.
    patients : sequence of Patient
        The patient in the header of each file.

    Returns
    -------
    list of list
        The files of each patient, in the order of their first file. One list if there is one patient.
    """
    groups: list[list[int]] = []
    # Files with most information come first, so that the others can be compared with all of them.
    order = sorted(range(len(items)), key=lambda i: (patients[i].id is None, patients[i].unknown, i))
    for i in order:
        fitting = [g for g in groups if not any(patients[i].differs(patients[j]) for j in g)]
        if len(fitting) == 1:
            fitting[0].append(i)
        else:
            groups.append([i])
    return [[items[i] for i in sorted(group)] for group in sorted(groups, key=min)]


def several_patients(patients: Sequence[Patient]) -> str | None:
    """Say which files belong to different patients. None if there is one patient."""
    groups = by_patient([patient.file for patient in patients], patients)
    if len(groups) < 2:
        return None
    return (
        f"the images are of {len(groups)} different patients by their DICOM headers: {listed(groups)}; "
        "caption the images of each patient separately"
    )


def listed(groups: Sequence[Sequence[str]]) -> str:
    """List the files of several patients in words."""
    return "; ".join(", ".join(files) for files in groups)
