"""Search against full enumeration on a language small enough to enumerate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radscribe.errors import UsageError
from radscribe.inference.constraints import NoRepeatedNgram, SectionOrder, of_a_caption
from radscribe.inference.search import (
    Beam,
    DiverseBeam,
    Greedy,
    Hypothesis,
    LengthPenalty,
    Mean,
    Ranker,
    Sample,
    State,
    Stepped,
    Strategy,
    Total,
    search,
)
from radscribe.inference.search.beam import largest
from radscribe.inference.search.loop import Lost
from radscribe.text.tokenizer import ReportTokenizer
from tests.inference.toy_language import BOS, EOS, LONGEST, WORDED, Bigrams, V, captions, run, table

RANKERS = [Mean(), Total(), LengthPenalty(0.7), LengthPenalty(1.5)]
STRATEGIES: list[Strategy] = [
    Greedy(),
    Beam(2),
    Beam(4, LengthPenalty(0.7)),
    DiverseBeam(4, groups=2, strength=0.7),
    Sample(3, temperature=1.5, top_k=3, seed=5),
    Sample(2, top_p=0.8),
]
WIDE = 3**LONGEST


@pytest.mark.parametrize("rank", RANKERS, ids=repr)
@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_best_captions_in_order(seed: int, rank: Ranker) -> None:
    step = Bigrams([table(seed)])
    (found,) = run(step, [0], Beam(WIDE, rank))
    ranks = {words: float(rank(p, len(words) + 1)) for words, p in captions(step.tables[0])}
    # Captions of the same pairs of words in another order are equally likely.
    assert [ranks[h.tokens] for h in found[:10]] == pytest.approx(sorted(ranks.values())[:-11:-1], abs=1e-5)
    assert found[0].tokens == max(ranks, key=lambda words: ranks[words])


@pytest.mark.parametrize("rank", RANKERS, ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_caption_that_is_allowed(seed: int, rank: Ranker) -> None:
    step = Bigrams([table(seed)])
    (found,) = run(step, [0], Beam(WIDE, rank), (*WORDED, NoRepeatedNgram(1)))
    allowed = [(words, p) for words, p in captions(step.tables[0]) if len(set(words)) == len(words)]
    best = max(allowed, key=lambda c: float(rank(c[1], len(c[0]) + 1)))
    assert found[0].tokens == best[0]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_a_study_gets_the_same_captions_alone_and_in_a_batch(strategy: Strategy) -> None:
    step = Bigrams([table(seed) for seed in range(12)])
    together = run(step, list(range(12)), strategy)
    for study in range(12):
        assert run(step, [study], strategy) == [together[study]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(RANKERS))
def test_a_beam_of_one_is_greedy(seed: int, rank: Ranker) -> None:
    step = Bigrams([table(seed)])
    greedy = run(step, [0], Greedy())
    assert run(step, [0], Beam(1, rank)) == greedy
    assert run(step, [0], DiverseBeam(1, groups=1, rank=Total())) == greedy


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(RANKERS), st.integers(2, 5))
def test_one_group_is_a_beam_and_so_are_groups_that_need_not_differ(
    seed: int, rank: Ranker, width: int
) -> None:
    step = Bigrams([table(seed), table(seed + 1)])
    beam = run(step, [0, 1], Beam(width, rank))
    assert run(step, [0, 1], DiverseBeam(width, 1, 0.7, rank)) == beam
    for same, one in zip(run(step, [0, 1], DiverseBeam(3 * width, 3, 0.0, rank)), beam, strict=True):
        assert same[:width] == one


def test_groups_that_must_differ_do() -> None:
    step = Bigrams([table(3)])
    (found,) = run(step, [0], DiverseBeam(3, groups=3, strength=1e6))
    firsts = {h.tokens[0] for h in found}
    assert len(found) == len(firsts) == 3  # each group had to start with another word
    for h in found:  # and yet they are ranked by what the model holds of them
        assert h.log_probability == pytest.approx(dict(captions(step.tables[0]))[h.tokens], abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(STRATEGIES))
def test_captions_are_sorted_and_their_log_probabilities_the_models(seed: int, strategy: Strategy) -> None:
    step = Bigrams([table(seed)])
    (found,) = run(step, [0], strategy)
    assert 1 <= len(found) <= strategy.width
    for h in found:
        expected = [float(step.tables[0][a, b]) for a, b in pairwise((BOS, *h.tokens, EOS))]
        assert h.log_probabilities == pytest.approx(expected)
        assert h.log_probability == pytest.approx(sum(expected))
    rank = getattr(strategy, "rank", Mean())
    ranks = [float(rank(h.log_probability, len(h.log_probabilities))) for h in found]
    assert ranks == sorted(ranks, reverse=True)
    if not isinstance(strategy, Sample):
        assert len({h.tokens for h in found}) == len(found)


class Looking(Bigrams):
    """Bigrams whose attention names the study, which is fixed, and the token that came before."""

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        study = state[0][:, 0]
        assert np.array_equal(fixed[0], study)
        raw, state, _ = super().__call__(token, state, fixed)
        return raw, state, np.stack([study, token], axis=1).astype(np.float32)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_each_word_keeps_where_it_looked_and_each_study_what_is_fixed(strategy: Strategy) -> None:
    step = Looking([table(seed) for seed in range(5)])
    studies = np.arange(5)
    found = search(
        step,
        step.start(*studies),
        (studies.astype(np.float32),),
        strategy=strategy,
        bos=BOS,
        eos=EOS,
        max_length=LONGEST,
        constraints=WORDED[:1],
    )
    assert len({len(hypotheses[0].tokens) for hypotheses in found}) > 1  # they end at different times
    for study, hypotheses in enumerate(found):
        for hypothesis in hypotheses:
            before = (BOS, *hypothesis.tokens)[: len(hypothesis.tokens)]
            assert hypothesis.attention is not None
            assert hypothesis.attention.tolist() == [[study, token] for token in before]


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2), DiverseBeam(2, 2), Sample()], ids=repr)
def test_a_caption_that_reaches_the_longest_length_is_ended(strategy: Strategy) -> None:
    never_ends = np.log(np.full((V, V), 1e-6, dtype=np.float32))
    never_ends[:, 2] = np.log(1 - 4e-6)
    (found,) = run(Bigrams([never_ends]), [0], strategy)
    assert found[0].tokens == (2,) * LONGEST


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3), DiverseBeam(4, 2), Sample(2)], ids=repr)
def test_a_caption_to_which_all_is_forbidden_ends(strategy: Strategy) -> None:
    (found,) = run(Bigrams([table(0)]), [0], strategy, (NoRepeatedNgram(1), *WORDED), max_length=20)
    assert found
    assert all(1 <= len(h.tokens) <= V - 2 for h in found)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2), Beam(3)], ids=repr)
def test_of_equally_likely_tokens_the_lower_one_is_said(strategy: Strategy) -> None:
    even = np.log(np.full((V, V), 1 / V, dtype=np.float32))
    (found,) = run(Bigrams([even]), [0], strategy, max_length=1)
    assert [h.tokens for h in found] == [(word,) for word in range(2, 2 + strategy.width)]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 8), st.integers(1, 12))
def test_the_largest_are_those_of_a_full_sort(data: st.DataObject, count: int, size: int) -> None:
    few = st.sampled_from([-np.inf, -2.0, -1.0, -0.5, 0.0])  # many ties
    rows = data.draw(st.lists(st.lists(few, min_size=size, max_size=size), min_size=1, max_size=4))
    found, places = largest(np.array(rows), count)
    for row, values, at in zip(rows, found.tolist(), places.tolist(), strict=True):
        expected = sorted(range(size), key=lambda i: (-row[i], i))[:count]
        finite = [i for i in expected if row[i] > -np.inf]
        assert at[: len(finite)] == finite
        assert values == [row[i] for i in expected] + [-np.inf] * (count - len(expected))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Beam(0),
        lambda: LengthPenalty(-0.1),
        lambda: DiverseBeam(4, groups=3),
        lambda: DiverseBeam(4, groups=0),
        lambda: DiverseBeam(4, groups=2, strength=-1),
        lambda: Sample(0),
        lambda: Sample(temperature=0),
        lambda: Sample(temperature=float("nan")),
        lambda: Sample(top_k=-1),
        lambda: Sample(top_p=0),
        lambda: Sample(top_p=1.1),
        lambda: Sample(seed=-1),
    ],
)
def test_strategies_that_make_no_sense(wrong: object) -> None:
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 4), max_size=12), st.integers(1, 4))
def test_a_few_tokens_in_a_row_are_not_said_twice(said: list[int], length: int) -> None:
    scores = np.zeros((1, V))
    NoRepeatedNgram(length).apply(scores, np.array([said], dtype=np.int64), np.zeros(1, np.int64))
    for token in range(V):
        following = [*said, token]
        grams = [tuple(following[i : i + length]) for i in range(len(following) - length + 1)]
        assert np.isneginf(scores[0, token]) == (bool(grams) and grams[-1] in grams[:-1])


def test_a_caption_may_start_two_sentences_alike() -> None:
    tokenizer = ReportTokenizer.train(["there is a mass . there is a nodule ."], min_frequency=1)
    tokens = np.array([tokenizer.encode("there is a mass . there is")])
    scores = np.zeros((1, len(tokenizer)), dtype=np.float32)
    for constraint in of_a_caption(tokenizer):
        constraint.apply(scores, tokens, np.zeros(1, np.int64))
    (a,) = tokenizer.encode("a")
    assert np.isfinite(scores[0, a])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_a_study_is_given_up_only_when_none_of_its_captions_may_be_given(strategy: Strategy) -> None:
    step, end, wrong = Bigrams([table(seed) for seed in range(12)]), 2, 3
    rows: list[int] = []

    def counted(token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        rows.append(len(token))
        return step(token, state, fixed)

    def lost(study: int, tokens: tuple[int, ...]) -> bool:
        return wrong in tokens

    def searched(lost: Lost | None) -> list[list[Hypothesis]]:
        return search(
            counted,
            step.start(*range(12)),
            strategy=strategy,
            bos=BOS,
            eos=EOS,
            max_length=12,
            constraints=WORDED,
            lost=lost,
            ends=[end],
        )

    whole = searched(None)
    all_rows = sum(rows)
    rows.clear()
    for before, after in zip(whole, searched(lost), strict=True):
        assert [h for h in after if wrong not in h.tokens] == [h for h in before if wrong not in h.tokens]
    rows.clear()
    searched(lambda study, tokens: True)
    assert sum(rows) < all_rows


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=repr)
def test_memory_is_used_again_and_the_first_state_stays_the_callers(strategy: Strategy) -> None:
    first = (np.array([[1.0], [2.0], [3.0]]),)  # of each study; then the sum of what it said
    seen: list[npt.NDArray[np.float64]] = []

    def step(token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        total = state[0].copy() if not seen else state[0]  # written in place, like a cache
        seen.append(total)
        total += token[:, None]
        said = np.log(np.full((len(token), V), 0.1, np.float32))
        said[:, 2 + token % (V - 2)] = -0.1
        return said, (total,), None

    found = search(step, first, strategy=strategy, bos=BOS, eos=EOS, max_length=6)
    assert first[0].ravel().tolist() == [1, 2, 3]
    assert all(mine[0].tokens == found[0][0].tokens for mine in found)
    assert np.shares_memory(seen[2], seen[4])
    assert 1 + BOS + sum(found[0][0].tokens) in seen[-1][:, 0]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(st.integers(2, 7), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_section_begins_once_after_a_sentence_and_is_not_empty(rows: list[list[int]]) -> None:
    eos, sections, ends = 3, {4, 5}, {6}
    scores = np.zeros((len(rows), 8), np.float32)
    said = np.array(rows, dtype=np.int64)
    SectionOrder(sections, ends, eos).apply(scores, said, np.zeros(len(rows), np.int64))
    for row, tokens in zip(scores, rows, strict=True):
        forbidden = {s for s in sections if tokens[-1] not in ends or s in tokens}
        forbidden |= {eos} if tokens[-1] in sections else set()
        assert set(np.flatnonzero(np.isneginf(row)).tolist()) == forbidden
