"""Samples have the model's frequencies, and depend on the seed alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from radscribe.inference.search import Greedy, Sample
from radscribe.inference.search.sample import draw
from tests.inference.toy_language import BOS, Bigrams, V, captions, run, table

DRAWS = 4000
UNLIKELY = 3.1  # a standard normal exceeds this once in a thousand times


def chi_square_is_likely(counts: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> bool:
    """Whether counts are those of draws, but for one time in a thousand (Wilson and Hilferty, 1931)."""
    assert counts[probabilities == 0].sum() == 0
    counts, probabilities = counts[probabilities > 0], probabilities[probabilities > 0]
    expected = probabilities / probabilities.sum() * counts.sum()
    freedom = len(counts) - 1
    ratio = float(((counts - expected) ** 2 / expected).sum()) / freedom
    return bool((ratio ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom)) < UNLIKELY)


def softmax(scores: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float64]:
    raised = np.exp(scores.astype(np.float64) / temperature)
    return np.asarray(raised / raised.sum())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("top_k", "top_p"), [(0, 1.0), (3, 1.0), (0, 0.7), (3, 0.9)])
def test_tokens_come_as_often_as_they_are_likely(temperature: float, top_k: int, top_p: float) -> None:
    logits = np.array([0.3, -1.0, 1.2, 0.9, -0.4, 1.2], dtype=np.float32)
    expected = softmax(logits, temperature)
    order = sorted(range(len(expected)), key=lambda i: (-expected[i], i))
    kept = order[: top_k or len(order)]
    mass = expected[kept].sum()
    nucleus = [i for place, i in enumerate(kept) if expected[kept[:place]].sum() < top_p * mass]
    expected[[i for i in order if i not in nucleus]] = 0
    numbers = np.random.default_rng(1).random(DRAWS)
    tokens = draw(np.tile(logits / temperature, (DRAWS, 1)).astype(np.float64), numbers, top_k, top_p)
    assert chi_square_is_likely(np.bincount(tokens, minlength=len(logits)), expected)


def test_a_wrong_distribution_would_be_noticed() -> None:
    even = np.full((DRAWS, 4), 0.25)
    tokens = draw(np.log(even), np.random.default_rng(1).random(DRAWS))
    counts = np.bincount(tokens, minlength=4)
    assert chi_square_is_likely(counts, even[0])
    assert not chi_square_is_likely(counts, np.array([0.31, 0.23, 0.23, 0.23]))


def test_the_ends_of_the_unit_interval_draw_what_is_possible() -> None:
    scores = np.array([[-np.inf, -0.7, -2.3, -0.9, -np.inf]])
    ends = np.array([0.0, np.nextafter(1, 0)])
    assert draw(np.tile(scores, (2, 1)), ends).tolist() == [1, 3]


def test_captions_come_as_often_as_they_are_likely() -> None:
    step = Bigrams([table(4)])
    (found,) = run(step, [0], Sample(DRAWS, seed=3), max_length=2)
    known = [words for words, _ in captions(step.tables[0]) if len(words) <= 2]
    counts = Counter(h.tokens for h in found)
    assert sum(counts[words] for words in known) == DRAWS
    likely = []
    for words in known:  # what is forbidden shares its part among the rest; the longest are ended
        first = softmax(np.delete(step.tables[0][BOS], [0, 1]), 1)
        second = softmax(np.delete(step.tables[0][words[0]], 0), 1)
        likely.append(first[words[0] - 2] * (second[words[1] - 1] if len(words) == 2 else second[0]))
    assert sum(likely) == pytest.approx(1)
    assert chi_square_is_likely(np.array([counts[words] for words in known]), np.array(likely))


def test_a_seed_gives_the_same_samples_and_another_seed_others() -> None:
    step = Bigrams([table(6)])
    once = run(step, [0], Sample(8, seed=11))
    assert run(step, [0], Sample(8, seed=11)) == once
    assert run(step, [0], Sample(8, seed=12)) != once


def test_more_samples_hold_the_fewer() -> None:
    step = Bigrams([table(6)])
    fewer, more = (Counter(h.tokens for h in run(step, [0], Sample(n))[0]) for n in (4, 9))
    assert fewer <= more
    assert sum(more.values()) == 9


def test_the_likeliest_token_alone_is_greedy() -> None:
    step = Bigrams([table(seed) for seed in range(6)])
    greedy = run(step, range(6), Greedy())
    assert run(step, range(6), Sample(top_k=1)) == greedy
    assert run(step, range(6), Sample(top_p=1e-9)) == greedy
    assert run(step, range(6), Sample(temperature=1e-4)) == greedy


def test_a_cut_keeps_tokens_out() -> None:
    step = Bigrams([table(9)])
    (found,) = run(step, [0], Sample(300, temperature=3, top_k=2, seed=1))
    for h in found:
        for before, after in zip((BOS, *h.tokens[:-1]), h.tokens, strict=True):
            allowed = [token for token in range(1, V) if before != BOS or token != 1]
            best = sorted(allowed, key=lambda token: -step.tables[0][before, token])[:2]
            assert after in best
