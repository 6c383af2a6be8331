"""The table of codes, against pydicom's copy of PS3.16."""

from __future__ import annotations

import pytest

from radscribe.interop import codes
from radscribe.interop.codes import Code
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import LABELS

concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts

KNOWN: dict[tuple[str, str], set[str]] = {}
for _scheme, _by_name in concepts.items():
    for _by_code in _by_name.values():
        for _value, (_meaning, _groups) in _by_code.items():
            KNOWN.setdefault((_scheme, _value), set()).add(_meaning.lower())

EVERY = [
    *(code for finding in codes.FINDINGS.values() for code in (finding.code, finding.site, *finding.also)),
    *codes.PRESENCE.values(),
    *codes.SIDES.values(),
    *(value for value in vars(codes).values() if isinstance(value, Code)),
]


@pytest.mark.parametrize("code", EVERY, ids=lambda code: f"{code.scheme}-{code.value}")
def test_a_code_of_the_standard_has_the_meaning_of_the_standard(code: Code) -> None:
    known = KNOWN.get((code.scheme, code.value))
    if known is not None:
        assert code.meaning.lower() in known
    else:
        assert code.scheme != "DCM"  # the standard defines each of these


def test_a_source_in_the_standard_is_a_code_that_the_standard_knows() -> None:
    for finding in codes.FINDINGS.values():
        in_standard = (finding.code.scheme, finding.code.value) in KNOWN
        assert in_standard == finding.source.startswith("PS3.16 ") or finding.code.scheme == codes.PRIVATE


def test_every_finding_that_the_labeller_or_the_encoder_knows_has_codes() -> None:
    assert {*LABELS, *CHESTXRAY14, "Hyperinflation", "Scar"} <= set(codes.FINDINGS)


def test_no_two_findings_share_a_code_and_no_code_is_too_long_for_dicom() -> None:
    values = [(finding.code.scheme, finding.code.value) for finding in codes.FINDINGS.values()]
    assert len(values) == len(set(values))
    assert all(len(value) <= 16 for _, value in values)


def test_a_private_code_says_why() -> None:
    private = [f for f in codes.FINDINGS.values() if f.code.scheme == codes.PRIVATE]
    assert private
    assert all(len(finding.source) > 20 and not finding.also for finding in private)


def test_a_finding_of_a_bundles_own_gets_a_private_code() -> None:
    assert codes.code_of("Aortic_Knob").code == Code("AORTIC_KNOB", codes.PRIVATE, "Aortic Knob")


def test_every_scheme_has_a_system_in_fhir() -> None:
    assert {code.scheme for code in EVERY} <= set(codes.SYSTEMS)
