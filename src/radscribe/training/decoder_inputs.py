"""The inputs of a decoder in training: the encoder's features, or features made from the labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from radscribe.data.features import FeatureTable
from radscribe.data.study import Study
from radscribe.errors import UsageError

FeatureSource = Callable[[Study, random.Random], dict[str, Tensor]]
LARGEST_MARGIN = 3.0  # logits between a finding made from a label and the operating point
FROM_LABELS = frozenset({"probabilities", "maps", "views"})  # features that labels can make


def encoder_features(table: FeatureTable, kinds: Sequence[str]) -> FeatureSource:
    """Features from a table, by kind: vectors `[K]`, cells `[L, K]`, views `[L]`."""

    def features(study: Study, generator: random.Random) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for kind in kinds:
            if kind == "views":
                found[kind] = torch.from_numpy(table.views(study))
            elif kind in ("grid", "maps"):
                found[kind] = torch.from_numpy(table.cells(study, kind))
            else:
                found[kind] = torch.from_numpy(table.study(study, kind))
        # Batches tell their size by the probabilities, even if there are none.
        return {"probabilities": torch.empty(0), **found}

    return features


def label_features(
    findings: Sequence[str], operating_point: float, seen: FeatureSource | None = None
) -> FeatureSource:
    """Probabilities `[F]` on the labels' side of the operating point, by margins of random size.

    A decoder that learns from them says what lies above the operating point, be it far above or hardly; how
    often an encoder is right does not enter, and no encoder can be too sure of its own training images.
    What is not known to be present counts as absent.

    Parameters
    ----------
    seen : FeatureSource, optional
        The encoder's `maps` and `views`, where the decoder attends. Each finding's map is shifted as a whole,
        so that its mean says the label and its pattern still shows the place.
    """
    threshold = torch.logit(torch.tensor(operating_point))

    def features(study: Study, generator: random.Random) -> dict[str, Tensor]:
        side = torch.tensor([1.0 if study.labels.get(finding) == 1.0 else -1.0 for finding in findings])
        margin = LARGEST_MARGIN * torch.tensor([generator.random() for _ in findings])
        logits = threshold + side * margin  # [F]
        found = {} if seen is None else seen(study, generator)
        if "maps" in found:
            maps = found["maps"]  # [L, F]
            found["maps"] = maps + (logits - maps.mean(0))
        return {**found, "probabilities": torch.sigmoid(logits)}

    return features


def require_made_from_labels(kinds: Sequence[str]) -> None:
    """Raise `UsageError` if a decoder reads features that labels cannot make."""
    if other := sorted(set(kinds) - FROM_LABELS):
        raise UsageError(
            f"labels cannot make {', '.join(other)}",
            remedy="set finding_input=encoder, or let the decoder read probabilities or maps",
        )
