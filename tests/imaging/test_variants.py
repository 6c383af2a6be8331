"""DICOM files that bend the standard: every variant of `benchmarks.imaging.variants` reads as expected."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.imaging.variants import Variant, dicom, film, problem, variants
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read

VARIANTS = list(variants())
KINDS = sorted({variant.kind for variant in VARIANTS})


@pytest.fixture(scope="module")
def reference() -> Radiograph:
    return read(dicom(film(), WindowCenter="2048", WindowWidth="4096"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_variant_reads_as_expected(kind: str, reference: Radiograph) -> None:
    found = {variant.name: problem(variant, reference) for variant in VARIANTS if variant.kind == kind}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_each_kind_has_many_variants() -> None:
    count = Counter(variant.kind for variant in VARIANTS)
    few = {"photometric": 12, "transfer syntax": 4}  # there are not more ways to be wrong
    assert all(n >= few.get(kind, 25) for kind, n in count.items()), count


def test_a_variant_that_reads_differently_is_noticed(reference: Radiograph) -> None:
    upside_down = Variant("test", "turned", dicom(film()[::-1].copy()), "film")
    assert "differs" in str(problem(upside_down, reference))
    assert problem(Variant("test", "whole", dicom(film()), "cut short"), reference) == "was read"
