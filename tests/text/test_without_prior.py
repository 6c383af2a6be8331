"""Sentences that compare with an earlier study keep what they say of the present."""

from __future__ import annotations

import pytest

from radscribe.text.sentences import compares_with_prior
from radscribe.text.without_prior import say_without_prior


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Stable calcified granulomas.", "Calcified granulomas."),
        ("There is stable left basilar scarring.", "There is left basilar scarring."),
        ("The heart remains enlarged.", "The heart is enlarged."),
        ("The lungs remain clear.", "The lungs are clear."),
        ("Mediastinal surgical clips are again noted.", "Mediastinal surgical clips are noted."),
        ("Again seen are calcified nodes.", "There are calcified nodes."),
        ("Calcified granuloma unchanged from prior.", "Calcified granuloma."),
        ("Stable position of right central venous catheter.", "Right central venous catheter."),
        (
            "The cardiomediastinal silhouette is normal and unchanged compared to prior examination.",
            "The cardiomediastinal silhouette is normal.",
        ),
        (
            "Heart size within normal limits, stable mediastinal contours with aortic ectasia.",
            "Heart size within normal limits, mediastinal contours with aortic ectasia.",
        ),
        ("Heart size is upper limits of normal but stable.", "Heart size is upper limits of normal."),
        ("Stable cardiomediastinal silhouette.", ""),
        ("The mediastinum is stable.", ""),
        ("Pleural effusion has decreased.", ""),
        ("Interval removal of left PICC line.", ""),
        ("Consolidation is developing in the left lower lobe.", ""),
    ],
)
def test_a_comparison_is_taken_out_and_the_statement_stays(written: str, kept: str) -> None:
    assert say_without_prior(written) == kept
    assert not compares_with_prior(kept)


def test_sentences_that_do_not_compare_stay_as_written() -> None:
    text = "The heart is enlarged. No pleural effusion."
    assert say_without_prior(text) == text
