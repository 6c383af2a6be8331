"""Studies with the text that a captioner shall say of them, as tensors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from radscribe.data.features import FeatureTable
from radscribe.data.study import Study
from radscribe.data.weak_pairs import WeakPairs
from radscribe.models.decoder import StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer

TextSource = Callable[[Study], str]
Item = tuple[dict[str, Tensor], Tensor]


def reports_as_written(section: str) -> TextSource:
    """Each study's own report."""
    return lambda study: str(getattr(study.report, section)) if study.report else ""


def weak_reports(pairs: WeakPairs, seed: int) -> TextSource:
    """A report that says the study's labels, another one at each call."""
    generator = random.Random(seed)

    def text(study: Study) -> str:
        present = [finding for finding, value in study.labels.items() if value == 1.0]
        return pairs.sample(present, generator)

    return text


class CaptionData(Dataset[Item]):
    """Features and token ids `<bos> … <eos>` of each study."""

    def __init__(
        self,
        studies: Sequence[Study],
        features: FeatureTable,
        kinds: Sequence[str],
        text: TextSource,
        tokenizer: ReportTokenizer,
        max_length: int,
    ) -> None:
        self.studies = list(studies)
        self._text, self._tokenizer, self._max_length = text, tokenizer, max_length
        self._features = {
            kind: torch.from_numpy(np.stack([features.study(study, kind) for study in self.studies]))
            for kind in kinds
        }

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int) -> Item:
        ids = self._tokenizer.encode(self._text(self.studies[index]), self._max_length)
        tokens = torch.tensor([self._tokenizer.bos, *ids, self._tokenizer.eos])
        return {kind: values[index] for kind, values in self._features.items()}, tokens


def collate(items: Sequence[Item]) -> tuple[StudyFeatures, Tensor]:
    """Features of N studies, and tokens `[N, T]` padded with id 0."""
    features = {kind: torch.stack([item[0][kind] for item in items]) for kind in items[0][0]}
    tokens = pad_sequence([item[1] for item in items], batch_first=True, padding_value=0)
    return StudyFeatures(**features), tokens
