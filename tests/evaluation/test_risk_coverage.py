"""Risk and coverage by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.evaluation.findings.binary_scores import aurc, risks


def test_risks_by_hand() -> None:
    confidence, right = np.array([0.2, 0.9, 0.5, 0.7]), np.array([0.0, 1.0, 1.0, 0.0])
    assert risks(confidence, right) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(confidence, right) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidences_give_the_expected_risk() -> None:
    right = np.array([1.0, 0.0, 0.0, 1.0])
    assert risks(np.ones(4), right) == pytest.approx([0.5] * 4)
    assert risks(np.array([1.0, 1.0, 0.5, 0.5]), right) == pytest.approx([0.5] * 4)


def test_no_order_is_better_than_the_perfect_one() -> None:
    generator = np.random.default_rng(0)
    right = (generator.random(50) < 0.6).astype(np.float64)
    perfect = aurc(right, right)
    assert all(aurc(generator.random(50), right) >= perfect for _ in range(50))
    assert aurc(np.ones(50), right) == pytest.approx(1 - right.mean())
