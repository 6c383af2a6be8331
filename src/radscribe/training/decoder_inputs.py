"""The inputs of a decoder in training: the encoder's features, or features made from the labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from radscribe.data.features import FeatureTable
from radscribe.data.study import Study
from radscribe.errors import UsageError
from radscribe.text.context import INDICATION_TOKENS, REPORT_TOKENS, context_ids
from radscribe.text.tokenizer import ReportTokenizer

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
        # The size of a batch is read from the probabilities, even if there are none.
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


PRIOR = "prior_"
_OF_CONTEXT = frozenset({"indication", "prior_given", "prior_report"})  # not made by an encoder


def of_images(kinds: Sequence[str]) -> list[str]:
    """Return the features of a study's images that a decoder reads, of the study itself or of its prior."""
    return list(dict.fromkeys(kind.removeprefix(PRIOR) for kind in kinds if kind not in _OF_CONTEXT))


def with_context(
    features: FeatureSource, kinds: Sequence[str], tokenizer: ReportTokenizer, dropout: float = 0.0
) -> FeatureSource:
    """Add the context that a decoder reads: token ids of texts, and the features of the earlier study.

    What is absent is zeros, and one cell of padding.

    Parameters
    ----------
    kinds : sequence of str
        The decoder's inputs.
    dropout : float
        Probability that the indication is left out. `CaptionData` leaves out the prior, with its words.
    """
    earlier_kinds = [
        kind.removeprefix(PRIOR) for kind in kinds if kind.startswith(PRIOR) and kind not in _OF_CONTEXT
    ]

    def ids(text: str, length: int) -> Tensor:
        return torch.tensor(context_ids(tokenizer, text, length))

    def both(study: Study, generator: random.Random) -> dict[str, Tensor]:
        found = features(study, generator)
        if "indication" in kinds:
            asked = "" if generator.random() < dropout else study.indication
            found["indication"] = ids(asked, INDICATION_TOKENS)
        if "prior_given" in kinds:
            earlier = study.earlier
            found["prior_report"] = ids("" if earlier is None else earlier.text(), REPORT_TOKENS)
            given = earlier is not None and bool(earlier.images)
            found["prior_given"] = torch.tensor(int(given))
            seen = features(earlier, generator) if earlier is not None and given else found
            for kind in earlier_kinds:
                values = seen[kind]
                if not given:  # one cell is enough to mask
                    values = torch.zeros_like(values if values.ndim < 2 and kind != "views" else values[:1])
                found[PRIOR + kind] = values
        return found

    return both


def require_made_from_labels(kinds: Sequence[str]) -> None:
    """Raise `UsageError` if a decoder reads features that labels cannot make."""
    if other := sorted(set(kinds) - FROM_LABELS):
        raise UsageError(
            f"labels cannot make {', '.join(other)}",
            remedy="set finding_input=encoder, or let the decoder read probabilities or maps",
        )
