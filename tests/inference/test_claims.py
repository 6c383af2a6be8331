"""No caption claims a prior study, or a view that the study does not have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from radscribe.inference.constraints import Claims, Constraint, of_a_caption
from radscribe.inference.search import Beam, DiverseBeam, Greedy, Sample, State, Stepped, Strategy, search
from radscribe.text.claims import FRONTAL, LATERAL, OTHER_VIEWS, PRIOR
from radscribe.text.sentences import compares_with_prior, split_sentences
from radscribe.text.tokenizer import ReportTokenizer

REPORT = (
    "frontal and lateral views of the chest were obtained . the heart size is stable compared to the prior "
    "study . there is no change since the previous exam . the lungs remain clear , with evidence of prior "
    "granulomatous disease . a granuloma is again seen on the lateral view . interval removal of the picc "
    "line . retrosternal airspace is increased . the left lateral chest wall is against the priority ."
)


def tokenizer(kind: str) -> ReportTokenizer:
    return ReportTokenizer.train([REPORT] * 3, vocabulary_size=90 if kind == "bpe" else 4000, kind=kind)


class Parrot:
    """A decoder that wants to say one text, whatever it said so far, and else anything."""

    def __init__(self, vocabulary: int, tokens: Sequence[int], eos: int) -> None:
        self._wanted = [*tokens, eos]
        self._vocabulary = vocabulary

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        (said,) = state
        scores = np.random.default_rng(int(said[0])).normal(size=self._vocabulary).astype(np.float32)
        scores[self._wanted[min(int(said[0]), len(self._wanted) - 1)]] += 20
        logp = scores - np.log(np.exp(scores).sum())
        return np.tile(logp, (len(token), 1)), (said + 1,), None


def say(
    text: str, words: ReportTokenizer, views: Sequence[Sequence[str]], strategy: Strategy | None = None
) -> list[str]:
    """What a decoder that wants to say `text` says of studies with these views."""
    tokens = words.encode(text)
    assert words.unk not in tokens
    found = search(
        Parrot(len(words), tokens, words.eos),
        (np.zeros(len(views), np.int64),),
        strategy=strategy or Greedy(),
        bos=words.bos,
        eos=words.eos,
        max_length=len(tokens) + 2,
        constraints=(*of_a_caption(words), Claims(words).of(views)),
    )
    return [words.decode(hypotheses[0].tokens).lower() for hypotheses in found]


BOTH, FRONT, SIDE = ["PA", "lateral"], ["AP"], ["lateral"]


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize(
    "claim",
    [
        "the heart size is stable .",
        "compared to the study .",
        "no change .",
        "the lungs remain clear .",
        "a granuloma is again seen .",
        "of the prior study .",
        "of the previous exam .",
        "evidence of prior",
        "interval removal .",
    ],
)
def test_no_caption_speaks_of_a_prior(kind: str, claim: str) -> None:
    said = say(claim, tokenizer(kind), [BOTH, FRONT, SIDE])
    for text in said:
        assert text != claim.replace(" .", ".")
        assert not compares_with_prior(text)


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize(
    "harmless",
    [
        "the left lateral chest wall is clear .",
        "evidence of prior granulomatous disease .",
        "the heart size is increased .",
        "no granuloma seen .",
    ],
)
def test_what_is_no_claim_may_be_said(kind: str, harmless: str) -> None:
    assert say(harmless, tokenizer(kind), [FRONT]) == [harmless.replace(" .", ".")]


@pytest.mark.parametrize("word", ["against", "priority"])
def test_a_longer_word_is_another_word(word: str) -> None:
    assert say(f"the {word} of the heart .", tokenizer("word"), [FRONT]) == [f"the {word} of the heart."]


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize(
    ("claim", "may"),
    [
        ("frontal and lateral views of the chest .", [True, False, False, False]),
        ("a granuloma is seen on the lateral view .", [True, False, True, False]),
        ("retrosternal airspace is increased .", [True, False, True, False]),
        ("frontal views of the chest .", [True, True, False, False]),
    ],
)
def test_a_view_is_spoken_of_where_the_study_has_it(kind: str, claim: str, may: list[bool]) -> None:
    said = say(claim, tokenizer(kind), [BOTH, FRONT, SIDE, ["unknown"]])
    assert [text == claim.replace(" .", ".") for text in said] == may


@pytest.mark.parametrize("strategy", [Beam(3), DiverseBeam(4, 2), Sample(2, seed=1)], ids=repr)
def test_no_strategy_claims(strategy: Strategy) -> None:
    words = tokenizer("word")
    for text in say("the heart size is stable since the prior study .", words, [FRONT, BOTH], strategy):
        assert not compares_with_prior(text)


def test_what_would_lead_nowhere_is_not_begun() -> None:
    words = ReportTokenizer.train(["the heart is of prior size ."], min_frequency=1)  # no past event in it
    assert say("prior size .", words, [FRONT])[0].split()[:1] != ["prior"]


def completes(words: ReportTokenizer, constraint: Constraint, text: str) -> bool:
    """Whether some token of a text, or its end, is forbidden."""
    tokens = words.encode(text)
    for place, token in enumerate([*tokens, words.eos]):
        scores = np.zeros((1, len(words)), dtype=np.float32)
        constraint.apply(scores, np.array([tokens[:place]], dtype=np.int64), np.zeros(1, np.int64))
        if np.isneginf(scores[0, token]):
            return True
    return False


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_every_phrase_of_the_list_is_forbidden(kind: str) -> None:
    phrases = [phrase.replace("*", "ing") for phrase in (*PRIOR, *LATERAL, *FRONTAL, *OTHER_VIEWS)]
    texts = [f"the heart {phrase} ." for phrase in phrases]
    words = ReportTokenizer.train(
        texts, min_frequency=1, vocabulary_size=250 if kind == "bpe" else 4000, kind=kind
    )
    constraint = Claims(words).of([["unknown"]])
    assert [text for text in texts if not completes(words, constraint, text)] == []
    assert not completes(words, constraint, "the heart .")


def test_comparisons_are_allowed_where_there_is_a_prior() -> None:
    words = tokenizer("word")
    claims = Claims(words)
    for given in (True, False):
        constraint = claims.of([BOTH], [given])
        assert completes(words, constraint, "the heart size is stable compared to the prior study .") != given
    assert completes(words, claims.of([FRONT], [True]), "a granuloma is again seen on the lateral view .")


@pytest.mark.real_data
def test_real_sentences_are_forbidden_where_the_reader_finds_a_prior(shared_data: Path) -> None:
    annotation = json.loads((shared_data / "iu" / "annotation.json").read_text())
    reports = [study["report"] for study in annotation["train"][:500]]
    words = ReportTokenizer.train(reports, min_frequency=1)
    sentences = {sentence for report in reports for sentence in split_sentences(report.lower())}
    constraint = Claims(words).of([BOTH])
    both = {s: completes(words, constraint, s) for s in sentences if "xxxx" not in s}
    assert len(both) > 800
    spoken = [sentence for sentence in both if compares_with_prior(sentence)]
    missed = [sentence for sentence in spoken if not both[sentence]]
    assert len(missed) <= 0.02 * len(spoken)
    harmless = [s for s in both if both[s] and not compares_with_prior(s)]
    assert len(harmless) <= 0.01 * len(both), harmless
