"""`radscribe.score` and `radscribe.evaluate`, and the metrics that other packages bring."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import radscribe
from radscribe.errors import DataError, UsageError
from radscribe.evaluation.metrics import registry
from radscribe.evaluation.metrics.base import Corpus, Floats, mean_of
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from tests.evaluation.small import reports, write, write_csv


def test_scores_are_those_of_the_metrics_with_interval_and_signature() -> None:
    said, written = reports(12, 3), reports(12, 2)
    split = TOKENIZATIONS["plain"]
    expected = registry.score(Corpus(split.all(said), [[text] for text in split.all(written)]))
    found = radscribe.score(said, written, metrics=["BLEU-4", "cider_d", "micro_f1", "laterality_error_rate"])
    assert list(found) == ["bleu_4", "cider_d", "micro_f1", "laterality_error_rate"]
    for name in ("bleu_4", "cider_d"):
        assert found[name].value == pytest.approx(expected[name])
        assert found[name].interval is not None
        assert "tok:plain" in found[name].signature
    assert "labeller:radscribe" in found["micro_f1"].signature
    assert found["laterality_error_rate"].better == "lower"
    assert json.loads(found.to_json())["bleu_4"]["value"] == found["bleu_4"].value
    assert str(found).count("\n") == 3


def test_several_references_count() -> None:
    one = radscribe.score(
        ["the lungs are clear"], [["no effusion", "the lungs are clear"]], metrics="rouge_l"
    )
    assert one["rouge_l"].value == 1.0
    assert "refs:2" in one["rouge_l"].signature


@pytest.mark.parametrize(
    ("arguments", "keywords", "problem"),
    [
        ((["a"], ["b", "c"]), {}, "1 hypotheses and 2 references"),
        ((["a"], [[]]), {}, "study 0 has no text"),
        (("a", ["b"]), {}, "one string"),
        ((["a"], ["b"]), {"metrics": "bleu4"}, "no metric 'bleu4'; did you mean bleu_4"),
        ((["a"], ["b"]), {"groups": ["x", "y"]}, "2 groups for 1"),
        ((["a"], ["b"]), {"confidence": 2.0}, "between 0 and 1"),
    ],
)
def test_wrong_calls_are_explained(
    arguments: tuple[object, ...], keywords: dict[str, object], problem: str
) -> None:
    with pytest.raises((DataError, UsageError), match=problem):
        radscribe.score(*arguments, **keywords)  # type: ignore[arg-type]


def test_evaluate_in_python_is_the_command(tmp_path: Path) -> None:
    ids = write(tmp_path / "data")
    path = write_csv(tmp_path / "mine.csv", ids, reports(12, 3))
    found = radscribe.evaluate(tmp_path / "data", predictions=path, rounds=50)
    by_id = radscribe.evaluate(
        tmp_path / "data", predictions=dict(zip(ids, reports(12, 3), strict=True)), rounds=50
    )
    assert found.captions is not None
    assert by_id.captions is not None
    assert found.captions.system.values == by_id.captions.system.values
    assert found.labels is None
    assert "CIDEr-D" in str(found)
    files = found.save(tmp_path / "out")
    assert json.loads(files[0].read_text()) == found.to_dict()
    with pytest.raises(UsageError, match="nothing to score"):
        radscribe.evaluate(tmp_path / "data")
    with pytest.raises(UsageError, match="there is no such choice"):
        radscribe.evaluate(tmp_path / "data", predictions=path, target="history")


def test_captions_that_are_exchanged_score_less_unless_they_ignore_the_study(tmp_path: Path) -> None:
    ids = write(tmp_path / "data", each=60)
    perfect = radscribe.evaluate(tmp_path / "data", predictions=dict(zip(ids, reports(60, 2), strict=True)))
    assert perfect.captions is not None
    gap = perfect.captions.differences["shuffled"]["cider_d"]
    assert gap.interval is not None
    assert gap.interval[0] > 0
    generator = np.random.default_rng(1)
    blind = [reports(60, 2)[row] for row in generator.permutation(60)]
    other = radscribe.evaluate(tmp_path / "data", predictions=dict(zip(ids, blind, strict=True)))
    assert other.captions is not None
    assert any("do not fit their own study" in warning for warning in other.captions.warnings)
    assert not any("do not fit their own study" in warning for warning in perfect.captions.warnings)


def first_letter(corpus: Corpus) -> Floats:
    """1 if caption and reference start with the same word."""
    return np.array(
        [
            float(caption[:1] == texts[0][:1])
            for caption, texts in zip(corpus.captions, corpus.references, strict=True)
        ]
    )


FOREIGN = mean_of("same_start", first_letter)


def test_another_package_can_bring_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("same_start", f"{__name__}:FOREIGN", "radscribe.metrics")
    assert sys.modules[__name__] is not None
    monkeypatch.setattr(
        "radscribe.registry.entry_points", lambda group: [point] if group == "radscribe.metrics" else []
    )
    monkeypatch.setattr(registry.METRICS, "_foreign", None)
    registry.metric_names.cache_clear()
    try:
        found = radscribe.score(["no effusion", "the heart"], ["no edema", "a heart"], metrics="same_start")
        assert found["same_start"].value == 0.5
    finally:
        registry.metric_names.cache_clear()
        registry.METRICS._loaded.pop("same_start", None)
