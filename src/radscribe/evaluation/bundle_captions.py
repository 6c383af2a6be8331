"""Captions and probabilities that a bundle gives for the studies of a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from radscribe.data.study import Study
from radscribe.errors import DataError
from radscribe.evaluation.metrics.base import Floats
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import StudyInput, as_prior
from radscribe.inference.options import DEFAULTS


class Advance(Protocol):
    """A callback that takes the step and the number of its items, once per item."""

    def __call__(self, step: str, total: int | None = None) -> None: ...


def quiet(step: str, total: int | None = None) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True, eq=False)
class BundleCaptions:
    """Captions and probabilities of N studies.

    Parameters
    ----------
    bundle : str
        Name and digest of the bundle.
    texts : list of str or None
        A caption per study; None if the study was refused or could not be read.
    findings : tuple of str
        F findings that the bundle gives probabilities of.
    probabilities : ndarray
        `[N, F]`; NaN if there is no caption.
    """

    bundle: str
    texts: list[str | None]
    findings: tuple[str, ...]
    probabilities: Floats

    @property
    def empty(self) -> int:
        """Number of studies without a caption."""
        return sum(text is None for text in self.texts)


ContextOf = Literal["own", "none", "swapped"]


def caption_studies(
    captioner: Captioner,
    studies: Sequence[Study],
    beam: int = DEFAULTS.beam,
    advance: Callable[..., None] = quiet,
    step: str = "captioning",
    context_of: ContextOf = "own",
) -> BundleCaptions:
    """Caption studies with a bundle.

    Parameters
    ----------
    captioner : Captioner
        The loaded bundle.
    studies : sequence of Study
        N studies of a manifest.
    beam : int
        Width of the beam search.
    advance : callable
        Called with the step's name and its number of studies after each study.
    step : str
        Name of the step.
    context_of : {"own", "none", "swapped"}
        Whose indication and prior study a caption is written with, if the bundle reads them: the study's own,
        nobody's, or those of another study.

    Raises
    ------
    DataError
        A study has no image file on this machine.
    """
    if absent := [study for study in studies if not any(path.is_file() for path in study.files)]:
        raise DataError(
            f"{len(absent)} of {len(studies)} studies have no image on this machine, {absent[0].id} among "
            "them",
            subject=absent[0].root,
            remedy="get the images, or score captions that were made elsewhere with --predictions",
        )
    inputs = _inputs(studies, context_of)
    texts: list[str | None] = []
    rows: list[dict[str, float]] = []
    for caption in captioner.stream(inputs, beam=beam):
        texts.append(caption.text)
        rows.append(caption.findings)
        advance(step, len(inputs))
    findings = captioner.findings
    values = np.array([[row.get(name, math.nan) for name in findings] for row in rows], dtype=np.float64)
    return BundleCaptions(captioner.bundle, texts, findings, values.reshape(len(inputs), len(findings)))


def _inputs(studies: Sequence[Study], context_of: ContextOf) -> list[StudyInput]:
    """The studies with their own context, with none, or with that of the study half of them further on."""
    places = range(len(studies))
    if context_of == "swapped":
        places = range(len(studies) // 2, len(studies) // 2 + len(studies))
    given = (
        [studies[place % len(studies)] for place in places] if context_of != "none" else [None] * len(studies)
    )
    return [
        StudyInput(study.id, study.files)
        if other is None
        else StudyInput(study.id, study.files, indication=other.indication, prior=as_prior(other.earlier))
        for study, other in zip(studies, given, strict=True)
    ]
