"""`Captioner`: a bundle, loaded; images in, captions out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np

from radscribe.bundle import format as bundle_format
from radscribe.inference.caption import Caption
from radscribe.inference.confidence import hand_back, require_confidence
from radscribe.inference.constraints import Claims, of_a_caption
from radscribe.inference.drafting import Drafter
from radscribe.inference.evidence.gather import Cells, Explain
from radscribe.inference.inputs import Source, StudyInput, as_study
from radscribe.inference.join_views import join_views
from radscribe.inference.options import Asked, Options
from radscribe.inference.pipeline import two_stages
from radscribe.inference.prepare import Prepared, Preparer
from radscribe.inference.search import search
from radscribe.inference.sessions import Array, DecoderSession, EncoderSession
from radscribe.runtime.onnx_session import available_cores
from radscribe.text.tokenizer import ReportTokenizer


@dataclass(frozen=True, slots=True)
class Encoded:
    """A study that is ready for the search: what the encoder says of its images, by name; or nothing."""

    prepared: Prepared
    outputs: dict[str, Array]  # of M images: [M, K], planes [M, K, h, w]


class Captioner:
    """Writes draft captions; may be used from several threads at once.

    Parameters
    ----------
    bundle : a bundle's folder, the name of an embedded one, `hf:owner/name` with `@revision` or without for
        one on the Hugging Face Hub, or None for the default.
    threads : images that a stream reads and encodes at once; None takes every core.
    explain : makes evidence where the bundle gives none, such as `models.grad_cam.GradCam`.

    Raises
    ------
    BundleError : there is no such bundle, or a file of it is not the one that was exported.

    Examples
    --------
    >>> import radscribe
    >>> from radscribe import phantom
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
        self._threads = threads or available_cores()
        self._encoder = EncoderSession(folder, self.spec)
        self._decoder = DecoderSession(folder, self.spec)
        self._tokenizer = ReportTokenizer.load(folder / self.spec.tokenizer)
        self._prepare = Preparer(self.spec.encoder.image_size, self.spec.encoder.views)
        self._draft = Drafter(self.spec, self._tokenizer, explain)
        self._constraints = of_a_caption(self._tokenizer)
        self._claims = Claims(self._tokenizer)

    @property
    def bundle(self) -> str:
        """Name and digest of the bundle."""
        return self.spec.id

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that the encoder gives probabilities of."""
        return self.spec.encoder.findings

    def caption(self, source: Source | StudyInput, **asked: Unpack[Asked]) -> Caption:
        """Caption one study.

        Parameters
        ----------
        source : a path, a folder, an array `[H, W]`, a `Radiograph`, a `Study`, or several images of one.
        asked : `beam`, `n_best` and the other fields of `inference.options.Options`.

        Returns
        -------
        a `Caption`; what cannot be read or is refused is told in it, not raised.

        Raises
        ------
        UsageError : options that make no sense, a source of another kind, or a least confidence where the
            bundle gives none.
        """
        (caption,) = self.stream([source], **asked)
        return caption

    def stream(
        self,
        sources: Iterable[Source | StudyInput],
        *,
        ordered: bool = True,
        **asked: Unpack[Asked],
    ) -> Generator[Caption, None, None]:
        """Caption studies as they are done; memory does not grow with their number.

        Images are read, checked and encoded on all cores, while the search goes through the studies that are
        ready. Sources are drawn in the caller's thread, some dozens ahead, so a source that waits holds up
        finished captions; when drawing fails, the studies before come first. A stream that is left early
        leaves no thread. Options and errors are those of `caption`.

        Parameters
        ----------
        ordered : captions come in the order of the sources; else each as soon as it is done.
        """
        options = Options(**asked)
        require_confidence(self.spec, options.min_confidence)
        return two_stages(
            (source if isinstance(source, StudyInput) else as_study(source) for source in sources),
            lambda study: self._encode(study, options),
            lambda batch: self._caption(batch, options),
            workers=self._threads,
            ordered=ordered,
        )

    def _encode(self, study: StudyInput, options: Options) -> Encoded:
        prepared = self._prepare(study, options.force, options.evidence)
        if not prepared.images:
            return Encoded(prepared, {})
        return Encoded(prepared, self._encoder(np.stack(prepared.images), maps=options.evidence))

    def _caption(self, batch: Sequence[Encoded], options: Options) -> list[Caption]:
        seen = [study for study in batch if study.outputs]
        drafts: dict[int, Caption] = {}
        if seen:
            outputs = {
                name: np.concatenate([study.outputs[name] for study in seen]) for name in seen[0].outputs
            }
            features = join_views(outputs, [study.prepared.views for study in seen])
            hypotheses = search(
                self._decoder.step,
                *self._decoder.init_state(features),
                bos=self._tokenizer.bos,
                eos=self._tokenizer.eos,
                max_length=self.spec.decoder.max_length,
                strategy=options.search,
                constraints=(*self._constraints, self._claims.of([study.prepared.views for study in seen])),
            )
            # Height and width of the cells of an image, where there are some.
            height, width = next((x.shape[2:] for x in outputs.values() if x.ndim == 4), (0, 0))
            maps = features.get("maps", [None] * len(seen))
            for index, study in enumerate(seen):
                draft = self._draft.caption(
                    study.prepared,
                    hypotheses[index][: options.n_best],
                    features["probabilities"][index],
                    Cells(height, width, maps[index]) if options.evidence else None,
                )
                drafts[id(study)] = hand_back(draft, options.min_confidence)
        return [drafts.get(id(study)) or self._draft.nothing(study.prepared) for study in batch]
