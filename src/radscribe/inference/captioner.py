"""`Captioner`: a bundle, loaded; images in, captions out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from radscribe.bundle import format as bundle_format
from radscribe.data.study import Study
from radscribe.errors import UsageError
from radscribe.inference.caption import Caption
from radscribe.inference.confidence import refuse_below, require_confidence
from radscribe.inference.constraints import Claims, Statements, of_a_caption
from radscribe.inference.constraints.statements import CHANGE, DENIAL, Shown
from radscribe.inference.context import NO_CONTEXT, ContextReader, StudyContext
from radscribe.inference.drafting import Drafter
from radscribe.inference.evidence.image_evidence import Cells, Explain
from radscribe.inference.inputs import Image, Prior, Source, StudyInput, is_one_image, with_context
from radscribe.inference.options import DEFAULTS, CaptionOptions, suggest_keywords
from radscribe.inference.pipeline import BATCH, two_stages
from radscribe.inference.prepare import Prepared, Preparer
from radscribe.inference.search import Hypothesis, State, Strategy, score, search, search_sentences
from radscribe.inference.sessions import Array, Begun, DecoderSession, EncoderSession, join_views
from radscribe.inference.shown import ImagesOfStudies
from radscribe.inference.studies import studies_of
from radscribe.runtime.onnx_session import available_cores
from radscribe.text.known_sentences import KnownSentences
from radscribe.text.tokenizer import ReportTokenizer


@dataclass(frozen=True, slots=True)
class Encoded:
    """A study that is ready for the search: what the encoder says of its images, by name; or nothing."""

    prepared: Prepared
    outputs: dict[str, Array]  # of M images: [M, K], planes [M, K, h, w]
    context: StudyContext = NO_CONTEXT


class Captioner:
    """Writes draft captions. One captioner may be used from several threads at once.

    Parameters
    ----------
    bundle : str or Path, optional
        A bundle's folder, the name of an embedded bundle, or ``hf:owner/name`` or ``hf:owner/name@revision``
        for one on the Hugging Face Hub (default: the embedded one).
    threads : int, optional
        Number of images that a stream reads and encodes at once (default: all cores).
    explain : Explain, optional
        Makes evidence where the bundle has none, such as `models.grad_cam.GradCam`.
    device : str
        Where to run the model: ``auto``, ``cpu``, ``cuda`` or another key of
        `runtime.onnx_session.DEVICES`. If the device is missing, the CPU is used, with a warning.

    Raises
    ------
    BundleError
        If there is no such bundle, or one of its files is not the file that was exported.

    Examples
    --------
    >>> import radscribe
    >>> from radscribe import phantom
    >>> captioner = radscribe.load()
    >>> caption = captioner.caption(phantom.draw(seed=7).radiograph)
    >>> caption.refused is None and len(caption.findings)
    34
    """

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        threads: int | None = None,
        explain: Explain | None = None,
        device: str = "auto",
    ) -> None:
        folder = bundle_format.locate(bundle)
        self.spec = bundle_format.read(folder)
        self._threads = threads or available_cores()
        self._encoder = EncoderSession(folder, self.spec, device)
        self._decoder = DecoderSession(folder, self.spec, device)
        self._tokenizer = ReportTokenizer.load(folder / self.spec.tokenizer)
        self._prepare = Preparer(self.spec.encoder.image_size, self.spec.encoder.views)
        self._read_context = ContextReader(
            self.spec.decoder.inputs, self._tokenizer, self._prepare, self._encoder
        )
        self._draft = Drafter(self.spec, self._tokenizer, explain)
        self._constraints = of_a_caption(self._tokenizer)
        self._claims = Claims(self._tokenizer)
        known = None
        if self.spec.sentences and self.spec.assessment:  # else captions show what the decoder writes
            known = KnownSentences.load(folder / self.spec.sentences)
        self._statements = Statements(self._tokenizer, self.spec.not_assessed, known)
        self._shown_by = ImagesOfStudies(self.spec, self.findings)

    @property
    def bundle(self) -> str:
        """Name and digest of the bundle."""
        return self.spec.id

    @property
    def context(self) -> tuple[str, ...]:
        """What the bundle reads beside the images: "indication" and "prior", or nothing."""
        return self._read_context.parts

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that the encoder gives probabilities of."""
        return self.spec.encoder.findings

    @suggest_keywords
    def caption(
        self,
        source: Source | StudyInput,
        *,
        beam: int = DEFAULTS.beam,
        n_best: int = DEFAULTS.n_best,
        force: bool = DEFAULTS.force,
        evidence: bool = DEFAULTS.evidence,
        strategy: Strategy | None = DEFAULTS.strategy,
        min_confidence: float | None = DEFAULTS.min_confidence,
        exact: bool = DEFAULTS.exact,
        indication: str | None = None,
        prior: Prior | Study | None = None,
        context: bool = DEFAULTS.context,
    ) -> Caption:
        """Caption one study.

        Parameters
        ----------
        source : path, bytes, binary file, PIL image, pydicom data set, array, Radiograph, Study or list
            One image, or a list of the images of one study; see `radscribe.read`. A folder is accepted if its
            images are one study. Images of different patients are refused.
        beam : int
            Width of the beam search; 1 is greedy search. Ignored if `strategy` is given.
        n_best : int
            Number of captions to return: the best one, and the others as `Caption.alternatives`.
        force : bool
            Caption an image that the chest check refuses. The caption carries a warning.
        evidence : bool
            Fill `Caption.evidence` with maps of findings and words.
        strategy : Strategy, optional
            Search strategy from `radscribe.inference.search` (default: a beam search of width `beam`).
        min_confidence : float, optional
            Refuse the study if the confidence of its caption is lower, from 0 to 1.
        exact : bool
            Decode JPEG and JPEG 2000 at full resolution (default); False takes the lowest one that suffices.
        indication : str, optional
            Reason for the examination (default: the indication in the report of a `Study`).
        prior : Prior or Study, optional
            An earlier study of the same patient (default: `Study.earlier`). Its images must not be of another
            patient.
        context : bool
            Read the indication and the earlier study, if the bundle reads them. `Caption.context` says which
            were read; a bundle that reads none adds a warning if `indication` or `prior` is given.

        Returns
        -------
        Caption
            If the images cannot be read or are refused, the caption says so; nothing is raised.

        Raises
        ------
        UsageError
            If an option or the source makes no sense, or the bundle gives no confidence to compare with
            `min_confidence`.

        Examples
        --------
        >>> import radscribe
        >>> from radscribe import phantom
        >>> caption = radscribe.load().caption(phantom.draw(seed=7).radiograph, beam=1)
        >>> caption.refused is None
        True
        """
        options = CaptionOptions(beam, n_best, force, evidence, strategy, min_confidence, exact, context)
        studies = [with_context(study, indication, prior) for study in studies_of([source])]
        if len(studies) > 1:
            raise UsageError(
                f"holds {len(studies)} studies",
                subject=str(source),
                remedy="use stream(), or give a list of files that are one study",
            )
        (caption,) = self.run(studies, options)
        return caption

    @suggest_keywords
    def stream(
        self,
        sources: Iterable[Source | StudyInput] | Image,
        *,
        ordered: bool = True,
        beam: int = DEFAULTS.beam,
        n_best: int = DEFAULTS.n_best,
        force: bool = DEFAULTS.force,
        evidence: bool = DEFAULTS.evidence,
        strategy: Strategy | None = DEFAULTS.strategy,
        min_confidence: float | None = DEFAULTS.min_confidence,
        exact: bool = DEFAULTS.exact,
        context: bool = DEFAULTS.context,
    ) -> Generator[Caption, None, None]:
        """Caption many studies; memory does not grow with their number.

        Images are read, checked and encoded on all cores while the search works on the studies that are
        ready. Sources are drawn in the caller's thread, some dozens ahead of the captions. If drawing a
        source fails, the studies before it are captioned first. A stream that is closed early leaves no
        thread.

        Parameters
        ----------
        sources : iterable, or a single image
            Each item is one study, as `source` of `caption`. A folder stands for all studies in it: its DICOM
            files by StudyInstanceUID, and each other image on its own unless its name follows the scheme of
            a published collection.
        ordered : bool
            Yield captions in the order of the sources; otherwise each as soon as it is ready.
        beam, n_best, force, evidence, strategy, min_confidence, exact, context
            As for `caption`.

        Yields
        ------
        Caption
            One per study.

        Raises
        ------
        UsageError
            As for `caption`.
        """
        options = CaptionOptions(beam, n_best, force, evidence, strategy, min_confidence, exact, context)
        return self.run(sources, options, ordered=ordered)

    def run(
        self,
        sources: Iterable[Source | StudyInput] | Image,
        options: CaptionOptions = DEFAULTS,
        *,
        ordered: bool = True,
    ) -> Generator[Caption, None, None]:
        """Caption many studies with the options in one record; see `stream`.

        Parameters
        ----------
        sources : iterable, or a single image
            Each item is one study.
        options : CaptionOptions
            How to caption.
        ordered : bool
            Yield captions in the order of the sources.

        Returns
        -------
        generator of Caption
            One per study.
        """
        require_confidence(self.spec, options.min_confidence)
        # Iterating over a path would give its letters.
        studies = cast(Iterable[Any], [sources] if is_one_image(sources) else sources)
        return two_stages(
            studies_of(studies),
            lambda study: self._encode(study, options),
            lambda batch: self._caption(batch, options),
            workers=self._threads,
            ordered=ordered,
            batch=BATCH // 2 if options.evidence else BATCH,  # which keeps the original pixels
        )

    def caption_together(
        self, studies: Sequence[StudyInput], options: CaptionOptions = DEFAULTS
    ) -> list[Caption]:
        """Caption some studies in the caller's thread, all in one batch of the search.

        The result depends only on the studies, to the last bit, while batches of a stream depend on what is
        ready at a time.

        Parameters
        ----------
        studies : sequence of StudyInput
            Some dozens at most; memory grows with their number.
        options : CaptionOptions
            How to caption.

        Returns
        -------
        list of Caption
            One per study, in order.
        """
        require_confidence(self.spec, options.min_confidence)
        return self._caption([self._encode(study, options) for study in studies], options)

    def _judge(
        self, shown: Sequence[Shown], study: int, said: tuple[int, ...], sentence: tuple[int, ...]
    ) -> float | None:
        return self._statements.judge(said, sentence, shown[study])

    def _encode(self, study: StudyInput, options: CaptionOptions) -> Encoded:
        prepared = self._prepare(study, options.force, options.evidence, exact=options.exact)
        if not prepared.images:
            return Encoded(prepared, {})
        context = NO_CONTEXT
        if options.context:
            context = self._read_context(study, options.force, exact=options.exact)
        prepared.context = context.used
        prepared.warnings += context.warnings
        return Encoded(prepared, self._encoder(np.stack(prepared.images), maps=options.evidence), context)

    def _caption(self, batch: Sequence[Encoded], options: CaptionOptions) -> list[Caption]:
        seen = [study for study in batch if study.outputs]
        drafts: dict[int, Caption] = {}
        if seen:
            outputs = {
                name: np.concatenate([study.outputs[name] for study in seen]) for name in seen[0].outputs
            }
            features = join_views(outputs, [study.prepared.views for study in seen])
            features |= self._read_context.features([study.context for study in seen], features)
            # Height and width of the cells of an image, if there are any.
            height, width = next((x.shape[2:] for x in outputs.values() if x.ndim == 4), (0, 0))
            begun = self._decoder.begin(features)
            shown = self._shown_by(features, [study.context for study in seen], width, begun.course)
            hypotheses = self._search(begun, seen, shown, options)
            maps = features.get("maps", [None] * len(seen))
            for index, study in enumerate(seen):
                draft = self._draft.caption(
                    study.prepared,
                    hypotheses[index][: options.n_best],
                    features["probabilities"][index],
                    Cells(height, width, maps[index]) if options.evidence else None,
                )
                drafts[id(study)] = refuse_below(draft, options.min_confidence)
        return [drafts.get(id(study)) or self._draft.nothing(study.prepared) for study in batch]

    def _search(
        self,
        begun: Begun,
        studies: Sequence[Encoded],
        shown: Sequence[Shown],
        options: CaptionOptions,
    ) -> list[list[Hypothesis]]:
        """The captions of N studies, best first, none of which says anything that it must not say."""
        settings: dict[str, Any] = {
            "bos": self._tokenizer.bos,
            "eos": self._tokenizer.eos,
            "max_length": self.spec.decoder.max_length,
        }
        views = [study.prepared.views for study in studies]
        priors = [study.context.has_prior for study in studies]
        state, fixed = begun.state, begun.fixed
        found = search(
            self._decoder.step,
            state,
            fixed,
            strategy=options.search,
            constraints=(*self._constraints, self._claims.of(views, priors)),
            lost=lambda study, said: not self._statements.allows(said, shown[study]),
            ends=self._statements.ends,
            **settings,
        )
        allowed = [
            [h for h in mine if self._statements.allows_whole(h.tokens, shown[study])]
            for study, mine in enumerate(found)
        ]
        for place in range(options.n_best):
            rest = [study for study, mine in enumerate(allowed) if len(mine) < min(place + 1, options.n_best)]
            if not rest:
                break
            written = search_sentences(
                self._decoder.step,
                tuple(part[rest] for part in state),
                tuple(part[rest] for part in fixed),
                judge=partial(self._judge, [shown[study] for study in rest]),
                ends=self._statements.ends,
                constraints=(
                    *self._constraints,
                    self._claims.of([views[i] for i in rest], [priors[i] for i in rest]),
                ),
                passed_over=place,
                most_allowance=DENIAL if begun.course is None else CHANGE,
                **settings,
            )
            for study, hypothesis in zip(rest, written, strict=True):
                if place == 0 or hypothesis.tokens:
                    allowed[study].append(hypothesis)
        self._correct_sides(allowed, shown, state, fixed)
        return [list({h.tokens: h for h in reversed(mine)}.values())[::-1] for mine in allowed]

    def _correct_sides(
        self, found: list[list[Hypothesis]], shown: Sequence[Shown], state: State, fixed: State
    ) -> None:
        """Replace captions that place findings on sides that the images do not show."""
        wrong: list[tuple[int, int, tuple[int, ...]]] = []  # study, place among its captions, correct tokens
        for study, mine in enumerate(found):
            for place, hypothesis in enumerate(mine):
                tokens = self._statements.on_shown_sides(hypothesis.tokens, shown[study])
                if tokens != hypothesis.tokens:
                    wrong.append((study, place, tokens))
        if not wrong:
            return
        studies = [study for study, _, _ in wrong]
        scored = score(
            self._decoder.step,
            tuple(part[studies] for part in state),
            tuple(part[studies] for part in fixed),
            [tokens for _, _, tokens in wrong],
            bos=self._tokenizer.bos,
            eos=self._tokenizer.eos,
        )
        for (study, place, _), hypothesis in zip(wrong, scored, strict=True):
            found[study][place] = hypothesis
