"""Findings that captions and references assert, as the labeller (`text.findings`) reads them.

Precision, recall and F1 are given per finding, micro-averaged over all pairs of study and finding, and as the
macro mean over findings that at least one reference asserts. A ratio over nothing is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.metrics.base import Floats, ratio
from radscribe.text.findings import LABELS, Mention, find

Uncertain = Literal["absent", "present", "skip"]
Codes = npt.NDArray[np.int8]
Booleans = npt.NDArray[np.bool_]

FINDINGS: tuple[str, ...] = tuple(name for name in LABELS if name != "Normal")
UNSAID, ABSENT, UNCERTAIN, PRESENT = range(4)
_PLACE = {name: place for place, name in enumerate(FINDINGS)}
_CODE = {"absent": ABSENT, "uncertain": UNCERTAIN, "present": PRESENT}  # the highest in a text counts
# Findings that an otherwise healthy chest may have: they do not make a study abnormal.
INCIDENTAL = frozenset({"Support_Devices", "Granuloma_or_Calcification", "Scoliosis_or_Degenerative"})
ABNORMAL: Booleans = np.array([name not in INCIDENTAL for name in FINDINGS])


class Labelled:
    """A cache of what the labeller reads in texts. Equal texts are read once.

    Examples
    --------
    >>> Labelled().codes(["No effusion."])[0, FINDINGS.index("Effusion")] == ABSENT
    np.True_
    """

    def __init__(self) -> None:
        self._mentions: dict[str, list[Mention]] = {}
        self._codes: dict[str, Codes] = {}

    def mentions(self, text: str) -> list[Mention]:
        """Return the mentions of findings in a text."""
        if text not in self._mentions:
            self._mentions[text] = find(text)
        return self._mentions[text]

    def codes(self, texts: Sequence[str]) -> Codes:
        """Return `UNSAID`, `ABSENT`, `UNCERTAIN` or `PRESENT` per text and finding, `[N, F]`."""
        return np.stack([self._codes_of(text) for text in texts])

    def _codes_of(self, text: str) -> Codes:
        if text not in self._codes:
            codes = np.zeros(len(FINDINGS), np.int8)
            for mention in self.mentions(text):
                if (place := _PLACE.get(mention.finding)) is not None:
                    codes[place] = max(codes[place], _CODE[mention.status])
            self._codes[text] = codes
        return self._codes[text]


def asserted(codes: Codes, uncertain: Uncertain) -> Booleans:
    """Return what counts as asserted. An uncertain finding does only if `uncertain` is "present"."""
    return np.asarray(codes >= (UNCERTAIN if uncertain == "present" else PRESENT))


def statistics(said: Codes, written: Codes, uncertain: Uncertain) -> Floats:
    """Return hits, false alarms and misses of each finding, `[N, 3 F]`; they add up over studies.

    If `uncertain` is "skip", pairs of study and finding that are uncertain in either text are left out.
    """
    a, b = asserted(said, uncertain), asserted(written, uncertain)
    counts = np.ones_like(a)
    if uncertain == "skip":
        counts = (said != UNCERTAIN) & (written != UNCERTAIN)
    return np.concatenate([a & b & counts, a & ~b & counts, ~a & b & counts], axis=1).astype(np.float64)


def value(sums: Floats, kept: Booleans) -> dict[str, Floats]:
    """Return micro and macro precision, recall and F1, `[B]` each.

    Parameters
    ----------
    sums : ndarray
        Sums of `statistics` in B samples, `[B, 3 F]`.
    kept : ndarray
        Findings of the macro mean, `[F]`.
    """
    one = per_finding(sums)
    hits, alarms, misses = (part.sum(-1) for part in np.split(sums, 3, axis=-1))
    return {
        "micro_precision": ratio(hits, hits + alarms),
        "micro_recall": ratio(hits, hits + misses),
        "micro_f1": ratio(2 * hits, 2 * hits + alarms + misses),
        **{
            f"macro_{name}": values[..., kept].mean(-1) if kept.any() else np.zeros(values.shape[:-1])
            for name, values in one.items()
        },
    }


def per_finding(sums: Floats) -> dict[str, Floats]:
    """Return precision, recall and F1 of each finding, `[..., F]` each, from sums `[..., 3 F]`."""
    hits, alarms, misses = np.split(sums, 3, axis=-1)
    return {
        "precision": ratio(hits, hits + alarms),
        "recall": ratio(hits, hits + misses),
        "f1": ratio(2 * hits, 2 * hits + alarms + misses),
    }


def abnormal(codes: Codes, uncertain: Uncertain) -> Booleans:
    """Return whether each text asserts a finding that a healthy chest does not have, `[N]`."""
    return np.asarray(asserted(codes, uncertain)[:, ABNORMAL].any(1))


@dataclass(frozen=True, slots=True)
class NormalAgreement:
    """Agreement of captions and references on which studies are normal.

    Parameters
    ----------
    references_normal, captions_normal : int
        Number of normal references and captions.
    agreement, kappa : float
        Share of equal judgements, and Cohen's kappa.
    sensitivity, specificity : float
        For "abnormal".
    """

    references_normal: int
    captions_normal: int
    agreement: float
    kappa: float
    sensitivity: float
    specificity: float


def normal_agreement(said: Codes, written: Codes, uncertain: Uncertain) -> NormalAgreement:
    """Compare which studies are normal."""
    a, b = abnormal(said, uncertain), abnormal(written, uncertain)
    observed = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    return NormalAgreement(
        references_normal=int((~b).sum()),
        captions_normal=int((~a).sum()),
        agreement=observed,
        kappa=(observed - chance) / (1 - chance) if chance < 1 else 0.0,
        sensitivity=float((a & b).sum() / max(b.sum(), 1)),
        specificity=float((~a & ~b).sum() / max((~b).sum(), 1)),
    )
