"""How far a caption may be trusted: its confidence, what in it is doubtful, and when it is handed back.

A caption is *right* when all findings that it asserts are there, and one that asserts none when none is.
Doubt and denial assert nothing, and the findings are those that the encoder gives probabilities of.
`Caption.confidence` is the probability of that, by a logistic regression (Platt, 1999) on a few features of
the caption, which `export.confidence_fit` chooses and fits on validation studies that pass the chest
check, captioned by the default search: a study that is captioned by force has none. A decoder that was
told of a finding names it fluently whether it is there or not, so that its words' probabilities need not be
among them.

`doubtful` marks the words of a finding of which the caption says what the encoder's calibrated probability
speaks against: present, and less likely than not; or absent, and at least as likely as not.
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
UNKNOWN = "given whatever the least confidence: a study that is captioned by force has none"


def asserted(caption: Caption) -> dict[str, float]:
    """The findings that a caption asserts, with their probabilities."""
    said = label(caption.text or "")
    return {name: p for name, p in _known(caption).items() if said.get(name) == "present"}


def _known(caption: Caption) -> dict[str, float]:
    """Findings that a caption could assert: the labeller reads them, and the encoder looks for them."""
    return {name: p for name, p in caption.findings.items() if name in LABELS}


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
    """Whether a finding's probability speaks against what is said of it; it does not against doubt."""
    return probability < EVEN if status == "present" else status == "absent" and probability >= EVEN


def confidence(caption: Caption, calibration: ConfidenceSpec) -> float:
    """The probability that a caption is right."""
    values = (FEATURES[name](caption) for name in calibration.features)
    logit = calibration.bias + sum(w * x for w, x in zip(calibration.weights, values, strict=True))
    return float(sigmoid(np.array(logit)))


def assess(caption: Caption, calibration: ConfidenceSpec | None) -> Caption:
    """A draft with its confidence, where the bundle is calibrated, and with what in it is doubtful."""
    said = asserted(caption)
    return replace(
        caption,
        tokens=tuple(
            replace(token, doubtful=contradicts(caption.findings[token.finding], token.status))
            if token.finding in caption.findings
            else token
            for token in caption.tokens
        ),
        confidence=None if calibration is None else confidence(caption, calibration),
        doubtful_findings=tuple(name for name, p in said.items() if p < EVEN),
        unsaid_findings=tuple(n for n, p in _known(caption).items() if p >= EVEN and n not in said),
    )


def calibration_of(spec: BundleSpec) -> ConfidenceSpec | None:
    """What a bundle's captions get their confidence by.

    Raises
    ------
    BundleError : it is made of features that this radscribe does not know, or of too many or few weights.
    """
    fitted = spec.confidence
    if fitted is None or (
        set(fitted.features) <= FEATURES.keys() and len(fitted.features) == len(fitted.weights)
    ):
        return fitted
    raise BundleError(
        f"confidence by {', '.join(fitted.features)} is not one that this radscribe computes",
        subject=spec.name,
        remedy="update radscribe, or fit it anew with: radscribe export BUNDLE --out NEW --data DIR",
    )


def require_confidence(spec: BundleSpec, least: float | None) -> None:
    """Raises `UsageError` where captions are to have a confidence that the bundle cannot give."""
    if least is not None and spec.confidence is None:
        raise UsageError(
            f"{spec.name} gives no confidence",
            remedy="calibrate it with: radscribe export BUNDLE --out NEW --data DIR",
        )


def hand_back(caption: Caption, least: float | None) -> Caption:
    """The caption, or, where it is less likely right than `least`, a refusal that claims nothing else.

    One without confidence, by force, is given under a warning.
    """
    if least is None:
        return caption
    if caption.confidence is None:
        return replace(caption, warnings=(*caption.warnings, UNKNOWN))
    if caption.confidence >= least:
        return caption
    percent = math.floor(caption.confidence * 1000) / 10  # never rounded up to what it is below
    return Caption(
        study=caption.study,
        files=caption.files,
        bundle=caption.bundle,
        refused=f"confidence {percent:g}% is below {100 * least:g}%: no draft is given",
        warnings=caption.warnings,
        left_out=caption.left_out,
        failed=True,
        confidence=caption.confidence,
    )
