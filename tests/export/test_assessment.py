"""Which findings captions may speak of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from radscribe.evaluation.findings.binary_scores import denial_point
from radscribe.export.assessment import assess_finding, denial_points, denied
from radscribe.export.captioned_part import CaptionedPart


def test_a_finding_that_is_seen_and_rightly_denied_is_assessed() -> None:
    true = np.array([1.0] * 20 + [0.0] * 80)
    says = np.array([True] * 12 + [False] * 8 + [True] * 4 + [False] * 76)
    assert assess_finding(true, says, ~says).assessed


def test_a_finding_that_is_never_asserted_is_not_assessed() -> None:
    true = np.array([1.0] * 20 + [0.0] * 80)
    never = np.zeros(100, dtype=bool)
    measured = assess_finding(true, never, ~never)
    assert not measured.assessed
    assert (measured.positives, measured.denied, measured.denied_wrong) == (20, 100, 20)


def test_denials_that_are_wrong_as_often_as_the_finding_is_common_are_not_assessed() -> None:
    true = np.array([1.0] * 20 + [0.0] * 80)
    says = np.array([True] * 2 + [False] * 98)
    assert not assess_finding(true, says, ~says).assessed


def test_too_few_positives_and_unknown_studies_do_not_count() -> None:
    true = np.array([1.0] * 5 + [0.0] * 80 + [np.nan] * 15)
    says = np.array([True] * 5 + [False] * 95)
    measured = assess_finding(true, says, ~says)
    assert measured.studies == 85
    assert not measured.assessed


def test_broad_denials_deny_what_they_cover() -> None:
    assert {"Pneumonia", "Nodule"} <= denied("The lungs are clear.")
    assert "Pneumonia" not in denied("There is a pneumonia.")


def test_a_finding_is_denied_only_where_it_is_rare() -> None:
    probabilities = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.5, 0.6, 0.7, 0.8])
    true = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 1], dtype=float)
    assert denial_point(probabilities, true) == 0.5
    assert denial_point(probabilities, np.zeros(10)) == 0.0  # nothing is known of it
    assert denial_point(probabilities[::-1], true) == 0.0  # the encoder cannot tell


def test_a_denial_point_holds_for_every_collection() -> None:
    probabilities = np.tile(np.linspace(0.05, 0.95, 20), 2)
    easy = (probabilities[:20] > 0.5).astype(float)
    hard = (probabilities[:20] > 0.25).astype(float)
    true = np.concatenate([easy, hard])
    together = denial_point(probabilities, true)
    apart = denial_point(probabilities, true, np.repeat([True, False], 20))
    assert apart < together
    assert apart == denial_point(probabilities[20:], hard)


def test_a_denial_that_could_be_chance_is_barred() -> None:
    def part(positives: int, n: int) -> CaptionedPart:
        p = np.linspace(0.01, 0.99, n)
        captions = [SimpleNamespace(findings={"Mass": value}) for value in p]
        studies = [SimpleNamespace(text=lambda: "A report.")] * n
        true = (np.arange(n) >= n - positives).astype(float)[:, None]
        said = np.zeros((n, 1), dtype=bool)
        return CaptionedPart("made", "val", cast(Any, studies), cast(Any, captions), ["Mass"], said, true)

    assert denial_points(part(10, 60))["Mass"] > 0.8
    assert denial_points(part(1, 6))["Mass"] == 0  # five right denials of six studies, of which one has it
