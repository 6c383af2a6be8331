"""Scores of findings against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import (
    ABSENT,
    FINDINGS,
    PRESENT,
    UNCERTAIN,
    UNSAID,
    Labelled,
    Uncertain,
)
from radscribe.evaluation.findings.reading_errors import BOTH, LEFT, RIGHT, count, sides
from radscribe.text.findings import label
from tests.evaluation.small import REPORTS


def of(text: str) -> dict[str, int]:
    return dict(zip(FINDINGS, Labelled().codes([text])[0].tolist(), strict=True))


def test_codes_are_the_labellers_statuses() -> None:
    code = {None: UNSAID, "absent": ABSENT, "uncertain": UNCERTAIN, "present": PRESENT}
    for text in REPORTS:
        found = label(text)
        assert of(text) == {name: code[found.get(name)] for name in FINDINGS}


@pytest.mark.parametrize("uncertain", ["absent", "present", "skip"])
def test_counts_are_those_of_a_loop(uncertain: Uncertain) -> None:
    generator = np.random.default_rng(0)
    said, written = (generator.integers(0, 4, (50, len(FINDINGS))).astype(np.int8) for _ in range(2))
    hits = np.zeros(len(FINDINGS))
    alarms, misses = hits.copy(), hits.copy()
    for n in range(50):
        for f in range(len(FINDINGS)):
            if uncertain == "skip" and UNCERTAIN in (said[n, f], written[n, f]):
                continue
            positive = (UNCERTAIN, PRESENT) if uncertain == "present" else (PRESENT,)
            a, b = said[n, f] in positive, written[n, f] in positive
            hits[f] += a and b
            alarms[f] += a and not b
            misses[f] += b and not a
    sums = assertions.statistics(said, written, uncertain).sum(0)
    assert sums.tolist() == [*hits, *alarms, *misses]
    kept = np.ones(len(FINDINGS), dtype=bool)
    value = {name: float(row[0]) for name, row in assertions.value(sums[None], kept).items()}
    assert value["micro_precision"] == pytest.approx(hits.sum() / (hits + alarms).sum())
    assert value["micro_recall"] == pytest.approx(hits.sum() / (hits + misses).sum())
    assert value["macro_f1"] == pytest.approx(np.mean(2 * hits / (2 * hits + alarms + misses)))


def test_macro_is_over_the_findings_that_references_assert() -> None:
    labelled = Labelled()
    written = labelled.codes(["The heart is enlarged.", "The lungs are clear."])
    said = labelled.codes(["The heart is enlarged. Pneumothorax.", "The lungs are clear."])
    sums = assertions.statistics(said, written, "absent").sum(0)[None]
    kept = np.asarray(assertions.asserted(written, "absent").any(0))
    found = assertions.value(sums, kept)
    assert found["macro_f1"][0] == 1
    assert found["micro_precision"][0] == 0.5


def test_agreement_on_normal_ignores_what_a_healthy_chest_may_have() -> None:
    labelled = Labelled()
    written = labelled.codes(["Calcified granuloma.", "Left pleural effusion.", "The lungs are clear."])
    said = labelled.codes(["The lungs are clear.", "The lungs are clear.", "Large pneumothorax."])
    found = assertions.normal_agreement(said, written, "absent")
    assert (found.references_normal, found.captions_normal) == (2, 2)
    assert found.agreement == pytest.approx(1 / 3)
    assert (found.sensitivity, found.specificity) == (0, 0.5)
    assert found.kappa == pytest.approx((1 / 3 - 5 / 9) / (4 / 9))


@pytest.mark.parametrize(
    ("text", "finding", "expected"),
    [
        ("Small left pleural effusion.", "Effusion", LEFT),
        ("Pleural effusion on the right.", "Effusion", RIGHT),
        ("Bilateral pleural effusions.", "Effusion", BOTH),
        ("Left pleural effusion, right lower lobe atelectasis.", "Effusion", LEFT),
        ("Left pleural effusion, right lower lobe atelectasis.", "Atelectasis", RIGHT),
        ("No left pleural effusion.", "Effusion", 0),
        ("Pleural effusion. The left lung is clear.", "Effusion", 0),
    ],
)
def test_the_side_of_a_finding(text: str, finding: str, expected: int) -> None:
    found = sides(Labelled().mentions(text))
    assert found[FINDINGS.index(finding)] == expected


def test_errors_a_reader_would_have_to_catch() -> None:
    captions = ["Left pleural effusion.", "No pneumothorax.", "The heart is enlarged.", ""]
    references = [
        "Right pleural effusion.",
        "There is a pneumothorax.",
        "No effusion.",
        "The heart is enlarged.",
    ]
    found = count(captions, references, Labelled())
    assert (found.sides_compared, found.sides_wrong) == (1, 1)
    assert found.negated == 1 / 4
    assert found.hallucinated == 1 / 4
    assert found.missed == 2 / 4
