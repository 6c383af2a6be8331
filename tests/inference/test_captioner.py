"""The `Captioner` on the embedded bundle."""

from __future__ import annotations

import inspect
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from radscribe import phantom
from radscribe.data.study import ImageRef, Study
from radscribe.errors import UsageError
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import Source, StudyInput
from radscribe.inference.options import CaptionOptions
from radscribe.inference.pipeline import AHEAD, BATCH


def test_every_kind_of_source_gives_the_same_caption(captioner: Captioner, tmp_path: Path) -> None:
    drawn = phantom.draw(1, ())
    path = tmp_path / "a.png"
    phantom.save(drawn, path, bits=16)
    from_path = captioner.caption(path)
    levels = np.rint(drawn.radiograph.pixels * 65535).astype(np.uint16)
    sources: list[Any] = [str(path), levels, [path], tmp_path, path.read_bytes(), BytesIO(path.read_bytes())]
    sources += [Image.open(path), np.stack([levels] * 3, axis=-1)]
    for source in sources:
        assert captioner.caption(source).text == from_path.text
    assert from_path.text


def test_a_pydicom_data_set_is_read_like_its_file(captioner: Captioner, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    pixels = phantom.draw(1, ()).radiograph.pixels
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.rint(pixels * 4095).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)
    assert captioner.caption(dcmread(path)).findings == captioner.caption(path).findings != {}


def test_a_study_of_a_manifest_is_captioned(captioner: Captioner, tmp_path: Path) -> None:
    phantom.save(phantom.draw(1, ()), tmp_path / "a.png")
    study = Study("one", (ImageRef("a.png"),), root=tmp_path)
    assert captioner.caption(study).text
    assert captioner.caption(study).study == "one"


def test_a_single_path_in_a_stream_is_one_study(captioner: Captioner, tmp_path: Path) -> None:
    phantom.save(phantom.draw(1, ()), tmp_path / "a.png")
    (caption,) = captioner.stream(str(tmp_path / "a.png"))
    assert caption.text


def test_bytes_that_are_no_image_are_told_without_a_temporary_name(captioner: Captioner) -> None:
    caption = captioner.caption(b"this is not a picture")
    assert caption.error is not None
    assert caption.error.startswith("bytes: is not an image")


def test_an_unknown_keyword_names_the_one_that_was_meant(captioner: Captioner) -> None:
    with pytest.raises(TypeError, match="no keyword 'beams'; did you mean 'beam'"):
        captioner.caption("a.png", beams=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'n_best'"):
        captioner.stream(["a.png"], nbest=3)  # type: ignore[call-arg]


def test_help_shows_every_option_with_the_shared_default() -> None:
    for method in (Captioner.caption, Captioner.stream):
        keywords = inspect.signature(method).parameters
        for option in fields(CaptionOptions):
            assert keywords[option.name].default == option.default


def studies() -> list[StudyInput]:
    """Studies of one and of two images, more than a batch, named by their place."""
    drawn = [phantom.draw(seed, size=128).radiograph for seed in range(BATCH + 5)]
    return [StudyInput(str(place), tuple(drawn[place : place + 1 + place % 2])) for place in range(BATCH + 4)]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_study_gets_the_same_caption_alone_and_in_any_batch(captioner: Captioner, ordered: bool) -> None:
    alone = [captioner.caption(study, force=True) for study in studies()]
    shuffled = studies()
    random.Random(1).shuffle(shuffled)
    streamed = list(captioner.stream(shuffled, force=True, ordered=ordered))
    if ordered:
        assert [caption.study for caption in streamed] == [study.name for study in shuffled]
    assert len(streamed) == len(shuffled)
    for caption in streamed:
        expected = alone[int(caption.study)]
        assert caption.text == expected.text
        assert caption.findings == expected.findings  # each image goes through the encoder alone
        assert caption.log_probability == pytest.approx(expected.log_probability, abs=1e-4)


def test_eight_threads_and_two_streams_share_a_captioner(captioner: Captioner) -> None:
    mixed = studies()
    expected = [captioner.caption(study, force=True).text for study in mixed]

    def streamed(sources: list[StudyInput]) -> list[str | None]:
        return [caption.text for caption in captioner.stream(sources, force=True)]

    with ThreadPoolExecutor(10) as pool:
        forwards, backwards = pool.submit(streamed, mixed), pool.submit(streamed, mixed[::-1])
        alone = list(pool.map(lambda study: captioner.caption(study, force=True).text, mixed))
    assert alone == forwards.result() == backwards.result()[::-1] == expected


def test_what_fails_in_a_stream_fails_alone(captioner: Captioner, tmp_path: Path) -> None:
    radiograph = phantom.draw(1, (), size=128).radiograph
    damaged, missing = tmp_path / "damaged.png", tmp_path / "missing.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\nnothing else")
    sources: list[Source] = [radiograph, damaged, radiograph, missing, radiograph]
    captions = list(captioner.stream(sources, force=True))
    assert [caption.error is None for caption in captions] == [True, False, True, False, True]
    assert "damaged.png" in str(captions[1].error)
    assert "there is no such file" in str(captions[3].error)


def test_a_source_that_is_none_is_told_after_the_captions_before_it(captioner: Captioner) -> None:
    stream = captioner.stream([phantom.draw(1, size=128).radiograph, np.zeros((2, 2, 5))], force=True)
    assert next(stream).text
    with pytest.raises(UsageError, match="cannot read an image"):
        next(stream)


def test_a_stream_reads_no_more_than_it_needs(captioner: Captioner) -> None:
    asked = 0

    def endless() -> object:
        nonlocal asked
        radiograph = phantom.draw(1, (), size=128).radiograph
        while True:
            asked += 1
            yield radiograph

    stream = captioner.stream(endless())
    for _ in range(3):
        next(stream)
    assert asked <= AHEAD + BATCH


def test_a_word_that_is_forbidden_is_never_said(captioner: Captioner) -> None:
    for seed in range(8):
        caption = captioner.caption(phantom.draw(seed, size=256).radiograph, beam=4, n_best=4)
        for text in (caption.text, *(a.text for a in caption.alternatives)):
            assert text is not None
            assert "xxxx" not in text.lower()
            assert "<" not in text
            words = text.lower().replace(".", " .").split()
            fives = list(zip(*(words[start:] for start in range(5)), strict=False))
            assert len(fives) == len(set(fives))


@pytest.mark.parametrize(("beam", "n_best"), [(0, 1), (2, 3), (2, 0)])
def test_options_that_make_no_sense(captioner: Captioner, beam: int, n_best: int) -> None:
    with pytest.raises(UsageError):
        captioner.caption(phantom.draw(1, size=128).radiograph, beam=beam, n_best=n_best)
