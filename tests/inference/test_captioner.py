"""The `Captioner` on the embedded bundle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from radscribe.errors import UsageError
from radscribe.imaging import phantom
from radscribe.inference.caption import Caption
from radscribe.inference.captioner import BATCH, Captioner


def test_every_kind_of_source_gives_the_same_caption(captioner: Captioner, tmp_path: Path) -> None:
    drawn = phantom.draw(1, ())
    path = tmp_path / "a.png"
    phantom.save(drawn, path, bits=16)
    from_path = captioner.caption(path)
    levels = np.rint(drawn.radiograph.pixels * 65535).astype(np.uint16)
    for source in (str(path), levels, [path], tmp_path):
        assert captioner.caption(source).text == from_path.text
    assert from_path.text


def test_a_stream_keeps_the_order_and_does_not_depend_on_batches(captioner: Captioner) -> None:
    radiographs = [phantom.draw(seed, size=256).radiograph for seed in range(BATCH + 3)]
    streamed = list(captioner.stream(radiographs, beam=2))
    for radiograph, caption in zip(radiographs, streamed, strict=True):
        alone = captioner.caption(radiograph, beam=2)
        assert alone.text == caption.text
        assert alone.findings == pytest.approx(caption.findings, abs=1e-4)


def test_threads_share_a_captioner(captioner: Captioner) -> None:
    radiographs = [phantom.draw(seed, size=256).radiograph for seed in range(6)]
    expected = [captioner.caption(radiograph).text for radiograph in radiographs]
    with ThreadPoolExecutor(3) as pool:
        got: list[Caption] = list(pool.map(captioner.caption, radiographs))
    assert [caption.text for caption in got] == expected


def test_a_stream_reads_no_more_than_it_needs(captioner: Captioner) -> None:
    asked = 0

    def endless() -> object:
        nonlocal asked
        radiograph = phantom.draw(1, (), size=128).radiograph
        while True:
            asked += 1
            yield radiograph

    stream = captioner.stream(endless())  # type: ignore[arg-type]
    for _ in range(3):
        next(stream)
    assert asked <= 3 * BATCH


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
