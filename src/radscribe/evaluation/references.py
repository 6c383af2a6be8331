"""The texts that captions are scored against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError
from radscribe.text.report import Target

Part = Split | Literal["all"]


@dataclass(frozen=True, slots=True)
class References:
    """The studies of one part that have a text, and the texts as written.

    Parameters
    ----------
    part : {"train", "val", "test", "all"}
        The part.
    target : {"findings", "impression", "both"}
        The section of the report.
    studies : list of Study
        N studies.
    texts : list of str
        Their texts.
    left_out : frozenset of str
        Ids of the part's studies without a text in this section.
    """

    part: Part
    target: Target
    studies: list[Study]
    texts: list[str]
    left_out: frozenset[str] = frozenset()

    @property
    def ids(self) -> list[str]:
        """Ids of the studies."""
        return [study.id for study in self.studies]

    @property
    def groups(self) -> list[str]:
        """Unit that the bootstrap resamples: the patient, or the study if the patient is unknown."""
        return groups(self.studies)

    @property
    def resampled(self) -> str:
        """`patient` if patients are known, else `study`."""
        return resampled(self.studies)


def groups(studies: Sequence[Study]) -> list[str]:
    """Return the patient of each study, or the study's id if the patient is unknown."""
    return [study.id if study.patient_id is None else study.patient_id for study in studies]


def resampled(studies: Sequence[Study]) -> str:
    """Return `patient` if any study names its patient, else `study`."""
    return "patient" if any(study.patient_id is not None for study in studies) else "study"


def studies_of(manifest: Manifest, part: Part) -> Iterable[Study]:
    """Return the studies of a part, or of the whole manifest."""
    return manifest if part == "all" else manifest.split(part)


def read(manifest: Manifest, part: Part, target: Target) -> References:
    """Read the references of a part.

    Raises
    ------
    DataError
        No study of the part has such a text.
    """
    return of(studies_of(manifest, part), part, target, manifest.path)


def of(studies: Iterable[Study], part: Part, target: Target, source: Path | str = "") -> References:
    """Make references from studies; see `read`."""
    kept: list[Study] = []
    texts: list[str] = []
    left: set[str] = set()
    for study in studies:
        if text := study.text(target).strip():
            kept.append(study)
            texts.append(text)
        else:
            left.add(study.id)
    if not kept:
        raise DataError(
            f"no {part} study has a text in '{target}'",
            subject=source,
            remedy="set --target to a section that it has: findings, impression or both",
        )
    return References(part, target, kept, texts, frozenset(left))
