"""Search against full enumeration on a language small enough to enumerate."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest

from radscribe.inference.constraints import Forbid, NoRepeatedNgram, NotEmpty, of_a_caption
from radscribe.inference.search import Hypothesis, Ranker, Stepped, mean, search, total, wu
from radscribe.text.tokenizer import ReportTokenizer

BOS, EOS, V = 0, 1, 5
LONGEST = 4
State = tuple[npt.NDArray[np.float32], ...]


def table(seed: int) -> npt.NDArray[np.float32]:
    """Log-probabilities `[V, V]` of the next token after each token."""
    logits = np.random.default_rng(seed).normal(size=(V, V)) * 2
    log_probabilities: npt.NDArray[np.float32] = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return log_probabilities.astype(np.float32)


class Bigrams:
    """A decoder whose state is a study's number: each study has a language of its own."""

    def __init__(self, tables: list[npt.NDArray[np.float32]]) -> None:
        self.tables = np.stack(tables)

    def start(self, *studies: int) -> State:
        return (np.array(studies, dtype=np.float32)[:, None],)

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        return self.tables[state[0][:, 0].astype(int), token], state, None


def enumerate_best(logp: npt.NDArray[np.float32], rank: Ranker) -> tuple[tuple[int, ...], float]:
    """The best of all captions of one to LONGEST words that say neither <bos> nor nothing."""
    best: tuple[tuple[int, ...], float] = ((), -np.inf)
    for length in range(1, LONGEST + 1):
        for words in product(range(2, V), repeat=length):
            path = (BOS, *words, EOS)
            score = sum(float(logp[a, b]) for a, b in pairwise(path))
            ranked = rank(score, length + 1)
            if ranked > best[1]:
                best = (words, ranked)
    return best


def run(step: Bigrams, studies: list[int], beam: int, rank: Ranker = mean) -> list[list[Hypothesis]]:
    return search(
        step,
        step.start(*studies),
        bos=BOS,
        eos=EOS,
        max_length=LONGEST,
        beam=beam,
        constraints=(Forbid([BOS]), NotEmpty(EOS)),
        rank=rank,
    )


@pytest.mark.parametrize("rank", [mean, total, wu(0.7)], ids=["mean", "total", "wu"])
@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_best_caption(seed: int, rank: Ranker) -> None:
    step = Bigrams([table(seed)])
    (found,) = run(step, [0], beam=3**LONGEST, rank=rank)
    words, ranked = enumerate_best(step.tables[0], rank)
    assert found[0].tokens == words
    assert rank(found[0].log_probability, len(words) + 1) == pytest.approx(ranked, abs=1e-5)


@pytest.mark.parametrize("beam", [1, 2, 4])
def test_a_study_gets_the_same_captions_alone_and_in_a_batch(beam: int) -> None:
    step = Bigrams([table(seed) for seed in range(6)])
    together = run(step, list(range(6)), beam)
    for study in range(6):
        assert run(step, [study], beam) == [together[study]]


def test_greedy_takes_the_likeliest_word_each_time() -> None:
    step = Bigrams([table(3)])
    (found,) = run(step, [0], beam=1)
    token, words = BOS, list[int]()
    while True:
        scores = step.tables[0][token].copy()
        scores[BOS] = -np.inf
        if not words:
            scores[EOS] = -np.inf
        token = int(scores.argmax()) if len(words) < LONGEST else EOS
        if token == EOS:
            break
        words.append(token)
    assert found[0].tokens == tuple(words)


def test_log_probabilities_are_the_models_and_sum_to_the_captions() -> None:
    step = Bigrams([table(5)])
    (found,) = run(step, [0], beam=4)
    assert len(found) == 4
    for hypothesis in found:
        path = (BOS, *hypothesis.tokens, EOS)
        expected = [float(step.tables[0][a, b]) for a, b in pairwise(path)]
        assert hypothesis.log_probabilities == pytest.approx(expected)
        assert hypothesis.log_probability == pytest.approx(sum(expected))
    ranks = [mean(h.log_probability, len(h.log_probabilities)) for h in found]
    assert ranks == sorted(ranks, reverse=True)
    assert len({h.tokens for h in found}) == 4


class Looking(Bigrams):
    """Bigrams whose attention names the study, which is fixed, and the token that came before."""

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        study = state[0][:, 0]
        assert np.array_equal(fixed[0], study)
        raw, state, _ = super().__call__(token, state, fixed)
        return raw, state, np.stack([study, token], axis=1).astype(np.float32)


@pytest.mark.parametrize("beam", [1, 3, 4])
def test_each_word_keeps_where_it_looked_and_each_study_what_is_fixed(beam: int) -> None:
    step = Looking([table(seed) for seed in range(5)])
    studies = np.arange(5)
    found = search(
        step,
        step.start(*studies),
        (studies.astype(np.float32),),
        bos=BOS,
        eos=EOS,
        max_length=LONGEST,
        beam=beam,
        constraints=(Forbid([BOS]),),
    )
    assert len({len(hypotheses[0].tokens) for hypotheses in found}) > 1  # they end at different times
    for study, hypotheses in enumerate(found):
        for hypothesis in hypotheses:
            before = (BOS, *hypothesis.tokens)[: len(hypothesis.tokens)]
            assert hypothesis.attention is not None
            assert hypothesis.attention.tolist() == [[study, token] for token in before]


def test_a_caption_that_reaches_the_longest_length_is_ended() -> None:
    never_ends = np.log(np.full((V, V), 1e-6, dtype=np.float32))
    never_ends[:, 2] = np.log(1 - 4e-6)
    (found,) = run(Bigrams([never_ends]), [0], beam=2)
    assert found[0].tokens == (2,) * LONGEST


def test_a_few_tokens_in_a_row_are_not_said_twice() -> None:
    tokens = np.array([[2, 3, 4, 2, 3], [2, 3, 4, 3, 2]])
    scores = np.zeros((2, V), dtype=np.float32)
    NoRepeatedNgram(3).apply(scores, tokens)
    assert np.isneginf(scores[0]).nonzero()[0].tolist() == [4]
    assert np.isfinite(scores[1]).all()
    longer = np.zeros((2, V), dtype=np.float32)
    NoRepeatedNgram(4).apply(longer, tokens)
    assert np.isfinite(longer).all()


def test_a_caption_may_start_two_sentences_alike() -> None:
    tokenizer = ReportTokenizer.train(["there is a mass . there is a nodule ."], min_frequency=1)
    tokens = np.array([tokenizer.encode("there is a mass . there is")])
    scores = np.zeros((1, len(tokenizer)), dtype=np.float32)
    for constraint in of_a_caption(tokenizer):
        constraint.apply(scores, tokens)
    (a,) = tokenizer.encode("a")
    assert np.isfinite(scores[0, a])
