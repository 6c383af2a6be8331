"""Content plans, sections, views left out, and weights of sentences: what the decoder is trained on."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from radscribe.data.study import ImageRef, Study
from radscribe.labels import VIEW_KINDS
from radscribe.models.content_plan import ContentPlan
from radscribe.models.decoder import StudyFeatures
from radscribe.text.report import Report
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionData, SentenceWeights, collate, reports_as_written
from radscribe.training.config import Reward
from radscribe.training.content_plan import best_point, fit_plan, plan_of_text
from radscribe.training.validation import Captioned, caption_scores, warnings_of

FINDINGS = ("Effusion", "Cardiomegaly", "Normal")


def test_a_plan_says_what_a_text_asserts_and_on_which_side() -> None:
    text = "There is a small left pleural effusion. No pneumothorax. The heart is enlarged."
    assert plan_of_text(text, FINDINGS).view(3, 3).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    both = plan_of_text("Bilateral pleural effusions.", FINDINGS).view(3, 3)
    assert both[:, 0].tolist() == [1, 1, 1]
    assert plan_of_text("The heart is normal in size. The lungs are clear.", FINDINGS)[:3].tolist() == [
        0,
        0,
        1,
    ]


def test_sides_are_read_from_the_halves_of_frontal_maps() -> None:
    plan = ContentPlan(findings=1, places=9)
    plan.is_sided.fill_(True)
    maps = torch.full((3, 18, 1), -4.0)
    maps[0, [0, 3, 6]] = 4.0  # first column: the patient's right
    maps[1, [2, 5, 8]] = 4.0
    maps[2, [9, 12, 15]] = 4.0  # in the lateral image, which has no sides
    views = torch.tensor([[VIEW_KINDS.index("frontal")] * 9 + [VIEW_KINDS.index("lateral")] * 9] * 3)
    seen = StudyFeatures(torch.tensor([[0.9]] * 3), maps=maps, views=views)
    assert plan(seen).tolist() == [[1, 1, 0], [1, 0, 1], [1, 0, 0]]
    plan.is_often_bilateral.fill_(True)
    assert plan(seen)[2].tolist() == [1, 1, 1]
    given = torch.tensor([[0.0, 0.0, 0.0]] * 3)
    assert torch.equal(plan(seen._replace(plan=given)), given)  # in training


def test_normal_stands_alone() -> None:
    plan = ContentPlan(findings=3)
    plan.is_normal[2] = True
    seen = StudyFeatures(torch.tensor([[0.9, 0.1, 0.9], [0.1, 0.1, 0.9]]))
    assert plan(seen)[:, :3].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_operating_points_maximise_f1_and_unwritten_findings_stay_out() -> None:
    logits = torch.tensor([3.0, 2.0, 1.0, 0.0, -1.0])
    truth = torch.tensor([True, True, False, True, False])
    assert best_point(logits, truth) == pytest.approx(-0.5)  # F1 6/7, against 4/5 from 1.5 on
    late = torch.tensor([True, True, False, False, True])
    assert best_point(logits, late, f1=0.9) == pytest.approx(1.5)  # 2 TP - 0.9 said is 2.2, at the end 1.5
    assert best_point(logits, torch.zeros(5, dtype=torch.bool), f1=0.5) == torch.inf
    torch.manual_seed(0)
    there = torch.rand(400, 2) < 0.3
    probabilities = torch.sigmoid(torch.randn(400, 2) + 2 * there - 1.5)
    texts = torch.cat([there.float(), torch.zeros(400, 4)], dim=1)
    written = texts.clone()
    written[:, 1] = 0  # the training texts never assert the second finding
    plan = ContentPlan(findings=2)
    fit_plan(plan, ("Effusion", "Mass"), written, texts, probabilities)
    made = plan(StudyFeatures(probabilities))[:, :2] > 0
    assert 0 < made[:, 0].float().mean() < 1
    assert not made[:, 1].any()


def studies(count: int = 3) -> list[Study]:
    report = Report(findings="Small left pleural effusion. The heart is normal.", impression="Effusion.")
    images = (ImageRef("f.png", "PA"), ImageRef("l.png", "lateral"))
    return [Study(f"s{i}", images, report=report) for i in range(count)]


def seen_views(study: Study, generator: random.Random) -> dict[str, torch.Tensor]:
    return {"probabilities": torch.full((2,), 0.5), "views": torch.tensor([1] * len(study.images))}


def caption_data(tokenizer: ReportTokenizer, given: Sequence[Study], **options: object) -> CaptionData:
    source = reports_as_written("sections")
    return CaptionData(given, seen_views, source, tokenizer, 40, "sections", fresh=True, **options)  # type: ignore[arg-type]


def test_sections_are_tokens_that_no_text_shows() -> None:
    (study,) = studies(1)
    tokenizer = ReportTokenizer.train([study.text()], min_frequency=1, sections=True)
    item = caption_data(tokenizer, [study], findings=FINDINGS, plan=True)[0]
    ids = item.tokens.tolist()
    assert [tokenizer.token(ids[1]), ids.count(tokenizer.unk)] == ["<findings>", 0]
    assert tokenizer.decode(ids) == item.reference == study.text()
    assert tokenizer.decode_sections(ids) == {
        "findings": "Small left pleural effusion. The heart is normal.",
        "impression": "Effusion.",
    }
    assert item.features["plan"].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0]
    assert item.findings.tolist() == [1, 0, 0]
    without = ReportTokenizer.train([study.text()], min_frequency=1)
    assert without.decode_sections(without.encode(study.text())) == {}


def test_views_are_left_out_at_random_and_one_stays() -> None:
    given = studies(40)
    tokenizer = ReportTokenizer.train([given[0].text()], min_frequency=1, sections=True)
    data = caption_data(tokenizer, given, view_dropout=0.5)
    counts = [len(data[i].features["views"]) for i in range(len(data))]
    assert set(counts) == {1, 2}
    data.set_epoch(1)
    assert counts != [len(data[i].features["views"]) for i in range(len(data))]
    batch = collate([data[i] for i in range(len(data))])
    assert (batch.features.get("views") == 0).any()  # padding, which decoders mask


def test_frequent_sentences_weigh_less() -> None:
    clear, effusion = [5, 6, 4], [7, 8, 9, 4]  # 4 ends a sentence
    texts = [clear] * 999 + [[*clear, *effusion]]
    weights = SentenceWeights(texts, ends={4}, exponent=1.0)([*clear, *effusion])
    assert weights[:3] == [pytest.approx(0.002)] * 3
    assert weights[3:] == [1.0] * 4
    assert SentenceWeights((), ends={4}, exponent=0.0)(clear) == [1.0] * 3


def test_a_decoder_that_ignores_its_images_is_noticed() -> None:
    references = ["There is a large left effusion.", "The heart is enlarged today."] * 12
    same = [Captioned(str(i), "The lungs are clear.", text) for i, text in enumerate(references)]
    figures = caption_scores(same, Reward())
    found = warnings_of(figures, len(same))
    assert any("one and the same caption is written for 100%" in line for line in found)
    assert any("F1 of 0.000" in line for line in found)
    assert warnings_of(figures, 5) == []
    # Pairs that are exchanged lie half the part away.
    references = ["There is a large left effusion."] * 12 + ["The heart is enlarged today."] * 12
    right = [Captioned(str(i), text, text) for i, text in enumerate(references)]
    figures = caption_scores(right, Reward())
    assert figures["val_shuffled_cider_d"] < 0.1 < figures["val_cider_d"]
    assert warnings_of(figures, len(right)) == []
    blind = [one._replace(caption=f"{references[0]} {references[-1]}") for one in right]
    assert any("exchanged" in line for line in warnings_of(caption_scores(blind, Reward()), 24))
