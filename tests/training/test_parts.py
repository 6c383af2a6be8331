"""Calibration, the masked loss, augmentation and balancing, each by its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from radscribe.data.study import ImageRef, Study
from radscribe.training.augment import augment
from radscribe.training.calibration import (
    cross_fitted,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
)
from radscribe.training.caption_data import balancing_weights
from radscribe.training.encoder_module import as_input, masked_loss, mix
from radscribe.training.evidence import label_evidence


def test_platt_scaling_undoes_a_known_distortion() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, 1, generator=generator) * 2 - 1
    labels = (torch.rand(20_000, 1, generator=generator) < torch.sigmoid(true)).float()
    scale, shift = fit_platt(true * 3 + 2, labels)  # overconfident and biased
    assert float(scale) == pytest.approx(1 / 3, rel=0.08)
    assert float(shift) == pytest.approx(-2 / 3, abs=0.08)
    before = expected_calibration_error(torch.sigmoid(true * 3 + 2), labels)
    after = expected_calibration_error(torch.sigmoid((true * 3 + 2) * scale + shift), labels)
    assert after < 0.02 < before


def test_few_positives_do_not_move_the_calibration_far() -> None:
    logits = torch.tensor([[-3.0], [-3.0], [-3.0], [5.0]])
    labels = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
    scale, _ = fit_platt(logits, labels)
    assert 0.5 < float(scale) < 2


def test_a_temperature_is_one_for_all_findings() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(4000, 2, generator=generator) * 2
    labels = (torch.rand(4000, 2, generator=generator) < torch.sigmoid(true)).float()
    scale, shift = fit_temperature(true * 2, labels)
    assert scale.tolist() == pytest.approx([0.5, 0.5], rel=0.08)
    assert scale[0] == scale[1]
    assert not shift.any()


def test_cross_fitting_never_fits_on_a_patient_that_it_calibrates() -> None:
    patients = [str(index // 3) for index in range(60)]  # three images each
    seen: list[set[float]] = []

    def fit(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(set(labels[:, 0].tolist()))
        return torch.full((1,), len(seen)), torch.zeros(1)

    numbers = torch.tensor([[float(patient)] for patient in patients])
    probabilities = cross_fitted(fit, torch.ones(60, 1), numbers, patients)
    for fold in (0, 1):  # those calibrated by this fit are the patients that it did not see
        calibrated = set(numbers[probabilities == torch.sigmoid(torch.tensor(fold + 1.0))].tolist())
        assert len(calibrated) == len(seen[fold]) == 10
        assert not calibrated & seen[fold]


def test_class_weights_are_chexnets() -> None:
    logits, targets = torch.tensor([[0.4], [-1.2]]), torch.tensor([[1.0], [0.0]])
    weighted = masked_loss(logits, targets, presence_weight=torch.tensor([0.9]))  # one in ten has it
    present, absent = F.logsigmoid(logits[0]), F.logsigmoid(-logits[1])
    assert weighted.item() == pytest.approx(-(0.9 * present + 0.1 * absent).item() / 2)


def test_unknown_labels_cost_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]], requires_grad=True)
    targets = torch.tensor([[1.0, math.nan], [math.nan, 0.0]])
    loss = masked_loss(logits, targets)
    expected = (F.softplus(torch.tensor(-2.0)) + F.softplus(torch.tensor(3.0))) / 2
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert logits.grad[1, 0] == 0


def test_augmentation_moves_a_little_and_never_mirrors() -> None:
    torch.manual_seed(0)
    x = torch.zeros(64, 1, 72, 72)
    x[:, :, 20:52, 46:66] = 0.8  # on the right of the image
    out = augment(x, 64)
    assert out.shape == (64, 1, 64, 64)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    left, right = out[..., :32].sum((1, 2, 3)), out[..., 32:].sum((1, 2, 3))
    assert bool((right > left).all())
    assert len({round(float(v), 4) for v in out.mean((1, 2, 3))}) > 60  # each image differently


def test_a_mirror_is_asked_for() -> None:
    torch.manual_seed(0)
    x = torch.zeros(64, 1, 72, 72)
    x[:, :, 20:52, 46:66] = 0.8
    out = augment(x, 64, mirror=True)
    mirrored = out[..., :32].sum((1, 2, 3)) > out[..., 32:].sum((1, 2, 3))
    assert 20 < int(mirrored.sum()) < 44


def test_the_encoders_input_is_scaled_and_resized() -> None:
    pixels = torch.full((2, 1, 72, 72), 255, dtype=torch.uint8)
    x = as_input(pixels, 64)
    assert x.shape == (2, 1, 64, 64)
    assert torch.allclose(x, torch.ones_like(x))


def test_balancing_draws_rare_findings_more_often() -> None:
    def study(*findings: str) -> Study:
        labels: dict[str, float | None] = dict.fromkeys(("Mass", "Hernia"), 0.0)
        labels |= dict.fromkeys(findings, 1.0)
        return Study("s", (ImageRef("i.png"),), labels=labels)

    studies = [*[study()] * 6, *[study("Mass")] * 3, study("Mass", "Hernia")]
    assert np.allclose(balancing_weights(studies, 0.0), 1)
    even = balancing_weights(studies, 1.0)
    assert even.tolist() == pytest.approx([10 / 6] * 6 + [10 / 4] * 3 + [10.0])


def test_mixing_keeps_an_image_and_its_targets_together() -> None:
    torch.manual_seed(0)
    values = torch.arange(32.0)
    images = values.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    targets = torch.stack([values, torch.full((32,), math.nan)], dim=1)
    mixed, of = mix(images, targets, 0.4)
    assert torch.allclose(mixed[:, 0, 0, 0], of[:, 0])
    assert bool(of[:, 1].isnan().all())
    assert not torch.equal(mixed, images)
    assert float((mixed[:, 0, 0, 0] - values).abs().max()) <= 31 / 2 + 1e-4  # the image itself weighs most


@pytest.mark.parametrize("point", [0.2, 0.5, 0.9])
def test_evidence_of_labels_lies_on_their_side_of_the_operating_point(point: float) -> None:
    study = Study("s", (ImageRef("i.png"),), labels={"Mass": 1.0, "Nodule": 0.0, "Hernia": None})
    findings = ("Mass", "Nodule", "Hernia", "Edema")
    fresh = label_evidence(findings, point, seed=0, fresh=True)
    drawn = torch.stack([fresh(study)["probabilities"] for _ in range(200)])
    assert bool((drawn[:, 0] >= point - 1e-6).all())
    assert bool((drawn[:, 1:] <= point + 1e-6).all())
    assert float((torch.logit(drawn) - math.log(point / (1 - point))).abs().max()) <= 3 + 1e-3
    assert len(set(drawn[:, 0].tolist())) > 190
    fixed = label_evidence(findings, point, seed=0, fresh=False)
    assert torch.equal(fixed(study)["probabilities"], fixed(study)["probabilities"])
