"""The 14 ChestX-ray14 findings: the names that encoders, labels and captions share.

Wang et al., ChestX-ray8, CVPR 2017; the 14-label release is ChestX-ray14. Spaces are underscores.
"""

from __future__ import annotations

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
