"""Studies with the text that a captioner shall say of them, as tensors."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from radscribe.data.study import Study
from radscribe.data.weak_pairs import WeakPairs
from radscribe.models.decoder import StudyFeatures
from radscribe.text.findings import label
from radscribe.text.report import Target
from radscribe.text.rules import normalise
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.evidence import FeatureSource

NOTHING = "no finding"
TextSource = Callable[[Study, random.Random], str]


def with_views(studies: Iterable[Study], views: Sequence[str]) -> list[Study]:
    """The studies without images of views that the encoder has not learned, as in serving.

    Those that have no other images are left out.
    """
    kept: list[Study] = []
    for study in studies:
        images = tuple(image for image in study.images if image.view != "lateral" or "lateral" in views)
        if images or not study.images:
            kept.append(replace(study, images=images))
    return kept


class CaptionItem(NamedTuple):
    """One study; `reference` is what its caption is scored against."""

    id: str
    features: dict[str, Tensor]
    tokens: Tensor  # [T] from <bos> to <eos>
    reference: str


class CaptionBatch(NamedTuple):
    """N studies."""

    features: StudyFeatures
    tokens: Tensor  # [N, T], padded with id 0
    references: list[str]
    ids: list[str]


def reports_as_written(target: Target) -> TextSource:
    """Each study's own report, without what its images cannot show (`text.rules.TARGET_RULES`).

    `both` is findings and then impression as one text, as `radscribe evaluate --target both` reads it.
    """
    known: dict[str, str] = {}  # every epoch asks again

    def text(study: Study, generator: random.Random) -> str:
        if study.id not in known:
            report = study.report and normalise(study.report)
            known[study.id] = report.text(target) if report else ""
        return known[study.id]

    return text


def weak_reports(pairs: WeakPairs) -> TextSource:
    """A report that says the study's labels, another one at each draw."""

    def text(study: Study, generator: random.Random) -> str:
        present = [finding for finding, value in study.labels.items() if value == 1.0]
        return pairs.sample(present, generator)

    return text


def findings_present(studies: Sequence[Study], texts: Sequence[str]) -> list[list[str]]:
    """The findings of each study: by its labels, or, where it has none, those that its text asserts."""
    present: list[list[str]] = []
    for study, text in zip(studies, texts, strict=True):
        if study.labels:
            present.append([finding for finding, value in study.labels.items() if value == 1.0])
        else:
            said = label(text).items()
            present.append([name for name, status in said if status == "present" and name != "Normal"])
    return present


def balancing_weights(findings: Sequence[Sequence[str]], exponent: float) -> Tensor:
    """How often each study is drawn, `[N]`: the rarest of its findings' prevalence to the power -`exponent`.

    At 0 all studies come alike; at 1 every finding comes about as often as none. A caption asserts what is
    likelier than not, so that without balancing rare findings are never said.
    """
    present = [list(names) or [NOTHING] for names in findings]
    count = Counter(finding for findings in present for finding in findings)
    rarest = torch.tensor([min(count[finding] for finding in findings) for findings in present])
    return (rarest / len(present)).double() ** -exponent


class CaptionData(Dataset[CaptionItem]):
    """Features, token ids and reference of each study that has a text.

    Parameters
    ----------
    target : the section of a study's own report that its caption is scored against; where there is no
        report, the drawn text is the reference.
    fresh : evidence and texts are drawn anew in every epoch, a function of seed, epoch and study; else they
        stay those of epoch 0.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        features: FeatureSource,
        text: TextSource,
        tokenizer: ReportTokenizer,
        max_length: int,
        target: Target = "findings",
        seed: int = 0,
        fresh: bool = False,
    ) -> None:
        self._features, self._text, self._target = features, text, target
        self._tokenizer, self._max_length = tokenizer, max_length
        self._seed, self._fresh, self._epoch = seed, fresh, 0
        self.studies = [study for study in studies if text(study, self._generator(study))]

    def set_epoch(self, epoch: int) -> None:
        """What is drawn from now on is that of an epoch."""
        self._epoch = epoch if self._fresh else 0

    def references(self) -> list[str]:
        """What captions of each study are scored against."""
        return [
            study.text(self._target) or self._text(study, self._generator(study)) for study in self.studies
        ]

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int) -> CaptionItem:
        study = self.studies[index]
        generator = self._generator(study)
        text = self._text(study, generator)
        ids = self._tokenizer.encode(text, self._max_length)
        return CaptionItem(
            study.id,
            self._features(study, generator),
            torch.tensor([self._tokenizer.bos, *ids, self._tokenizer.eos]),
            study.text(self._target) or text,
        )

    def _generator(self, study: Study) -> random.Random:
        return random.Random(f"{self._seed}:{self._epoch}:{study.id}")


def side_by_side(studies: Sequence[dict[str, Tensor]]) -> StudyFeatures:
    """Features of N studies; cells are padded with zeros, which in `views` says padding."""
    return StudyFeatures(
        **{kind: pad_sequence([study[kind] for study in studies], True) for kind in studies[0]}
    )


def collate(items: Sequence[CaptionItem]) -> CaptionBatch:
    """One batch."""
    return CaptionBatch(
        side_by_side([item.features for item in items]),
        pad_sequence([item.tokens for item in items], batch_first=True, padding_value=0),
        [item.reference for item in items],
        [item.id for item in items],
    )
