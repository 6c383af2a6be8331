"""The context of studies as the graphs of a bundle read it: why they were asked for, and an earlier study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from radscribe.imaging.radiograph import View
from radscribe.inference.inputs import StudyInput, of_one_patient
from radscribe.inference.prepare import Preparer
from radscribe.inference.sessions import Array, EncoderSession, join_views
from radscribe.labels import CONTEXT_PARTS
from radscribe.text.context import INDICATION_TOKENS, REPORT_TOKENS, context_ids
from radscribe.text.findings import label
from radscribe.text.tokenizer import ReportTokenizer

MARKS = {"indication": "indication", "prior": "prior_given"}  # part → the decoder's input that tells it
NAMES = {"indication": "an indication", "prior": "a prior study"}


@dataclass(frozen=True, slots=True)
class StudyContext:
    """What a decoder reads beside the images of one study.

    Parameters
    ----------
    indication, report : tuple of int
        Token ids of the indication and of the earlier study's report, without padding.
    outputs : dict of str to Array
        What the encoder says of the earlier study's images, by name.
    views : tuple of View
        Views of the earlier study's images.
    used : tuple of str
        What there is, for readers of the caption.
    warnings : tuple of str
        What was left out, and why.
    reported : frozenset of str
        Findings that the earlier study's report asserts.
    """

    indication: Sequence[int] = ()
    report: Sequence[int] = ()
    outputs: dict[str, Array] = field(default_factory=dict)
    views: tuple[View, ...] = ()
    used: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reported: frozenset[str] = frozenset()

    @property
    def has_prior(self) -> bool:
        """Whether an earlier study, or its report, is read."""
        return bool(self.outputs or self.report)


NO_CONTEXT = StudyContext()


class ContextReader:
    """Makes the context of a bundle's decoder; may be used from several threads.

    Parameters
    ----------
    inputs : sequence of str
        The inputs of the bundle's decoder.
    """

    def __init__(
        self, inputs: Sequence[str], tokenizer: ReportTokenizer, prepare: Preparer, encoder: EncoderSession
    ) -> None:
        self.parts = tuple(part for part in CONTEXT_PARTS if MARKS[part] in inputs)
        self._inputs = [name for name in inputs if name == "indication" or name.startswith("prior_")]
        self._tokenizer, self._prepare, self._encoder = tokenizer, prepare, encoder

    def __call__(self, study: StudyInput, force: bool = False, *, exact: bool = True) -> StudyContext:
        """Read the context of a study.

        What the bundle does not read is left out, with a warning if somebody gave it for this caption. So are
        images of the earlier study that cannot be read, that are of another patient, or, without `force`,
        that are refused.
        """
        given = {"indication": bool(study.indication), "prior": study.prior is not None}
        told = [
            f"this bundle does not read {NAMES[part]}, so the caption is written without it"
            for part, there in given.items()
            if there and part not in self.parts and study.context_asked
        ]
        indication = self._ids(study.indication, INDICATION_TOKENS) if "indication" in self.parts else []
        used = ["indication"] if indication else []
        prior = study.prior if "prior" in self.parts else None
        if prior is None:
            return StudyContext(indication, used=tuple(used), warnings=tuple(told))
        if not of_one_patient(study, prior):
            told.append("the prior study is of another patient by its DICOM headers, and was left out")
            return StudyContext(indication, used=tuple(used), warnings=tuple(told))
        earlier = self._prepare(prior, force, exact=exact)
        lost = [*earlier.errors.values(), *(f"{file}: {why}" for file, why in earlier.refusals.items())]
        told += [f"left out of the prior study: {reason}" for reason in lost]
        report = self._ids(prior.report, REPORT_TOKENS)
        used += ["prior images"] if earlier.images else []
        used += ["prior report"] if report else []
        outputs = self._encoder(np.stack(earlier.images)) if earlier.images else {}
        reported = frozenset(name for name, status in label(prior.report).items() if status == "present")
        return StudyContext(
            indication, report, outputs, tuple(earlier.views), tuple(used), tuple(told), reported
        )

    def features(self, studies: Sequence[StudyContext], seen: dict[str, Array]) -> dict[str, Array]:
        """The inputs of the decoder for N studies, with zeros for what is absent.

        Parameters
        ----------
        seen : dict of str to Array
            Features of the studies themselves, by `join_views`, whose shapes those of earlier ones have.
        """
        found: dict[str, Array] = {}
        earlier = [place for place, study in enumerate(studies) if study.outputs]
        then: dict[str, Array] = {}
        if earlier:
            names = studies[earlier[0]].outputs
            outputs = {n: np.concatenate([studies[place].outputs[n] for place in earlier]) for n in names}
            then = join_views(outputs, [studies[place].views for place in earlier])
        for name in self._inputs:
            if name == "prior_given":
                found[name] = np.array([bool(study.outputs) for study in studies], dtype=np.int64)
            elif name in ("indication", "prior_report"):
                texts = [study.indication if name == "indication" else study.report for study in studies]
                length = INDICATION_TOKENS if name == "indication" else REPORT_TOKENS
                found[name] = np.zeros((len(studies), length), dtype=np.int64)
                for row, ids in zip(found[name], texts, strict=True):
                    row[: len(ids)] = ids
            else:
                kind = name.removeprefix("prior_")
                nothing = seen[kind] if kind in ("probabilities", "pooled") else seen[kind][:, :1]  # one cell
                of_then = then.get(kind, nothing[:0])
                found[name] = np.zeros((len(studies), *of_then.shape[1:]), of_then.dtype)
                found[name][earlier] = of_then
        return found

    def _ids(self, text: str, length: int) -> list[int]:
        return [i for i in context_ids(self._tokenizer, text, length) if i != self._tokenizer.pad]
