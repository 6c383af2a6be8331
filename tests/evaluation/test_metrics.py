"""Metrics against their definitions, and resamples against scoring the resampled studies."""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from radscribe.errors import DataError
from radscribe.evaluation.bootstrap import multiplicities, paired_p_value, resamples
from radscribe.evaluation.metrics import registry
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.rouge import common_subsequence
from radscribe.evaluation.tokenisation import TOKENIZATIONS, Tokens
from tests.evaluation.small import reports


def words(n: int, seed: int) -> list[Tokens]:
    generator = random.Random(seed)
    return [tuple(generator.choices("abcdefg", k=generator.randrange(1, 15))) for _ in range(n)]


def grams(text: Tokens, order: int) -> Counter[Tokens]:
    return Counter(text[i : i + order] for i in range(len(text) - order + 1))


def cider_by_definition(captions: list[Tokens], references: list[list[Tokens]]) -> float:
    """Vedantam et al., equations 1 to 3, by dictionaries."""
    total = 0.0
    for order in range(1, 5):
        having = Counter(g for texts in references for g in {g for t in texts for g in grams(t, order)})

        def vector(text: Tokens, order: int = order, having: Counter[Tokens] = having) -> dict[Tokens, float]:
            n = len(references)
            return {g: c * math.log(n / max(1, having[g])) for g, c in grams(text, order).items()}

        for caption, texts in zip(captions, references, strict=True):
            for text in texts:
                a, b = vector(caption), vector(text)
                length = math.dist((0,) * len(a), a.values()) * math.dist((0,) * len(b), b.values())
                dot = sum(value * b.get(g, 0) for g, value in a.items())
                total += dot / length / len(texts) if length else 0
    return 10 * total / 4 / len(captions)


def test_cider_is_the_papers_sum() -> None:
    captions = words(30, 1)
    references = [[a, b] for a, b in zip(words(30, 2), words(30, 3), strict=True)]
    expected = cider_by_definition(captions, references)
    assert registry.score(Corpus(captions, references))["cider"] == pytest.approx(expected, abs=1e-9)


def test_repeating_words_pays_in_cider_and_not_in_cider_d() -> None:
    references = [[("large", "left", "effusion")], [("no", "pneumothorax", "seen")]]
    once = registry.score(Corpus([("effusion",), ("no",)], references))
    often = registry.score(Corpus([("effusion",) * 30, ("no",)], references))
    assert often["cider"] >= once["cider"]
    other = once["cider_d"] / 2  # of the second study, which says the same in both
    assert often["cider_d"] - other < 0.05 * other


def test_common_subsequence_is_that_of_the_table() -> None:
    for one, other in zip(words(40, 4), words(40, 5), strict=True):

        @lru_cache
        def longest(i: int, j: int, one: Tokens = one, other: Tokens = other) -> int:
            if not i or not j:
                return 0
            if one[i - 1] == other[j - 1]:
                return longest(i - 1, j - 1) + 1
            return max(longest(i - 1, j), longest(i, j - 1))

        assert common_subsequence(one, other) == longest(len(one), len(other))


def test_smoothed_bleu_is_above_nothing_where_no_4_gram_is_common() -> None:
    corpus = Corpus([("a", "b", "x", "c", "d")], [[("a", "b", "y", "c", "d")]])
    found = registry.score(corpus)
    assert found["bleu_4"] < 1e-3
    # Matches and guesses 4/5, (2+1)/(4+1), (0+1)/(3+1), (0+1)/(2+1).
    assert found["bleu_4_add_1"] == pytest.approx((4 / 5 * 3 / 5 * 1 / 4 * 1 / 3) ** 0.25, abs=1e-6)


def test_exact_match_and_length_ratio() -> None:
    found = registry.score(Corpus([("a", "b"), ("c",)], [[("a", "b")], [("c", "d", "e")]]))
    assert found["exact_match"] == 0.5
    assert found["length_ratio"] == pytest.approx(3 / 5)


def test_a_resample_scores_as_its_studies_with_fixed_document_frequencies() -> None:
    captions, references = words(25, 6), [[text] for text in words(25, 7)]
    numbers = registry.statistics(Corpus(captions, references))
    rows = np.random.default_rng(0).integers(0, 25, 25)
    weights = np.bincount(rows, minlength=25).astype(float)[None]
    found = registry.values(numbers, weights)
    again = registry.score(Corpus([captions[i] for i in rows], [references[i] for i in rows]))
    for name in ("bleu_1", "bleu_4", "rouge_l", "length_ratio"):
        assert found[name][0] == pytest.approx(again[name])
    whole = registry.METRICS["cider_d"].statistics(Corpus(captions, references))[:, 0]
    assert found["cider_d"][0] == pytest.approx(whole[rows].mean())


def test_multiplicities_keep_groups_whole() -> None:
    groups = ["a", "a", "b", "c"]
    drawn = multiplicities(groups, rounds=200)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2, 3]].sum(1) == 3).all()
    counts = np.array([np.bincount(rows, minlength=4) for rows in resamples(groups, 200)])
    assert drawn.mean(0) == pytest.approx(counts.mean(0), abs=0.25)


def test_p_value_of_no_difference_is_1_and_of_a_clear_one_small() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 999)
    assert paired_p_value(noise, 0.0) == 1
    assert paired_p_value(noise + 50, 50.0) == 1 / 1000
    assert 0.2 < paired_p_value(noise + 1, 1.0) < 0.45  # two-sided, one standard deviation


def test_a_signature_names_all_that_the_score_depends_on() -> None:
    vocabulary = TOKENIZATIONS["r2gen"]
    text = registry.signature("cider_d", vocabulary, 1, 590)
    for part in ("cider_d", "radscribe:", "tok:r2gen", "case:lower", "refs:1", "n:590", "sigma:6"):
        assert part in text


def test_a_study_without_reference_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one reference"):
        Corpus([("a",)], [[]])


def test_every_metric_of_the_registry_scores_its_own_references_best() -> None:
    texts = TOKENIZATIONS["plain"].all(reports(12))
    perfect = registry.score(Corpus(texts, [[text] for text in texts]))
    other = registry.score(Corpus(texts[1:] + texts[:1], [[text] for text in texts]))
    for name in registry.metric_names():
        if name != "length_ratio":
            assert perfect[name] > other[name], name
