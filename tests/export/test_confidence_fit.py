"""Confidence is fitted on what captions assert and what is there, and by patients never seen in the fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radscribe.data.study import Study
from radscribe.errors import DataError
from radscribe.evaluation.findings.binary_scores import auroc
from radscribe.export.captioned_part import CaptionedPart
from radscribe.export.confidence_fit import FEWEST, cross_fit, fit, fit_confidence, right
from radscribe.inference.caption import Caption, Token
from radscribe.runtime.numeric import sigmoid

NAN = math.nan
FINDINGS = ("Mass", "Effusion")


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ([True, False], [1, 0], 1.0),
        ([True, False], [1, 1], 1.0),  # what it does not say may be there
        ([True, True], [1, 0], 0.0),
        ([True, True], [0, NAN], 0.0),  # wrong, whatever the other is
        ([True, True], [1, NAN], NAN),
        ([True, False], [1, NAN], 1.0),
        ([False, False], [0, 0], 1.0),
        ([False, False], [0, 1], 0.0),
        ([False, False], [0, NAN], NAN),
    ],
)
def test_when_a_caption_is_right(said: list[bool], true: list[float], expected: float) -> None:
    # A second study knows of both findings, so that none counts as never known.
    value = right(np.array([said, [False, False]]), np.array([true, [0.0, 0.0]], dtype=np.float64))[0]
    np.testing.assert_equal(value, expected)


def test_a_finding_that_the_data_never_knows_does_not_count_as_there() -> None:
    assert right(np.array([[False, False]]), np.array([[0.0, NAN]]))[0] == 1.0


def test_the_regression_finds_the_weights_that_made_the_outcomes() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal((0, 5), (1, 3), (20_000, 2))
    y = (generator.random(len(x)) < sigmoid(1.5 * x[:, 0] - 0.5 * x[:, 1] + 2)).astype(np.float64)
    weights, bias = fit(x, y)
    assert weights == pytest.approx([1.5, -0.5], abs=0.1)
    assert bias == pytest.approx(2, abs=0.2)


def test_cross_fitting_does_not_know_its_own_outcomes() -> None:
    generator = np.random.default_rng(0)
    patients = [f"p{i // 2}" for i in range(60)]
    # Both studies of a patient share noise and outcome: only another patient's fold is honest.
    x = np.repeat(generator.normal(size=(30, 12)), 2, axis=0)
    y = np.repeat(generator.integers(0, 2, 30), 2).astype(np.float64)
    weights, bias = fit(x, y)
    assert auroc(x @ weights + bias, y) > 0.8
    assert np.mean([auroc(cross_fit(x, y, patients, seed), y) for seed in range(5)]) < 0.65


def part(count: int, wrong_where_sure: bool = False) -> CaptionedPart:
    """Captions that assert a mass, as often right as its probability says; their words say nothing."""
    generator = np.random.default_rng(0)
    p = generator.uniform(0.05, 0.95, count)
    there = generator.random(count) < (0 if wrong_where_sure else p)
    captions = [
        Caption(
            *("study", (), "bundle"),
            text="There is a mass.",
            tokens=(Token("mass", float(-generator.random())),),
            log_probability=float(-generator.random()),
            findings={"Mass": float(one), "Effusion": 0.1},
        )
        for one in p
    ]
    said = np.array([[True, False]] * count)
    studies = [Study(f"s{i}", (), f"p{i}") for i in range(count)]
    true = np.stack([there, np.zeros(count)], axis=1).astype(np.float64)
    return CaptionedPart("made", "val", studies, captions, FINDINGS, said, true)


def test_what_helps_on_validation_is_chosen() -> None:
    fitted = fit_confidence(part(400))
    assert fitted.features[0] == "agreement"
    assert fitted.weights[0] == pytest.approx(1, abs=0.3)  # the probabilities were right as they are
    assert fitted.auroc > 0.7
    assert fitted.calibration_error < 0.1
    assert (fitted.studies, fitted.part) == (400, "val")


def test_too_few_of_a_kind_is_told() -> None:
    with pytest.raises(DataError, match=f"at least {FEWEST} of each kind"):
        fit_confidence(part(50, wrong_where_sure=True))
