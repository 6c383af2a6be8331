"""AUROC, agreement and intervals against definitions worked out another way."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.evaluation.bootstrap import interval, resamples
from radscribe.evaluation.findings.binary_scores import agreement, auroc, macro_f1


def by_pairs(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs of a positive and a negative that are in order; ties count half."""
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_ordered_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = (generator.random(80) < 0.3).astype(float)
    scores = np.round(generator.random(80) + 0.4 * labels, 1)  # with ties
    assert auroc(scores, labels) == pytest.approx(by_pairs(scores, labels))


def test_unknown_labels_do_not_count_and_a_missing_class_has_no_auroc() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.2])
    assert auroc(scores, np.array([0.0, 1.0, np.nan, np.nan])) == 1.0
    assert np.isnan(auroc(scores, np.ones(4)))


def test_a_patient_is_drawn_whole() -> None:
    groups = ["a", "a", "a", "b", "c", "c"]
    for rows in resamples(groups, rounds=50):
        drawn = [groups[row] for row in rows]
        assert drawn.count("a") % 3 == 0
        assert drawn.count("c") % 2 == 0
        assert sum((drawn.count("a") // 3, drawn.count("b"), drawn.count("c") // 2)) == 3


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(lambda rows: float(values[rows].mean()), [str(i) for i in range(400)])
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_agreement_counts_pairs_of_study_and_finding() -> None:
    said = np.array([[True, False], [True, True], [False, False]])
    true = np.array([[True, False], [False, True], [True, False]])
    result = agreement(said, true)
    assert (result.precision, result.recall, result.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert macro_f1(said, true) == pytest.approx((0.5 + 1.0) / 2)


def test_nothing_asserted_is_no_division_by_zero() -> None:
    nothing = np.zeros((3, 2), dtype=bool)
    assert agreement(nothing, nothing).f1 == 0.0
    assert agreement(nothing, ~nothing).precision == 0.0
