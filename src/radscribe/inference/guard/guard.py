"""`Guard`: the chest check before, and the rules after, a captioner that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import ConfidenceSpec
from radscribe.errors import RadscribeError, UsageError
from radscribe.inference.caption import Caption
from radscribe.inference.confidence import assess, refuse_below, require_confidence
from radscribe.inference.drafting import SILENT, not_assessed_warning, nothing
from radscribe.inference.evidence.image_evidence import Cells, gather
from radscribe.inference.guard.sentences import (
    ABSENT_BELOW,
    MARKED,
    RULES,
    Rule,
    Seen,
    Sentence,
    SentenceChecker,
    kept_text,
    marked_text,
)
from radscribe.inference.guard.sources import PROMPT, TIMEOUT, Api, Source, as_source
from radscribe.inference.inputs import Image, StudyInput, is_one_image
from radscribe.inference.inputs import Source as StudySource
from radscribe.inference.pipeline import two_stages
from radscribe.inference.prepare import Prepared, Preparer
from radscribe.inference.sessions import Array, EncoderSession, join_views
from radscribe.inference.shown import weaker_sides
from radscribe.inference.studies import studies_of
from radscribe.labels import DISCLAIMER
from radscribe.runtime.onnx_session import available_cores
from radscribe.text.location import Side

EXTERNAL = "written by {name}, which is not part of radscribe; checked by its guard"
# Features of the confidence that need no token probabilities.
_OF_TEXT = frozenset({"agreement", "normality"})


@dataclass(frozen=True, slots=True)
class GuardedCaption(Caption):
    """A caption of an external captioner, with what the guard found.

    Parameters
    ----------
    original : str, optional
        The captioner's text before the check. None if the captioner was not asked.
    sentences : tuple of Sentence
        The sentences of `original`, each with the rules that it breaks.
    """

    original: str | None = None
    sentences: tuple[Sentence, ...] = ()

    @property
    def dropped(self) -> tuple[Sentence, ...]:
        """Sentences that `text` leaves out."""
        return tuple(sentence for sentence in self.sentences if sentence.dropped)

    @property
    def marked(self) -> str:
        """The text with the reasons of kept sentences in square brackets."""
        return marked_text(self.sentences) or (self.text or "")

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``radscribe guard --format json`` prints."""
        guard = {"original": self.original, "sentences": [sentence.to_dict() for sentence in self.sentences]}
        return {**super(GuardedCaption, self).to_dict(), "guard": guard}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A study with what the encoder and the external captioner say of it."""

    prepared: Prepared
    outputs: dict[str, Array]  # of M images, by name
    answer: str | RadscribeError = ""


class Guard:
    """Captions studies with a captioner that is not ours, and checks what it says.

    Parameters
    ----------
    captioner : callable, str or Source
        A function of images and views that returns text; an address of an endpoint; ``module:function``; or
        an object with the method `ask`.
    bundle : str or Path, optional
        Bundle whose encoder checks the text (default: the embedded one).
    mark : collection of str
        Rules whose sentences are kept with the reason. Sentences that break another rule are dropped.
    absent_below : float
        Probability below which an asserted finding may count as clearly absent.
    timeout : float
        Seconds per study to wait for the captioner.
    api, model, prompt, token : str
        How to ask an endpoint; see `Endpoint`.
    threads : int, optional
        Studies that are read and asked about at once (default: all cores).
    device : str
        Where to run the encoder.

    Raises
    ------
    UsageError
        The captioner cannot be used, or a rule has no such name.
    BundleError
        There is no such bundle.

    Examples
    --------
    >>> from radscribe import phantom
    >>> from radscribe.inference.guard import Guard
    >>> guard = Guard(lambda images, views: "The heart is normal. Unchanged since the prior study.")
    >>> caption = guard.caption(phantom.draw(7, ()).radiograph)
    >>> [sentence.text for sentence in caption.dropped]
    ['Unchanged since the prior study.']
    """

    def __init__(
        self,
        captioner: Source | Callable[..., str] | str,
        bundle: str | Path | None = None,
        *,
        mark: Collection[Rule] = MARKED,
        absent_below: float = ABSENT_BELOW,
        timeout: float = TIMEOUT,
        api: Api = "plain",
        model: str = "default",
        prompt: str = PROMPT,
        token: str | None = None,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        if unknown := sorted(set(mark) - RULES.keys()):
            raise UsageError(f"no rule is called {unknown[0]!r}", remedy=f"choose from {', '.join(RULES)}")
        if not 0 <= absent_below <= 1:
            raise UsageError(f"absent_below is {absent_below:g}", remedy="choose a value from 0 to 1")
        self._source = as_source(captioner, timeout, api, model, prompt, token)
        folder = bundle_format.locate(bundle)
        self.spec = bundle_format.read(folder)
        self._encoder = EncoderSession(folder, self.spec, device)
        self._prepare = Preparer(self.spec.encoder.image_size, self.spec.encoder.views)
        self._check = SentenceChecker(self.spec, mark, absent_below)
        self._threads = threads or available_cores()

    @property
    def bundle(self) -> str:
        """The id that captions carry: the captioner's name and the id of the bundle that checks it."""
        return f"{self._source.name} guarded by {self.spec.id}"

    def caption(
        self,
        source: StudySource | StudyInput,
        *,
        force: bool = False,
        evidence: bool = False,
        min_confidence: float | None = None,
    ) -> GuardedCaption:
        """Caption one study; see `stream` for the options.

        Raises
        ------
        UsageError
            The source holds several studies, or an option makes no sense.
        """
        studies = list(studies_of([source]))
        if len(studies) > 1:
            raise UsageError(f"holds {len(studies)} studies", subject=str(source), remedy="use stream()")
        (caption,) = self.stream(studies, force=force, evidence=evidence, min_confidence=min_confidence)
        return caption

    def stream(
        self,
        sources: Iterable[StudySource | StudyInput] | Image,
        *,
        ordered: bool = True,
        force: bool = False,
        evidence: bool = False,
        min_confidence: float | None = None,
        **ignored: Any,
    ) -> Generator[GuardedCaption, None, None]:
        """Caption many studies.

        Parameters
        ----------
        sources : iterable, or a single image
            As for `Captioner.stream`.
        ordered : bool
            Yield captions in the order of the sources.
        force : bool
            Ask about images that the chest check refuses. The caption carries a warning.
        evidence : bool
            Fill `Caption.evidence` with maps of the findings. There are none of words.
        min_confidence : float, optional
            Refuse a study if the confidence of its caption is lower, from 0 to 1.
        **ignored
            Options of a search, which the external captioner does not have. The service passes them.

        Yields
        ------
        GuardedCaption
            One per study. A captioner that fails sets `error`; nothing is raised.
        """
        require_confidence(self.spec, min_confidence)
        studies = cast(Iterable[Any], [sources] if is_one_image(sources) else sources)
        return two_stages(
            studies_of(studies),
            lambda study: self._ask(study, force),
            lambda batch: [self._caption(asked, evidence, min_confidence) for asked in batch],
            workers=self._threads,
            ordered=ordered,
        )

    def _ask(self, study: StudyInput, force: bool) -> _Asked:
        # The external captioner gets the image at its own size.
        prepared = self._prepare(study, force, keep_originals=True)
        if not prepared.images:
            return _Asked(prepared, {})
        outputs = self._encoder(np.stack(prepared.images), maps=True)
        try:
            return _Asked(prepared, outputs, self._source.ask(prepared.originals, prepared.views))
        except RadscribeError as error:
            return _Asked(prepared, outputs, error)

    def _caption(self, asked: _Asked, evidence: bool, min_confidence: float | None) -> GuardedCaption:
        prepared = asked.prepared
        if not asked.outputs:
            return _guarded(nothing(prepared, self.bundle))
        if isinstance(asked.answer, RadscribeError):
            failed = nothing(prepared, self.bundle)
            return _guarded(replace(failed, refused=None, error=str(asked.answer)))
        features = join_views(asked.outputs, [prepared.views])
        names = self.spec.encoder.findings
        probabilities = dict(zip(names, map(float, features["probabilities"][0]), strict=True))
        height, width = next((x.shape[2:] for x in asked.outputs.values() if x.ndim == 4), (0, 0))
        weaker: frozenset[tuple[str, Side]] = frozenset()
        if "maps" in features:
            (weaker,) = weaker_sides(names, features["maps"], features["views"], width)
        seen = Seen(tuple(prepared.views), probabilities, weaker)
        sentences = tuple(self._check(asked.answer, seen))
        told: tuple[str, ...] = ()
        maps: tuple[Any, ...] = ()
        if evidence:
            cells = Cells(height, width, features["maps"][0] if "maps" in features else None)
            maps, told = gather(prepared, cells, None, (), names)
        reasons = tuple(
            f"{'dropped' if one.dropped else 'check'}: “{' '.join(one.text.split())}”: "
            + "; ".join(reason.text for reason in one.reasons)
            for one in sentences
            if one.reasons
        )
        external = EXTERNAL.format(name=self._source.name)
        unassessed = not_assessed_warning(self.spec)
        draft = Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self.bundle,
            text=kept_text(asked.answer, sentences) or SILENT,
            findings=probabilities,
            warnings=(DISCLAIMER, external, *unassessed, *reasons, *prepared.warnings, *told),
            used=tuple(prepared.files),
            not_assessed=self.spec.not_assessed,
            left_out={**prepared.errors, **prepared.refusals},
            failed=bool(prepared.errors),
            evidence=maps,
        )
        if prepared.forced:
            draft = assess(draft, None)
        else:
            draft = assess(draft, _of_text(self.spec.confidence), _of_text(self.spec.normality))
        return _guarded(refuse_below(draft, min_confidence), asked.answer, sentences)


def _of_text(fitted: ConfidenceSpec | None) -> ConfidenceSpec | None:
    """The fitted probability, if it can be computed without token probabilities."""
    return fitted if fitted is not None and set(fitted.features) <= _OF_TEXT else None


def _guarded(
    caption: Caption, original: str | None = None, sentences: tuple[Sentence, ...] = ()
) -> GuardedCaption:
    fields = {name: getattr(caption, name) for name in Caption.__dataclass_fields__}
    return GuardedCaption(**fields, original=original, sentences=sentences)
