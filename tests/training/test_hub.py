"""Checkpoints of the Hub: tiny random ones, the whole way to a caption without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra hf")
pytest.importorskip("peft", reason="needs the extra hf")

import torch
from click.testing import CliRunner
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file

from radscribe.bundle.format import read
from radscribe.bundle.format import write as write_bundle
from radscribe.cli.main import radscribe as command_line
from radscribe.data.manifest import Header, write
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import BundleError, RadscribeError, UsageError, WeightsError
from radscribe.export import bundle as export_bundle
from radscribe.export.bundle import export
from radscribe.export.int8 import replace_graphs
from radscribe.export.quantise import quantise_weights
from radscribe.inference.constraints import Claims, of_a_caption
from radscribe.models import StudyFeatures
from radscribe.models.causal_decoder import CausalDecoder, Memory, architecture_of
from radscribe.models.encoder import Encoder
from radscribe.models.hub_backbone import HubBackbone, interpolated
from radscribe.runtime.onnx_session import open_session
from radscribe.text.pretrained_tokenizer import reduced
from radscribe.text.report import Report
from radscribe.text.tokenizer import SPECIALS, ReportTokenizer, as_piece
from radscribe.training.adapters import merge, train_only
from radscribe.training.checkpoint import open_checkpoint, portable_name
from radscribe.training.config import EncoderConfig
from radscribe.training.encoder_run import initial_encoder, load_encoder, with_backbone_of_source
from tests.bundle.test_hub import Hub
from tests.training.checkpoints import (
    BACKBONES,
    STRIDES,
    TEXTS,
    write_backbone,
    write_language_model,
)


def encoder_of(folder: Path, image_size: int = 0, **options: bool | int) -> Encoder:
    config = EncoderConfig(
        backbone=f"hf:{folder}", image_size=image_size, findings=("Mass", "Nodule"), backbone_options=options
    )
    return initial_encoder(with_backbone_of_source(config), torch.full((2,), 0.5)).eval()


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_backbone_is_the_published_network(kind: str, tmp_path: Path) -> None:
    network = write_backbone(kind, tmp_path)
    encoder = encoder_of(tmp_path)
    size = network.config.image_size
    assert encoder.image_size == size
    assert encoder.stride == STRIDES.get(kind, 16)
    images = torch.rand(3, 1, size, size)
    with torch.no_grad():
        grid = encoder.grid(images)
        mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in ([0.53, 0.54, 0.55], [0.23, 0.24, 0.25]))
        tokens = network((images - mean) / std).last_hidden_state
    side = size // encoder.stride
    assert grid.shape == (3, encoder.channels, side, side)
    if kind.startswith("convnext"):
        expected = network.layernorm(tokens.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    else:
        expected = tokens[:, -side * side :].transpose(1, 2).reshape(grid.shape)
    assert torch.allclose(grid, expected, atol=1e-5)
    if kind in ("deit", "dinov2_with_registers", "convnextv2"):
        return  # benchmarks.foundation.architectures exports these too
    # The exporter compares with torch, within 1e-4, and raises where they differ.
    export_bundle._export_encoder(encoder, tmp_path / "encoder.onnx")
    if kind in ("vit", "swin", "convnext"):
        assert quantise_weights(tmp_path / "encoder.onnx", tmp_path / "int8.onnx", 0) >= 1
        run = open_session(tmp_path / "int8.onnx").run(["grid"], {"images": images.numpy()})[0]
        assert np.abs(run - grid.numpy()).max() < 0.2


@pytest.mark.parametrize("kind", ["vit", "deit", "dinov2", "swin"])
def test_another_size_interpolates_the_positions(kind: str, tmp_path: Path) -> None:
    changes = {"use_absolute_embeddings": True} if kind == "swin" else {}
    network = write_backbone(kind, tmp_path, **changes)
    size = 2 * network.config.image_size
    encoder = encoder_of(tmp_path, size)
    images = torch.rand(1, 1, size, size)
    with torch.no_grad():
        grid = encoder.grid(images)
        own = {"interpolate_pos_encoding": True} if kind != "dinov2" else {}
        tokens = network((images - encoder.mean) / encoder.std, **own).last_hidden_state
    expected = tokens[:, -grid.shape[2] * grid.shape[3] :].transpose(1, 2).reshape(grid.shape)
    assert torch.allclose(grid, expected, atol=1e-4)
    with pytest.raises(WeightsError, match="do not form a square"):
        interpolated(torch.zeros(1, 6, 2), 10, 1)


def test_grey_checkpoints_and_odd_processors_are_read(tmp_path: Path) -> None:
    write_backbone("vit", tmp_path, num_channels=1)
    encoder = encoder_of(tmp_path)
    assert encoder.mean.shape == (1, 1, 1, 1)
    path = tmp_path / "preprocessor_config.json"
    processor = json.loads(path.read_text())
    path.write_text(json.dumps({**processor, "image_mean": [0.5] * 3, "size": {"shortest_edge": 128}}))
    size, mean, std = open_checkpoint(f"hf:{tmp_path}").image_input()
    assert (size, mean) == (128, [0.5])
    path.write_text(json.dumps({**processor, "rescale_factor": 1 / 127.5, "crop_size": {"height": 96}}))
    size, mean, std = open_checkpoint(f"hf:{tmp_path}").image_input()
    assert size == 96
    assert (*mean, *std) == pytest.approx((0.53 / 2, 0.23 / 2))
    path.unlink()
    assert open_checkpoint(f"hf:{tmp_path}").image_input() == (64, [0.0], [1.0])


def test_nothing_is_unpickled_and_no_code_of_a_repository_runs(tmp_path: Path) -> None:
    write_backbone("vit", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(WeightsError, match="needs its own code"):
        encoder_of(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="holds no safetensors"):
        encoder_of(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "beit"}))
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="no backbone of the architecture 'beit'"):
        encoder_of(tmp_path)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda state: {k: v for k, v in state.items() if "layernorm.bias" not in k}, "lacks 1 tensors"),
        (lambda state: {k: v[:1] if v.ndim == 1 else v for k, v in state.items()}, "cannot be loaded"),
    ],
)
def test_weights_that_do_not_fit_are_told(tmp_path: Path, damage: object, problem: str) -> None:
    write_backbone("vit", tmp_path)
    path = tmp_path / "model.safetensors"
    save_file({k: v.clone() for k, v in damage(load_file(path)).items()}, path, {"format": "pt"})  # type: ignore[operator]
    with pytest.raises(WeightsError, match=problem) as raised:
        encoder_of(tmp_path)
    assert "\n" not in str(raised.value)


def test_adapters_train_alone_and_merge(tmp_path: Path) -> None:
    write_backbone("vit", tmp_path)
    encoder = encoder_of(tmp_path, lora=2)
    assert isinstance(encoder.backbone, HubBackbone)
    names = set(encoder.state_dict())
    images = torch.rand(2, 1, 64, 64)
    before = encoder.grid(images).detach()
    train_only(encoder.backbone, False, 2)
    trained = [name for name, p in encoder.backbone.named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    with torch.no_grad():
        for name, parameter in encoder.backbone.named_parameters():
            if "lora_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
        adapted = encoder.grid(images)
    merge(encoder.backbone)
    assert set(encoder.state_dict()) == names
    merged = encoder.grid(images).detach()
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert not torch.allclose(merged, before, atol=1e-2)
    frozen = encoder_of(tmp_path, frozen=True)
    train_only(frozen.backbone, True, 0)
    assert not any(p.requires_grad for p in frozen.backbone.parameters())
    assert not frozen.train().backbone.training


@pytest.mark.parametrize("kind", ["gpt2", "opt"])
def test_a_language_model_is_the_published_network(kind: str, tmp_path: Path) -> None:
    network = write_language_model(kind, tmp_path)
    checkpoint = open_checkpoint(f"hf:{tmp_path}")
    tokenizer, rows = reduced(tmp_path, TEXTS, 4000)
    architecture = architecture_of(checkpoint.config)
    decoder = CausalDecoder(len(tokenizer), 2, 8, architecture=architecture, positions=40).eval()
    decoder.take_weights(checkpoint.tensors(), kind, rows, checkpoint.name)
    ids = tokenizer.encode(TEXTS[0])[:12]
    # Without the prefix, the layers compute what transformers computes on the checkpoint's own ids.
    x = decoder._embed(torch.tensor([ids]), torch.arange(len(ids))[None])
    causal = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    with torch.no_grad():
        for layer in decoder.layers:
            query, key, value = layer.project(x)  # type: ignore[operator]
            x, _ = layer(x, query, [Memory(key, value, causal)])
        ours = decoder._log_probabilities(x)[0]
        theirs = network(torch.tensor([[rows[i] for i in ids]])).logits[0]
    kept = [row for row in rows if row >= 0]
    expected = torch.log_softmax(theirs[:, kept], -1)
    got = torch.log_softmax(ours[:, len(SPECIALS) :], -1)
    assert torch.allclose(got, expected, atol=1e-4)
    with pytest.raises(WeightsError, match="other tokens than its weights"):
        decoder.take_weights(checkpoint.tensors(), kind, rows[:-1], checkpoint.name)
    with pytest.raises(UsageError, match="positions"):
        CausalDecoder(len(tokenizer), 2, 8, architecture=architecture, positions=65)


def test_variants_that_are_not_computed_are_refused() -> None:
    with pytest.raises(UsageError, match="no language model of kind 'llama'"):
        architecture_of({"model_type": "llama"})
    opt = {"model_type": "opt", "hidden_size": 8, "do_layer_norm_before": False, "num_hidden_layers": 1}
    with pytest.raises(UsageError, match="behind the sublayers"):
        architecture_of({**opt, "num_attention_heads": 1, "ffn_dim": 8, "max_position_embeddings": 8})


def test_a_reduced_tokenizer_cuts_as_the_whole_one_and_obeys_the_constraints(tmp_path: Path) -> None:
    texts = (*TEXTS, "The heart is unchanged.", "Unchanged heart, and unchanged lungs.")
    write_language_model("gpt2", tmp_path / "model", texts)
    tokenizer, rows = reduced(tmp_path / "model", texts, 4000)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = ReportTokenizer.load(tmp_path / "tokenizer.json")
    assert len(loaded) == len(rows) < 500
    for text in TEXTS:
        assert loaded.decode(loaded.encode(text)) == text
    assert loaded.decode(loaded.encode("Zebra 2.5 cm, wonky")) == "Zebra 2.5 cm, wonky"  # bytes remain
    assert [as_piece(x) for x in ("Ġheart", "ega", ".", "Ġ", "Ã")] == ["heart", "##ega", ".", "", "\ufffd"]
    few, _ = reduced(tmp_path / "model", TEXTS, 300)
    assert len(few) <= 300
    # "unchanged" speaks of an earlier study: its last piece is forbidden.
    ids = np.array([loaded.encode("The heart is unchanged")])
    scores = np.zeros((1, len(loaded)))
    claims = Claims(loaded).of([["PA"]])
    claims.apply(scores, ids[:, :-1], np.zeros(1, np.int64))
    assert scores[0, ids[0, -1]] == -np.inf
    scores = np.zeros((1, len(loaded)))
    of_a_caption(loaded)[0].apply(scores, ids[:, :0], np.zeros(1, np.int64))
    assert scores[0, :2].tolist() == [-np.inf, -np.inf]
    assert all(scores[0, i] == -np.inf for i, x in enumerate(loaded.tokens()) if x in ("", "\ufffd"))


SIZE = 64
REPORTS = {
    True: "There is a large mass. The heart is normal in size.",
    False: "The lungs are clear. The heart is normal in size.",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 32 pictures, half of them with a mass, and their reports."""
    folder = tmp_path_factory.mktemp("data")
    studies = []
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    for index in range(32):
        mass = index % 2 == 0
        pixels = 0.3 + 0.05 * np.random.default_rng(index).normal(size=(SIZE, SIZE))
        if mass:
            pixels[(x - 40) ** 2 + (y - 24) ** 2 < 300] += 0.5
        Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).save(folder / f"{index}.png")
        split: Split = "val" if index % 4 == 3 or index % 8 == 0 else "train"
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


def test_a_captioner_of_two_checkpoints_captions_without_torch(data: Path, tmp_path: Path) -> None:
    write_backbone("vit", tmp_path / "tiny-vit")
    write_language_model("gpt2", tmp_path / "tiny-gpt2", tuple(REPORTS.values()))
    common = ("--data", data, "--set", "batch_size=8")
    run(
        *("train-encoder", *common, "--out", tmp_path / "encoder", "--set", "findings=[Mass,Nodule]"),
        *("--set", f"backbone=hf:{tmp_path / 'tiny-vit'}", "--set", "image_size=0", "--set", "epochs=8"),
        *("--set", "backbone_options.lora=4", "--set", "learning_rate=0.01", "--set", "average_decay=0.5"),
    )
    (tmp_path / "tiny-vit").rename(tmp_path / "gone")  # a run holds all that it needs
    assert not any("lora" in name for name in load_encoder(tmp_path / "encoder").state_dict())
    run(
        *("train", *common, "--out", tmp_path / "captioner", "--set", f"encoder={tmp_path / 'encoder'}"),
        *("--set", f"decoder=hf:{tmp_path / 'tiny-gpt2'}", "--set", "min_frequency=1", "--set", "epochs=50"),
        *("--set", "learning_rate=0.01", "--set", "options.positions=40", "--set", "max_length=30"),
        *("--set", "options.dropout=0.0", "--set", "options.lora=4", "--set", "monitor=val_loss"),
        *("--set", "mode=min"),
    )
    bundle = tmp_path / "bundle"
    export(tmp_path / "captioner", bundle)
    description = (bundle / "bundle.json").read_text()
    assert str(tmp_path) not in description
    assert '"hf:tiny-gpt2"' in description
    shutil.copytree(bundle, tmp_path / "int8")
    write_bundle(tmp_path / "int8", replace_graphs(tmp_path / "int8", read(bundle), ()))
    code = (
        "import sys, radscribe\n"
        f"for bundle in ({str(bundle)!r}, {str(tmp_path / 'int8')!r}):\n"
        "    captioner = radscribe.load(bundle)\n"
        f"    caption = captioner.caption({str(data / '0.png')!r}, force=True, evidence=True)\n"
        f"    other = captioner.caption({str(data / '1.png')!r}, force=True)\n"
        "    (image,) = caption.evidence\n"
        "    assert image.words.shape[1:] == (4, 4) and abs(image.words.sum((1, 2)) - 1).max() < 1e-4\n"
        "    assert set(image.maps) == {'Mass', 'Nodule'}\n"
        "    assert not {'torch', 'transformers', 'peft'} & set(sys.modules)\n"
        "    print(caption.text, '|', other.text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"{REPORTS[True]} | {REPORTS[False]}"
    assert second == first


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in of the Hub with a checkpoint in two files, and what radscribe must not fetch."""
    import threading

    folder = tmp_path / "served"
    write_backbone("vit", folder)
    state = load_file(folder / "model.safetensors")
    parts = [list(state)[::2], list(state)[1::2]]
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name, part in zip(names, parts, strict=True):
        save_file({key: state[key].clone() for key in part}, folder / name, {"format": "pt"})
    index = {key: name for name, part in zip(names, parts, strict=True) for key in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    server = Hub(folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def test_a_checkpoint_of_the_hub_is_fetched_and_nothing_else(hub: Hub) -> None:
    checkpoint = open_checkpoint("hf:them/small@main")
    assert set(hub.asked) == {
        *("config.json", "preprocessor_config.json", "model.safetensors.index.json"),
        *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    }
    assert len(checkpoint.tensors()) > 10
    with pytest.raises(BundleError, match="is not there, or private"):
        open_checkpoint("hf:them/other")


def test_names_of_checkpoints_show_no_folder(tmp_path: Path) -> None:
    assert portable_name(f"hf:{tmp_path / 'mine'}") == "hf:mine"
    assert portable_name("hf:owner/name@v1") == "hf:owner/name@v1"
    assert portable_name("densenet121") == "densenet121"
    for name in ("hf:/nowhere/at-all", "hf:../nowhere"):
        with pytest.raises(RadscribeError, match="is not a folder"):
            open_checkpoint(name)


def test_the_prefix_ignores_padding() -> None:
    torch.manual_seed(0)
    decoder = CausalDecoder(20, 2, 8).eval()
    views = torch.tensor([[1, 1, 1, 0, 0]])
    grid = torch.rand(1, 5, 8)
    tokens = torch.randint(4, 20, (1, 6))
    with torch.no_grad():
        padded = decoder(StudyFeatures(torch.zeros(1, 0), grid=grid, views=views), tokens)
        alone = decoder(StudyFeatures(torch.zeros(1, 0), grid=grid[:, :3], views=views[:, :3]), tokens)
    assert torch.allclose(padded.log_probabilities, alone.log_probabilities, atol=1e-5)
    assert padded.attention is not None
    assert torch.allclose(padded.attention.sum(2), torch.ones(1, 6), atol=1e-5)
    assert not padded.attention[:, :, 3:].any()
