"""Pairs of phantom studies: what changes between them, and what the second report says of it."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.errors import UsageError
from radscribe.labels import CHANGES, Change
from radscribe.phantom import DRAWABLE, FindingSpec, compare, draw, draw_pair
from radscribe.phantom.findings import complete
from radscribe.text.changes import changes
from radscribe.text.findings import label
from radscribe.text.ontology import contradictions
from radscribe.text.report import Report
from radscribe.text.rules import COMPARING_RULES, normalise
from radscribe.text.sentences import compares_with_prior, split_sentences


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", DRAWABLE)
def test_the_second_report_tells_what_became_of_the_finding(name: str, change: Change) -> None:
    for seed in (3, 4):
        pair = draw_pair(seed, 64, (name,), change)
        assert {place[0]: became for place, became in pair.changes.items()} == {name: change}
        for text in (pair.after.findings_section, pair.after.impression):
            assert changes(text) == {name: change}
            assert changes(normalise(Report(findings=text), COMPARING_RULES).findings) == {name: change}
        assert not contradictions(pair.after.report)
        assert not any(map(compares_with_prior, split_sentences(pair.before.report)))
        present = [drawn.labels.get(name) for drawn in (pair.before, pair.after)]
        assert present == {"appeared": [0, 1], "resolved": [1, 0]}.get(change, [1, 1])
        said = label(pair.after.report)[name]
        assert said == ("absent" if change == "resolved" else "present")


def test_a_second_finding_has_a_change_of_its_own() -> None:
    told = [tuple(draw_pair(seed, 64).changes.values()) for seed in range(40)]
    two = [changes for changes in told if len(changes) == 2]
    assert 10 < len(two) < 30
    assert any(first != second for first, second in two)
    assert any("resolved" in changes and "appeared" in changes for changes in two)


def test_every_comparison_is_one_that_needs_a_prior() -> None:
    for seed in range(12):
        pair = draw_pair(seed, 64)
        comparing = [s for s in split_sentences(pair.after.report) if compares_with_prior(s)]
        assert len(comparing) == 2 * len(pair.changes)  # in the findings and in the impression


def test_the_anatomy_stays_and_position_and_exposure_differ() -> None:
    first, second = (draw(5, (), size=96, visit=visit).radiograph.pixels for visit in (0, 1))
    stranger = draw(6, (), size=96).radiograph.pixels
    assert 0.005 < np.abs(first - second).mean() < np.abs(first - stranger).mean()
    assert np.array_equal(second, draw(5, (), size=96, visit=1).radiograph.pixels)


def test_a_pair_depends_on_its_seed_alone() -> None:
    one, same, other = draw_pair(7, 64), draw_pair(7, 64), draw_pair(8, 64)
    assert one.after.report == same.after.report
    assert one.changes == same.changes
    assert np.array_equal(one.after.radiograph.pixels, same.after.radiograph.pixels)
    assert not np.array_equal(one.after.radiograph.pixels, other.after.radiograph.pixels)


def test_findings_of_different_patients_are_compared_by_place_and_strength() -> None:
    before = complete(1, (FindingSpec("Effusion", "left", 0.2), FindingSpec("Pneumothorax", "left", 0.5)))
    after = complete(
        2,
        (
            *(FindingSpec("Effusion", "left", 0.9), FindingSpec("Effusion", "right", 0.9)),
            FindingSpec("Pneumothorax", "left", 0.6),
        ),
    )
    assert compare(before, after) == {
        ("Effusion", "left"): "larger",
        ("Effusion", "right"): "appeared",
        ("Pneumothorax", "left"): None,  # too little for a change, too much for none
    }


def test_pairs_that_cannot_be_drawn() -> None:
    with pytest.raises(UsageError, match="does not draw 'Edema'"):
        draw_pair(1, 64, ("Edema",))
    with pytest.raises(UsageError, match="seed of 0 or larger"):
        draw_pair(-1, 64)
