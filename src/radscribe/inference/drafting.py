"""What the search found for a study → its `Caption`."""

from __future__ import annotations

from collections.abc import Sequence

from radscribe.bundle.format import BundleSpec
from radscribe.inference.caption import DISCLAIMER, Alternative, Caption, Grid, Token
from radscribe.inference.prepare import Prepared
from radscribe.inference.search import Hypothesis
from radscribe.inference.sessions import Array
from radscribe.text.tokenizer import ReportTokenizer


class Drafter:
    """Writes the captions of one bundle."""

    def __init__(self, spec: BundleSpec, tokenizer: ReportTokenizer) -> None:
        self._spec = spec
        self._tokenizer = tokenizer

    def caption(
        self,
        prepared: Prepared,
        hypotheses: Sequence[Hypothesis],
        probabilities: Array,
        shape: tuple[int, ...],
    ) -> Caption:
        """The draft of a study.

        Parameters
        ----------
        hypotheses : by falling rank, as many as were asked for.
        probabilities : `[F]`, calibrated.
        shape : height and width of the cells that the decoder attends to, where it does.
        """
        best, *others = hypotheses
        height, width = shape
        attends = best.attention is not None
        cells = height * width * len(prepared.images)
        return Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self._spec.id,
            text=self._tokenizer.decode(best.tokens),
            tokens=tuple(
                Token(self._tokenizer.token(token), log_probability)
                for token, log_probability in zip(best.tokens, best.log_probabilities, strict=False)
            ),
            log_probability=best.log_probability,
            alternatives=tuple(
                Alternative(self._tokenizer.decode(h.tokens), h.log_probability) for h in others
            ),
            findings=dict(zip(self._spec.encoder.findings, (float(p) for p in probabilities), strict=True)),
            warnings=(DISCLAIMER, *self._spec.cautions, *prepared.warnings),
            left_out={**prepared.errors, **prepared.refusals},
            failed=bool(prepared.errors),
            attention=None if best.attention is None else best.attention[:, :cells],
            grids=tuple(
                Grid(file, view, height, width)
                for file, view in zip(prepared.files, prepared.views, strict=True)
                if attends
            ),
        )

    def nothing(self, prepared: Prepared) -> Caption:
        """What is said of a study that gets no caption, and why it gets none."""
        refused = "; ".join(dict.fromkeys(prepared.refusals.values())) or None
        return Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self._spec.id,
            refused=refused,
            error=None if refused else "; ".join(prepared.errors.values()),
            warnings=(DISCLAIMER, *(f"left out: {e}" for e in prepared.errors.values() if refused)),
            left_out={**prepared.errors, **prepared.refusals},
            failed=True,
        )
