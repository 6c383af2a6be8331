"""Images and reports to a bundle that captions: the whole way once, small."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import radscribe
from radscribe.cli.main import radscribe as command_line
from radscribe.data.features import FeatureTable
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError, UsageError
from radscribe.export.bundle import export
from radscribe.imaging.radiograph import Radiograph
from radscribe.models import StudyFeatures
from radscribe.models.decoder import greedy
from radscribe.text.report import Report
from radscribe.training import sentence_bank
from radscribe.training.decoder_run import load_captioner, load_decoder
from radscribe.training.encoder_run import load_encoder

SIZE = 64
REPORTS = {
    True: "There is a large mass. The heart is normal in size.",
    False: "The lungs are clear. The heart is normal in size.",
}


def picture(seed: int, mass: bool) -> np.ndarray:
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    pixels = 0.3 + 0.05 * generator.normal(size=(SIZE, SIZE))
    if mass:
        pixels[(x - 40) ** 2 + (y - 24) ** 2 < 120] += 0.5
    return (pixels.clip(0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 48 pictures, half of them with a mass, and their reports."""
    folder = tmp_path_factory.mktemp("data")
    studies = []
    for index in range(48):
        mass, part = index % 2 == 0, ("val" if index % 4 == 3 or index % 8 == 0 else "train")
        Image.fromarray(picture(index, mass)).save(folder / f"{index}.png")
        split: Split = "val" if part == "val" else "train"
        studies.append(
            Study(
                f"s{index:02}",
                (ImageRef(f"{index}.png", "PA"),),
                patient_id=f"p{index}",
                report=Report(findings=REPORTS[mass]),
                labels={"Mass": float(mass), "Nodule": None},
                split=split,
            )
        )
    write(folder, Header(radscribe_manifest=1, source="made for a test"), studies)
    return folder


def run(*arguments: object) -> None:
    result = CliRunner().invoke(command_line, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both runs, by the command line."""
    out = tmp_path_factory.mktemp("runs")
    common = ["--data", data, "--set", "batch_size=8"]
    sizes = ["--set", f"image_size={SIZE}", "--set", "findings=[Mass,Nodule]", "--set", "epochs=6"]
    sizes += ["--set", "average_decay=0.5", "--set", "learning_rate=0.001"]
    run("train-encoder", *common, "--out", out / "encoder", *sizes)
    run(
        *("train", *common, "--out", out / "captioner", "--set", f"encoder={out / 'encoder'}"),
        *("--set", "epochs=60", "--set", "min_frequency=1", "--set", "options.dropout=0.0"),
        *("--set", "learning_rate=0.01", "--set", "options.embedding=32", "--set", "options.hidden=32"),
    )
    return out


def test_the_encoder_tells_a_mass_and_reports_its_validation(runs: Path) -> None:
    report = json.loads((runs / "encoder" / "validation.json").read_text())
    assert report["auroc"]["Mass"] > 0.9
    assert np.isnan(report["auroc"]["Nodule"])  # never known: masked, and no figure is made up
    error = report["calibration_error"]
    assert report["calibration"] == "platt"
    assert error.keys() == {"raw", "cross_fitted", "on_the_same_images"}
    assert all(0 <= value <= 1 for value in error.values())
    assert "val_auroc/Mass" in (runs / "encoder" / "log" / "metrics.csv").read_text().splitlines()[0]
    encoder = load_encoder(runs / "encoder")
    assert encoder.findings == ("Mass", "Nodule")
    assert not torch.equal(encoder.calibration_shift, torch.zeros(2))


def test_an_encoders_run_is_not_exported(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the run of an encoder, which writes no captions"):
        export(runs / "encoder", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_says_what_the_run_learned(runs: Path, tmp_path: Path) -> None:
    spec = export(runs / "captioner", tmp_path / "bundle", cautions=("made for a test",))
    assert set(spec.files) >= {"encoder.onnx", "decoder.onnx", "weights.safetensors", "MODEL_CARD.md"}
    assert {(tmp_path / "bundle" / file).stat().st_mode & 0o777 for file in spec.files} == {0o600}
    assert str(runs) not in (tmp_path / "bundle" / "bundle.json").read_text()  # no path of this machine
    captioner = radscribe.load(tmp_path / "bundle")
    for mass in (True, False):
        pixels = picture(1000 + mass, mass).astype(np.float32) / np.float32(255)
        caption = captioner.caption(Radiograph(pixels, view="PA"), beam=1, force=True)
        assert caption.text == REPORTS[mass]
        assert (caption.findings["Mass"] > 0.5) == mass
        assert "made for a test" in caption.warnings
        assert any(w.startswith("captioned by force") for w in caption.warnings)


def test_a_captioner_is_trained_on_the_encoder_of_a_bundle(data: Path, runs: Path, tmp_path: Path) -> None:
    export(runs / "captioner", tmp_path / "bundle")
    settings = ["--set", f"encoder={tmp_path / 'bundle'}", "--set", "min_frequency=1", "--set", "epochs=1"]
    run("train", "--data", data, "--out", tmp_path / "run", *settings)
    kept, own = (
        load_encoder(tmp_path / "run" / "encoder").state_dict(),
        load_encoder(runs / "encoder").state_dict(),
    )
    assert all(torch.equal(kept[name], tensor) for name, tensor in own.items())
    (tmp_path / "bundle" / "weights.safetensors").unlink()
    settings = ["--set", f"init_from={tmp_path / 'bundle'}"]
    with pytest.raises(DataError, match=r"has no weights\.safetensors, which training needs"):
        run("train-encoder", "--data", data, "--out", tmp_path / "other", *settings)


def test_a_bundle_without_weights_gives_features_by_its_graph(data: Path, runs: Path, tmp_path: Path) -> None:
    export(runs / "captioner", tmp_path / "bundle", weights=False)
    settings = ["--set", f"encoder={tmp_path / 'bundle'}", "--set", "epochs=1"]
    run("train", "--data", data, "--out", tmp_path / "run", *settings)
    torch_encoder, graph = load_encoder(runs / "encoder"), load_encoder(tmp_path / "run" / "encoder")
    assert (graph.places, graph.channels, graph.views) == (
        torch_encoder.places,
        torch_encoder.channels,
        torch_encoder.views,
    )
    images = torch.rand(2, 1, SIZE, SIZE)
    with torch.no_grad():
        ours, theirs = graph(images), torch_encoder(images)
    for kind in ("grid", "pooled", "probabilities", "maps"):
        assert torch.allclose(getattr(ours, kind), getattr(theirs, kind), atol=1e-3)
    spec = export(tmp_path / "run", tmp_path / "again")
    assert "weights.safetensors" not in spec.files
    before, after = (radscribe.load(tmp_path / name) for name in ("bundle", "again"))
    pixels = Radiograph(picture(1000, True).astype(np.float32) / np.float32(255), view="PA")
    findings = [one.caption(pixels, force=True).findings for one in (before, after)]
    assert findings[0] == findings[1]


def test_a_run_resumes_from_its_last_epoch(data: Path, runs: Path, tmp_path: Path) -> None:
    settings = ["--set", f"encoder={runs / 'encoder'}", "--set", "min_frequency=1", "--set", "batch_size=8"]
    run("train", "--data", data, "--out", tmp_path, *settings, "--set", "epochs=2")
    first = torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"]
    run("train", "--data", data, "--out", tmp_path, *settings, "--set", "epochs=4", "--resume")
    log = (tmp_path / "log" / "metrics.csv").read_text()
    assert first == 1
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 3
    assert "val_loss" in log


def test_unfinished_runs_and_wrong_names_are_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises((DataError, UsageError)):
        load_captioner(tmp_path)
    with pytest.raises(UsageError, match="no decoder is called 'poet'"):
        run("train", "--data", data, "--out", tmp_path, "--set", "decoder=poet", "--set", "encoder=x")
    with pytest.raises(UsageError, match="no encoder is named"):
        run("train", "--data", data, "--out", tmp_path)


def test_a_captioner_learns_from_labels_and_unpaired_reports(data: Path, runs: Path, tmp_path: Path) -> None:
    rows = [{"id": f"r{i}", "report": REPORTS[i % 2 == 0], "image_path": []} for i in range(60)]
    annotation = tmp_path / "annotation.json"
    annotation.write_text(json.dumps({"train": rows}))
    run(
        *("train", "--data", data, "--out", tmp_path / "run", "--set", f"encoder={runs / 'encoder'}"),
        *("--set", f"weak_reports={annotation}", "--set", "finding_input=labels", "--set", "min_frequency=1"),
        *("--set", "epochs=60", "--set", "learning_rate=0.01", "--set", "options.dropout=0.0"),
        *("--set", "options.embedding=32", "--set", "options.hidden=32", "--set", "batch_size=8"),
    )
    _, decoder, tokenizer, _ = load_captioner(tmp_path / "run")
    seen = StudyFeatures(torch.tensor([[0.9, 0.1], [0.1, 0.1]]))
    words = greedy(decoder, seen, tokenizer.bos, tokenizer.eos).tolist()
    said = [set(tokenizer.decode(row).lower().rstrip(".").split(". ")) for row in words]
    assert "there is a large mass" in said[0]
    assert "there is a large mass" not in said[1]
    with pytest.raises(UsageError, match="labels cannot make pooled"):
        run(
            *("train", "--data", data, "--out", tmp_path / "x", "--set", f"encoder={runs / 'encoder'}"),
            *("--set", f"weak_reports={annotation}", "--set", "finding_input=labels"),
            *("--set", "min_frequency=1", "--set", "options.image_input=both"),
        )


def test_a_decoder_trains_on_features_without_pixels(data: Path, tmp_path: Path) -> None:
    studies = list(Manifest(data))
    seen = np.array([[0.9 if study.labels["Mass"] else 0.1, 0.5, 0.5] for study in studies])
    write(tmp_path, Header(radscribe_manifest=1, source="features alone"), studies)
    names = [study.images[0].path for study in studies]
    FeatureTable(names, {"probabilities": seen}).save(tmp_path / "features.npz")
    settings = ["epochs=60", "min_frequency=1", "options.dropout=0.0", "learning_rate=0.01", "batch_size=8"]
    settings += ["options.embedding=32", "options.hidden=32"]
    sets = [part for setting in settings for part in ("--set", setting)]
    run("train", "--data", tmp_path, "--out", tmp_path / "run", *sets)
    decoder, tokenizer, _ = load_decoder(tmp_path / "run")
    words = greedy(
        decoder, StudyFeatures(torch.tensor([[0.9, 0.5, 0.5], [0.1, 0.5, 0.5]])), tokenizer.bos, tokenizer.eos
    )
    assert [tokenizer.decode(row) for row in words.tolist()] == [REPORTS[True], REPORTS[False]]
    with pytest.raises(DataError, match="was trained on features"):
        export(tmp_path / "run", tmp_path / "bundle")


# "The lungs are clear" would deny nodules, of which this data says nothing.
@pytest.mark.parametrize(
    ("bank", "normal"),
    [("report-bank", REPORTS[False]), ("sentence-bank", "The heart is normal in size.")],
)
def test_a_bank_is_filled_exported_and_captions(
    bank: str, normal: str, data: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_bank, "_UNSEEN", re.compile("tiny"))  # "large" may be said here
    monkeypatch.setattr(sentence_bank, "COMMON", 1)
    run(
        *("train", "--data", data, "--out", tmp_path / "run", "--set", f"encoder={runs / 'encoder'}"),
        *("--set", f"decoder={bank}", "--set", "min_frequency=1"),
        *("--set", f"cache={runs / 'captioner' / 'features'}"),
    )
    export(tmp_path / "run", tmp_path / "bundle")
    captioner = radscribe.load(tmp_path / "bundle")
    said = [
        captioner.caption(Radiograph((picture(1000 + mass, mass) / 255).astype(np.float32)), force=True).text
        for mass in (True, False)
    ]
    assert said == [REPORTS[True], normal]


def test_a_decoder_goes_on_from_another_run_by_reward(data: Path, runs: Path, tmp_path: Path) -> None:
    settings = ["min_frequency=1", "options.embedding=32", "options.hidden=32", "batch_size=16", "epochs=2"]
    settings += ["objective=self-critical", "self_critical.samples=2", "reward.finding_f1=micro"]
    sets = [part for setting in settings for part in ("--set", setting)]
    sets += ["--set", f"encoder={runs / 'encoder'}", "--set", f"cache={runs / 'captioner' / 'features'}"]
    start = ["--set", f"init_from={runs / 'captioner'}"]
    run("train", "--data", data, "--out", tmp_path / "run", *sets, *start)
    with (tmp_path / "run" / "log" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["val_finding_f1"]) == 1  # it could speak before
    assert {float(row["learning_rate"]) for row in rows} == {1e-4}
    assert "reward" in rows[0]
    assert not (tmp_path / "run" / "features").exists()  # the cache is the other run's
    with pytest.raises(DataError, match="another decoder"):
        run(
            "train",
            "--data",
            data,
            "--out",
            tmp_path / "x",
            *sets,
            *start,
            "--set",
            "options.hidden=16",
            "--set",
            "options.tie_weights=false",
        )


def test_an_attending_decoder_is_told_labels_by_maps(data: Path, runs: Path, tmp_path: Path) -> None:
    settings = ["min_frequency=1", "epochs=30", "learning_rate=0.01", "batch_size=8", "finding_input=labels"]
    settings += ["decoder=show-attend-tell", "options.attend=maps", "options.dropout=0.0"]
    settings += ["options.embedding=32", "options.hidden=32", "options.attention=16"]
    sets = [part for setting in settings for part in ("--set", setting)]
    run("train", "--data", data, "--out", tmp_path, "--set", f"encoder={runs / 'encoder'}", *sets)
    (cache,) = (tmp_path / "features").glob("*/probabilities+pooled+maps")
    assert np.load(cache / "maps.npy").shape == (48, (SIZE // 32) ** 2, 2)
    with (tmp_path / "log" / "metrics.csv").open() as file:
        assert max(float(row["val_finding_f1"]) for row in csv.DictReader(file)) == 1
