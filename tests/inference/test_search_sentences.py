"""The search over sentences finds what a plain enumeration of the same sentences finds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from radscribe.inference.search import Hypothesis, search_sentences
from radscribe.inference.search.sentences import BRANCHING, LEAST, LEAST_WORD, _stacked
from tests.inference.toy_language import BOS, EOS, WORDED, Bigrams, Floats, V, table

END, LONGEST = 4, 9  # the token that ends a sentence, and tokens of a caption
STUDIES = 6
TABLES = [table(seed) for seed in range(STUDIES)]


def judge(study: int, said: tuple[int, ...], sentence: tuple[int, ...]) -> float | None:
    """Forbid one sentence in three, and let another third be less likely."""
    return (None, 0.0, 6.0)[hash((study, said, sentence)) % 3]


def continuations(logp: Floats, before: tuple[int, ...], sentence: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All sentences that begin with these words."""
    place, last = len(sentence), (BOS, *before, *sentence)[-1]
    if len(before) + place >= LONGEST:
        return []
    usual = [token for token in range(2, V) if not place or logp[last, token] >= LEAST_WORD]
    if place == 0:
        usual.remove(END)
    found = [(*sentence, END)] if END in usual and logp[last, END] > LEAST_WORD else []
    if place >= BRANCHING:
        usual = [max(usual, key=lambda token: float(logp[last, token]))] if usual else []
    for word in usual:
        if word != END and len(before) + place + 1 < LONGEST:
            found += continuations(logp, before, (*sentence, word))
    return found


def enumerated(study: int, passed_over: int) -> tuple[int, ...]:
    """The caption of a study, by trying everything."""
    logp = TABLES[study]
    said: tuple[int, ...] = ()
    while True:
        last = (BOS, *said)[-1]
        least = max(LEAST, float(logp[last, EOS])) if said else LEAST
        scores = {
            sentence: sum(float(logp[a, b]) for a, b in pairwise((last, *sentence)))
            for sentence in continuations(logp, said, ())
        }
        allowed = [
            sentence
            for sentence in sorted(scores, key=lambda one: -scores[one])
            if (allowance := judge(study, said, sentence)) is not None
            and scores[sentence] + allowance >= least
        ]
        skip = 0 if said else passed_over
        if len(allowed) <= skip:
            return said
        said = (*said, *allowed[skip])
        if len(said) >= LONGEST - 1:
            return said


def searched(passed_over: int, most_allowance: float, studies: list[int]) -> list[Hypothesis]:
    step = Bigrams(TABLES)
    return search_sentences(
        step,
        step.start(*studies),
        judge=lambda place, said, sentence: judge(studies[place], said, sentence),
        ends={END},
        bos=BOS,
        eos=EOS,
        max_length=LONGEST,
        constraints=WORDED,
        passed_over=passed_over,
        most_allowance=most_allowance,
    )


@pytest.mark.parametrize("passed_over", [0, 1, 2])
@pytest.mark.parametrize("most_allowance", [6.0, math.inf])
def test_the_search_finds_what_enumeration_finds(passed_over: int, most_allowance: float) -> None:
    found = searched(passed_over, most_allowance, list(range(STUDIES)))
    assert [h.tokens for h in found] == [enumerated(study, passed_over) for study in range(STUDIES)]
    assert any(h.tokens.count(END) > 1 for h in found)  # some captions have several sentences


def test_a_study_gets_the_same_caption_alone_and_its_log_probabilities_are_the_models() -> None:
    together = searched(0, 6.0, list(range(STUDIES)))
    assert together == [searched(0, 6.0, [study])[0] for study in range(STUDIES)]
    for study, hypothesis in enumerate(together):
        said = [float(TABLES[study][a, b]) for a, b in pairwise((BOS, *hypothesis.tokens))]
        np.testing.assert_allclose(hypothesis.log_probabilities[:-1], said)


def test_caches_of_shorter_captions_are_filled_up() -> None:
    shorter, longer = np.ones((2, 1, 3)), np.full((2, 4, 3), 2.0)
    stacked = _stacked([shorter, longer])
    assert stacked.shape == (2, 2, 4, 3)
    assert np.array_equal(stacked[0, :, :1], shorter)
    assert not stacked[0, :, 1:].any()
    assert np.array_equal(_stacked([np.array(1), np.array(2)]), [1, 2])
