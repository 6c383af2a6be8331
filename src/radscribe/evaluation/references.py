"""What captions are scored against: the texts of one part of a manifest, and those a baseline may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError
from radscribe.text.report import Target


@dataclass(frozen=True, slots=True)
class References:
    """One part of a dataset: its studies that have a text, and the texts as written.

    Parameters
    ----------
    left_out : ids of the part's studies that have no text in this section.
    """

    part: Split
    target: Target
    studies: list[Study]
    texts: list[str]
    left_out: frozenset[str] = frozenset()

    @property
    def ids(self) -> list[str]:
        """The studies' ids."""
        return [study.id for study in self.studies]

    @property
    def groups(self) -> list[str]:
        """What is resampled whole: the patient, or the study where there is no patient."""
        return [study.id if study.patient_id is None else study.patient_id for study in self.studies]

    @property
    def resampled(self) -> str:
        """`patient` where patients are known, else `study`."""
        return "patient" if any(study.patient_id is not None for study in self.studies) else "study"


def read(manifest: Manifest, part: Split, target: Target) -> References:
    """The references of a part.

    Raises
    ------
    DataError : no study of the part has such a text.
    """
    return of(manifest.split(part), part, target, manifest.path)


def of(studies: Iterable[Study], part: Split, target: Target, source: Path | str = "") -> References:
    """The references of studies; see `read`."""
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
