"""The report bank says the training report whose findings the encoder sees."""

from __future__ import annotations

import random

import pytest
import torch

from radscribe.evaluation.metrics.cider import CiderD
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.models.decoder import StudyFeatures
from radscribe.models.report_bank import ReportBank
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import Reward
from radscribe.training.report_bank import Teacher, choose_weights, expected_cider_d, fill, texts_of

FINDINGS = ("Cardiomegaly", "Effusion")
TEXTS = (
    *["The heart is normal in size. The lungs are clear. No pleural effusion."] * 6,
    *["The heart is enlarged. The lungs are clear. No pleural effusion."] * 3,
    *["The heart is normal in size. There is a large right pleural effusion."] * 3,
    "The heart is normal in size. There is a small left pleural effusion.",
)


@pytest.fixture(scope="module")
def tokenizer() -> ReportTokenizer:
    return ReportTokenizer.train(TEXTS, min_frequency=1)


@pytest.fixture(scope="module")
def bank(tokenizer: ReportTokenizer) -> ReportBank:
    made = ReportBank(len(tokenizer), len(FINDINGS))
    fill(made, tokenizer, FINDINGS, TEXTS, TEXTS, max_length=40)
    return made


def say(bank: ReportBank, tokenizer: ReportTokenizer, *probabilities: float) -> str:
    """Greedy search."""
    state = bank.init_state(StudyFeatures(torch.tensor([probabilities])))
    token, ids = torch.tensor([tokenizer.bos]), []
    while int(token) != tokenizer.eos:
        step = bank.step(token, state)
        token, state = step.log_probabilities.argmax(1), step.state
        ids.append(int(token))
    return tokenizer.decode(ids[:-1])


def test_it_says_what_the_encoder_sees(bank: ReportBank, tokenizer: ReportTokenizer) -> None:
    assert say(bank, tokenizer, 0.02, 0.02) == TEXTS[0]
    assert say(bank, tokenizer, 0.9, 0.02) == TEXTS[6]
    assert say(bank, tokenizer, 0.02, 0.9) == TEXTS[9]  # the side that more of the training reports name


def test_repeated_reports_stand_in_the_bank_once(bank: ReportBank) -> None:
    assert len(bank.tokens) == len(set(TEXTS))
    assert bank.agreement.shape == (4, 3)  # nothing, a large heart, an effusion


def test_probabilities_sum_to_one_along_the_tree(bank: ReportBank, tokenizer: ReportTokenizer) -> None:
    state = bank.init_state(StudyFeatures(torch.tensor([[0.3, 0.4], [0.9, 0.1]])))
    step = bank.step(torch.full((2,), tokenizer.bos), state)
    assert torch.allclose(step.log_probabilities.exp().sum(1), torch.ones(2), atol=1e-4)


def test_a_bank_travels_in_its_state_dict(bank: ReportBank, tokenizer: ReportTokenizer) -> None:
    other = ReportBank(len(tokenizer), len(FINDINGS))
    other.load_state_dict(bank.state_dict())
    assert say(other, tokenizer, 0.9, 0.02) == TEXTS[6]


def test_agreement_is_cider_d() -> None:
    tokens = TOKENIZATIONS["plain"].all
    score = CiderD(tokens(TEXTS))
    (said,), (written,) = tokens([TEXTS[6]]), tokens([TEXTS[0]])
    expected = expected_cider_d([TEXTS[6]], TEXTS)[0]
    assert float(expected[0]) == pytest.approx(score.score(said, written), rel=1e-4)
    assert float(expected[6]) == pytest.approx(10, rel=1e-4)


def test_what_a_finding_is_worth_is_chosen_on_validation_data(tokenizer: ReportTokenizer) -> None:
    made = ReportBank(len(tokenizer), len(FINDINGS), finding_weight=0.0)
    fill(made, tokenizer, FINDINGS, TEXTS, TEXTS, max_length=40)
    probabilities = torch.tensor([[0.05, 0.05], [0.7, 0.05], [0.05, 0.7]])
    figures = choose_weights(
        made, tokenizer, StudyFeatures(probabilities), [TEXTS[0], TEXTS[6], TEXTS[9]], Reward()
    )
    assert figures["val_finding_f1"] == 1.0
    assert float(made.finding_weight) == pytest.approx(figures["finding_weight"])


def test_it_names_the_side_on_which_the_map_is_stronger(tokenizer: ReportTokenizer) -> None:
    made = ReportBank(len(tokenizer), len(FINDINGS), places=4, side_weight=5.0)
    fill(made, tokenizer, FINDINGS, TEXTS, TEXTS, max_length=40)
    assert sorted(made.sides[:, 1].tolist()) == [-1, 0, 0, 1]
    right_half = torch.tensor([4.0, -4.0, 4.0, -4.0])  # the patient's right is on the left of a film
    for half, said in ((right_half, TEXTS[9]), (-right_half, TEXTS[12])):
        maps = torch.stack([torch.zeros(4), half], 1)[None]
        seen = StudyFeatures(torch.tensor([[0.02, 0.9]]), maps=maps, views=torch.ones(1, 4, dtype=torch.long))
        assert int(made.worth(seen).argmax()) == list(dict.fromkeys(TEXTS)).index(said)


def test_a_teacher_gives_the_caption_of_the_probabilities_that_the_pupil_sees(
    bank: ReportBank, tokenizer: ReportTokenizer
) -> None:
    given = {"probabilities": torch.tensor([0.5, 0.02])}
    said = set()
    for seed in range(30):
        (features,), (text,) = Teacher(bank, tokenizer, noise=2.0)([given], [random.Random(seed)])
        assert text == say(bank, tokenizer, *features["probabilities"].tolist())
        said.add(text)
    assert len(said) > 1
    (features,), _ = Teacher(bank, tokenizer, noise=0.0)([given], [random.Random(0)])
    assert torch.allclose(features["probabilities"], given["probabilities"])


def test_texts_keep_their_section_tokens() -> None:
    texts = ["<findings> The lungs are clear. <impression> No acute disease.", "<impression> Normal."]
    tokenizer = ReportTokenizer.train(
        ["The lungs are clear. No acute disease. Normal."], min_frequency=1, sections=True
    )
    for text in texts:
        assert texts_of(torch.tensor([[tokenizer.bos, *tokenizer.encode(text)]]), tokenizer) == [text]
