"""Scores on labels against definitions worked out another way, and `radscribe evaluate` on labelled data."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import radscribe
from radscribe.data import manifest
from radscribe.data.manifest import Header
from radscribe.data.study import ImageRef, Study
from radscribe.evaluation.bootstrap import interval, multiplicities
from radscribe.evaluation.calibration import cross_fitted, expected_calibration_error
from radscribe.evaluation.findings.binary_scores import Ranking, auroc
from radscribe.evaluation.findings.label_scores import score_assertions, score_probabilities
from radscribe.text.report import Report
from tests.evaluation.test_evaluate import read, run

FINDINGS = ("Effusion", "Cardiomegaly")


def scores(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.3).astype(float)
    return np.round(np.clip(0.3 * generator.random(n) + 0.3 * labels, 0, 1), 2), labels  # with ties


def test_average_precision_is_the_sum_over_thresholds() -> None:
    predicted, labels = scores()
    expected, before = 0.0, 0.0
    for threshold in sorted(set(predicted), reverse=True):
        chosen = predicted >= threshold
        recall = labels[chosen].sum() / labels.sum()
        expected += (recall - before) * labels[chosen].mean()
        before = recall
    assert Ranking(predicted, labels).average_precision()[0] == pytest.approx(expected)


@pytest.mark.parametrize("specificity", [0.5, 0.9, 0.99])
def test_sensitivity_is_the_best_that_keeps_the_specificity(specificity: float) -> None:
    predicted, labels = scores()
    best = 0.0
    for threshold in [*set(predicted), 2.0]:
        chosen = predicted >= threshold
        if (~chosen[labels == 0]).mean() >= specificity:
            best = max(best, chosen[labels == 1].mean())
    found, threshold = Ranking(predicted, labels).sensitivity_at(specificity)
    assert found[0] == pytest.approx(best)
    assert (predicted[labels == 1] >= threshold[0]).mean() == pytest.approx(best)


def test_resamples_by_weights_are_resamples_of_rows() -> None:
    predicted, labels = scores()
    rows = np.random.default_rng(3).integers(0, 60, 60)
    weights = np.bincount(rows, minlength=60).astype(float)[None]
    weighted, drawn = Ranking(predicted, labels, weights), Ranking(predicted[rows], labels[rows])
    assert weighted.auroc()[0] == pytest.approx(drawn.auroc()[0])
    assert weighted.average_precision()[0] == pytest.approx(drawn.average_precision()[0])
    assert weighted.sensitivity_at(0.9)[0][0] == pytest.approx(drawn.sensitivity_at(0.9)[0][0])


def test_unknown_labels_and_missing_probabilities_do_not_count() -> None:
    predicted, labels = np.array([0.9, np.nan, 0.2, 0.5]), np.array([1.0, 1.0, 0.0, np.nan])
    ranking = Ranking(predicted, labels)
    assert (ranking.n, ranking.positives, ranking.auroc()[0]) == (2, 1, 1.0)
    assert np.isnan(auroc(np.ones(3), np.ones(3)))


def test_calibration_error_by_hand() -> None:
    predicted, true = np.array([0.05, 0.15, 0.15, 0.95]), np.array([0.0, 1.0, 0.0, 1.0])
    assert expected_calibration_error(predicted, true) == pytest.approx((0.05 + 2 * 0.35 + 0.05) / 4)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))


def test_cross_fitting_never_fits_on_the_groups_that_it_predicts() -> None:
    groups = [f"p{row // 3}" for row in range(60)]
    numbers = np.arange(60)

    def predict(rows: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        assert not {groups[row] for row in numbers[rows]} & {groups[row] for row in numbers[held_out]}
        return np.asarray(numbers[held_out], dtype=float)

    assert cross_fitted(predict, groups, folds=4).tolist() == numbers.tolist()


def test_intervals_are_those_of_a_bootstrap_over_patients() -> None:
    predicted, labels = scores(240)
    patients = [str(row // 3) for row in range(240)]
    weights = multiplicities(patients, 1000)
    found = score_probabilities(["A"], predicted[:, None], labels[:, None], weights=weights)
    low, high = interval(lambda rows: auroc(predicted[rows], labels[rows]), patients, 400)
    assert found.findings[0].intervals["auroc"] == pytest.approx((low, high), abs=0.02)
    assert found.mean.values["auroc"] == pytest.approx(auroc(predicted, labels))
    drawn = interval(lambda rows: expected_calibration_error(predicted[rows], labels[rows]), patients, 400)
    assert found.mean.intervals["calibration_error"] == pytest.approx(drawn, abs=0.02)


def test_assertions_count_known_pairs_alone() -> None:
    asserted = np.array([[True, False], [True, True], [False, False]])
    true = np.array([[1.0, np.nan], [0.0, 1.0], [1.0, np.nan]])
    found = score_assertions(FINDINGS, asserted, true)
    assert found.total.values["precision"] == pytest.approx(2 / 3)
    assert found.total.values["recall"] == pytest.approx(2 / 3)
    assert found.total.values["macro_f1"] == pytest.approx((0.5 + 1) / 2)
    assert [(row.finding, row.n, row.asserted) for row in found.findings] == [
        ("Effusion", 3, 2),
        ("Cardiomegaly", 1, 1),
    ]


def labelled(folder: Path, n: int = 40) -> list[str]:
    """A manifest of labelled studies without reports; the even ones have an effusion."""
    folder.mkdir(parents=True)
    studies = [
        Study(
            id=f"s{i:02}",
            images=(ImageRef(f"s{i:02}.png"),),
            patient_id=f"p{i // 2}",
            labels={"Effusion": float(i % 2 == 0), "Cardiomegaly": float(i % 4 == 0)},
            split="test",
        )
        for i in range(n)
    ]
    for study in studies:
        (folder / study.images[0].path).touch()
    manifest.write(folder, Header(1, "labels of a test"), studies)
    return [study.id for study in studies]


class StandIn:
    """A captioner that sees effusions and calls every heart large; it refuses the first study."""

    bundle = "stand-in@1"
    findings = FINDINGS

    def stream(self, inputs: list[Any], beam: int) -> list[Any]:
        made = []
        for place, study in enumerate(inputs):
            there = int(study.name[1:]) % 2 == 0
            text = ("Small left pleural effusion. " if there else "") + "The heart is enlarged."
            made.append(
                SimpleNamespace(
                    text=text if place else None,
                    findings={"Effusion": 0.8 if there else 0.1, "Cardiomegaly": 0.5} if place else {},
                )
            )
        return made


def test_a_bundle_on_labels_without_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radscribe.evaluation.run.Captioner", lambda bundle: StandIn())
    labelled(tmp_path / "data")
    assert run("--data", tmp_path / "data", "--bundle", "any", "--out", tmp_path / "out") == 0
    found = read(tmp_path / "out")["labels"]
    assert (found["system"], found["n"], found["captions"]["refused"]) == ("stand-in@1", 40, 1)
    assert found["intervals"]["resampled"] == "patient"
    effusion = found["probabilities"]["findings"]["Effusion"]
    assert (effusion["auroc"], effusion["sensitivity"], effusion["threshold"]) == (1.0, 1.0, 0.8)
    assert effusion["calibration_error"] == pytest.approx((19 * 0.2 + 20 * 0.1) / 39, abs=1e-5)
    assert found["probabilities"]["findings"]["Cardiomegaly"]["auroc"] == 0.5
    assert found["captions"]["findings"]["Effusion"]["recall"] == pytest.approx(19 / 20, abs=1e-6)
    assert found["captions"]["findings"]["Cardiomegaly"]["precision"] == pytest.approx(9 / 39, abs=1e-6)
    assert "1 of 40 studies have no caption and assert nothing." in found["warnings"]
    with (tmp_path / "out" / "findings.csv").open() as file:
        rows = {row["finding"]: row for row in csv.DictReader(file)}
    assert rows["Effusion"]["auroc"] == "1"
    assert rows["Cardiomegaly"]["in_captions"] == "39"
    html = (tmp_path / "out" / "report.html").read_text()
    assert "Probabilities of findings" in html
    assert "Findings that captions assert" in html


def test_probabilities_of_a_file_on_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = labelled(tmp_path / "data")
    path = tmp_path / "p.jsonl"
    lines = [{"image": name, "effusion": 0.1 + 0.02 * row, "other": 3} for row, name in enumerate(ids)]
    path.write_text("\n".join(map(json.dumps, lines)))
    common = ("--data", tmp_path / "data", "--probabilities", path, "--id-column", "image")
    assert run(*common, "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == read(tmp_path / "out")
    values = np.array([0.1 + 0.02 * row for row in range(40)])
    expected = auroc(values, np.array([float(row % 2 == 0) for row in range(40)]))
    assert printed["labels"]["probabilities"]["findings"]["Effusion"]["auroc"] == pytest.approx(expected)
    assert printed["labels"]["captions"] is None


def test_results_are_replaced_only_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = labelled(tmp_path / "data")
    path = tmp_path / "p.csv"
    path.write_text("id,Effusion\n" + "\n".join(f"{name},0.5" for name in ids))
    common = ("--data", tmp_path / "data", "--probabilities", path, "--out", tmp_path / "out")
    assert run(*common) == 0
    assert run(*common) == 2
    assert "already exists; choose another name or pass --overwrite" in capsys.readouterr().err
    assert run(*common, "--overwrite") == 0


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("s00,1.5", "line 2: '1.5' is not a probability"),
        ("s00,high", "line 2: 'high' is not a probability"),
        ("zz,0.5", "has no probabilities of studies of this part"),
        ("s00,0.5\ns00,0.6", "line 3: id 's00' is there twice"),
    ],
)
def test_a_wrong_table_of_probabilities_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, problem: str
) -> None:
    labelled(tmp_path / "data")
    path = tmp_path / "p.csv"
    path.write_text(f"id,Effusion\n{row}\n")
    assert run("--data", tmp_path / "data", "--probabilities", path, "--out", tmp_path / "out") == 1
    assert problem in capsys.readouterr().err


def test_captions_on_data_with_reports_and_labels_get_both(tmp_path: Path) -> None:
    studies = [
        Study(
            f"s{i:02}",
            (ImageRef(f"s{i:02}.png"),),
            report=Report(findings="Left pleural effusion." if i % 2 else "The lungs are clear."),
            labels={"Effusion": float(i % 2)},
            split="test",
        )
        for i in range(20)
    ]
    manifest.write(tmp_path, Header(1, "both"), studies)
    said = {study.id: "Right pleural effusion." for study in studies}
    found = radscribe.evaluate(tmp_path, predictions=said, rounds=20)
    assert found.captions is not None
    assert found.labels is not None
    assert found.labels.captions is not None
    assert found.labels.captions.total.values["precision"] == 0.5
    assert found.captions.system.values["laterality_error_rate"] == 1.0
