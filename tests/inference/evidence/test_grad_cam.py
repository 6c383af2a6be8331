"""A bundle's weights as torch modules again, and the maps that their gradients give."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import radscribe
from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import WEIGHTS
from radscribe.cli.caption import command
from radscribe.errors import BundleError, UsageError
from radscribe.export.restore import restore
from radscribe.inference.captioner import Captioner
from radscribe.inference.drafting import OTHER_PRECISION
from radscribe.inference.evidence.image_evidence import NO_MAPS
from radscribe.models.decoder import join_views
from radscribe.models.grad_cam import GradCam
from radscribe.text.tokenizer import ReportTokenizer
from tests.inference.evidence.bundles import FINDINGS, SIZE, picture

IMAGES = np.stack([picture(seed).pixels[None] for seed in (1, 2)])  # [2, 1, S, S]


def copy_of(bundle: Path, out: Path) -> bundle_format.BundleSpec:
    for file in bundle.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    return bundle_format.read(out)


@pytest.mark.parametrize("kind", ["attending_bundle", "telling_bundle"])
def test_restored_modules_compute_what_the_graphs_compute(kind: str, request: pytest.FixtureRequest) -> None:
    bundle: Path = request.getfixturevalue(kind)
    encoder, decoder = restore(bundle)
    captioner = radscribe.load(bundle)
    outputs = captioner._encoder(IMAGES, maps=True)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(IMAGES))
    for name, values in outputs.items():
        np.testing.assert_allclose(values, getattr(expected, name).numpy(), atol=1e-4)
    assert decoder.inputs == captioner.spec.decoder.inputs
    assert len(captioner._tokenizer) == decoder.vocabulary_size


def test_grad_cam_of_a_finding_is_its_class_activation_map(telling_bundle: Path) -> None:
    encoder, decoder = restore(telling_bundle)
    got = GradCam(encoder, decoder).findings(IMAGES)  # [2, F, 2, 2]
    with torch.no_grad():
        maps = encoder(torch.from_numpy(IMAGES)).maps
    constant = encoder.classifier.bias * encoder.calibration_scale + encoder.calibration_shift  # [F]
    expected = (maps - constant.view(1, -1, 1, 1)).detach().numpy() / (SIZE // 32) ** 2
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_grad_cam_of_a_word_is_the_slope_of_its_log_probability(telling_bundle: Path) -> None:
    """Against differences: a cell's value is the slope when all cells of its image rise by what it holds
    (equations 1 and 2 of Grad-CAM, in one)."""
    encoder, decoder = restore(telling_bundle)
    encoder, decoder = encoder.double(), decoder.double()
    tokenizer = ReportTokenizer.load(telling_bundle / "tokenizer.json")
    tokens = tokenizer.encode("there is a large mass")
    images = IMAGES.astype(np.float64)
    explain = GradCam(encoder, decoder)
    got = explain.words(images, ["PA", "lateral"], tokens)  # type: ignore[arg-type]

    @torch.no_grad()
    def said(grid: torch.Tensor) -> torch.Tensor:
        features = join_views(encoder.head(grid), torch.tensor([[1, 2]]))
        before = torch.tensor([[tokenizer.bos, *tokens[:-1]]])
        said: torch.Tensor = decoder(features, before).log_probabilities[0]
        return said[torch.arange(len(tokens)), tokens]

    grid = encoder.grid(torch.from_numpy(images)).detach()  # [2, C, 2, 2]
    expected, step = np.zeros((len(tokens), 2, 2, 2)), 1e-5
    for view, row, column in np.ndindex(2, 2, 2):
        direction = torch.zeros_like(grid)
        direction[view] = grid[view, :, row, column].view(-1, 1, 1) / 4  # of four cells
        slope = (said(grid + step * direction) - said(grid - step * direction)) / (2 * step)
        expected[:, view, row, column] = slope.numpy()
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


def test_words_get_shares_by_grad_cam_where_the_decoder_does_not_attend(telling_bundle: Path) -> None:
    encoder, decoder = restore(telling_bundle)
    captioner = Captioner(telling_bundle, explain=GradCam(encoder, decoder))
    caption = captioner.caption([picture(1), picture(2, "lateral")], force=True, evidence=True)
    total = np.zeros(len(caption.tokens))
    for image in caption.evidence:
        assert (image.findings_from, image.words_from) == ("cam", "grad-cam")
        assert image.words is not None
        assert (image.words >= 0).all()
        total += image.words.sum((1, 2))
    assert set(np.round(total, 4)) <= {0.0, 1.0}
    assert total.max() == pytest.approx(1)
    assert caption.text == radscribe.load(telling_bundle).caption(
        [picture(1), picture(2, "lateral")], force=True
    ).text  # fmt: skip


def test_findings_get_shares_by_grad_cam_where_the_encoder_gives_no_maps(
    without_maps: Path, telling_bundle: Path
) -> None:
    captioner = Captioner(without_maps, explain=GradCam(*restore(without_maps)))
    caption = captioner.caption(picture(1, height=70, width=90), force=True, evidence=True)
    assert NO_MAPS not in caption.warnings
    (image,) = caption.evidence
    assert image.findings_from == "grad-cam"
    of_graph = radscribe.load(telling_bundle).caption(
        picture(1, height=70, width=90), force=True, evidence=True
    )
    encoder, _ = restore(telling_bundle)
    constant = encoder.classifier.bias * encoder.calibration_scale + encoder.calibration_shift
    for finding, at_nought in zip(FINDINGS, constant.tolist(), strict=True):
        speaks_for = np.maximum(of_graph.evidence[0].maps[finding] - at_nought, 0)
        np.testing.assert_allclose(image.findings[finding], speaks_for / speaks_for.sum(), atol=1e-4)
        assert image.heat(finding).shape == (70, 90)
        assert image.overlay(finding).mode == "RGB"


def test_a_decoder_that_attends_is_not_asked_for_gradients(attending_bundle: Path) -> None:
    encoder, decoder = restore(attending_bundle)
    captioner = Captioner(attending_bundle, explain=GradCam(encoder, decoder))
    (image,) = captioner.caption(picture(1), force=True, evidence=True).evidence
    assert image.words_from == "attention"


def test_gradients_of_other_weights_than_the_encoders_are_told(telling_bundle: Path, tmp_path: Path) -> None:
    spec = copy_of(telling_bundle, tmp_path)
    encoder = msgspec.structs.replace(spec.encoder, precision="int8")
    bundle_format.write(tmp_path, msgspec.structs.replace(spec, encoder=encoder))
    explain = GradCam(*restore(tmp_path))
    for bundle, told in ((tmp_path, True), (telling_bundle, False)):
        caption = Captioner(bundle, explain=explain).caption(picture(1), force=True, evidence=True)
        assert (OTHER_PRECISION in caption.warnings) == told


def test_weights_that_are_missing_or_of_another_model_are_told(telling_bundle: Path, tmp_path: Path) -> None:
    spec = copy_of(telling_bundle, tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=r"without weights\.safetensors; put"):
        restore(tmp_path)
    (tmp_path / "elsewhere").rename(tmp_path / WEIGHTS)
    training = {
        **spec.training,
        "decoder": {**spec.training["decoder"], "options": {"hidden": 8, "embedding": 8}},
    }
    bundle_format.write(tmp_path, msgspec.structs.replace(spec, training=training))
    with pytest.raises(BundleError, match="does not fit"):
        restore(tmp_path)
    files = {name: digest for name, digest in spec.files.items() if name != WEIGHTS}
    bundle_format.write(tmp_path, msgspec.structs.replace(spec, files=files))
    with pytest.raises(BundleError, match=r"holds no weights\.safetensors; export"):
        restore(tmp_path)


def test_the_command_writes_both_kinds_of_evidence(telling_bundle: Path, tmp_path: Path) -> None:
    from PIL import Image

    path, out = tmp_path / "chest.png", tmp_path / "out"
    Image.fromarray((picture(1, height=80, width=120).pixels * 255).astype(np.uint8)).save(path)
    arguments = [str(path), "--bundle", str(telling_bundle), "--force", "--json", "--evidence", str(out)]
    result = CliRunner().invoke(command, [*arguments, "--evidence-findings", "all", "--grad-cam"])
    assert result.exit_code == 0, result.output
    (folder,) = out.iterdir()
    assert {p.name for p in folder.iterdir()} == {
        *("1-Mass.png", "1-Pleural_Thickening.png", "1-words.png", "evidence.json"),
    }
    (image,) = json.loads(result.stdout.splitlines()[0])["evidence"]
    assert (image["height"], image["width"]) == (80, 120)
    assert set(image["findings"]) == set(FINDINGS)
    assert torch.get_num_threads() == 1
    assert image["words_from"] == "grad-cam"
    without = CliRunner().invoke(command, [str(path), "--bundle", str(telling_bundle), "--grad-cam"])
    assert isinstance(without.exception, UsageError)
