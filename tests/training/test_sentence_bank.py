"""The sentence bank composes captions that say what the encoder sees, and deny only what it may."""

from __future__ import annotations

import pytest
import torch

from radscribe.models.decoder import StudyFeatures
from radscribe.models.sentence_bank import SentenceBank
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training import sentence_bank
from radscribe.training.config import Reward
from radscribe.training.report_bank import texts_of
from radscribe.training.sentence_bank import choose_points, fill, fit_points

FINDINGS = ("Cardiomegaly", "Effusion", "Pneumothorax")
HEART, LUNGS, DENIAL = "The heart is normal in size.", "The lungs are clear.", "No pleural effusion."
TEXTS = (
    *[f"<findings> {HEART} {LUNGS} {DENIAL} <impression> No acute disease."] * 6,
    *[f"<findings> The heart is enlarged. {LUNGS} {DENIAL} <impression> Cardiomegaly."] * 3,
    *[f"<findings> {HEART} There is a right pleural effusion. <impression> Right effusion."] * 3,
    f"<findings> {HEART} Small left pneumothorax. <impression> Left pneumothorax measuring 3 cm.",
)


@pytest.fixture(scope="module")
def tokenizer() -> ReportTokenizer:
    return ReportTokenizer.train(
        [text.replace("<findings>", "").replace("<impression>", "") for text in TEXTS],
        min_frequency=1,
        sections=True,
    )


@pytest.fixture
def bank(tokenizer: ReportTokenizer, monkeypatch: pytest.MonkeyPatch) -> SentenceBank:
    monkeypatch.setattr(sentence_bank, "COMMON", 1)
    made = SentenceBank(len(tokenizer), len(FINDINGS))
    fill(made, tokenizer, FINDINGS, TEXTS, [text.split("> ", 1)[1] for text in TEXTS])
    made.denial_points.fill_(0.3)
    return made


def say(bank: SentenceBank, tokenizer: ReportTokenizer, *probabilities: float) -> str:
    return texts_of(bank.write(StudyFeatures(torch.tensor([probabilities]))), tokenizer)[0]


def test_two_findings_come_together_although_no_report_has_both(
    bank: SentenceBank, tokenizer: ReportTokenizer
) -> None:
    said = say(bank, tokenizer, 0.9, 0.9, 0.02)
    assert "The heart is enlarged." in said
    assert "right" in said
    assert "effusion" in said
    assert HEART not in said
    assert DENIAL not in said


def test_a_normal_study_gets_the_usual_denials_in_order(
    bank: SentenceBank, tokenizer: ReportTokenizer
) -> None:
    said = say(bank, tokenizer, 0.02, 0.02, 0.02)
    assert said.startswith("<findings>")
    assert said.index(HEART) < said.index(DENIAL)


def test_an_impression_sums_up(bank: SentenceBank, tokenizer: ReportTokenizer) -> None:
    assert "<impression>" not in say(
        bank, tokenizer, 0.02, 0.02, 0.02
    )  # "no acute disease" denies one finding
    assert say(bank, tokenizer, 0.9, 0.02, 0.02).endswith("<impression> Cardiomegaly.")


def test_sentences_are_whole(tokenizer: ReportTokenizer) -> None:
    made = SentenceBank(len(tokenizer), len(FINDINGS))
    broken = ["There is no effusion. There no effusion. Marked cardiomegaly. Cardiomegaly."] * 3
    fill(made, ReportTokenizer.train(broken, min_frequency=1), FINDINGS, broken, broken)
    kept = made.denied.sum(1) + made.asserted.sum(1)
    assert int((kept > 0).sum()) == 2  # a verb is missing, and a degree cannot be seen


def test_nothing_is_denied_from_its_denial_point_on(bank: SentenceBank, tokenizer: ReportTokenizer) -> None:
    assert HEART in say(bank, tokenizer, 0.29, 0.02, 0.02)
    assert HEART not in say(bank, tokenizer, 0.3, 0.02, 0.02)


def test_rare_findings_keep_a_short_sentence_without_measures(
    bank: SentenceBank, tokenizer: ReportTokenizer
) -> None:
    assert "Small left pneumothorax." in say(bank, tokenizer, 0.02, 0.02, 0.9)
    kept = texts_of(bank.tokens, tokenizer)
    assert not any("3" in sentence for sentence in kept)


def test_a_caption_is_said_word_by_word_and_ends_where_a_search_leaves_it(
    bank: SentenceBank, tokenizer: ReportTokenizer
) -> None:
    features = StudyFeatures(torch.tensor([[0.02, 0.9, 0.02]]))
    written = bank.write(features)[0].tolist()
    state, token, said = bank.init_state(features), torch.tensor([tokenizer.bos]), [tokenizer.bos]
    while said[-1] != tokenizer.eos:
        step = bank.step(token, state)
        token, state = step.log_probabilities.argmax(1), step.state
        said.append(int(token))
    assert said == [i for i in written if i != tokenizer.pad]
    step = bank.step(torch.tensor([tokenizer.unk]), bank.init_state(features))
    assert int(step.log_probabilities.argmax()) == tokenizer.eos


def test_points_are_those_of_labels_within_the_cap(bank: SentenceBank) -> None:
    p = torch.linspace(0.05, 0.95, 20)
    truth = torch.full((20, 3), torch.nan)
    truth[:, 0] = (p > 0.6).float()
    truth[:, 1] = (torch.arange(20) % 4 == 0).float()  # the encoder cannot tell
    fit_points(bank, p[:, None].expand(-1, 3), truth, torch.ones(20, dtype=torch.bool), cap=1.0)
    point = torch.sigmoid(bank.plan.operating_points[0])
    assert p[p < 0.6].max() < point < p[p > 0.6].min()
    assert (p >= torch.sigmoid(bank.plan.operating_points[1])).sum() <= 5
    assert bank.denial_points[0] > 0.6
    assert bank.plan.is_written.tolist() == [True, True, False]  # nothing is known of pneumothorax
    assert bank.denial_points[2] == 0


def test_points_are_chosen_on_reports_and_labels(bank: SentenceBank, tokenizer: ReportTokenizer) -> None:
    seen = torch.tensor([[0.1, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]).repeat(4, 1)
    references = ["The heart is normal.", "The heart is enlarged.", "Right pleural effusion."] * 4
    labelled = seen, (seen > 0.5).float(), torch.ones(12, dtype=torch.bool)
    figures = choose_points(bank, tokenizer, StudyFeatures(seen), references, labelled, Reward())
    assert figures["val_finding_f1"] == 1


def test_a_bank_travels_in_its_state_dict(bank: SentenceBank, tokenizer: ReportTokenizer) -> None:
    other = SentenceBank(len(tokenizer), len(FINDINGS))
    other.load_state_dict(bank.state_dict())
    assert say(other, tokenizer, 0.9, 0.02, 0.02) == say(bank, tokenizer, 0.9, 0.02, 0.02)
