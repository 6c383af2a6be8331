"""Which files belong to one patient."""

from __future__ import annotations

import pytest

from radscribe.inference.patients import Patient, by_patient


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (Patient("a", "7", issuer="A"), Patient("b", "7", issuer="B"), True),
        (Patient("a", "7", issuer="A"), Patient("b", "7", issuer="A"), False),
        (Patient("a", "7", issuer="A"), Patient("b", "7"), False),
        (Patient("a", "7"), Patient("b", "8"), True),
        (Patient("a", "7", "A^B"), Patient("b", None, "B^A"), True),
        (Patient("a", None, "A^B", "19500101"), Patient("b", None, "A B", "19500101"), False),
    ],
)
def test_an_id_is_unique_within_its_issuer(one: Patient, other: Patient, differ: bool) -> None:
    assert one.differs(other) is other.differs(one) is differ
    assert len(by_patient("ab", [one, other])) == 1 + differ
