"""Baselines: the closed forms for constants equal scoring each candidate, and nothing peeks at test data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radscribe.data.study import ImageRef, Study
from radscribe.evaluation import baselines as baseline
from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics import bleu, cider, registry
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.records import Task
from radscribe.evaluation.references import References
from radscribe.evaluation.system_scores import Settings
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from tests.evaluation.small import REPORTS, reports
from tests.evaluation.test_metrics import words


def test_constants_score_as_the_metrics_say() -> None:
    candidates, references = words(300, 1), words(40, 2)  # more candidates than one chunk
    corpus = baseline.pairing(candidates, references)
    by_bleu, by_cider = bleu.each_for_all(corpus), cider.each_for_all(corpus)
    for place in range(0, 300, 23):
        same = registry.score(Corpus([candidates[place]] * 40, [[text] for text in references]))
        assert by_bleu[place] == pytest.approx(same["bleu_4"], abs=1e-9)
        assert by_cider[place] == pytest.approx(same["cider_d"], abs=1e-9)


def test_the_constant_for_findings_is_scored_as_clinical_says() -> None:
    labelled = Labelled()
    texts, references = list(REPORTS), reports(20)
    said, written = labelled.codes(texts), labelled.codes(references)
    found = baseline.constant_micro_f1(said, written, "absent")
    for place in range(len(texts)):
        sums = assertions.statistics(np.tile(said[place], (20, 1)), written, "absent").sum(0)[None]
        kept = np.ones(len(assertions.FINDINGS), dtype=bool)
        assert found[place] == pytest.approx(assertions.value(sums, kept)["micro_f1"][0])


def task(train: list[str] | None = None, val: list[str] | None = None, **given: Any) -> Task:
    studies = [Study(str(i), (ImageRef(f"{i}.png"),), split="test") for i in range(7)]
    return Task(
        References("test", "findings", studies, reports(7)),
        [],
        Settings(TOKENIZATIONS["plain"]),
        train=reports(30) if train is None else train,
        val=reports(10) if val is None else val,
        **given,
    )


def make(given: Task) -> dict[str, baseline.Baseline]:
    return {one.name: one for one in baseline.make(given, Labelled())}


def test_constants_are_chosen_on_validation_and_come_from_training() -> None:
    made = make(task(val=[REPORTS[3]] * 5 + [REPORTS[1]]))
    for name in ("best_constant", "best_constant_cider_d", "best_constant_findings"):
        assert made[name].captions == [REPORTS[3]] * 7
        assert made[name].caption == REPORTS[3]


def test_most_frequent_and_random() -> None:
    made = make(task(train=[*REPORTS, REPORTS[2]]))
    assert made["most_frequent"].caption == REPORTS[2]
    assert set(made["random"].captions) <= set(REPORTS)
    assert (
        made["random"].captions
        == baseline.random_report(task(train=[*REPORTS, REPORTS[2]]), Labelled())[0].captions
    )


def test_nearest_neighbour_needs_features_and_finds_the_nearest() -> None:
    assert "nearest_neighbour" not in make(task())
    generator = np.random.default_rng(0)
    train, wanted = generator.random((30, 4)), generator.random((7, 4))
    made = baseline.nearest_neighbour(task(train_features=train, features=wanted), Labelled())[0]
    scale = train.std(0)
    nearest = [int(np.argmin((((train - row) / scale) ** 2).sum(1))) for row in wanted]
    assert made.captions == [reports(30)[row] for row in nearest]


def test_many_training_reports_are_thinned_and_the_frequent_ones_stay() -> None:
    texts = [f"report {i}" for i in range(500)] + ["often"] * 3
    kept = baseline.candidates(texts, most=50)
    assert len(kept) == len(set(kept)) == 50
    assert kept[0] == "often"
