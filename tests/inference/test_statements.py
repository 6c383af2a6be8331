"""Captions do not contradict themselves, and do not speak of what the model cannot see."""

from __future__ import annotations

from radscribe.inference.constraints import Statements
from radscribe.inference.constraints.statements import DENIAL
from radscribe.text.tokenizer import ReportTokenizer

TEXTS = ("there is a pneumonia .", "the lungs are clear .", "no pleural effusion .", "the heart is normal .")
WORDS = ReportTokenizer.train(TEXTS * 3, vocabulary_size=100, kind="word")
PNEUMONIA, CLEAR, NO_EFFUSION, HEART = (tuple(WORDS.encode(text)) for text in TEXTS)


def test_a_sentence_that_contradicts_an_earlier_one_is_not_said() -> None:
    free = Statements(WORDS)
    assert free.judge((), PNEUMONIA) == 0
    assert free.judge((), CLEAR) == DENIAL
    assert free.judge(PNEUMONIA, CLEAR) is None
    assert free.judge(CLEAR, PNEUMONIA) is None
    assert free.judge(PNEUMONIA, NO_EFFUSION) == DENIAL
    assert not free.allows_text("There is a pneumonia. The lungs are clear.")


def test_a_finding_that_is_not_assessed_is_not_spoken_of() -> None:
    silent = Statements(WORDS, {"Nodule", "Cardiomegaly"})
    assert silent.judge((), CLEAR) is None  # it denies nodules, too
    assert silent.judge((), HEART) is None
    assert silent.judge((), NO_EFFUSION) == DENIAL
    assert not silent.allows_text("The heart is normal.")


def test_a_likely_finding_is_not_denied_and_nothing_is_said_twice() -> None:
    free = Statements(WORDS)
    assert free.judge((), NO_EFFUSION, ["Effusion"]) is None
    assert free.judge(NO_EFFUSION, NO_EFFUSION) is None
