"""The evidence of captions: whose cells, which shares, alone or in a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import radscribe
from radscribe.imaging.radiograph import Radiograph
from radscribe.inference.captioner import Captioner
from radscribe.inference.evidence.image_evidence import NO_MAPS
from tests.inference.evidence.bundles import FINDINGS, SIZE, picture


@pytest.fixture(scope="module")
def attending(attending_bundle: Path) -> Captioner:
    return radscribe.load(attending_bundle)


@pytest.fixture(scope="module")
def telling(telling_bundle: Path) -> Captioner:
    return radscribe.load(telling_bundle)


def test_each_image_has_its_own_cells(attending: Captioner) -> None:
    study = [picture(1, "PA", 64, 96), picture(2, "lateral", 100, 70)]
    caption = attending.caption(study, force=True, evidence=True)
    seen = [(e.file, e.view, e.height, e.width, e.findings_from, e.words_from) for e in caption.evidence]
    assert seen == [
        ("1.png", "PA", 64, 96, "cam", "attention"),
        ("2.png", "lateral", 100, 70, "cam", "attention"),
    ]
    total = np.zeros(len(caption.tokens))
    for image in caption.evidence:
        assert image.words is not None
        assert image.words.shape == (len(caption.tokens), 2, 2)
        total += image.words.sum((1, 2))
        assert image.even == 1 / 8
    np.testing.assert_allclose(total, 1, atol=1e-5)
    for finding in FINDINGS:  # the mean of a map is the image's logit, and the study's probability their mean
        of_images = [1 / (1 + np.exp(-image.maps[finding].mean())) for image in caption.evidence]
        assert caption.findings[finding] == pytest.approx(np.mean(of_images), abs=1e-5)
        assert len({float(image.maps[finding].sum()) for image in caption.evidence}) == 2


def test_a_study_has_the_same_evidence_alone_and_beside_one_of_more_views(attending: Captioner) -> None:
    studies = [
        [picture(1), picture(2, "lateral")],
        [picture(3, "AP")],
        [picture(4), picture(5), picture(6, "lateral")],
    ]
    together = list(attending.stream(studies, force=True, evidence=True))
    for study, caption in zip(studies, together, strict=True):
        alone = attending.caption(study, force=True, evidence=True)
        assert alone.text == caption.text
        assert len(alone.evidence) == len(caption.evidence) == len(study)
        for mine, other in zip(alone.evidence, caption.evidence, strict=True):
            assert mine.words is not None
            assert other.words is not None
            np.testing.assert_allclose(mine.words, other.words, atol=1e-3)
            assert np.ptp(mine.words) > 0.01
            for finding in FINDINGS:
                np.testing.assert_allclose(mine.maps[finding], other.maps[finding], atol=1e-3)


def test_a_decoder_that_does_not_attend_looks_nowhere(telling: Captioner) -> None:
    (image,) = telling.caption(picture(1), force=True, evidence=True).evidence
    assert image.words is None
    assert image.words_from is None
    assert list(image.findings) == list(FINDINGS)


def test_the_view_counts(attending: Captioner) -> None:
    pixels = picture(7).pixels
    as_frontal, as_lateral = (
        attending.caption(Radiograph(pixels, view), force=True) for view in ("AP", "lateral")
    )
    assert as_frontal.log_probability != pytest.approx(as_lateral.log_probability, abs=1e-4)


def test_evidence_is_given_only_when_it_is_asked_for(attending: Captioner) -> None:
    with_it, without = (attending.caption(picture(1), force=True, evidence=asked) for asked in (True, False))
    assert without.evidence == ()
    assert without.text == with_it.text
    assert without.log_probability == pytest.approx(with_it.log_probability, abs=1e-5)


def test_the_encoder_is_asked_for_maps_only_when_they_are_needed(telling: Captioner) -> None:
    images = np.zeros((1, 1, SIZE, SIZE), dtype=np.float32)
    assert "maps" not in telling._encoder(images)
    assert telling._encoder(images, maps=True)["maps"].shape == (1, len(FINDINGS), 2, 2)


def test_a_bundle_without_maps_says_so(without_maps: Path) -> None:
    captioner = radscribe.load(without_maps)
    caption = captioner.caption(picture(1), force=True, evidence=True)
    assert NO_MAPS in caption.warnings
    assert caption.text
    assert [(image.findings, image.words) for image in caption.evidence] == [({}, None)]
    assert NO_MAPS not in captioner.caption(picture(1), force=True).warnings
