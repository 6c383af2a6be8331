"""What `train-encoder` does with its data and keys: views, memory, starts, and what it tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import Box, ImageRef, Split, Study
from radscribe.errors import DataError, ImageError, RadscribeWarning, UsageError
from radscribe.export.bundle import _EncoderGraph
from radscribe.imaging.radiograph import View
from radscribe.models.encoder import BACKBONES, Encoder
from radscribe.text.report import Report
from radscribe.training.config import EncoderConfig, save
from radscribe.training.encoder_module import EncoderTask, box_loss, view_accuracy, zone_loss
from radscribe.training.encoder_run import initial_encoder, load_encoder, with_backbone_of_source
from radscribe.training.image_data import ImageData, box_cover, labels_of, plain_errors
from radscribe.training.train_encoder import ALL_VIEWS, infer, train_encoder

SIZE = 64
FINDINGS = ("Mass", "Nodule")
KINDS: tuple[View, ...] = ("PA", "lateral", "unknown")
HALF = torch.full((2,), 0.5)


class Tiny(nn.Module):
    """One convolution: `[N, 3, H, W]` → `[N, 16, H/32, W/32]`."""

    channels, stride, mean, std = 16, 32, (0.3, 0.3, 0.3), (0.3, 0.3, 0.3)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 16, 32, stride=32)

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(self.layer(x))


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES._loaded, "tiny", Tiny)


def config(**keys: object) -> EncoderConfig:
    common = {"backbone": "tiny", "image_size": SIZE, "findings": FINDINGS, "epochs": 1, "batch_size": 8}
    common |= {"pretrained": False}
    return EncoderConfig(**{**common, "average_decay": 0.0, **keys})  # type: ignore[arg-type]


def collection(folder: Path, views: tuple[View, ...] = KINDS, label: float | None = 1.0) -> Path:
    """12 studies of each view in training and 4 in validation; laterals are half dark."""
    folder.mkdir(exist_ok=True)
    generator, studies = np.random.default_rng(0), []
    for index in range(16):
        for view in views:
            pixels = generator.integers(90, 160, (72, 72), dtype=np.uint8)
            if view == "lateral":
                pixels[:, 36:] //= 4
            name = f"{index}-{view}.png"
            Image.fromarray(pixels).save(folder / name)
            split: Split = "train" if index < 12 else "val"
            present = None if label is None else float(index % 2)
            labels = {"Mass": present, "Nodule": None}
            studies.append(Study(name, (ImageRef(name, view),), f"{index}", None, labels, split))
    write(folder, Header(radscribe_manifest=1, source="made for a test"), studies)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection(tmp_path_factory.mktemp("data"))


def test_an_encoder_learns_the_view_from_images_of_all_views(data: Path, tmp_path: Path) -> None:
    keys = config(view_head=True, learning_rate=0.01, epochs=10, monitor="val_view_accuracy", mode="max")
    train_encoder(data, tmp_path, keys)
    report = json.loads((tmp_path / "validation.json").read_text())
    assert report["view"] == {"accuracy": 1.0, "images": {"frontal": 4, "lateral": 4}}
    assert report["images"] == 12  # those of unknown view too: their findings count
    encoder = load_encoder(tmp_path)
    assert encoder.views == ("frontal", "lateral")
    *_, probabilities = _EncoderGraph(encoder)(torch.rand(2, 1, SIZE, SIZE))
    assert torch.allclose(probabilities.sum(1), torch.ones(2))
    assert "val_view_accuracy" in (tmp_path / "log" / "metrics.csv").read_text()


def test_images_of_unknown_view_do_not_teach_the_view() -> None:
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]])
    assert view_accuracy(logits, torch.tensor([1, 1, 3])) == 0.5
    module = EncoderTask(config(), Encoder("tiny", SIZE, FINDINGS), HALF)
    findings, unknown = torch.zeros(3, 2), torch.full((3, 2), torch.nan)
    alone = module._loss(findings, unknown, logits[:1], torch.tensor([1]))
    with_unknown = module._loss(findings, unknown, logits, torch.tensor([1, 3, 3]))
    assert alone.item() == pytest.approx(3 * with_unknown.item())
    assert alone.item() > 0


def test_frontal_images_alone_are_taken_without_a_view_head(data: Path) -> None:
    images = ImageData(Manifest(data), "train", FINDINGS, SIZE)
    assert len(images) == 12
    assert all(name.endswith("PA.png") for name in images.names)


def test_what_memory_does_not_hold_is_decoded_when_needed(data: Path) -> None:
    manifest = Manifest(data)
    all_kept = ImageData(manifest, "train", FINDINGS, SIZE, views=ALL_VIEWS, cache_mb=1)
    five_kept = ImageData(manifest, "train", FINDINGS, SIZE, views=ALL_VIEWS, cache_mb=5.5 * SIZE**2 / 1e6)
    assert five_kept.kept_mb == pytest.approx(5 * SIZE**2 / 1e6)
    assert str(all_kept) == "36 images, kept in memory (0 MB)"
    assert "36 images, 31 of them decoded when needed" in str(five_kept)
    assert five_kept.workers > 0 == all_kept.workers
    encoder = Encoder("tiny", SIZE, FINDINGS)
    assert torch.equal(infer(encoder, all_kept).logits, infer(encoder, five_kept).logits)


def test_images_that_cannot_be_read_are_told_in_one_line(tmp_path: Path) -> None:
    collection(tmp_path, ("PA",))
    for name in ("1-PA.png", "3-PA.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1-PA.png: .*of 12 images, 2 cannot be read") as kept:
        train_encoder(tmp_path, tmp_path / "run", config())
    with pytest.raises(ImageError, match=r"^\S*-PA.png: ") as from_a_worker:
        train_encoder(tmp_path, tmp_path / "run", config(cache_images_mb=0))
    for error in (kept, from_a_worker):
        assert "\n" not in str(error.value)
        assert "Traceback" not in str(error.value)
    with pytest.raises(ImageError, match=r"x.png: is damaged; copy it"), plain_errors():
        raise ImageError("is damaged", subject="x.png", remedy="copy it")


@pytest.mark.parametrize(
    ("views", "label", "keys", "message"),
    [
        (("PA",), None, {}, "train part has no label of Mass, Nodule"),
        (("unknown",), 1.0, {}, "no image of its train part is of a view AP, PA, frontal"),
        (("PA",), 1.0, {"view_head": True}, "view_head=true, but no image of its train part is lateral"),
    ],
)
def test_data_that_cannot_teach_is_told(
    tmp_path: Path, views: tuple[View, ...], label: float | None, keys: dict[str, object], message: str
) -> None:
    collection(tmp_path, views, label)
    with pytest.raises((DataError, UsageError), match=message):
        train_encoder(tmp_path, tmp_path / "run", config(**keys))


def test_a_run_starts_from_another_encoder_by_the_findings_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Encoder("densenet121", SIZE, ("Nodule", "Edema"), backbone_options={"input_channels": 1})
    source.mean.fill_(0.25)
    options: dict[str, int | bool] = {"input_channels": 1}
    keys = config(backbone="densenet121", backbone_options=options, findings=("Nodule", "Edema"))
    save(keys, tmp_path / "config.json")
    torch.save(source.state_dict(), tmp_path / "encoder.pt")
    settled = with_backbone_of_source(config(init_from=str(tmp_path)))
    encoder = initial_encoder(settled, torch.tensor([0.2, 0.1]))
    x = torch.rand(2, 1, SIZE, SIZE)
    told, known = encoder.eval()(x), source.eval()(x)
    assert torch.allclose(told.pooled, known.pooled)
    assert torch.allclose(told.logits[:, 1], known.logits[:, 0])
    assert encoder.classifier.bias[0].item() == pytest.approx(np.log(0.2 / 0.8))
    assert config().backbone == with_backbone_of_source(config()).backbone == "tiny"


def test_a_start_from_random_weights_is_warned_of() -> None:
    with pytest.warns(RadscribeWarning, match="no pretrained weights of densenet121"):
        initial_encoder(config(backbone="densenet121", pretrained=True), HALF)


def test_a_plateau_divides_the_learning_rate_by_ten() -> None:
    encoder = Encoder("tiny", SIZE, FINDINGS)
    module = EncoderTask(config(optimiser="adam", schedule="plateau", learning_rate=0.01), encoder, HALF)
    optimiser, schedule = module.optimisation(10)
    assert type(optimiser) is torch.optim.Adam
    assert module.monitor == "val_loss"
    assert isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
    rates = []
    for loss in (1.0, 0.8, 0.9, 0.7):
        schedule.step(loss)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_labels_come_from_the_manifest_the_report_or_both() -> None:
    report = Report(findings="Small effusion. No pneumothorax. Possible nodule. Lungs hyperinflated.")
    labels: dict[str, float | None] = {"Effusion": 1.0, "Mass": 1.0, "Edema": None}
    study = Study("a", (), report=report, labels=labels)
    names = ("Effusion", "Pneumothorax", "Nodule", "Mass", "Edema", "Hyperinflation")
    none = float("nan")
    expected = {
        "manifest": [1, none, none, 1, none, none],
        "report": [1, 0, none, 0, 0, 1],
        "agree": [1, 0, none, none, none, 1],  # the report does not mention the mass
    }
    for source, values in expected.items():
        assert labels_of(study, names, source) == pytest.approx(values, nan_ok=True)  # type: ignore[arg-type]
    alone = Study("b", (), labels={"Mass": 0.0})
    assert labels_of(alone, ("Mass",), "report") == [0.0]


def test_boxes_and_zones_supervise_the_maps() -> None:
    cover = box_cover([Box("Mass", 0.5, 0.0, 0.5, 0.25), Box("Hernia", 0, 0, 1, 1)], FINDINGS, 4)
    assert cover[0].tolist() == [[0, 0, 1, 1], [0] * 4, [0] * 4, [0] * 4]
    assert not cover[1].any()
    half = box_cover([Box("Mass", 0.0, 0.0, 0.125, 1.0)], ("Mass",), 4)
    assert half[0, 0].tolist() == [0.5, 0, 0, 0]
    boxed = torch.tensor([[True, False]])
    right, wrong = 8 * (2 * cover - 1)[None], 8 * (1 - 2 * cover)[None]
    assert box_loss(right, cover[None], boxed) < 0.01 < 5 < box_loss(wrong, cover[None], boxed)
    assert box_loss(wrong, cover[None], torch.tensor([[False, False]])) == 0
    cells = torch.full((1, 10, 10), -6.0)
    cells[0, :3, :5] = 6.0  # the patient's right upper zone
    zones = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert zone_loss(cells, zones) < 1 < zone_loss(cells.flip(2), zones)
    assert zone_loss(cells, torch.full((1, 6), torch.nan)) == 0


def test_odds_pooling_finds_what_fills_a_single_cell() -> None:
    encoder = Encoder("tiny", SIZE, FINDINGS, pooling="odds").eval()
    output = encoder(torch.rand(2, 1, SIZE, SIZE))
    odds = output.maps.exp().mean((2, 3))  # calibration is the identity here
    assert torch.allclose(output.logits.exp(), odds, rtol=1e-4)
