"""Confidence in a caption: two calibrated probabilities, and its doubtful words.

`Caption.confidence` is the probability that every finding that the caption asserts is there. A caption that
asserts nothing has none. `Caption.normality` is the probability that no finding at all is there; it is what
a reader of "normal" needs. Doubt and denial assert nothing, and the findings are those of the encoder that
the labeller reads.

Both are logistic regressions (Platt, 1999) on features of the caption, which `export.confidence_fit` chooses
and fits on validation studies that pass the chest check, captioned by the default search. A study that is
captioned by force has neither.

`doubtful` marks the words of a finding if the encoder's calibrated probability speaks against what the
caption says: it is asserted and less likely than not, or denied and at least as likely as not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from radscribe.bundle.format import BundleSpec, ConfidenceSpec
from radscribe.errors import BundleError, UsageError
from radscribe.inference.caption import Caption
from radscribe.runtime.numeric import sigmoid
from radscribe.text.findings import LABELS, Status, label

EVEN = 0.5
NEVER = 1e-6  # probabilities are kept this far from 0 and 1
UNKNOWN = "the minimum confidence was not applied: this caption has no confidence"


def asserted(caption: Caption) -> dict[str, float]:
    """The findings that a caption asserts, with their probabilities."""
    said = label(caption.text or "")
    return {name: p for name, p in _known(caption).items() if said.get(name) == "present"}


def _known(caption: Caption) -> dict[str, float]:
    """Findings that a caption could assert: the labeller reads them, and the encoder looks for them."""
    return {name: p for name, p in caption.findings.items() if is_finding(name)}


def is_finding(name: str) -> bool:
    """Whether the labeller reads it in texts as a finding, which "Normal" is not."""
    return name in LABELS and name != "Normal"


def _log_odds(log_probability: float) -> float:
    p = min(max(math.exp(log_probability), NEVER), 1 - NEVER)
    return math.log(p / (1 - p))


def _log(probability: float) -> float:
    return math.log(max(probability, NEVER))


def normality(caption: Caption) -> float:
    """Log-odds that no finding is there, were they independent."""
    return _log_odds(sum(_log(1 - p) for p in _known(caption).values()))


def agreement(caption: Caption) -> float:
    """Log-odds that the caption is right by the encoder's probabilities, were findings independent."""
    said = asserted(caption)
    return _log_odds(sum(map(_log, said.values()))) if said else normality(caption)


def mean_log_probability(caption: Caption) -> float:
    """Log-probability of the text, its end included, a token."""
    return (caption.log_probability or 0.0) / (len(caption.tokens) + 1)


def least_log_probability(caption: Caption) -> float:
    """Log-probability of the least likely token."""
    return min((token.log_probability for token in caption.tokens), default=0.0)


def length(caption: Caption) -> float:
    """Tokens of the text."""
    return float(len(caption.tokens))


FEATURES: dict[str, Callable[[Caption], float]] = {
    "agreement": agreement,
    "normality": normality,
    "mean_log_probability": mean_log_probability,
    "least_log_probability": least_log_probability,
    "length": length,
}


def contradicts(probability: float, status: Status | None) -> bool:
    """Whether a finding's probability contradicts its status. It never contradicts doubt."""
    return probability < EVEN if status == "present" else status == "absent" and probability >= EVEN


def confidence(caption: Caption, calibration: ConfidenceSpec) -> float:
    """The probability that a caption is right."""
    values = (FEATURES[name](caption) for name in calibration.features)
    logit = calibration.bias + sum(w * x for w, x in zip(calibration.weights, values, strict=True))
    return float(sigmoid(np.array(logit)))


def assess(
    caption: Caption, calibration: ConfidenceSpec | None, of_normality: ConfidenceSpec | None = None
) -> Caption:
    """Return a draft with its probabilities, where the bundle is calibrated, and with its doubtful words."""
    said = asserted(caption)
    return replace(
        caption,
        tokens=tuple(
            replace(token, doubtful=True)
            if token.finding in caption.findings
            and contradicts(caption.findings[token.finding], token.status)
            else token
            for token in caption.tokens
        ),
        confidence=None if calibration is None or not said else confidence(caption, calibration),
        normality=None if of_normality is None else confidence(caption, of_normality),
        doubtful_findings=tuple(name for name, p in said.items() if p < EVEN),
        unsaid_findings=tuple(n for n, p in _known(caption).items() if p >= EVEN and n not in said),
    )


def require_known(spec: BundleSpec) -> None:
    """Check that this radscribe computes the probabilities of a bundle's captions.

    Raises
    ------
    BundleError
        If they use features that this radscribe does not know, or too many or too few weights.
    """
    for fitted in (spec.confidence, spec.normality):
        if fitted is not None and not (
            set(fitted.features) <= FEATURES.keys() and len(fitted.features) == len(fitted.weights)
        ):
            raise BundleError(
                f"confidence by {', '.join(fitted.features)} is not one that this radscribe computes",
                subject=spec.name,
                remedy="update radscribe, or fit it again with: radscribe export BUNDLE --out NEW --data DIR",
            )


def require_confidence(spec: BundleSpec, least: float | None) -> None:
    """Check that a bundle gives the confidence that captions must have.

    Raises
    ------
    UsageError
        If it gives none.
    """
    if least is not None and spec.confidence is None and spec.normality is None:
        raise UsageError(
            f"{spec.name} gives no confidence",
            remedy="calibrate it with: radscribe export BUNDLE --out NEW --data DIR",
        )


def refuse_below(caption: Caption, least: float | None) -> Caption:
    """Return the caption, or a refusal that claims nothing if it is less likely right than `least`.

    What counts is `confidence`, and for a caption that asserts nothing `normality`. A caption that has
    neither, because it was forced, is returned with a warning.
    """
    if least is None:
        return caption
    trust = caption.normality if caption.confidence is None else caption.confidence
    if trust is None:
        return replace(caption, warnings=(*caption.warnings, UNKNOWN))
    if trust >= least:
        return caption
    percent = math.floor(trust * 1000) / 10  # never rounded up to the limit
    return Caption(
        study=caption.study,
        files=caption.files,
        bundle=caption.bundle,
        refused=f"confidence {percent:g}% is below {100 * least:g}%: no draft is given",
        warnings=caption.warnings,
        left_out=caption.left_out,
        failed=True,
        confidence=caption.confidence,
        normality=caption.normality,
    )
