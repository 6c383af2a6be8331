"""Captions do not contradict themselves, and do not speak of what the model cannot see."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.inference.constraints import SectionOrder, Statements, of_a_caption
from radscribe.inference.constraints.statements import CHANGE, DENIAL, Compared, Shown
from radscribe.text.known_sentences import KnownSentences
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


def test_a_sentence_that_no_training_text_has_is_not_said() -> None:
    strict = Statements(WORDS, known=KnownSentences.of(TEXTS))
    assert strict.judge((), PNEUMONIA) == 0
    assert strict.judge((), tuple(WORDS.encode("there is a clear ."))) is None
    assert strict.allows_text("There is a pneumonia.")
    assert not strict.allows_text("There is a pneumonia. There is a normal.")


def test_a_likely_finding_is_not_denied_and_nothing_is_said_twice() -> None:
    free = Statements(WORDS)
    assert free.judge((), NO_EFFUSION, Shown(["Effusion"])) is None
    assert free.judge(NO_EFFUSION, NO_EFFUSION) is None


SECTIONED = ReportTokenizer.train(TEXTS * 3, vocabulary_size=100, kind="word", sections=True)


def test_an_impression_may_repeat_the_findings_and_its_own_sentences_may_not() -> None:
    free = Statements(SECTIONED)
    clear = tuple(SECTIONED.encode(TEXTS[1]))
    findings, impression = (
        tuple(SECTIONED.encode(f"<{name}> {TEXTS[1]}")) for name in ("findings", "impression")
    )
    assert free.judge(findings, clear) is None
    assert free.judge(findings, impression) == DENIAL
    assert free.judge((*findings, *impression), clear) is None
    pneumonia = tuple(SECTIONED.encode(f"<impression> {TEXTS[0]}"))
    assert free.judge(findings, pneumonia) is None  # a contradiction, in whatever section


def test_sections_open_at_the_end_of_a_sentence_once_and_are_not_empty() -> None:
    findings, impression = sorted(SECTIONED.section_ids)
    assert any(isinstance(one, SectionOrder) for one in of_a_caption(SECTIONED))
    assert not any(isinstance(one, SectionOrder) for one in of_a_caption(WORDS))
    (order,) = [one for one in of_a_caption(SECTIONED) if isinstance(one, SectionOrder)]

    def allowed(text: str) -> set[int]:
        tokens = np.array([SECTIONED.encode(text)], dtype=np.int64)
        scores = np.zeros((1, len(SECTIONED)), np.float32)
        order.apply(scores, tokens, np.zeros(1, np.int64))
        return {i for i in (SECTIONED.eos, findings, impression) if scores[0, i] == 0}

    assert allowed("") == {SECTIONED.eos, findings, impression}
    assert allowed("<findings>") == set()
    assert allowed("<findings> the lungs") == {SECTIONED.eos}
    assert allowed("<findings> the lungs are clear .") == {SECTIONED.eos, impression}


def test_a_change_must_agree_with_what_both_studies_show() -> None:
    new, gone, same = (
        "new pleural effusion .",
        "the right pleural effusion has resolved .",
        "unchanged pleural effusion .",
    )
    new_left = "new left pleural effusion ."
    words = ReportTokenizer.train([new, new_left, gone, same], min_frequency=1, kind="word")
    judged = Statements(words)
    effusion = frozenset({"Effusion"})
    for text, compared, allowed in (
        (new, Compared(effusion, effusion), False),
        (new, Compared(effusion), True),
        (gone, Compared(effusion, effusion), False),
        (gone, Compared((), effusion), True),
        (same, Compared(effusion, effusion), True),
        (new_left, Compared(effusion, effusion, (), {("Effusion", "left")}), True),  # it was on the right
        (new_left, Compared(effusion, effusion, (), {("Effusion", "right")}), False),
        (new, Compared(effusion, effusion, (), {("Effusion", "left")}), False),
        (gone, Compared(effusion, effusion, {("Effusion", "right")}), True),  # it is on the left
        (gone, Compared(effusion, effusion, {("Effusion", "left")}), False),
    ):
        said = tuple(words.encode(text))
        shown = Shown(compared=compared)
        assert (judged.judge((), said, shown) is not None) is allowed
        assert judged.allows(said, shown) is allowed


def test_the_course_that_the_decoder_read_decides_what_is_said_and_must_be_told() -> None:
    new, gone, heart = (
        "new pleural effusion .",
        "the right pleural effusion has resolved .",
        "the heart is normal in size .",
    )
    words = ReportTokenizer.train([new, gone, heart], min_frequency=1, kind="word")
    judged = Statements(words)
    effusion = frozenset({"Effusion"})
    # Seen in both studies, so that without the course neither might be said.
    shown = Shown(compared=Compared(effusion, effusion, course={"Effusion": "resolved", "Mass": None}))
    told, wrong, other = (tuple(words.encode(text)) for text in (gone, new, heart))
    assert judged.judge(other, told, shown) == CHANGE
    assert judged.judge(other, wrong, shown) is None
    assert judged.judge((), other, shown) == DENIAL
    assert judged.allows(other, shown)  # a caption may begin so
    assert not judged.allows_whole(other, shown)
    assert judged.allows_whole((*other, *told), shown)
    none = Shown(compared=Compared(course={"Effusion": None}))
    assert judged.judge((), told, none) is None
    assert judged.allows_whole(other, none)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("There is a right pleural effusion.", "There is a left pleural effusion."),
        ("There is a left pleural effusion.", None),
        ("There are bilateral pleural effusions.", None),
        ("There is no right pleural effusion.", None),
        ("There is a right pneumothorax.", None),
        ("Right effusion, lead in the right ventricle.", "Left effusion, lead in the right ventricle."),
        ("Right effusion and right pneumothorax.", None),  # its map would be against the left
        ("Right effusion. Clear left lung and no left effusion.", None),  # it would contradict itself
        ("Right effusion. Right pneumothorax.", "Left effusion. Right pneumothorax."),
    ],
)
def test_a_finding_moves_to_the_side_that_its_map_shows(text: str, corrected: str | None) -> None:
    words = ReportTokenizer.train([text, f"{text} left"], min_frequency=1, kind="word")
    shown = Shown(weaker={("Effusion", "right"), ("Pneumothorax", "left")})
    moved = Statements(words).on_shown_sides(tuple(words.encode(text)), shown)
    assert words.decode(moved).lower() == (corrected or text).lower()
