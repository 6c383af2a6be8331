"""The verdict on a new bundle follows the stated rule."""

from __future__ import annotations

import pytest

from radscribe.errors import DataError
from radscribe.evaluation.compare import LEAST, Verdict, judge
from radscribe.evaluation.system_scores import Difference


def difference(low: float, high: float) -> Difference:
    return Difference((low + high) / 2, (low, high), None)


@pytest.mark.parametrize(
    ("f1", "cider", "n", "verdict"),
    [
        ((0.01, 0.1), (-0.1, 0.2), LEAST, "better"),
        ((0.01, 0.1), (-0.2, -0.1), LEAST, "worse"),
        ((-0.2, -0.1), (0.1, 0.2), LEAST, "worse"),
        ((-0.01, 0.1), (0.1, 0.2), LEAST, "undecided"),
        ((0.01, 0.1), (0.1, 0.2), LEAST - 1, "undecided"),
    ],
)
def test_a_bundle_is(f1: tuple[float, float], cider: tuple[float, float], n: int, verdict: Verdict) -> None:
    told, reason = judge({"micro_f1": difference(*f1), "cider_d": difference(*cider)}, n)
    assert told == verdict
    assert reason


def test_without_intervals_nothing_is_decided() -> None:
    with pytest.raises(DataError, match="no intervals"):
        judge({"micro_f1": Difference(0.1, None, None)}, LEAST)
