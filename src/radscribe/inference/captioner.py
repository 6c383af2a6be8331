"""`Captioner`: a bundle, loaded; images in, captions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from radscribe.bundle import format as bundle_format
from radscribe.imaging.onnx_session import available_cores
from radscribe.inference.caption import Caption
from radscribe.inference.constraints import of_a_caption
from radscribe.inference.drafting import Drafter
from radscribe.inference.evidence.gather import Cells, Explain
from radscribe.inference.inputs import Source, StudyInput, as_study
from radscribe.inference.join_views import join_views
from radscribe.inference.options import Options
from radscribe.inference.prepare import Prepared, Preparer
from radscribe.inference.search import search
from radscribe.inference.sessions import DecoderSession, EncoderSession
from radscribe.text.tokenizer import ReportTokenizer

BATCH = 8  # studies that go through the encoder at once


class Captioner:
    """Writes draft captions; may be used from several threads.

    Parameters
    ----------
    bundle : a bundle's folder, the name of an embedded one, or None for the default.
    threads : of the encoder; None takes every core.
    explain : makes evidence where the bundle gives none, such as `models.grad_cam.GradCam`.

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

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        threads: int | None = None,
        explain: Explain | None = None,
    ) -> None:
        folder = bundle_format.locate(bundle)
        self.spec = bundle_format.read(folder)
        self._encoder = EncoderSession(folder, self.spec, threads)
        self._decoder = DecoderSession(folder, self.spec)
        self._tokenizer = ReportTokenizer.load(folder / self.spec.tokenizer)
        self._prepare = Preparer(self.spec.encoder.image_size, self.spec.encoder.views)
        self._draft = Drafter(self.spec, self._tokenizer, explain)
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
        beam: int = 3,
        n_best: int = 1,
        force: bool = False,
        evidence: bool = False,
    ) -> Caption:
        """Caption one study.

        Parameters
        ----------
        source : a path, a folder, an array `[H, W]`, a `Radiograph`, a `Study`, or several images of one.
        beam : beam width; 1 is greedy.
        n_best : captions to return, at most `beam`.
        force : caption what the chest check refuses, under a warning.
        evidence : fill `Caption.evidence`, and keep each image's pixels in it.

        Returns
        -------
        a `Caption`; what cannot be read or is refused is told in it, not raised.

        Raises
        ------
        UsageError : a beam below 1, more captions than the beam holds, or a source of another kind.
        """
        return next(self.stream([source], beam=beam, n_best=n_best, force=force, evidence=evidence))

    def stream(
        self,
        sources: Iterable[Source | StudyInput],
        *,
        beam: int = 3,
        n_best: int = 1,
        force: bool = False,
        evidence: bool = False,
    ) -> Iterator[Caption]:
        """Caption studies in order, each when its batch is done; memory does not grow with their number.

        The next batch is read and checked while the encoder sees the present one. Parameters and errors are
        those of `caption`.
        """
        return self._stream(iter(sources), Options(beam, n_best, force, evidence))

    def _stream(self, sources: Iterator[Source | StudyInput], options: Options) -> Iterator[Caption]:
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
                        waiting.append(pool.submit(self._prepare, study, options.force, options.evidence))
                if not waiting:
                    return
                batch = [waiting.popleft().result() for _ in range(min(BATCH, len(waiting)))]
                yield from self._caption_batch(batch, options)

    def _caption_batch(self, batch: Sequence[Prepared], options: Options) -> Iterator[Caption]:
        seen = [prepared for prepared in batch if prepared.images]
        drafts: dict[int, Caption] = {}
        if seen:
            images = np.stack([image for study in seen for image in study.images])
            outputs = self._encoder(images, maps=options.evidence)
            features = join_views(outputs, [study.views for study in seen])
            hypotheses = search(
                self._decoder.step,
                *self._decoder.init_state(features),
                bos=self._tokenizer.bos,
                eos=self._tokenizer.eos,
                max_length=self.spec.decoder.max_length,
                beam=options.beam,
                constraints=self._constraints,
            )
            # Height and width of the cells of an image, where there are some.
            shape = next((values.shape[2:] for values in outputs.values() if values.ndim == 4), (0, 0))
            maps = features.get("maps", [None] * len(seen))
            for index, prepared in enumerate(seen):
                drafts[id(prepared)] = self._draft.caption(
                    prepared,
                    hypotheses[index][: options.n_best],
                    features["probabilities"][index],
                    Cells(*shape, maps[index]) if options.evidence else None,
                )
        for prepared in batch:
            yield drafts.get(id(prepared)) or self._draft.nothing(prepared)
