"""`radscribe evaluate` from files to files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from radscribe.cli.main import main
from radscribe.data import manifest
from radscribe.data.manifest import Header
from radscribe.data.study import ImageRef, Study
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.registry import score
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.text.report import Report
from tests.evaluation.small import PARTS, REPORTS, reports, write, write_csv


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *map(str, arguments)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def read(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "scores.json").read_text())
    return found


def test_the_documented_keys_are_there_and_right(tmp_path: Path) -> None:
    ids = write(tmp_path / "data")
    said = reports(12, 3)
    path = write_csv(tmp_path / "mine.csv", ids, said)
    assert run("--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "out") == 0
    found = read(tmp_path / "out")
    assert found["schema_version"] == 1
    assert found["n"] == 12
    assert "tok:plain|case:lower|refs:1|n:12" in found["signature"]
    split = TOKENIZATIONS["plain"]
    expected = score(Corpus(split.all(said), [[text] for text in split.all(reports(12, 2))]))
    for name, value in expected.items():
        assert found["metrics"][name] == pytest.approx(value, abs=1e-6)
        low, high = found["intervals"]["metrics"][name]
        assert low <= value + 1e-6
        assert high >= value - 1e-6
    assert found["metrics"]["meteor"] is None
    assert found["meteor_reason"]
    assert 0 <= found["findings"]["macro_f1"] <= 1
    assert 0 <= found["findings"]["micro_f1"] <= 1
    assert set(found["findings"]["per_finding"]["Effusion"]) == {
        "in_references",
        "in_captions",
        "precision",
        "recall",
        "f1",
    }
    assert found["distinct_captions"] == 6
    names = {"best_constant", "best_constant_cider_d", "best_constant_findings"}
    assert set(found["baselines"]) == names | {"most_frequent", "random", "nearest_neighbour"}
    for baseline in found["baselines"].values():
        gap = baseline["difference"]["bleu_4"]
        assert gap["value"] == pytest.approx(
            found["metrics"]["bleu_4"] - baseline["metrics"]["bleu_4"], abs=2e-6
        )
        assert 0 < gap["p_value"] <= 1
    subsets = found["subsets"]
    assert subsets["abnormal"]["n"] + subsets["normal"]["n"] == 12
    assert found["warnings"]
    assert found["seeds"] is None
    assert set(found["signatures"]) >= set(found["metrics"]) | {"micro_f1", "macro_f1"}
    for name, text in found["signatures"].items():
        assert text.startswith(f"{name}|radscribe:")
        assert "refs:1|n:12" in text


def test_perfect_captions_beat_everything_and_a_constant_is_called_one(tmp_path: Path) -> None:
    ids = write(tmp_path / "data")
    perfect = write_csv(tmp_path / "perfect.csv", ids, reports(12, 2))
    run("--data", tmp_path / "data", "--predictions", perfect, "--out", tmp_path / "p")
    assert not any("Below" in warning for warning in read(tmp_path / "p")["warnings"])
    constant = write_csv(tmp_path / "constant.csv", ids, [REPORTS[2]] * 12)
    run("--data", tmp_path / "data", "--predictions", constant, "--out", tmp_path / "c")
    warnings = read(tmp_path / "c")["warnings"]
    assert any("100% of captions are the same" in warning for warning in warnings)
    assert "No abnormal finding is ever asserted." in warnings
    assert any(warning.startswith("Below the best constant on") for warning in warnings)


def test_seeds_are_averaged_with_their_deviation(tmp_path: Path) -> None:
    ids = write(tmp_path / "data")
    files = [write_csv(tmp_path / f"seed_{k}.csv", ids, reports(12, k)) for k in (1, 2, 3)]
    assert run("--data", tmp_path / "data", "--predictions", *files, "--out", tmp_path / "out") == 0
    found = read(tmp_path / "out")
    spread = found["seeds"]["metrics"]["bleu_1"]
    mean = sum(spread["values"]) / 3
    assert found["system"] == "seed"
    assert spread["mean"] == pytest.approx(mean, abs=1e-6)
    assert found["metrics"]["bleu_1"] == pytest.approx(mean, abs=1e-6)
    variance = sum((value - mean) ** 2 for value in spread["values"]) / 2
    assert spread["standard_deviation"] == pytest.approx(math.sqrt(variance), abs=1e-5)


def test_two_systems_are_compared_in_pairs(tmp_path: Path) -> None:
    ids = write(tmp_path / "data")
    good = write_csv(tmp_path / "good.csv", ids, reports(12, 2))
    bad = write_csv(tmp_path / "bad.csv", ids, reports(12, 4))
    assert run("--data", tmp_path / "data", "--compare", good, bad, "--out", tmp_path / "out") == 0
    gap = read(tmp_path / "out")["compared"]["bad"]["difference"]["rouge_l"]
    assert gap["value"] > 0
    assert gap["interval"][0] > 0
    assert gap["p_value"] < 0.05
    run("--data", tmp_path / "data", "--compare", good, good, "--out", tmp_path / "same")
    same = read(tmp_path / "same")["compared"]["good (B)"]["difference"]["bleu_4"]
    assert same["value"] == 0
    assert same["p_value"] == 1


def test_missing_and_extra_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = write(tmp_path / "data")
    path = write_csv(tmp_path / "some.csv", [*ids[1:], "other"], reports(12))
    common = ("--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "out")
    assert run(*common) == 1
    assert "1 ids belong to no study of this part: other" in capsys.readouterr().err
    assert run(*common, "--extra", "ignore") == 1
    assert "1 of 12 studies have no caption: test00" in capsys.readouterr().err
    assert run(*common, "--extra", "ignore", "--missing", "empty") == 0
    assert "1 of 12 studies have no caption and are scored as empty." in read(tmp_path / "out")["warnings"]


def test_wrong_use_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "data")
    common = ("--data", tmp_path / "data", "--out", tmp_path / "out")
    assert run(*common) == 2
    assert "give one of --predictions, --bundle and --compare" in capsys.readouterr().err
    path = write_csv(tmp_path / "a.csv", ["a"], ["x"])
    assert run(*common, "--predictions", path, "--tokenization", "moses") == 2
    assert run(*common, "--predictions", path, "--external", "magic") == 2
    assert not (tmp_path / "out").exists()


def test_a_metric_that_needs_radeval_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from radscribe.evaluation.metrics import radeval

    if radeval.available():
        pytest.skip("radeval is installed here")
    ids = write(tmp_path / "data")
    path = write_csv(tmp_path / "a.csv", ids, reports(12))
    code = run(
        "--data",
        tmp_path / "data",
        "--predictions",
        path,
        "--out",
        tmp_path / "o",
        "--external",
        "radgraph_f1",
    )
    assert code == 1
    assert "radgraph_f1 needs the package radeval, which is not installed" in capsys.readouterr().err


def test_an_overlap_is_the_first_warning(tmp_path: Path) -> None:
    patients = [f"p{i}" for i in range(12)]  # the same twelve in every part
    ids = write(tmp_path / "data", patients=patients)
    path = write_csv(tmp_path / "a.csv", ids, reports(12))
    run("--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "out")
    found = read(tmp_path / "out")
    assert found["warnings"][0].startswith("Test overlaps train in 12 studies (12 by patient)")
    assert found["intervals"]["resampled"] == "patient"


def test_truncated_references_are_told(tmp_path: Path) -> None:
    text = " ".join(REPORTS[0] for _ in range(20))
    studies = [
        Study(f"{part}{i}", (ImageRef(f"{part}{i}.png"),), report=Report(findings=text), split=part)
        for part in PARTS
        for i in range(3)
    ]
    (tmp_path / "data").mkdir()
    manifest.write(tmp_path / "data", Header(1, "a test's"), studies)
    path = write_csv(tmp_path / "a.csv", ["test0", "test1", "test2"], [text] * 3)
    run(
        "--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "o", "--tokenization", "r2gen"
    )
    found = read(tmp_path / "o")
    assert "References were truncated: 3 of 3 lost their end." in found["warnings"]
    assert "tok:r2gen" in found["signature"]


def test_probabilities_of_a_file_are_drawn(tmp_path: Path) -> None:
    ids = write(tmp_path / "data", each=60)
    path = write_csv(tmp_path / "a.csv", ids, reports(60))
    table = tmp_path / "p.csv"
    lines = [
        f"{name},{0.9 if 'effusion' in text and 'No' not in text[:40] else 0.1}"
        for name, text in zip(ids, reports(60, 2), strict=True)
    ]
    table.write_text("id,Effusion\n" + "\n".join(lines) + "\n")
    run("--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "o", "--probabilities", table)
    found = read(tmp_path / "o")["probabilities"]
    assert found["auroc"]["Effusion"] == 1.0
    assert found["expected_calibration_error"] == pytest.approx(0.1, abs=0.01)
    assert "ROC of Effusion" in (tmp_path / "o" / "report.html").read_text()


def test_json_goes_to_standard_output_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = write(tmp_path / "data", features=False)
    path = write_csv(tmp_path / "a.csv", ids, reports(12))
    run("--data", tmp_path / "data", "--predictions", path, "--out", tmp_path / "o", "--json", "--rounds", 0)
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found == read(tmp_path / "o")
    assert found["intervals"]["metrics"]["bleu_1"] is None
    assert "nearest_neighbour" not in found["baselines"]
    assert any("no nearest neighbour" in note for note in found["notes"])


class StandIn:
    """A captioner that says of a study what its number says, and refuses the first one."""

    bundle = "stand-in@1"
    findings = ("Effusion",)

    def stream(self, inputs: list[Any], beam: int) -> list[Any]:
        return [
            SimpleNamespace(
                text=None if study.name == "test00" else REPORTS[int(study.name[-2:]) % len(REPORTS)],
                findings={} if study.name == "test00" else {"Effusion": int(study.name[-2:]) / 20},
            )
            for study in inputs
        ]


def test_a_bundle_captions_the_part_and_its_probabilities_find_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("radscribe.evaluation.run.Captioner", lambda bundle: StandIn())
    write(tmp_path / "data", features=False)
    common = ("--data", tmp_path / "data", "--bundle", "any", "--out", tmp_path / "out", "--encode-training")
    assert run(*common) == 1
    assert "12 of 12 studies have no image on this machine, test00 among them" in capsys.readouterr().err
    for part in PARTS:
        for i in range(12):
            (tmp_path / "data" / f"{part}{i:02}.png").touch()
    assert run(*common) == 0
    found = read(tmp_path / "out")
    assert found["system"] == "stand-in@1"
    assert "1 of 12 studies have no caption and are scored as empty." in found["warnings"]
    assert found["baselines"]["nearest_neighbour"]["metrics"]["bleu_1"] > 0
    assert found["probabilities"]["source"] == "stand-in@1"
