"""Sides and zones of findings."""

from __future__ import annotations

import pytest

from radscribe.text.findings import find

PLACED = [
    ("Small right pleural effusion and atelectasis.", "Atelectasis", "right", ()),
    ("Left effusion and right pneumothorax.", "Effusion", "left", ()),
    ("Left effusion and right pneumothorax.", "Pneumothorax", "right", ()),
    ("At the left base, there is atelectasis.", "Atelectasis", "left", ("lower",)),
    ("Opacities in the right upper and left lower lobes.", "Opacity", "bilateral", ("upper", "lower")),
    ("No pneumothorax or left effusion.", "Pneumothorax", None, ()),
    ("RLL consolidation.", "Consolidation", "right", ("lower",)),
    ("Bi-apical scarring.", "Fibrosis", "bilateral", ("upper",)),
    ("Pleural effusions, right greater than left.", "Effusion", "bilateral", ()),
    ("Effusion on the left, pneumothorax on the right.", "Pneumothorax", "right", ()),
    ("Lingular infiltrate.", "Infiltration", "left", ("mid",)),
    ("Retrocardiac opacity.", "Opacity", None, ("lower",)),
    ("Fracture of the left lower ribs.", "Fracture", "left", ()),
    ("Pacemaker with leads in the right atrium and right ventricle.", "Support_Devices", None, ()),
    ("The heart is enlarged with a left effusion.", "Cardiomegaly", None, ()),
    ("Nodule in the mid thoracic spine region.", "Nodule", None, ()),
    ("The left lung is clear.", "Consolidation", "left", ()),
]


@pytest.mark.parametrize(("text", "finding", "side", "zones"), PLACED)
def test_a_finding_has_the_place_that_its_clause_names(
    text: str, finding: str, side: str | None, zones: tuple[str, ...]
) -> None:
    mention = next(mention for mention in find(text) if mention.finding == finding)
    assert (mention.side, mention.zones) == (side, zones)
