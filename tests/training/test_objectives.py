"""The objectives, each by its definition."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from radscribe.errors import UsageError
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.cider import CiderD, per_study
from radscribe.evaluation.tokenisation import plain
from radscribe.models import DECODERS, Decoder, StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training import config
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig
from radscribe.training.objectives import build_objective
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.objectives.reward import ClinicalReward, Reward, finding_f1, micro_f1_share
from radscribe.training.objectives.scheduled_sampling import sample_rate
from radscribe.training.objectives.self_critical import SelfCritical, draw, likelihoods
from radscribe.training.validation import Captioned, caption_scores

REPORTS = [
    "The heart is enlarged. There is a pleural effusion.",
    "The lungs are clear. The heart is normal in size.",
    "There is a large mass. The heart is normal in size.",
    "No pleural effusion. The lungs are clear.",
]
TOKENIZER = ReportTokenizer.train(REPORTS, min_frequency=1)


def decoder(**options: object) -> Decoder:
    torch.manual_seed(3)
    return DECODERS["show-and-tell"](len(TOKENIZER), findings=4, embedding=24, hidden=24, **options)


def batch() -> CaptionBatch:
    """Four studies, each of which shows one of four things."""
    rows = [[TOKENIZER.bos, *TOKENIZER.encode(text), TOKENIZER.eos] for text in REPORTS]
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    seen = 0.1 + 0.8 * torch.eye(4)
    return CaptionBatch(StudyFeatures(seen), tokens, REPORTS, ["a", "b", "c", "d"])


def test_label_smoothing_is_torchs() -> None:
    model, given = decoder().eval(), batch()
    logits = model(given.features, given.tokens[:, :-1]).log_probabilities
    for smoothing in (0.0, 0.2):
        expected = F.cross_entropy(
            logits.flatten(0, 1), given.tokens[:, 1:].flatten(), ignore_index=0, label_smoothing=smoothing
        )
        found = cross_entropy(model, given, TOKENIZER.pad, smoothing).total
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_rate_of_scheduled_sampling_rises() -> None:
    linear = config.ScheduledSampling("linear", start=3, length=10, highest=0.5)
    assert [sample_rate(linear, epoch) for epoch in (0, 3, 8, 13, 40)] == [0, 0, 0.25, 0.5, 0.5]
    sigmoid = config.ScheduledSampling("inverse-sigmoid", start=0, length=5, highest=1.0)
    assert sample_rate(sigmoid, 10) == pytest.approx(1 - 5 / (5 + math.exp(2)))
    rates = [sample_rate(sigmoid, epoch) for epoch in range(10_000)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(1.0)


def test_scheduled_sampling_reads_its_own_words() -> None:
    settings = DecoderConfig(
        objective="scheduled-sampling",
        scheduled_sampling=config.ScheduledSampling(start=1, length=1, highest=1),
    )
    objective, model = build_objective(settings, TOKENIZER, REPORTS), decoder().eval()
    taught = cross_entropy(model, batch(), TOKENIZER.pad).total
    assert torch.allclose(objective.loss(model, batch(), epoch=1).total, taught)
    own = objective.loss(model, batch(), epoch=2)
    assert own.figures == {"sample_rate": 1.0}
    assert not torch.allclose(own.total, taught)


def test_the_cider_of_one_caption_is_that_of_the_evaluation() -> None:
    captions = [*REPORTS[1:], "The heart is enlarged. The heart is enlarged. No effusion."]
    corpus = Corpus([tuple(plain(t)) for t in captions], [[tuple(plain(t))] for t in REPORTS])
    one = CiderD(references[0] for references in corpus.references)
    scores = [one.score(c, r[0]) for c, r in zip(corpus.captions, corpus.references, strict=True)]
    assert np.allclose(scores, per_study(corpus, clipped=True))
    assert max(scores) > 0.1
    assert one.score((), ("heart",)) == 0


def test_the_f1_of_findings_is_of_what_is_asserted_in_each_study() -> None:
    said = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    written = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
    assert finding_f1(said, written).tolist() == pytest.approx([2 / 3, 1, 0, 0])


def test_the_share_of_a_study_is_the_slope_of_micro_f1() -> None:
    generator = np.random.default_rng(0)
    said, written = generator.random((2, 400, 5)) < 0.3

    def f1(rows: np.ndarray) -> float:
        return float(2 * (said & written)[rows].sum() / (said[rows].sum() + written[rows].sum()))

    share = micro_f1_share(said, written)
    assert share.sum() == pytest.approx(0, abs=1e-9)
    every = np.arange(400)
    slope = [f1(np.append(every, row)) - f1(every) for row in range(400)]  # of each study once more
    assert np.allclose(np.array(slope) * 400, share, rtol=0.02, atol=1e-4)


def test_the_reward_mixes_cider_and_findings() -> None:
    captions = [REPORTS[0], "No effusion. The heart is enlarged.", REPORTS[2], REPORTS[0]]
    cider, findings = (
        Reward(weights, REPORTS)(captions, REPORTS) for weights in (config.Reward(1, 0), config.Reward(0, 1))
    )
    assert findings.tolist() == [1, 0, 1, 0]
    assert cider[0] > cider[1]
    assert np.allclose(Reward(config.Reward(0.5, 2), REPORTS)(captions, REPORTS), 0.5 * cider + 2 * findings)


def test_the_clinical_reward_knows_sides_and_zones() -> None:
    report = "Right lower lobe consolidation. Small left pleural effusion. No pneumothorax."
    rest = "Small left pleural effusion."
    captions = {
        "right": report,
        "no zone": f"Right consolidation. {rest}",
        "other zone": f"Right upper lobe consolidation. {rest}",
        "no side": f"Consolidation of the lower lobe. {rest}",
        "other side": f"Left lower lobe consolidation. {rest}",
        "missed": rest,
        "invented": f"{report} Cardiomegaly.",
        "denied": f"{rest} No consolidation.",
    }
    f1 = {name: ClinicalReward().f1([text], [report]) for name, text in captions.items()}
    assert f1["right"] == 1
    assert f1["right"] > f1["no zone"] > f1["other zone"] > f1["other side"] >= f1["denied"]
    assert f1["no side"] > f1["other side"]
    assert f1["missed"] > f1["denied"]
    assert f1["invented"] == pytest.approx(4 / 5)
    assert ClinicalReward()([report, rest], [report, report])[0] > 0


def test_rewards_of_weight_0_are_not_computed() -> None:
    clinical = Reward(config.Reward(0, 0, clinical_weight=2), REPORTS)
    expected = 2 * ClinicalReward()(REPORTS, REPORTS[::-1])
    assert np.allclose(clinical(REPORTS, REPORTS[::-1]), expected)
    scored = [Captioned(str(i), text, text) for i, text in enumerate(REPORTS)]
    figures = caption_scores(scored, config.Reward(0, 0, clinical_weight=3))
    assert figures["val_score"] == 3 * figures["val_clinical_f1"] == 3


def test_radgraph_is_asked_as_its_signature_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="needs the package radgraph"):
        Reward(config.Reward(radgraph_weight=1), REPORTS)

    class F1RadGraph:  # the interface of radgraph 0.1
        def __init__(self, reward_level: str, model_type: str | None = None, **kwargs: object) -> None:
            assert reward_level in ("simple", "partial", "complete", "all")
            assert model_type in (None, "radgraph", "radgraph-xl", "echograph")

        def __call__(
            self, refs: list[str], hyps: list[str]
        ) -> tuple[float, list[float], list[str], list[str]]:
            each = [float(ref == hyp) for ref, hyp in zip(refs, hyps, strict=True)]
            return sum(each) / len(each), each, hyps, refs

    module = types.ModuleType("radgraph")
    module.F1RadGraph = F1RadGraph  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "radgraph", module)
    reward = Reward(config.Reward(0, 0, radgraph_weight=0.5), REPORTS)
    assert reward(REPORTS, [REPORTS[0], *REPORTS[2:], REPORTS[1]]).tolist() == [0.5, 0, 0, 0]

    def offline(**_: object) -> None:
        raise OSError("no connection to the hub\nmore")

    monkeypatch.setattr(module, "F1RadGraph", offline)
    with pytest.raises(
        UsageError, match="radgraph cannot load its model radgraph-xl: no connection"
    ) as caught:
        Reward(config.Reward(radgraph_weight=1), REPORTS)
    assert "\n" not in str(caught.value)


def test_the_divergence_holds_the_decoder_near_its_start() -> None:
    """The reward asks for silence; with the penalty the decoder keeps most of its words' probabilities."""
    start, given = decoder(dropout=0.0).eval(), batch()
    lengths: dict[float, float] = {}
    for weight in (0.0, 5.0):
        settings = DecoderConfig(objective="self-critical", self_critical=config.SelfCritical(samples=4))
        objective, model = build_objective(settings, TOKENIZER, REPORTS), decoder(dropout=0.0)
        assert isinstance(objective, SelfCritical)
        objective.options = config.SelfCritical(samples=4, kl=weight)
        objective.start = start if weight else None
        objective.reward = lambda captions, _: -np.array([len(text) / 100 for text in captions])  # type: ignore[assignment]
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        torch.manual_seed(0)
        for _ in range(10):
            loss = objective.loss(model, given, epoch=0)
            optimiser.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        drawn = given.tokens[:, 1:]
        apart = likelihoods(model.eval(), given.features, drawn, TOKENIZER.bos, TOKENIZER.pad, start)[2]
        lengths[weight] = float(apart.detach().mean())
    assert lengths[5.0] < lengths[0.0] / 3


def test_captions_are_drawn_as_often_as_they_are_likely() -> None:
    model = decoder().eval()
    features = StudyFeatures(batch().features.probabilities[:1])
    torch.manual_seed(0)
    drawn = draw(model, features, 4000, TOKENIZER.bos, TOKENIZER.eos, TOKENIZER.pad, 5)
    first = torch.bincount(drawn[:, 0], minlength=len(TOKENIZER)) / 4000
    start = torch.tensor([[TOKENIZER.bos]])
    expected = model(features, start).log_probabilities[0, 0].exp()
    expected[[TOKENIZER.pad, TOKENIZER.bos]] = 0
    assert torch.allclose(first, expected / expected.sum(), atol=0.03)
    ended = (drawn == TOKENIZER.eos).float().cumsum(1)
    assert bool(((drawn[:, 1:] == TOKENIZER.pad) == (ended[:, :-1] > 0)).all())


def test_the_likelihood_of_a_caption_is_the_sum_of_its_words() -> None:
    model, given = decoder().eval(), batch()
    captions = given.tokens[:, 1:]
    found, words, apart = likelihoods(model, given.features, captions, TOKENIZER.bos, TOKENIZER.pad)
    log_probabilities = model(given.features, given.tokens[:, :-1]).log_probabilities
    each = log_probabilities.gather(2, captions.unsqueeze(2))[..., 0]
    assert torch.allclose(found, (each * (captions != 0)).sum(1), atol=1e-5)
    assert words == int((captions != 0).sum())
    assert not apart.any()
    other = decoder(dropout=0.0).eval()
    with torch.no_grad():
        other.word_embedding.weight.mul_(1.5)
    near = likelihoods(model, given.features, captions, TOKENIZER.bos, TOKENIZER.pad, model)[2]
    far = likelihoods(model, given.features, captions, TOKENIZER.bos, TOKENIZER.pad, other)[2]
    assert torch.allclose(near, torch.zeros_like(near), atol=1e-5)
    assert (far > 0.01).all()


@pytest.mark.parametrize("baseline", ["greedy", "others"])
def test_self_critical_training_raises_the_reward(baseline: str) -> None:
    options = {"warm_up": 1, "samples": 4, "baseline": baseline, "learning_rate": 1.0}
    settings = config.load(
        DecoderConfig,
        None,
        ["objective=self-critical", *(f"self_critical.{k}={v}" for k, v in options.items())],
    )
    objective, model, given = build_objective(settings, TOKENIZER, REPORTS), decoder(dropout=0.0), batch()
    assert torch.equal(
        objective.loss(model.eval(), given, 0).total, cross_entropy(model, given, TOKENIZER.pad).total
    )
    model.train()
    assert objective.learning_rate(0) is None
    assert objective.learning_rate(1) == 1.0
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    rewards: list[float] = []
    torch.manual_seed(0)
    for _ in range(120):
        loss = objective.loss(model, given, epoch=1)
        assert model.training
        optimiser.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rewards.append(loss.figures["reward"])
    assert np.mean(rewards[-10:]) > np.mean(rewards[:10]) + 0.3


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(UsageError, match="no objective is called 'luck'"):
        build_objective(DecoderConfig(objective="luck"), TOKENIZER, REPORTS)
    alone = DecoderConfig(objective="self-critical", self_critical=config.SelfCritical(samples=1))
    with pytest.raises(UsageError, match="baseline=others"):
        build_objective(alone, TOKENIZER, REPORTS)


def test_validation_scores_what_is_said_freely() -> None:
    said = [Captioned(str(i), text, text) for i, text in enumerate(REPORTS)]
    scores = caption_scores(said, config.Reward(1.0, 2.0))
    assert scores["val_finding_f1"] == scores["val_finding_macro_f1"] == 1
    assert scores["val_score"] == pytest.approx(scores["val_cider_d"] + 2)
    assert scores["val_cider_d"] > 5
    assert (scores["val_distinct"], scores["val_most_frequent"]) == (4, 0.25)
    same = caption_scores([Captioned(s.id, REPORTS[1], s.reference) for s in said], config.Reward())
    assert (same["val_distinct"], same["val_most_frequent"], same["val_finding_f1"]) == (1, 1, 0)
