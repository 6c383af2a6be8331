"""Studies with the text that a captioner shall say of them, as tensors."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from radscribe.data.study import Study
from radscribe.data.weak_pairs import WeakPairs
from radscribe.models.decoder import StudyFeatures
from radscribe.text.rules import normalise
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.evidence import FeatureSource

NOTHING = "no finding"
TextSource = Callable[[Study], str]
Item = tuple[dict[str, Tensor], Tensor]


def reports_as_written(section: str) -> TextSource:
    """Each study's own report, without what its images cannot show (`text.rules.TARGET_RULES`)."""
    known: dict[str, str] = {}  # every epoch asks again

    def text(study: Study) -> str:
        if study.id not in known:
            known[study.id] = str(getattr(normalise(study.report), section)) if study.report else ""
        return known[study.id]

    return text


def weak_reports(pairs: WeakPairs, seed: int, fresh: bool) -> TextSource:
    """A report that says the study's labels: `fresh` another one at each call, else always the same one."""

    def text(study: Study) -> str:
        present = [finding for finding, value in study.labels.items() if value == 1.0]
        # Fresh ones draw from the global generator, which the engine seeds every epoch.
        own = random.Random(random.getrandbits(64) if fresh else f"{seed}:{study.id}")
        return pairs.sample(present, own)

    return text


def balancing_weights(studies: Sequence[Study], exponent: float) -> Tensor:
    """How often each study is drawn, `[N]`: the rarest of its findings' prevalence to the power -`exponent`.

    At 0 all studies come alike; at 1 every finding comes about as often as none. A caption asserts what is
    likelier than not, so that without balancing rare findings are never said.
    """
    present = [
        [finding for finding, value in study.labels.items() if value == 1.0] or [NOTHING] for study in studies
    ]
    count = Counter(finding for findings in present for finding in findings)
    rarest = torch.tensor([min(count[finding] for finding in findings) for findings in present])
    return (rarest / len(studies)).double() ** -exponent


class CaptionData(Dataset[Item]):
    """Features and token ids `<bos> … <eos>` of each study."""

    def __init__(
        self,
        studies: Sequence[Study],
        features: FeatureSource,
        text: TextSource,
        tokenizer: ReportTokenizer,
        max_length: int,
    ) -> None:
        self.studies = list(studies)
        self._features, self._text = features, text
        self._tokenizer, self._max_length = tokenizer, max_length

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int) -> Item:
        study = self.studies[index]
        ids = self._tokenizer.encode(self._text(study), self._max_length)
        return self._features(study), torch.tensor([self._tokenizer.bos, *ids, self._tokenizer.eos])


def collate(items: Sequence[Item]) -> tuple[StudyFeatures, Tensor]:
    """Features of N studies, and tokens `[N, T]` padded with id 0."""
    features = {kind: torch.stack([item[0][kind] for item in items]) for kind in items[0][0]}
    tokens = pad_sequence([item[1] for item in items], batch_first=True, padding_value=0)
    return StudyFeatures(**features), tokens
