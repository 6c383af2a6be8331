"""Captions of one part of a dataset, with the true findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError
from radscribe.evaluation.findings.binary_scores import Booleans
from radscribe.evaluation.metrics.base import Floats
from radscribe.inference.caption import Caption
from radscribe.inference.captioner import Captioner
from radscribe.inference.confidence import asserted, is_finding
from radscribe.inference.options import DEFAULTS
from radscribe.text.findings import label


@dataclass(frozen=True, slots=True)
class CaptionedPart:
    """N studies that a captioner gave a caption for.

    Parameters
    ----------
    source, name : str
        The dataset, as its manifest names it, and the part.
    findings : sequence of str
        F names: those that a caption can assert and the encoder looks for.
    said : Booleans
        `[N, F]`, what each caption asserts.
    true : numpy.ndarray
        `[N, F]`, 1 where the finding is there, 0 where it is not, NaN where that is not known.
    """

    source: str
    name: Split
    studies: Sequence[Study]
    captions: Sequence[Caption]
    findings: Sequence[str]
    said: Booleans
    true: Floats

    @property
    def groups(self) -> list[str]:
        """The patient of each study, or the study if there is no patient."""
        return [study.patient_id or study.id for study in self.studies]


def caption_part(
    captioner: Captioner, manifest: Manifest, name: Split, beam: int = DEFAULTS.beam
) -> CaptionedPart:
    """Caption a part; studies that are refused or cannot be read are left out.

    Raises
    ------
    DataError
        The part is empty, no study of it gets a caption, or it has neither labels nor reports.
    """
    part = manifest.split(name, with_images=True)
    both = zip(part, captioner.stream(part, beam=beam), strict=True)
    kept = [(study, caption) for study, caption in both if caption.text is not None]
    studies, captions = [study for study, _ in kept], [caption for _, caption in kept]
    findings = [finding for finding in captioner.findings if is_finding(finding)]
    if not studies:
        raise DataError(
            f"no study of the {name} part gets a caption", subject=manifest.path, remedy="look at its images"
        )
    said = [[finding in claims for finding in findings] for claims in map(asserted, captions)]
    return CaptionedPart(
        manifest.header.source,
        name,
        studies,
        captions,
        findings,
        np.array(said),
        truth(studies, findings, manifest.path),
    )


def truth(studies: Sequence[Study], findings: Sequence[str], source: Path) -> Floats:
    """`[N, F]`: the labels, or, where the part has none, the findings of the reports (doubt is not known)."""
    if any(study.labels for study in studies):
        return np.array([[study.labels.get(f) for f in findings] for study in studies], dtype=np.float64)
    if not any(study.text() for study in studies):
        raise DataError(
            "has neither labels nor reports to measure captions against",
            subject=source,
            remedy="prepare a dataset that has",
        )
    rows = []
    for study in studies:
        written = label(study.text())
        unknown = None if study.text() else np.nan
        rows.append(
            [
                np.nan if written.get(f) == "uncertain" else unknown or float(written.get(f) == "present")
                for f in findings
            ]
        )
    return np.array(rows, dtype=np.float64)
