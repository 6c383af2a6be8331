"""Keras' DenseNet-121 imported: what Keras computes is what the imported encoder computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from benchmarks.imports import published
from benchmarks.imports.published import Chexnet
from radscribe.errors import WeightsError
from radscribe.labels import CHESTXRAY14
from radscribe.models import Encoder
from radscribe.models.importers import recognise
from radscribe.models.importers.encoder_import import ASSUMED, ImportedEncoder, build
from radscribe.models.importers.keras_densenet import read
from radscribe.models.importers.reading import read_weights_file
from radscribe.models.importers.weights_file import KerasFacts

TOLERANCE = 1e-4


def imported(path: Path, **options: Any) -> tuple[Encoder, tuple[str, ...]]:
    found = recognise(read_weights_file(path))
    assert isinstance(found, ImportedEncoder)
    return build(found, path, **options)


@torch.no_grad()
@pytest.mark.parametrize("ending", [".h5", ".weights.h5", ".keras"])
def test_a_chexnet_says_what_keras_says(chexnet: Chexnet, tmp_path: Path, ending: str) -> None:
    encoder, notes = imported(published.save_keras(chexnet.model, tmp_path, ending))
    assert np.abs(encoder(chexnet.images).probabilities.numpy() - chexnet.answer).max() < TOLERANCE
    assert encoder.findings == CHESTXRAY14
    assert notes == (ASSUMED,)
    # Only a whole model says for which images it was made.
    assert encoder.image_size == (224 if ending == ".weights.h5" else published.SIZE)


def test_a_model_within_a_model_is_found(chexnet: Chexnet, tmp_path: Path) -> None:
    outer = published.nested(chexnet.model)
    nested = recognise(read_weights_file(published.save_keras(outer, tmp_path, ".h5")))
    flat = recognise(read_weights_file(published.save_keras(outer, tmp_path, ".weights.h5")))
    plain = recognise(read_weights_file(published.save_keras(chexnet.model, tmp_path, ".keras")))
    assert isinstance(plain, ImportedEncoder)
    for found in (nested, flat):
        assert isinstance(found, ImportedEncoder)
        assert all(torch.equal(tensor, found.state[name]) for name, tensor in plain.state.items())


@torch.no_grad()
def test_without_a_top_a_head_is_made_only_when_asked(chexnet: Chexnet, tmp_path: Path) -> None:
    model = published.without_top(chexnet.model)
    path = published.save_keras(model, tmp_path, ".weights.h5")
    with pytest.raises(WeightsError, match="no classifier; give --new-head"):
        imported(path)
    encoder, notes = imported(path, new_head=True, findings=("Mass", "Nodule"))
    output = encoder(chexnet.images)
    assert np.abs(output.pooled.numpy() - published.keras_answer(model, chexnet.images)).max() < TOLERANCE
    assert output.probabilities.tolist() == [[0.5, 0.5]] * len(chexnet.images)
    assert notes == ("the head is untrained: every probability is 0.5",)


@torch.no_grad()
def test_old_keras_had_no_last_relu(chexnet: Chexnet, tmp_path: Path) -> None:
    old = published.without_final_relu(chexnet.model)
    answer = published.keras_answer(old, chexnet.images)
    assert np.abs(answer - chexnet.answer).max() > 100 * TOLERANCE  # it matters
    path = published.save_keras2(chexnet.model, tmp_path / "old.h5", "2.1.4")
    encoder, notes = imported(path)
    assert np.abs(encoder(chexnet.images).probabilities.numpy() - answer).max() < TOLERANCE
    assert "Keras 2.1.4" in notes[0]
    today, _ = imported(path, final_relu=True)
    assert np.abs(today(chexnet.images).probabilities.numpy() - chexnet.answer).max() < TOLERANCE
    whole = published.save_keras(old, tmp_path, ".h5")  # a whole model says it by itself
    encoder, _ = imported(whole)
    assert np.abs(encoder(chexnet.images).probabilities.numpy() - answer).max() < TOLERANCE
    assert imported(published.save_keras2(chexnet.model, tmp_path / "n.h5", "2.2.4-tf"))[
        0
    ].backbone_options == {
        "input_channels": 3,
        "final_relu": True,
    }


def test_epsilon_goes_into_the_variance(chexnet: Chexnet, tmp_path: Path) -> None:
    file = read_weights_file(published.save_keras(chexnet.model, tmp_path, ".weights.h5"))
    found = read(file)
    assert found is not None
    variance = file.tensors["batch_normalization/moving_variance"].double()
    expected = variance + 1.001e-5 - 1e-5
    assert torch.equal(found.state["backbone.features.norm0.running_var"], expected.float())
    other = file._replace(keras=KerasFacts(layers=(("BatchNormalization", {"epsilon": 1e-3}),)))
    found = read(other)
    assert found is not None
    assert torch.equal(found.state["backbone.features.norm0.running_var"], (variance + 1e-3 - 1e-5).float())
    kinds = tuple(("BatchNormalization", {"epsilon": e}) for e in (1e-3, 1e-5))
    with pytest.raises(WeightsError, match="has epsilons"):
        read(file._replace(keras=KerasFacts(layers=kinds)))


def test_what_is_missing_unknown_or_misshapen_is_listed(chexnet: Chexnet, tmp_path: Path) -> None:
    path = published.save_keras2(chexnet.model, tmp_path / "bad.h5", "2.2.4")
    with h5py.File(path, "r+") as file:
        del file["bn"]["bn/gamma:0"]
        file["chexnet"]["scale:0"] = np.ones(3)
        del file["conv1"]["conv"]["conv1"]["conv"]["kernel:0"]
        file["conv1"]["conv"]["conv1/conv/kernel:0"] = np.ones((7, 7, 1, 64))
    with pytest.raises(WeightsError) as error:
        imported(path)
    assert "1 tensors missing: bn/gamma" in str(error.value)
    assert "1 tensors unknown: chexnet/scale" in str(error.value)
    assert "conv1_conv/kernel [64, 1, 7, 7] instead of [64, 3, 7, 7]" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_softmax_is_no_head_of_findings(chexnet: Chexnet, tmp_path: Path) -> None:
    file = read_weights_file(published.save_keras(chexnet.model, tmp_path, ".keras"))
    assert file.keras is not None
    layers = tuple((k, c | {"activation": "softmax"} if k == "Dense" else c) for k, c in file.keras.layers)
    found = read(file._replace(keras=file.keras._replace(layers=layers)))
    assert found is not None
    with pytest.raises(WeightsError, match="softmax over classes"):
        build(found, tmp_path)
    assert build(found, tmp_path, new_head=True)[0].findings == CHESTXRAY14


def test_a_file_that_points_to_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "points.h5", "w") as file:
        file.create_dataset("layers/conv2d/vars/0", (4,), "f4", external=[(tmp_path / "secret", 0, 16)])
    with pytest.raises(WeightsError, match="points to another file"):
        read_weights_file(tmp_path / "points.h5")
