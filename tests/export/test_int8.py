"""The encoder in int8: close to float32, calibrated on training radiographs alone, refused where it costs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

import radscribe
from radscribe import phantom
from radscribe.bundle.format import CARD, QuantisationSpec, locate, read
from radscribe.cli.main import radscribe as command_line
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import BundleError, DataError, RadscribeError, UsageError
from radscribe.export import int8
from radscribe.export.int8 import calibration_images, require_within, table, tolerances
from radscribe.imaging.exposure import normalise
from radscribe.imaging.resize import resize
from radscribe.text.report import Report

TRAIN, VAL = 4, 12
WIDE = ("--tolerance", "auroc=1", "--tolerance", "finding_f1=1", "--tolerance", "cider_d=10")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms with labels and reports to see ranges on and to measure on; a test part without files."""
    folder = tmp_path_factory.mktemp("data")
    studies = []
    for seed in range(TRAIN + VAL):
        drawn = phantom.draw(seed, ("Cardiomegaly",) if seed % 2 else (), size=256)
        phantom.save(drawn, folder / f"{seed}.png")
        split: Split = "train" if seed < TRAIN else "val"
        labels = {"Cardiomegaly": float(seed % 2), "Hernia": None}
        report = Report(findings=drawn.report)
        studies.append(Study(f"s{seed:02}", (ImageRef(f"{seed}.png"),), f"p{seed}", report, labels, split))
    studies.append(Study("s99", (ImageRef("none.png"),), "p99", None, {"Cardiomegaly": 1.0}, "test"))
    write(folder, Header(radscribe_manifest=1, source="made for a test"), studies)
    return folder


def export(*arguments: object) -> Result:
    return CliRunner().invoke(command_line, ["export", *map(str, arguments)], standalone_mode=False)


@pytest.fixture(scope="module")
def small(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The embedded bundle in int8, and what the export printed."""
    out = tmp_path_factory.mktemp("bundles") / "small"
    result = export("iu-nih-3", "--out", out, "--data", data, "--int8", *WIDE)
    assert result.exception is None, result.exception
    return out, result.stdout


def test_a_smaller_bundle_says_what_it_is(small: tuple[Path, str]) -> None:
    spec, before = read(small[0]), read(locate("iu-nih-3"))
    assert (before.encoder.precision, spec.encoder.precision) == ("fp32", "int8")
    assert spec.name == "small"
    assert (small[0] / "encoder.onnx").stat().st_size < 0.4 * (locate(None) / "encoder.onnx").stat().st_size
    same = {name for name, digest in spec.files.items() if before.files[name] == digest}
    assert same == {"decoder.onnx", "decoder_init.onnx", "sentences.txt", "tokenizer.json"}


def test_probabilities_are_nearly_those_of_float32(small: tuple[Path, str]) -> None:
    radiographs = [phantom.draw(seed, size=256).radiograph for seed in range(50, 56)]
    logits = [
        np.array([[*caption.findings.values()] for caption in radscribe.load(bundle).stream(radiographs)])
        for bundle in (None, small[0])
    ]
    before, after = (np.log(p / (1 - p)) for p in logits)
    assert 0 < np.sqrt(((before - after) ** 2).mean()) < 0.25


def test_the_ends_of_the_graph_stay_in_float32(small: tuple[Path, str]) -> None:
    graph = onnx.load(str(small[0] / "encoder.onnx")).graph
    maker = {output: node.op_type for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    integer = [maker.get(node.input[1]) == "DequantizeLinear" for node in convolutions]
    assert integer == [False] * 7 + [True] * 42
    (head,) = [node for node in graph.node if node.op_type == "Gemm"]
    assert maker.get(head.input[1]) is None  # a weight as it was
    weights = {tensor.name: tensor for tensor in graph.initializer}
    deep = next(node for node in graph.node if node.output[0] == convolutions[-1].input[1])
    assert weights[deep.input[0]].data_type == onnx.TensorProto.INT8
    assert weights[deep.input[1]].dims == [1280]  # a scale for each output channel


def test_ranges_come_from_the_training_part(data: Path) -> None:
    images = list(calibration_images(read(locate(None)), Manifest(data)))
    expected = [phantom.draw(seed, ("Cardiomegaly",) if seed % 2 else (), size=256) for seed in range(TRAIN)]
    seen = sorted(float(image.mean()) for image in images)
    shown = [normalise(resize(p.radiograph.pixels, 256, 256)) for p in expected]
    assert seen == pytest.approx(sorted(float(pixels.mean()) for pixels in shown), abs=2e-3)
    assert all(image.shape == (1, 256, 256) for image in images)
    assert len(list(calibration_images(read(locate(None)), Manifest(data), count=2))) == 2


def test_data_without_training_images_is_told(tmp_path: Path) -> None:
    study = Study("a", (ImageRef("none.png"),), labels={"Mass": 1.0}, split="train")
    write(tmp_path, Header(radscribe_manifest=1, source="made for a test"), [study])
    with pytest.raises(DataError, match="no training image"):
        list(calibration_images(read(locate(None)), Manifest(tmp_path)))


def test_what_it_cost_is_printed_and_kept(small: tuple[Path, str]) -> None:
    measured = read(small[0]).quantisation
    assert measured is not None
    assert set(measured.figures) == {"auroc", "finding_f1", "cider_d"}
    assert (measured.part, measured.studies, measured.calibration_images) == ("val", VAL, TRAIN)
    auroc, now = measured.figures["auroc"]
    assert 0 <= auroc <= 1
    assert f"| AUROC | {auroc:.3f} | {now:.3f} |" in small[1]
    assert f"| AUROC | {auroc:.3f} | {now:.3f} |" in (small[0] / CARD).read_text()


def test_a_bundle_that_cannot_be_calibrated_on_the_data_has_no_confidence(
    small: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    assert read(locate("iu-nih-3")).confidence is not None
    float32 = tmp_path / "float32"
    told = export("iu-nih-3", "--out", float32, "--data", data).stdout
    for bundle, printed in ((float32, told), small):
        assert read(bundle).confidence is None
        (section,) = re.findall(r"^## Confidence\n(.*?)(?=^## |\Z)", (bundle / CARD).read_text(), re.M | re.S)
        assert section.strip().startswith("No confidence: ")
        assert section.strip() in printed


def test_what_the_data_does_not_tell_is_said() -> None:
    measured = QuantisationSpec("made", "val", 9, 4, {"finding_f1": (0.5, 0.5)})
    lines = table(measured, tolerances([]))
    assert "| CIDEr-D | not measured on this data |" in lines
    assert "| finding F1 | 0.500 | 0.500 | +0.000 | -0.02 |" in lines


@pytest.mark.parametrize(("after", "told"), [(0.75, None), (0.695, None), (0.685, "AUROC falls from 0.700")])
def test_a_drop_above_the_tolerance_is_an_error(after: float, told: str | None) -> None:
    measured = QuantisationSpec("made", "val", 9, 4, {"auroc": (0.7, after)})
    if told is None:
        require_within(measured, tolerances([]))
        return
    with pytest.raises(BundleError, match=told):
        require_within(measured, tolerances([]))
    require_within(measured, tolerances(["auroc=.02"]))


def test_nothing_is_left_of_an_export_that_costs_too_much(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.9, 0.5])
    monkeypatch.setattr(int8, "figures", lambda part, target: {"finding_f1": next(values)})
    result = export("iu-nih-3", "--out", tmp_path / "out", "--data", data, "--int8")
    assert isinstance(result.exception, RadscribeError)
    assert "finding F1 falls from 0.900 to 0.500" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_int8_of_int8_is_wrong_use(small: tuple[Path, str], data: Path, tmp_path: Path) -> None:
    result = export(small[0], "--out", tmp_path / "out", "--data", data, "--int8")
    assert isinstance(result.exception, UsageError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["auroc", "auroc=x", "auroc=-1", "bleu=.1", "auroc=nan"])
def test_a_tolerance_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--tolerance"):
        tolerances([text])


@pytest.mark.parametrize("options", [["--int8"], ["--tolerance", "auroc=.02"]])
def test_an_option_that_would_do_nothing_is_wrong_use(options: list[str], tmp_path: Path) -> None:
    assert isinstance(export("iu-nih-3", "--out", tmp_path / "out", *options).exception, UsageError)
    assert not list(tmp_path.iterdir())


def test_nothing_is_fitted_on_the_test_part(data: Path, tmp_path: Path) -> None:
    result = export("iu-nih-3", "--out", tmp_path / "out", "--data", data, "--split", "test")
    assert isinstance(result.exception, click.NoSuchOption)


def test_a_card_is_a_file(tmp_path: Path) -> None:
    result = export("iu-nih-3", "--out", tmp_path / "out", "--card", tmp_path)
    assert isinstance(result.exception, click.BadParameter)
