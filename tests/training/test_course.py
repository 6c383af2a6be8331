"""The course: what became of each finding, told in training and read from both studies in use."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from radscribe.data.study import Study
from radscribe.labels import CHANGES, Change
from radscribe.models import DECODERS
from radscribe.models.course import KINDS, Course, course_of
from radscribe.models.decoder import StudyFeatures
from radscribe.text.report import Report
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch, CaptionData
from radscribe.training.config import DecoderConfig
from radscribe.training.content_plan import course_of_text
from radscribe.training.decoder_module import DecoderTask
from radscribe.training.objectives import build_objective
from radscribe.training.validation import changes_right

F, C = 2, 6


def features(pooled: torch.Tensor, **more: torch.Tensor) -> StudyFeatures:
    n = len(pooled)
    given = {
        "probabilities": torch.full((n, F), 0.99),
        "pooled": pooled,
        "prior_given": torch.ones(n, dtype=torch.long),
        "prior_probabilities": torch.full((n, F), 0.99),
        "prior_pooled": torch.zeros(n, C),
    }
    return StudyFeatures(**{**given, **more})


def test_a_text_tells_the_course() -> None:
    text = "The right effusion has increased. Resolved pneumothorax. The heart is enlarged."
    told = course_of_text(text, ("Cardiomegaly", "Effusion", "Pneumothorax"))
    assert [("", *CHANGES)[kind] for kind in told] == ["", "larger", "resolved"]


def test_the_course_that_is_told_counts_before_the_one_that_is_read() -> None:
    torch.manual_seed(0)
    course = Course(F, C).eval()
    seen = features(torch.randn(4, C))
    told = torch.tensor([[0, 1], [2, 3], [4, 5], [1, 0]])
    compared = course.compare(seen)
    assert course(seen._replace(course=told), compared).view(4, F, KINDS).argmax(2).equal(told)
    read = course.logits(seen, compared).argmax(2)
    assert course(seen, compared).view(4, F, KINDS).argmax(2).equal(read)


def test_growth_is_learned_from_pooled_vectors_where_probabilities_are_equal() -> None:
    torch.manual_seed(0)
    course = Course(1, C)
    pooled = 10 + 3 * torch.randn(64, C)
    course.fit(pooled)
    assert torch.allclose(course.spread, pooled.std(0, correction=0))
    grown = torch.randint(0, 2, (64,))
    of_finding = torch.zeros(64, C)
    of_finding[:, 0] = 6.0 * grown - 3
    one = torch.full((64, 1), 0.99)
    seen = features(
        pooled + of_finding, prior_pooled=pooled, probabilities=one, prior_probabilities=one.clone()
    )
    truth = torch.where(grown > 0, 1 + CHANGES.index("larger"), 1 + CHANGES.index("smaller"))
    optimiser = torch.optim.Adam(course.parameters(), lr=0.01)
    for _ in range(30):
        logits = course.logits(seen, course.compare(seen))[:, 0]
        loss = torch.nn.functional.cross_entropy(logits, truth)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    course.eval()
    assert course.logits(seen, course.compare(seen))[:, 0].argmax(1).equal(truth)


def test_decoders_that_read_a_prior_have_a_course() -> None:
    assert course_of(DECODERS["show-and-tell"](9, findings=F, channels=C, context=("prior",))) is not None
    assert course_of(DECODERS["show-and-tell"](9, findings=F, channels=C, context=("indication",))) is None


@pytest.mark.parametrize(("change", "right"), [("resolved", True), ("appeared", False)])
def test_another_patients_prior_teaches_what_is_new_or_resolved(
    monkeypatch: pytest.MonkeyPatch, change: Change, right: bool
) -> None:
    """Both priors have the finding. Nobody told whether the first has grown; the second is gone."""
    tokenizer = ReportTokenizer.of_words(["effusion"])
    decoder = DECODERS["show-and-tell"](len(tokenizer), findings=1, channels=C, context=("prior",))
    course = course_of(decoder)
    assert course is not None
    sure = torch.zeros(2, 1, KINDS)
    sure[:, :, 1 + CHANGES.index(change)] = 20.0
    monkeypatch.setattr(course, "logits", lambda *_: sure)
    seen = features(torch.randn(2, C))._replace(
        probabilities=torch.rand(2, 1),
        prior_probabilities=torch.rand(2, 1),
        prior_report=torch.zeros(2, 4, dtype=torch.long),
        course=torch.tensor([[1 + CHANGES.index(change)]] * 2),  # so that the study's own prior costs nothing
    )
    now, then = torch.tensor([[1.0], [0.0]]), torch.ones(2, 1)
    tokens = torch.tensor([[tokenizer.bos, 4, tokenizer.eos]] * 2)
    batch = CaptionBatch(seen, tokens, ["effusion"] * 2, ["a", "b"], findings=now, earlier_findings=then)
    config = DecoderConfig(context=("prior",), swapped_priors=1.0)
    task = DecoderTask(config, decoder, tokenizer, build_objective(config, tokenizer, []), ["Effusion"])
    with torch.no_grad():
        lost = float(task.training_figures(batch)["course_loss"])
    assert lost < 0.01 if right else lost > 10


@pytest.mark.parametrize("course", [True, False])
def test_studies_bring_the_course_of_their_text(course: bool) -> None:
    text = "The right effusion has increased."
    report = Report(findings=text)
    earlier = Study("a", (), "p", Report(findings="Right effusion. Large mass."))
    study = Study("b", (), "p", report, prior="a", earlier=earlier)
    given = {"probabilities": torch.zeros(2)}
    items = CaptionData(
        [study, replace(study, id="c", earlier=None)],
        lambda study, generator: given,
        lambda study, generator: text,
        ReportTokenizer.train([text], min_frequency=1, kind="word"),
        30,
        findings=("Effusion", "Mass"),
        course=course,
    )
    first, alone = items[0], items[1]
    if not course:
        assert "course" not in first.features
        return
    assert first.features["course"].tolist() == [1 + CHANGES.index("larger"), 0]
    assert first.earlier_findings.tolist() == [1, 1]
    assert alone.features["course"].tolist() == alone.earlier_findings.tolist() == [0, 0]


def test_the_share_of_changes_that_captions_tell() -> None:
    true = "The right effusion has increased. Resolved pneumothorax."
    assert changes_right([("Resolved pneumothorax.", true), ("No change.", "Clear lungs.")]) == [False, True]
