"""Names and words that several rooms share: the 14 ChestX-ray14 findings, changes, views, the disclaimer.

Wang et al., ChestX-ray8, CVPR 2017; the 14-label release is ChestX-ray14. Spaces are underscores.
"""

from __future__ import annotations

from typing import Literal, get_args

CHESTXRAY14: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)

Change = Literal["appeared", "resolved", "larger", "smaller", "unchanged"]
"""The course of a finding from a prior study to the present one."""
CHANGES: tuple[Change, ...] = get_args(Change)
COURSE = "course"
"""The output of a decoder's first graph: for each finding the probability of no change, then `CHANGES`."""

# What a decoder may read beside the images: why the study was asked for, and an earlier study.
CONTEXT_PARTS: tuple[str, ...] = ("indication", "prior")

# The kind of view of each cell of a study's grid, as the number that decoders embed: its place here.
VIEW_KINDS: tuple[str, ...] = ("padding", "frontal", "lateral", "unknown")


def view_code(view: str) -> int:
    """A view's (`PA`, `AP`, `frontal`, `lateral`, `unknown`) place in `VIEW_KINDS`."""
    kind = "frontal" if view in ("PA", "AP") else view
    return VIEW_KINDS.index(kind if kind in VIEW_KINDS[1:] else "unknown")


DISCLAIMER = "Draft by a research model: not verified, not for diagnosis."
"""The line in every output, in words and in pictures."""
