"""Errors that a reader of a draft has to catch: findings invented, missed, negated, or on the wrong side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.findings.assertions import (
    ABNORMAL,
    ABSENT,
    FINDINGS,
    PRESENT,
    UNCERTAIN,
    Booleans,
    Codes,
    Labelled,
    Uncertain,
    abnormal,
    asserted,
)
from radscribe.evaluation.metrics.base import Floats, ratio
from radscribe.text.findings import Mention

Sides = npt.NDArray[np.int8]
LEFT, RIGHT = 1, 2
BOTH = LEFT | RIGHT
# Findings with a side. A large heart, a hernia, or the tip of a tube "in the right atrium" has none.
SIDED: Booleans = np.array(
    [
        name
        in {
            "Atelectasis",
            "Effusion",
            "Infiltration",
            "Mass",
            "Nodule",
            "Pneumonia",
            "Pneumothorax",
            "Consolidation",
            "Fibrosis",
            "Pleural_Thickening",
            "Fracture",
            "Granuloma_or_Calcification",
            "Opacity",
        }
        for name in FINDINGS
    ]
)
_BITS = {"left": LEFT, "right": RIGHT, "bilateral": BOTH}


@dataclass(frozen=True, slots=True)
class ReportErrors:
    """Errors over N studies.

    Parameters
    ----------
    hallucinated : float
        Findings per report that the caption asserts and the reference neither asserts nor leaves open.
    missed : float
        Findings per report that the reference asserts and the caption neither asserts nor leaves open.
    negated : float
        Findings per report that one text asserts and the other denies in words.
    sides_compared : int
        Number of pairs of study and finding that both texts assert with a side.
    sides_wrong : int
        Number of these pairs whose sides have nothing in common.
    """

    hallucinated: float
    missed: float
    negated: float
    sides_compared: int
    sides_wrong: int


def hallucinated(said: Codes, written: Codes) -> Booleans:
    """Return what captions assert and references neither assert nor leave open, `[N, F]`."""
    return np.asarray((said == PRESENT) & (written != PRESENT) & (written != UNCERTAIN))


def missed(said: Codes, written: Codes) -> Booleans:
    """Return what references assert and captions neither assert nor leave open, `[N, F]`."""
    return hallucinated(written, said)


def negated(said: Codes, written: Codes) -> Booleans:
    """Return which findings one text asserts and the other denies in words, `[N, F]`."""
    return np.asarray(((said == PRESENT) & (written == ABSENT)) | ((said == ABSENT) & (written == PRESENT)))


def wrong_side(said: Sides, written: Sides) -> Booleans:
    """Return where both texts name a side and have none in common, `[N, F]`."""
    return np.asarray((said > 0) & (written > 0) & (said & written == 0))


def sides(mentions: Sequence[Mention]) -> Sides:
    """Return the sides on which a text asserts each finding, as bits, `[F]`; 0 if it names none."""
    found = np.zeros(len(FINDINGS), dtype=np.int8)
    for mention in mentions:
        if mention.side and mention.status == "present" and mention.finding in FINDINGS:
            place = FINDINGS.index(mention.finding)
            if SIDED[place]:
                found[place] |= _BITS[mention.side]
    return found


def count(captions: Sequence[str], references: Sequence[str], labelled: Labelled) -> ReportErrors:
    """Count the errors of captions beside their references."""
    said, written = labelled.codes(captions), labelled.codes(references)
    left = all_sides(captions, labelled)
    right = all_sides(references, labelled)
    return ReportErrors(
        hallucinated=float(hallucinated(said, written).sum(1).mean()),
        missed=float(missed(said, written).sum(1).mean()),
        negated=float(negated(said, written).sum(1).mean()),
        sides_compared=int(((left > 0) & (right > 0)).sum()),
        sides_wrong=int(wrong_side(left, right).sum()),
    )


# Scores of `statistics`, in order. A wrong side is an error; the others are better if they are higher.
READING_SCORES = ("normal_agreement", "abnormal_hit_rate", "laterality_error_rate")
LOWER_IS_BETTER = frozenset({"laterality_error_rate"})


def statistics(said: Codes, written: Codes, left: Sides, right: Sides, uncertain: Uncertain) -> Floats:
    """Return numbers of each study that add up over studies, `[N, 6]`.

    They are numerator and denominator of `READING_SCORES`: studies where caption and reference agree on
    normal or abnormal; abnormal studies of which the caption asserts a right abnormal finding; findings on
    the wrong side among those where both texts name a side.

    Parameters
    ----------
    said, written : ndarray
        Codes of captions and references, `[N, F]`.
    left, right : ndarray
        Sides of captions and references, `[N, F]`.
    uncertain : {"absent", "present", "skip"}
        How to count an uncertain finding.
    """
    a, b = abnormal(said, uncertain), abnormal(written, uncertain)
    hit = (asserted(said, uncertain) & asserted(written, uncertain))[:, ABNORMAL].any(1)
    columns = [
        a == b,
        np.ones(len(a)),
        hit & b,
        b,
        wrong_side(left, right).sum(1),
        ((left > 0) & (right > 0)).sum(1),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def value(sums: Floats) -> dict[str, Floats]:
    """Sums `[B, 6]` to scores, `[B]` each; a ratio over nothing is 0."""
    return {
        name: ratio(sums[:, 2 * place], sums[:, 2 * place + 1]) for place, name in enumerate(READING_SCORES)
    }


def all_sides(texts: Sequence[str], labelled: Labelled) -> Sides:
    """Return `sides` of each text, `[N, F]`."""
    known = {text: sides(labelled.mentions(text)) for text in set(texts)}
    return np.stack([known[text] for text in texts])
