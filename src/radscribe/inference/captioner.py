"""`Captioner`: a bundle, loaded; images in, captions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from radscribe.bundle import format as bundle_format
from radscribe.errors import UsageError
from radscribe.imaging.onnx_session import available_cores
from radscribe.inference.caption import DISCLAIMER, Alternative, Caption, Grid, Token
from radscribe.inference.constraints import of_a_caption
from radscribe.inference.inputs import Source, StudyInput, as_study
from radscribe.inference.join_views import join_views
from radscribe.inference.prepare import Prepared, Preparer
from radscribe.inference.search import Hypothesis, search
from radscribe.inference.sessions import Array, DecoderSession, EncoderSession
from radscribe.text.tokenizer import ReportTokenizer

BATCH = 8  # studies that go through the encoder at once
BEAM = 3


class Captioner:
    """Writes draft captions; may be used from several threads.

    Parameters
    ----------
    bundle : a bundle's folder, the name of an embedded one, or None for the default.
    threads : of the encoder; None takes every core.

    Raises
    ------
    BundleError : there is no such bundle, or a file of it is not the one that was exported.

    Examples
    --------
    >>> import radscribe
    >>> from radscribe.imaging import phantom
    >>> captioner = radscribe.load()
    >>> caption = captioner.caption(phantom.draw(seed=7).radiograph)
    >>> caption.refused is None and len(caption.findings)
    14
    """

    def __init__(self, bundle: str | Path | None = None, *, threads: int | None = None) -> None:
        folder = bundle_format.locate(bundle)
        self.spec = bundle_format.read(folder)
        self._encoder = EncoderSession(folder, self.spec, threads)
        self._decoder = DecoderSession(folder, self.spec)
        self._tokenizer = ReportTokenizer.load(folder / self.spec.tokenizer)
        self._prepare = Preparer(self.spec.encoder.image_size, self.spec.encoder.views)
        self._constraints = of_a_caption(self._tokenizer)

    @property
    def bundle(self) -> str:
        """Name and digest of the bundle."""
        return self.spec.id

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that the encoder gives probabilities of."""
        return self.spec.encoder.findings

    def caption(
        self,
        source: Source | StudyInput,
        *,
        beam: int = BEAM,
        n_best: int = 1,
        force: bool = False,
    ) -> Caption:
        """Caption one study.

        Parameters
        ----------
        source : a path, a folder, an array `[H, W]`, a `Radiograph`, a `Study`, or several images of one.
        beam : beam width; 1 is greedy.
        n_best : captions to return, at most `beam`.
        force : caption what the chest check refuses, under a warning.

        Returns
        -------
        a `Caption`; what cannot be read or is refused is told in it, not raised.

        Raises
        ------
        UsageError : a beam below 1, more captions than the beam holds, or a source of another kind.
        """
        return next(self.stream([source], beam=beam, n_best=n_best, force=force))

    def stream(
        self,
        sources: Iterable[Source | StudyInput],
        *,
        beam: int = BEAM,
        n_best: int = 1,
        force: bool = False,
    ) -> Iterator[Caption]:
        """Caption studies in order, each when its batch is done; memory does not grow with their number.

        The next batch is read and checked while the encoder sees the present one. Parameters and errors are
        those of `caption`.
        """
        if beam < 1 or not 1 <= n_best <= beam:
            raise UsageError(f"a beam of {beam} with {n_best} captions", remedy="take 1 <= n-best <= beam")
        return self._stream(iter(sources), beam, n_best, force)

    def _stream(
        self, sources: Iterator[Source | StudyInput], beam: int, n_best: int, force: bool
    ) -> Iterator[Caption]:
        waiting: deque[Future[Prepared]] = deque()
        with ThreadPoolExecutor(available_cores()) as pool:
            exhausted = False
            while True:
                while not exhausted and len(waiting) < 2 * BATCH:
                    source = next(sources, None)
                    if source is None:
                        exhausted = True
                    else:
                        study = source if isinstance(source, StudyInput) else as_study(source)
                        waiting.append(pool.submit(self._prepare, study, force))
                if not waiting:
                    return
                batch = [waiting.popleft().result() for _ in range(min(BATCH, len(waiting)))]
                yield from self._caption_batch(batch, beam, n_best)

    def _caption_batch(self, batch: Sequence[Prepared], beam: int, n_best: int) -> Iterator[Caption]:
        seen = [prepared for prepared in batch if prepared.images]
        drafts: dict[int, Caption] = {}
        if seen:
            outputs = self._encoder(np.stack([image for study in seen for image in study.images]))
            features = join_views(outputs, [study.views for study in seen])
            hypotheses = search(
                self._decoder.step,
                *self._decoder.init_state(features),
                bos=self._tokenizer.bos,
                eos=self._tokenizer.eos,
                max_length=self.spec.decoder.max_length,
                beam=beam,
                constraints=self._constraints,
            )
            # Height and width of the cells that the decoder attends to, where it does.
            shape = next((values.shape[2:] for values in outputs.values() if values.ndim == 4), (0, 0))
            for index, prepared in enumerate(seen):
                probabilities = features["probabilities"][index]
                drafts[id(prepared)] = self._drafted(
                    prepared, hypotheses[index][:n_best], probabilities, shape
                )
        for prepared in batch:
            yield drafts.get(id(prepared)) or self._without_caption(prepared)

    def _drafted(
        self,
        prepared: Prepared,
        hypotheses: list[Hypothesis],
        probabilities: Array,
        shape: tuple[int, ...],
    ) -> Caption:
        best, *others = hypotheses
        height, width = shape
        attends = best.attention is not None
        cells = height * width * len(prepared.images)
        return Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self.bundle,
            text=self._tokenizer.decode(best.tokens),
            tokens=tuple(
                Token(self._tokenizer.token(token), log_probability)
                for token, log_probability in zip(best.tokens, best.log_probabilities, strict=False)
            ),
            log_probability=best.log_probability,
            alternatives=tuple(
                Alternative(self._tokenizer.decode(h.tokens), h.log_probability) for h in others
            ),
            findings=dict(zip(self.findings, (float(p) for p in probabilities), strict=True)),
            warnings=(DISCLAIMER, *self.spec.cautions, *prepared.warnings),
            left_out={**prepared.errors, **prepared.refusals},
            failed=bool(prepared.errors),
            attention=None if best.attention is None else best.attention[:, :cells],
            grids=tuple(
                Grid(file, view, height, width)
                for file, view in zip(prepared.files, prepared.views, strict=True)
                if attends
            ),
        )

    def _without_caption(self, prepared: Prepared) -> Caption:
        refused = "; ".join(dict.fromkeys(prepared.refusals.values())) or None
        return Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self.bundle,
            refused=refused,
            error=None if refused else "; ".join(prepared.errors.values()),
            warnings=(DISCLAIMER, *(f"left out: {e}" for e in prepared.errors.values() if refused)),
            left_out={**prepared.errors, **prepared.refusals},
            failed=True,
        )
