"""Parts by a hash: stable, near the fractions asked for, independent of what else there is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radscribe.data.splits import FRACTIONS, Parts, assign, parse_fractions, unit_hash
from radscribe.errors import UsageError


def test_parts_are_those_that_other_machines_draw() -> None:
    # Were the hash to change, published splits would: these are pinned.
    drawn = [assign(f"p{n}") for n in range(8)]
    assert drawn == ["val", "test", "train", "val", "train", "train", "test", "train"]
    assert unit_hash("p0") == pytest.approx(0.780665613918961, abs=1e-15)


def test_fractions_are_met() -> None:
    counted = Counter(assign(f"patient {n}", seed=3) for n in range(20_000))
    for part, fraction in FRACTIONS.items():
        assert counted[part] / 20_000 == pytest.approx(fraction, abs=0.015)


def test_another_seed_draws_another_split() -> None:
    moved = sum(assign(f"p{n}", 0) != assign(f"p{n}", 1) for n in range(1000))
    assert 300 < moved < 600


@given(st.text(), st.integers(-(2**40), 2**40))
def test_a_patient_is_in_one_part_whatever_the_id(key: str, seed: int) -> None:
    assert assign(key, seed) == Parts(seed).of(key)
    assert 0 <= unit_hash(key, seed) < 1


def test_validation_is_carved_out_of_training_only() -> None:
    parts = Parts(fractions={"train": 0.6, "val": 0.2, "test": 0.2})
    counted = Counter(parts.carve(f"p{n}") for n in range(10_000))
    assert set(counted) == {"train", "val"}
    assert counted["val"] / 10_000 == pytest.approx(0.25, abs=0.015)


def test_fractions_are_read() -> None:
    assert parse_fractions("0.8,0.1,0.1") == {"train": 0.8, "val": 0.1, "test": 0.1}


@pytest.mark.parametrize(
    "text", ["", "0.7,0.3", "a,b,c", "0.7,0.1,0.1", "1.2,-0.1,-0.1", "0,0.5,0.5", "nan,0,1"]
)
def test_fractions_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--fractions"):
        parse_fractions(text)
