"""Checkpoints of torch imported: old names, wrappers, torchxrayvision; and what is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import h5py
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.imports import published
from radscribe.errors import RadscribeError, UsageError, WeightsError
from radscribe.labels import CHESTXRAY14
from radscribe.models import Encoder
from radscribe.models.importers import recognise
from radscribe.models.importers.encoder_import import ASSUMED, ImportedEncoder, build
from radscribe.models.importers.reading import read_weights_file
from radscribe.models.importers.torchxrayvision import FINDINGS
from radscribe.models.importers.weights_file import WeightsFile

NOWHERE = Path("weights.pt")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return published.random_encoder(CHESTXRAY14)


def found(tensors: dict[str, Tensor]) -> ImportedEncoder:
    imported = recognise(WeightsFile(NOWHERE, tensors))
    assert isinstance(imported, ImportedEncoder)
    return imported


def from_file(path: Path) -> tuple[Encoder, tuple[str, ...]]:
    imported = recognise(read_weights_file(path))
    assert isinstance(imported, ImportedEncoder)
    return build(imported, path)


@torch.no_grad()
def test_an_old_checkpoint_says_what_its_network_said(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "model.pth.tar"
    torch.save(published.old_checkpoint(encoder), path, _use_new_zipfile_serialization=False)
    imported, notes = from_file(path)
    images = published.images()
    assert torch.equal(imported(images).probabilities, encoder(images).probabilities)
    assert imported.findings == CHESTXRAY14
    assert notes == (ASSUMED,)


@torch.no_grad()
def test_a_state_dict_and_safetensors_are_read(encoder: Encoder, tmp_path: Path) -> None:
    images = published.images(1)
    state = published.torchvision_state(encoder)
    torch.save({name: tensor.half() for name, tensor in state.items()}, tmp_path / "half.pth")
    save_file(state, tmp_path / "model.safetensors")
    whole, half = from_file(tmp_path / "model.safetensors")[0], from_file(tmp_path / "half.pth")[0]
    assert torch.equal(whole(images).logits, encoder(images).logits)
    assert torch.allclose(half(images).logits, encoder(images).logits, atol=0.05)


def test_findings_are_named_or_told(encoder: Encoder) -> None:
    state = published.torchvision_state(encoder)
    named, _ = build(found(state), NOWHERE, findings=("A", "", *(f"F{n}" for n in range(12))))
    assert named.findings[:2] == ("A", "F0")  # the second output is left out
    assert torch.equal(named.classifier.weight, encoder.classifier.weight[[0, *range(2, 14)]])
    with pytest.raises(UsageError, match="2 findings for a head of 14 outputs"):
        build(found(state), NOWHERE, findings=("A", "B"))
    with pytest.raises(UsageError, match="named twice"):
        build(found(state), NOWHERE, findings=("A",) * 14)
    imagenet = state | {"classifier.weight": torch.zeros(1000, 1024), "classifier.bias": torch.zeros(1000)}
    with pytest.raises(WeightsError, match="has 1000 outputs and does not name them"):
        build(found(imagenet), NOWHERE)
    fresh, _ = build(found(imagenet), NOWHERE, new_head=True)
    assert fresh.findings == CHESTXRAY14


@torch.no_grad()
def test_torchxrayvision_has_its_own_range_order_and_operating_points() -> None:
    theirs, images = published.random_encoder(FINDINGS, input_channels=1), published.images(5)
    thresholds = published.torchxrayvision_answer(theirs, images)[0].sigmoid()[2]  # those of one image
    thresholds[14:] = torch.nan  # as in its weights of ChestX-ray14 alone
    logits, bent = published.torchxrayvision_answer(theirs, images, thresholds)
    encoder, notes = build(found(published.torchxrayvision_state(theirs, thresholds)), NOWHERE)
    output = encoder(images)
    assert encoder.findings == FINDINGS[:14]
    assert FINDINGS[:14] != CHESTXRAY14
    assert torch.allclose(output.logits, logits[:, :14], atol=1e-4)
    assert torch.allclose(output.probabilities[2], torch.full((14,), 0.5), atol=1e-4)
    others = [0, 1, 3, 4]
    assert torch.equal(output.probabilities[others] > 0.5, bent[others, :14] > 0.5)
    assert output.maps.shape[1] == 14
    assert "not calibrated" in notes[0]
    state = published.torchvision_state(theirs)  # without operating points: told by its one channel
    plain, notes = build(found(state), NOWHERE)
    assert torch.allclose(plain(images).probabilities, logits.sigmoid(), atol=1e-4)
    assert "no operating points" in notes[0]


def test_every_tensor_too_many_or_too_few_is_listed(encoder: Encoder) -> None:
    state = published.old_checkpoint(encoder)["state_dict"]
    wrong = dict(state)
    del wrong["module.densenet121.features.norm5.bias"]
    wrong["module.extra.weight"] = torch.ones(2)
    wrong["module.densenet121.features.norm0.weight"] = torch.ones(63)
    with pytest.raises(WeightsError) as error:
        found(wrong)
    assert str(error.value).startswith(
        "weights.pt: 1 tensors missing: features.norm5.bias; 1 tensors unknown: module.extra.weight; "
        "1 tensors of another shape: features.norm0.weight [63] instead of [64]"
    )
    cut = {name: tensor for name, tensor in state.items() if "denseblock4" not in name}
    with pytest.raises(WeightsError, match=r"160 tensors missing: .* and 152 more"):
        found(cut)
    headless = {name: tensor for name, tensor in state.items() if "classifier.0.weight" not in name}
    with pytest.raises(WeightsError, match=r"1 tensors missing: classifier.weight"):
        found(headless)  # half a head is no file without a top
    prefix = "module.densenet121.features.denseblock1.denselayer1."
    twice = state | {f"{prefix}norm1.weight": torch.ones(64)}  # beside norm.1.weight
    with pytest.raises(WeightsError, match=r"1 tensors unknown: .*norm1.weight"):
        found(twice)


def test_a_strange_network_is_told_what_is_known() -> None:
    with pytest.raises(WeightsError, match=r"no known layout .*conv1\.weight.*torchvision DenseNet-121"):
        found({"conv1.weight": torch.ones(1)})


def test_a_pickle_of_code_is_refused_unopened(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Touches:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (ran,))

    torch.save({"state_dict": {"a": torch.ones(1)}, "x": Touches()}, tmp_path / "evil.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")  # torchxrayvision's own files are such
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Touches(), protocol=2))
    for name in ("evil.pt", "module.pt", "evil.pkl"):
        with pytest.raises(WeightsError) as error:
            read_weights_file(tmp_path / name)
        assert "\n" not in str(error.value)
    assert not ran.exists()
    with pytest.raises(WeightsError, match=r"Linear, and unpickling would run its code; .*state_dict"):
        read_weights_file(tmp_path / "module.pt")


def damaged(encoder: Encoder, folder: Path) -> list[Path]:
    """Files of each kind cut short, and files that are none."""
    state = dict(list(published.torchvision_state(encoder).items())[:8])
    torch.save(state, folder / "zip.pt")
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    save_file(state, folder / "cut.safetensors")
    with h5py.File(folder / "cut.h5", "w") as file:
        file["layers/conv2d/vars/0"] = torch.rand(64, 64).numpy()
    with zipfile.ZipFile(folder / "cut.keras", "w") as archive:
        archive.writestr("config.json", "{")
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF")
    paths = [folder / name for name in ("zip.pt", "legacy.pt", "cut.safetensors", "cut.h5")]
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (folder / "empty.pt").touch()
    (folder / "text.pt").write_text("these are no weights")
    torch.save([1, 2], folder / "list.pt")
    return [*paths, *(folder / n for n in ("cut.keras", "empty.pt", "text.pt", "list.pt", "no.pt")), folder]


def test_damage_is_one_line_that_names_the_file(encoder: Encoder, tmp_path: Path) -> None:
    for path in damaged(encoder, tmp_path):
        with pytest.raises(RadscribeError) as error:
            read_weights_file(path)
        assert str(error.value).startswith(str(path)), path
        assert "\n" not in str(error.value)
