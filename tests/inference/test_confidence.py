"""Confidence by hand, what is doubtful, and studies that are handed back."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from radscribe import phantom
from radscribe.bundle.format import BundleSpec, ConfidenceSpec, locate, read
from radscribe.cli.caption import marked, render
from radscribe.errors import BundleError, UsageError
from radscribe.inference.caption import Caption, Token
from radscribe.inference.captioner import Captioner
from radscribe.inference.confidence import (
    FEATURES,
    UNKNOWN,
    assess,
    confidence,
    refuse_below,
    require_confidence,
    require_known,
)
from radscribe.inference.options import CaptionOptions

FITTED = ConfidenceSpec(("agreement",), (1.0,), 0.0, "made", "val", 50, 25, 0.7, 0.1)
CAPTION = Caption(
    *("study", ("a.png",), "bundle@0"),
    text="There is a pleural effusion. Possible pneumonia. No mass.",
    tokens=(
        Token("there", -0.1, 0, 5),
        Token("pleural", -0.2, 11, 18, "Effusion", "present"),
        Token("effusion", -0.4, 19, 27, "Effusion", "present"),
        Token("pneumonia", -1.0, 38, 47, "Pneumonia", "uncertain"),
        Token("mass", -0.3, 52, 56, "Mass", "absent"),
    ),
    log_probability=-3.0,
    findings={"Effusion": 0.4, "Pneumonia": 0.3, "Mass": 0.6, "Edema": 0.5},
)


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_features_by_hand() -> None:
    values = {name: feature(CAPTION) for name, feature in FEATURES.items()}
    assert values == pytest.approx(
        {
            "agreement": log_odds(0.4),  # doubt and denial assert nothing
            "normality": log_odds(0.6 * 0.7 * 0.4 * 0.5),
            "mean_log_probability": -0.5,
            "least_log_probability": -1.0,
            "length": 5.0,
        }
    )


def test_agreement_is_of_all_that_is_asserted_or_of_all_that_could_be() -> None:
    two = replace(CAPTION, text="There is an effusion and a mass.")
    assert FEATURES["agreement"](two) == pytest.approx(log_odds(0.4 * 0.6))
    none = replace(CAPTION, text="The heart is normal in size.")
    assert FEATURES["agreement"](none) == pytest.approx(log_odds(0.6 * 0.7 * 0.4 * 0.5))
    certain = replace(none, findings={"Mass": 1.0})
    assert math.isfinite(FEATURES["agreement"](certain))


def test_confidence_is_the_sigmoid_of_the_weighted_features() -> None:
    assert confidence(CAPTION, FITTED) == pytest.approx(0.4)
    both = msgspec.structs.replace(FITTED, features=("length", "agreement"), weights=(0.2, 0.5), bias=-1.0)
    assert confidence(CAPTION, both) == pytest.approx(1 / (1 + math.exp(-(1.0 + 0.5 * log_odds(0.4) - 1.0))))
    sure = msgspec.structs.replace(FITTED, bias=1e6)
    assert confidence(CAPTION, sure) == 1.0


def test_what_the_probabilities_speak_against_is_doubtful() -> None:
    draft = assess(CAPTION, FITTED)
    assert [token.doubtful for token in draft.tokens] == [False, True, True, False, True]
    assert draft.doubtful_findings == ("Effusion",)
    assert draft.unsaid_findings == ("Mass", "Edema")
    assert draft.confidence == pytest.approx(0.4)
    likely = assess(replace(CAPTION, findings={"Effusion": 0.5, "Mass": 0.49}), None)
    assert not any(token.doubtful for token in likely.tokens)
    assert (likely.doubtful_findings, likely.unsaid_findings, likely.confidence) == ((), (), None)


def test_what_a_reader_sees() -> None:
    draft = assess(CAPTION, FITTED)
    assert marked(draft) == "There is a pleural effusion (?). Possible pneumonia. No mass (?)."
    shown = render(draft).splitlines()
    assert "confidence in what it asserts: 40%" in shown
    assert "doubtful: Effusion 40%" in shown
    assert "likely but not mentioned: Mass 60%, Edema 50%" in shown
    assert not any(line.startswith("confidence") for line in render(assess(CAPTION, None)).splitlines())
    value = draft.to_dict()
    assert value["confidence"] == pytest.approx(0.4)
    assert value["doubtful_findings"] == ["Effusion"]
    assert [token["doubtful"] for token in value["tokens"]] == [False, True, True, False, True]


def test_a_study_below_the_least_confidence_is_handed_back() -> None:
    draft = replace(assess(CAPTION, FITTED), warnings=("draft",))
    assert refuse_below(draft, None) is draft
    assert refuse_below(draft, 0.39) is draft
    refused = refuse_below(draft, 0.405)
    assert refused.refused == "confidence 40% is below 40.5%: no draft is given"
    assert refused.failed
    assert refused.warnings == ("draft",)
    assert (refused.text, refused.tokens, refused.findings, refused.log_probability) == (None, (), {}, None)
    assert not refused.doubtful_findings + refused.unsaid_findings
    nearly = refuse_below(replace(draft, confidence=0.29996), 0.3)
    assert nearly.refused is not None
    assert nearly.refused.startswith("confidence 29.9% is below 30%")


def test_a_study_that_is_captioned_by_force_has_no_confidence(captioner: Captioner) -> None:
    noise = np.random.default_rng(0).random((256, 256), dtype=np.float32)
    assert captioner.caption(noise).refused
    forced = captioner.caption(noise, force=True)
    assert forced.text
    assert forced.confidence is None
    given = captioner.caption(noise, force=True, min_confidence=1.0)
    assert given == replace(forced, warnings=(*forced.warnings, UNKNOWN))
    chest = phantom.draw(1, size=256).radiograph
    assert captioner.caption(chest, force=True).normality is not None  # nothing was forced


@pytest.fixture
def spec() -> BundleSpec:
    return msgspec.structs.replace(read(locate(None)), confidence=None, normality=None)


def test_a_bundle_without_confidence_cannot_promise_one(spec: BundleSpec) -> None:
    require_confidence(spec, None)
    require_confidence(msgspec.structs.replace(spec, confidence=FITTED), 0.5)
    with pytest.raises(UsageError, match="gives no confidence"):
        require_confidence(spec, 0.5)


@pytest.mark.parametrize("features", [("of", "later"), ("agreement", "length")])
def test_a_confidence_that_cannot_be_computed_is_told(spec: BundleSpec, features: tuple[str, ...]) -> None:
    other = msgspec.structs.replace(FITTED, features=features)
    with pytest.raises(BundleError, match="is not one that this radscribe computes"):
        require_known(msgspec.structs.replace(spec, confidence=other))


@pytest.mark.parametrize("least", [-0.1, 1.1, math.nan])
def test_a_least_confidence_is_a_probability(least: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        CaptionOptions(min_confidence=least)


def test_two_bundles_that_hand_back_otherwise_have_two_ids(spec: BundleSpec) -> None:
    assert msgspec.structs.replace(spec, confidence=FITTED).id != spec.id


def test_the_embedded_captioner_is_calibrated(captioner: Captioner) -> None:
    drawn = phantom.draw(1, size=256).radiograph
    caption = captioner.caption(drawn)
    assert caption.normality is not None
    assert 0 < caption.normality < 1
    below = captioner.caption(drawn, min_confidence=1.0)
    assert below.text is None
    assert below.refused is not None
    assert "is below 100%" in below.refused
    assert captioner.caption(drawn, min_confidence=0.0) == caption


def test_a_caption_that_asserts_nothing_has_no_confidence_but_a_normality() -> None:
    none = replace(CAPTION, text="The heart is normal in size.")
    draft = assess(none, FITTED, FITTED)
    assert draft.confidence is None
    assert draft.normality == pytest.approx(confidence(none, FITTED))
    assert not any(line.startswith("confidence in what") for line in render(draft).splitlines())
    assert refuse_below(draft, 0.99).refused is not None
