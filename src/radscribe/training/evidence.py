"""What a decoder is told of a study in training: the encoder's features, or evidence made of the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from radscribe.data.features import FeatureTable
from radscribe.data.splits import unit_hash
from radscribe.data.study import Study

FeatureSource = Callable[[Study], dict[str, Tensor]]
STRONGEST = 3.0  # logits between evidence and the operating point


def encoder_features(table: FeatureTable, kinds: Sequence[str]) -> FeatureSource:
    """Features from a table, by kind."""
    return lambda study: {kind: torch.from_numpy(table.study(study, kind)) for kind in kinds}


def label_evidence(findings: Sequence[str], operating_point: float, seed: int, fresh: bool) -> FeatureSource:
    """Probabilities `[F]` on the labels' side of the operating point, by margins of random size.

    A decoder that learns from them says what lies above the operating point, be it far above or hardly; how
    often an encoder is right does not enter, and no encoder can be too sure of its own training images.
    What is not known to be present counts as absent.

    Parameters
    ----------
    fresh : other margins at each call, else always the same ones for a study.
    """
    threshold = torch.logit(torch.tensor(operating_point))

    def features(study: Study) -> dict[str, Tensor]:
        generator = None  # the global one, which the engine seeds every epoch
        if not fresh:
            generator = torch.Generator().manual_seed(int(unit_hash(study.id, seed) * 2**31))
        side = torch.tensor([1.0 if study.labels.get(finding) == 1.0 else -1.0 for finding in findings])
        margin = STRONGEST * torch.rand(len(findings), generator=generator)
        return {"probabilities": torch.sigmoid(threshold + side * margin)}

    return features
