"""The indication and the prior study, from the caller to the decoder's graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from radscribe import Captioner, Prior, Study
from radscribe.cli.main import radscribe as command_line
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef
from radscribe.errors import UsageError
from radscribe.evaluation.bundle_captions import ContextOf, caption_studies
from radscribe.inference.caption import Caption
from radscribe.inference.constraints.claims import Claims, ClaimsOfStudies
from radscribe.inference.inputs import StudyInput, as_prior, as_study, with_context
from radscribe.inference.options import CaptionOptions
from radscribe.text.report import Report
from tests.inference.evidence.bundles import bundle_of, picture

FILM, EARLIER = picture(1), picture(2)
PRIOR = Prior(EARLIER, "there is a large mass .")
UNREAD = "this bundle does not read {}, so the caption is written without it"


@pytest.fixture(scope="module", params=["show-and-tell", "show-attend-tell"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that reads both."""
    return bundle_of(request.param, tmp_path_factory.mktemp("reading"), ("indication", "prior"))


@pytest.fixture(scope="module")
def reading(bundle: Path) -> Captioner:
    return Captioner(bundle)


class Recorder:
    """The claims of a captioner; remembers for which studies comparisons were allowed."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.priors: list[bool] = []

    def of(self, views: Sequence[Sequence[str]], priors: Sequence[bool]) -> ClaimsOfStudies:
        self.priors += priors
        return self._claims.of(views, priors)


def test_comparisons_are_allowed_only_where_an_earlier_study_was_read(
    reading: Captioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(reading._claims)
    monkeypatch.setattr(reading, "_claims", recorder)
    for prior, allowed in ((None, False), (PRIOR, True), (Prior((), "there is a large mass ."), True)):
        recorder.priors.clear()
        reading.caption(FILM, force=True, prior=prior, indication="large mass")
        assert set(recorder.priors) == {allowed}
    recorder.priors.clear()
    reading.caption(FILM, force=True, prior=PRIOR, context=False)
    assert set(recorder.priors) == {False}


def said(caption: Caption) -> tuple[object, ...]:
    assert caption.text is not None
    return caption.text, caption.log_probability


def test_a_caption_says_what_it_was_written_with(reading: Captioner) -> None:
    assert reading.context == ("indication", "prior")
    bare = reading.caption(FILM, force=True)
    assert bare.context == ()
    asked = reading.caption(FILM, force=True, indication="large mass")
    compared = reading.caption(FILM, force=True, prior=PRIOR)
    both = reading.caption(FILM, force=True, prior=PRIOR, indication="large mass")
    assert (asked.context, compared.context) == (("indication",), ("prior images", "prior report"))
    assert both.to_dict()["context"] == ["indication", "prior images", "prior report"]
    assert len({said(caption) for caption in (bare, asked, compared, both)}) == 4
    ignored = reading.caption(FILM, force=True, prior=PRIOR, indication="large mass", context=False)
    assert (said(ignored), ignored.context) == (said(bare), ())


def test_batches_of_studies_with_and_without_context_are_as_each_alone(reading: Captioner) -> None:
    two_views = Prior([EARLIER, picture(3, "lateral")])
    studies = [
        as_study(FILM),
        with_context(as_study(FILM), "large mass"),
        with_context(as_study([FILM, EARLIER]), prior=two_views),
        with_context(as_study(FILM), prior=Prior(report="the lungs are clear .")),
        with_context(as_study(FILM), "the heart", PRIOR),
    ]
    together = [replace(s, context_asked=False) for s in studies]
    at_once = reading.caption_together(together, CaptionOptions(force=True))
    for caption, study in zip(at_once, together, strict=True):
        alone = reading.caption(study, force=True)
        assert (caption.text, caption.context) == (alone.text, alone.context)
        assert caption.log_probability == pytest.approx(alone.log_probability, rel=1e-4)
    assert at_once[3].context == ("prior report",)


def test_a_bundle_that_reads_no_context_says_so_and_writes_the_same(captioner: Captioner) -> None:
    bare = captioner.caption(FILM, force=True)
    given = captioner.caption(FILM, force=True, indication="cough", prior=PRIOR)
    assert (said(given), given.context, captioner.context) == (said(bare), (), ())
    added = [warning for warning in given.warnings if warning not in bare.warnings]
    assert added == [UNREAD.format("an indication"), UNREAD.format("a prior study")]
    study = Study("s", (ImageRef("x.png"),), report=Report(indication="cough"))
    assert as_study(study).indication == "cough"
    assert not as_study(study).context_asked  # a manifest's context is no request


def test_an_unreadable_prior_is_left_out_with_the_reason(reading: Captioner, tmp_path: Path) -> None:
    bare = reading.caption(FILM, force=True)
    caption = reading.caption(FILM, force=True, prior=Prior(tmp_path / "gone.png"))
    assert (said(caption), caption.context) == (said(bare), ())
    (told,) = [warning for warning in caption.warnings if warning not in bare.warnings]
    assert told.startswith("left out of the prior study: ")
    assert "gone.png" in told


def test_a_prior_needs_images_or_a_report() -> None:
    with pytest.raises(UsageError, match="a prior study needs images or a report"):
        as_prior(Prior())


@pytest.fixture
def data(tmp_path: Path) -> Manifest:
    """Four studies, of which one has a prior that is in no part."""
    studies = []
    for number, why in enumerate(("large mass", "the heart", "clear lungs", "size")):
        Image.fromarray((picture(number).pixels * 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
        report = Report(indication=why, findings="There is a large mass.")
        studies.append(Study(f"s{number}", (ImageRef(f"{number}.png", "PA"),), None, report, split="test"))
    studies[0] = replace(studies[0], prior="s3")
    studies[3] = replace(studies[3], split=None)
    write(tmp_path, Header(1, "made"), studies)
    return Manifest(tmp_path)


def test_studies_of_a_manifest_bring_their_context(
    reading: Captioner, data: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = list(data.split("test"))
    first, second = reading.stream(studies[:2], force=True)
    assert first.context == ("indication", "prior images", "prior report")
    assert second.context == ("indication",)
    seen: list[str] = []

    def stream(_: Captioner, inputs: list[StudyInput], **options: object) -> list[Caption]:
        seen.extend(one.indication for one in inputs)
        return [first] * len(inputs)

    monkeypatch.setattr(Captioner, "stream", stream)
    for whose in get_args(ContextOf):
        caption_studies(reading, studies, context_of=whose)
    own = ["large mass", "the heart", "clear lungs"]
    assert seen == [*own, "", "", "", *own[1:], own[0]]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        command_line, ["caption", "--force", *map(str, arguments)], standalone_mode=False
    )
    if result.exception:
        raise result.exception
    return result.output


def test_the_command_line_gives_the_context(data: Manifest, bundle: Path) -> None:
    film, earlier = data.root / "0.png", data.root / "1.png"
    options = ("--bundle", bundle, "--indication", "large mass", "--prior-report", "the lungs are clear .")
    out = run(film, *options, "--prior", earlier)
    assert "read beside the images: indication, prior images, prior report" in out
    with pytest.raises(UsageError, match="--prior belongs to one study, and there are 2"):
        run(film, earlier, *options)
    with pytest.raises(UsageError, match="exclude each other"):
        run(film, *options, "--indication-from-dicom")
