"""Sides out of real sentences, and nothing else."""

from __future__ import annotations

import pytest

from radscribe.text.laterality import names_side, without_side

SENTENCES = {
    "There is a right lower lobe pneumonia.": "There is a pneumonia.",
    "A patchy infiltrate is also present in the right lower lobe.": "A patchy infiltrate is also present.",
    "Small right pneumothorax.": "Small pneumothorax.",
    "There is a large hydropneumothorax within the left chest.": "There is a large hydropneumothorax.",
    "Masslike opacification of right apex.": "Masslike opacification.",
    "Also, bibasilar interstitial infiltrates are present.": "Also, interstitial infiltrates are present.",
    "Small bilateral pleural effusions are seen.": "Small pleural effusions are seen.",
    "There is large right-sided pleural effusion.": "There is large pleural effusion.",
    "In the left lower lobe there is airspace disease.": "There is airspace disease.",
    "There are bilateral pleural effusions, right greater than left.": "There are pleural effusions.",
    "Mild left apical pleural thickening.": "Mild pleural thickening.",
    "There is moderate left pleural effusion and small right pleural effusion.": (
        "There is moderate pleural effusion and small pleural effusion."
    ),
}


@pytest.mark.parametrize(("sentence", "bare"), SENTENCES.items())
def test_sides_go_and_the_statement_stays(sentence: str, bare: str) -> None:
    assert names_side(sentence)
    assert without_side(sentence) == bare
    assert not names_side(bare)


@pytest.mark.parametrize(
    "sentence", ["The heart is enlarged.", "Lungs are clear.", "There is a hiatal hernia at the midline."]
)
def test_what_names_no_side_stays_as_it_is(sentence: str) -> None:
    assert not names_side(sentence)
    assert without_side(sentence) == sentence


def test_what_is_no_sentence_without_its_side_is_empty() -> None:
    assert without_side("Nodular opacities distributed through bilateral lungs.") == ""
