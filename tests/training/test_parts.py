"""Calibration, the masked loss, augmentation and balancing, each by its definition."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from radscribe.data.features import FeatureTable
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.evaluation.calibration import expected_calibration_error
from radscribe.text.report import Report, Target
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.augment import augment
from radscribe.training.calibration import (
    cross_fitted,
    fit_platt,
    fit_temperature,
)
from radscribe.training.caption_data import (
    CaptionData,
    CaptionItem,
    balancing_weights,
    collate,
    findings_present,
    reports_as_written,
    with_views,
)
from radscribe.training.decoder_inputs import encoder_features, label_features
from radscribe.training.encoder_module import as_input, masked_loss, mix


def test_platt_scaling_undoes_a_known_distortion() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, 1, generator=generator) * 2 - 1
    labels = (torch.rand(20_000, 1, generator=generator) < torch.sigmoid(true)).float()
    scale, shift = fit_platt(true * 3 + 2, labels)  # overconfident and biased
    assert float(scale) == pytest.approx(1 / 3, rel=0.08)
    assert float(shift) == pytest.approx(-2 / 3, abs=0.08)
    before = expected_calibration_error(torch.sigmoid(true * 3 + 2).numpy(), labels.numpy())
    after = expected_calibration_error(torch.sigmoid((true * 3 + 2) * scale + shift).numpy(), labels.numpy())
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
    present = findings_present(studies, [""] * 10)
    assert np.allclose(balancing_weights(present, 0.0), 1)
    even = balancing_weights(present, 1.0)
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


def test_a_study_without_labels_has_the_findings_of_its_text() -> None:
    texts = ["There is a large mass. No effusion.", "The lungs are clear."]
    assert findings_present([Study("a", ()), Study("b", ())], texts) == [["Mass"], []]


@pytest.mark.parametrize("point", [0.2, 0.5, 0.9])
def test_evidence_of_labels_lies_on_their_side_of_the_operating_point(point: float) -> None:
    study = Study("s", (ImageRef("i.png"),), labels={"Mass": 1.0, "Nodule": 0.0, "Hernia": None})
    findings = ("Mass", "Nodule", "Hernia", "Edema")
    evidence, generator = label_features(findings, point), random.Random(0)
    drawn = torch.stack([evidence(study, generator)["probabilities"] for _ in range(200)])
    assert bool((drawn[:, 0] >= point - 1e-6).all())
    assert bool((drawn[:, 1:] <= point + 1e-6).all())
    assert float((torch.logit(drawn) - math.log(point / (1 - point))).abs().max()) <= 3 + 1e-3
    assert len(set(drawn[:, 0].tolist())) > 190


def test_evidence_of_labels_shifts_a_map_and_keeps_its_pattern() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 4, 2)).astype(np.float32)
    study = Study("s", (ImageRef("a.png", "PA"), ImageRef("b.png", "lateral")), labels={"Mass": 1.0})
    seen = encoder_features(FeatureTable(["a.png", "b.png"], {"maps": maps}), ("maps", "views"))
    told = label_features(("Mass", "Nodule"), 0.3, seen)(study, random.Random(1))
    assert torch.allclose(told["maps"].mean(0), torch.logit(told["probabilities"]), atol=1e-5)
    assert (told["maps"].mean(0) > math.log(0.3 / 0.7)).tolist() == [True, False]
    before = torch.from_numpy(maps.reshape(8, 2))
    assert torch.allclose(told["maps"] - told["maps"][0], before - before[0], atol=1e-5)
    assert told["views"].tolist() == [1] * 4 + [2] * 4


def test_an_image_without_cells_is_one_cell() -> None:
    table = FeatureTable(["a", "b"], {"probabilities": np.array([[0.2, 0.9], [0.5, 0.5]])})
    study = Study("s", (ImageRef("a", "AP"), ImageRef("b")))
    told = encoder_features(table, ("maps", "views", "probabilities"))(study, random.Random())
    assert torch.allclose(told["maps"], torch.logit(torch.tensor([[0.2, 0.9], [0.5, 0.5]])), atol=1e-5)
    assert told["views"].tolist() == [1, 3]
    assert told["probabilities"].tolist() == pytest.approx([0.35, 0.7])
    pooled = FeatureTable(["a", "b"], {"pooled": np.eye(2)})
    told = encoder_features(pooled, ("grid",))(study, random.Random())
    assert told["grid"].tolist() == [[1, 0], [0, 1]]
    assert told["probabilities"].shape == (0,)
    with pytest.raises(DataError, match="no 'probabilities'"):
        encoder_features(pooled, ("maps",))(study, random.Random())


def captions(studies: list[Study], fresh: bool, target: Target = "findings") -> CaptionData:
    """Captions whose text and evidence are both drawn."""
    tokenizer = ReportTokenizer.train(["one two three four."], min_frequency=1)
    return CaptionData(
        studies,
        label_features(("Mass",), 0.5),
        lambda study, generator: generator.choice(("one", "two", "three", "four")),
        tokenizer,
        9,
        target,
        seed=5,
        fresh=fresh,
    )


@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_drawn_is_a_function_of_seed_epoch_and_study(fresh: bool) -> None:
    studies = [Study(str(i), ()) for i in range(20)]

    def epoch(number: int, order: list[int]) -> list[tuple[float, str]]:
        data = captions(studies, fresh)
        data.set_epoch(number)
        drawn = {i: data[i] for i in order}
        return [(float(drawn[i].features["probabilities"][0]), drawn[i].reference) for i in range(20)]

    forwards, backwards = list(range(20)), list(range(19, -1, -1))
    assert epoch(3, forwards) == epoch(3, backwards)
    assert (epoch(3, forwards) == epoch(4, forwards)) == (not fresh)


def test_studies_are_padded_to_one_number_of_cells() -> None:
    def item(cells: int) -> CaptionItem:
        features = {
            "probabilities": torch.ones(2),
            "maps": torch.ones(cells, 2),
            "views": torch.full((cells,), 3),
        }
        tokens = torch.ones(cells + 2, dtype=torch.long)
        return CaptionItem(
            "s", features, tokens, torch.ones(cells + 1), torch.zeros(2), "text", torch.zeros(2)
        )

    batch = collate([item(1), item(3)])
    assert batch.features.probabilities.shape == (2, 2)
    assert batch.features.get("maps").shape == (2, 3, 2)
    assert batch.features.get("views").tolist() == [[3, 0, 0], [3, 3, 3]]
    assert batch.tokens.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert batch.references == ["text", "text"]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("findings", "The heart is normal."),
        ("impression", "No acute disease."),
        ("both", "The heart is normal. No acute disease."),
    ],
)
def test_the_target_is_a_section_or_both(target: Target, text: str) -> None:
    report = Report(findings="The heart is normal. Unchanged XXXX.", impression="No acute disease.")
    studies = [Study("a", (), report=report), Study("b", (), report=Report(indication="Cough."))]
    source = reports_as_written(target)
    assert source(studies[0], random.Random()) == text
    tokenizer = ReportTokenizer.train([text], min_frequency=1)
    data = CaptionData(studies, label_features((), 0.5), source, tokenizer, 40, target)
    assert len(data) == 1  # a study without a text teaches nothing
    assert tokenizer.decode(data[0].tokens.tolist()) == text
    assert data[0].reference.startswith(report.impression if target == "impression" else report.findings)


def test_images_of_views_that_an_encoder_has_not_learned_are_left_out() -> None:
    frontal, lateral, unknown = ImageRef("f", "PA"), ImageRef("l", "lateral"), ImageRef("u")
    both, alone = Study("a", (frontal, lateral, unknown)), Study("b", (lateral,))
    (kept,) = with_views([both, alone], ("frontal",))
    assert kept.images == (frontal, unknown)
    assert with_views([both, alone], ("frontal", "lateral")) == [both, alone]


def test_a_report_keeps_its_comparisons_where_the_prior_is_read() -> None:
    report = Report(findings="Unchanged mild cardiomegaly. The effusion has resolved. The lungs are clear.")
    earlier = Study("a", (ImageRef("a.png"),), "p", Report(findings="Cardiomegaly. Effusion."))
    study = Study("b", (ImageRef("b.png"),), "p", report, prior="a", earlier=earlier)
    draw = random.Random(0)
    assert reports_as_written("findings")(study, draw) == "Mild cardiomegaly. The lungs are clear."
    source = reports_as_written("findings", prior=True)
    assert source(study, draw) == report.findings
    assert source(replace(study, earlier=None), draw) == "Mild cardiomegaly. The lungs are clear."
    words = ReportTokenizer.train([report.findings], min_frequency=1)

    def given(study: Study, generator: random.Random) -> dict[str, torch.Tensor]:
        return {"probabilities": torch.empty(0), "prior": torch.tensor(study.earlier is not None)}

    for dropout, compares in ((0.0, True), (1.0, False)):
        item = CaptionData([study], given, source, words, 30, fresh=True, prior_dropout=dropout)[0]
        assert bool(item.features["prior"]) is compares
        assert ("unchanged" in words.decode(item.tokens.tolist()).lower()) is compares
