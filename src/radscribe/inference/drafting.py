"""From the result of the search to a `Caption`: text, and each token's place and finding in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from radscribe.bundle.format import BundleSpec
from radscribe.inference.caption import Alternative, Caption, Token
from radscribe.inference.confidence import assess, require_known
from radscribe.inference.evidence import ImageEvidence
from radscribe.inference.evidence.image_evidence import Cells, Explain, gather
from radscribe.inference.prepare import Prepared
from radscribe.inference.search import Hypothesis
from radscribe.inference.sessions import Array
from radscribe.labels import DISCLAIMER
from radscribe.text.findings import Mention, Status, find
from radscribe.text.tokenizer import CONTINUES, ReportTokenizer

_SAID: dict[Status, int] = {"present": 0, "uncertain": 1, "absent": 2}


class TokenSpan(NamedTuple):
    """A token's place `text[start:end]`, and the mention of a finding that it is part of, if any."""

    start: int
    end: int
    mention: Mention | None


def token_spans(text: str, tokens: Sequence[str]) -> list[TokenSpan]:
    """The span of each token of a decoded text.

    Of several mentions that a token is part of the shortest counts, as the one that is most about it; of
    equally long ones what is asserted comes before doubt and denial, and then the first that the labeller
    found ("the lungs are clear" denies eight findings at once). `Normal` is not a finding that a word names.

    Parameters
    ----------
    text : str
        As `ReportTokenizer.decode` writes it: the tokens, cased and spaced again, and nothing else.
    tokens : sequence of str
        A token that the text leaves out, such as `<unk>`, gets an empty span.
    """
    mentions = _mentions(text)
    return [
        TokenSpan(start, end, next((m for m in mentions if start < m.end and m.start < end), None))
        for start, end in _places(text, tokens)
    ]


_spans = lru_cache(maxsize=1024)(token_spans)  # many studies get the same caption


def _mentions(text: str) -> tuple[Mention, ...]:
    named = [mention for mention in find(text) if mention.finding != "Normal"]
    return tuple(sorted(named, key=lambda m: (m.end - m.start, _SAID[m.status])))  # stable


def _places(text: str, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    position = 0
    for token in tokens:
        word = token.removeprefix(CONTINUES)
        start = position + len(text[position:]) - len(text[position:].lstrip())
        end = start + len(word)
        if text[start:end].lower() == word.lower():
            position = end
            yield start, end
        else:
            yield position, position


SILENT = "No reliable statement about this film."  # where validation supports none
WORDLESS = "The decoder wrote nothing about this film."  # where nothing was validated
OTHER_PRECISION = "Grad-CAM explains the float32 weights that the int8 encoder of this bundle was made from"


def silence(spec: BundleSpec) -> str:
    """Say why a caption has no words: nothing may be said, or the decoder has not learned to speak."""
    return SILENT if spec.assessment else WORDLESS


class Drafter:
    """Writes the captions of one bundle; `explain` makes maps where the bundle gives none."""

    def __init__(self, spec: BundleSpec, tokenizer: ReportTokenizer, explain: Explain | None = None) -> None:
        self._spec = spec
        self._tokenizer = tokenizer
        self._explain = explain
        require_known(spec)

    def caption(
        self,
        prepared: Prepared,
        hypotheses: Sequence[Hypothesis],
        probabilities: Array,
        cells: Cells | None = None,
    ) -> Caption:
        """The draft of a study.

        Parameters
        ----------
        hypotheses : sequence of Hypothesis
            By falling rank, as many as were asked for.
        probabilities : numpy.ndarray
            `[F]`, calibrated.
        cells : Cells, optional
            Cells of the study's images, where evidence is asked for.
        """
        best, *others = hypotheses
        text = self._tokenizer.decode(best.tokens) or silence(self._spec)
        evidence: tuple[ImageEvidence, ...] = ()
        told: tuple[str, ...] = ()
        if cells is not None:
            names = self._spec.encoder.findings
            evidence, told = gather(prepared, cells, best.attention, best.tokens, names, self._explain)
            by_gradients = any("grad-cam" in (one.findings_from, one.words_from) for one in evidence)
            if by_gradients and self._spec.encoder.precision == "int8":
                told = (*told, OTHER_PRECISION)
        draft = Caption(
            study=prepared.study.name,
            files=prepared.study.files,
            bundle=self._spec.id,
            text=text,
            tokens=tuple(self._tokens(best, text)),
            log_probability=best.log_probability,
            alternatives=tuple(
                Alternative(self._tokenizer.decode(h.tokens), h.log_probability) for h in others if h.tokens
            ),
            findings=dict(zip(self._spec.encoder.findings, (float(p) for p in probabilities), strict=True)),
            warnings=(
                DISCLAIMER,
                *self._spec.cautions,
                *not_assessed_warning(self._spec),
                *prepared.warnings,
                *told,
            ),
            used=tuple(prepared.files),
            not_assessed=self._spec.not_assessed,
            sections=self._tokenizer.decode_sections(best.tokens),
            context=prepared.context,
            left_out={**prepared.errors, **prepared.refusals},
            failed=bool(prepared.errors),
            evidence=evidence,
        )
        if prepared.forced:
            return assess(draft, None)
        return assess(draft, self._spec.confidence, self._spec.normality)

    def _tokens(self, hypothesis: Hypothesis, text: str) -> Iterator[Token]:
        tokens = tuple(self._tokenizer.token(token) for token in hypothesis.tokens)
        spans = _spans(text, tokens)
        for token, (start, end, mention), said in zip(
            tokens, spans, hypothesis.log_probabilities, strict=False
        ):
            finding, status = (mention.finding, mention.status) if mention else (None, None)
            yield Token(token, said, start, end, finding, status)

    def nothing(self, prepared: Prepared) -> Caption:
        """The result for a study without a caption, with the reason."""
        return nothing(prepared, self._spec.id)


def not_assessed_warning(spec: BundleSpec) -> tuple[str, ...]:
    """Return the warning that names the findings that a bundle does not assess, if there are any."""
    if names := [name.replace("_", " ") for name in spec.not_assessed]:
        return (f"not assessed: {', '.join(names)}",)
    return ()


def nothing(prepared: Prepared, bundle: str) -> Caption:
    """Return the result for a study without a caption, with the reason."""
    refused = "; ".join(dict.fromkeys(prepared.refusals.values())) or None
    return Caption(
        study=prepared.study.name,
        files=prepared.study.files,
        bundle=bundle,
        refused=refused,
        error=None if refused else "; ".join(prepared.errors.values()),
        warnings=(DISCLAIMER, *(f"left out: {e}" for e in prepared.errors.values() if refused)),
        left_out={**prepared.errors, **prepared.refusals},
        failed=True,
    )
