"""Studies with the text that a captioner learns to write, as tensors."""

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
from radscribe.text.rules import COMPARING_RULES, TARGET_RULES, normalise
from radscribe.text.tokenizer import SECTIONS, ReportTokenizer
from radscribe.training.config import CaptionTarget
from radscribe.training.content_plan import course_of_text, plan_of_text
from radscribe.training.decoder_inputs import FeatureSource

NOTHING = "no finding"
RARE_SENTENCE = 0.002  # share of the texts up to which a sentence has full weight
SENTENCE_ENDS = (".", "!", "?")
TextSource = Callable[[Study, random.Random], str]
# Features and texts that are learned, from the encoder's features of some studies.
TeacherText = Callable[
    [list[dict[str, Tensor]], Sequence[random.Random]], tuple[list[dict[str, Tensor]], list[str]]
]
_SECTION: dict[str, Target] = {"findings": "findings", "impression": "impression"}


def with_views(studies: Iterable[Study], views: Sequence[str]) -> list[Study]:
    """The studies without images of views that the encoder has not learned, as in use.

    Those that have no other images are left out. An earlier study may stay for only its report.
    """

    def readable(study: Study) -> Study:
        images = tuple(image for image in study.images if image.view != "lateral" or "lateral" in views)
        return replace(study, images=images, earlier=study.earlier and readable(study.earlier))

    known = ((study, readable(study)) for study in studies)
    return [seen for study, seen in known if seen.images or not study.images]


class CaptionItem(NamedTuple):
    """One study; `reference` is what its caption is scored against."""

    id: str
    features: dict[str, Tensor]
    tokens: Tensor  # [T] from <bos> to <eos>
    weights: Tensor  # [T - 1] in the loss, of each token after <bos>
    findings: Tensor  # [F] what the text asserts, 0 or 1
    reference: str
    earlier_findings: Tensor  # [F] what the text of the prior study asserts, 0 or 1


class CaptionBatch(NamedTuple):
    """N studies."""

    features: StudyFeatures
    tokens: Tensor  # [N, T], padded with id 0
    references: list[str]
    ids: list[str]
    weights: Tensor | None = None  # [N, T - 1] of each token after <bos>; None is 1 for all
    findings: Tensor | None = None  # [N, F] what the texts assert, 0 or 1
    earlier_findings: Tensor | None = None  # [N, F] what those of the prior studies assert


def scored_target(target: CaptionTarget) -> Target:
    """Return the part of a report that captions of a target are scored against."""
    return "both" if target == "sections" else target


def reports_as_written(target: CaptionTarget, prior: bool = False) -> TextSource:
    """Each study's own report, without what its images cannot show (`text.rules.TARGET_RULES`).

    With `prior`, the reports of studies that have an earlier one keep what they say of it.

    `both` is findings and then impression as one text, as `radscribe evaluate --target both` reads it;
    `sections` is the same with a token in front of each section.
    """
    known: dict[tuple[str, bool], str] = {}  # every epoch asks again

    def text(study: Study, generator: random.Random) -> str:
        compares = prior and study.earlier is not None
        key = study.id, compares
        if key not in known:
            report = study.report and normalise(study.report, COMPARING_RULES if compares else TARGET_RULES)
            if report is None:
                known[key] = ""
            elif target == "sections":
                parts = {token: report.text(_SECTION[name]) for token, name in SECTIONS.items()}
                known[key] = " ".join(f"{token} {part}" for token, part in parts.items() if part)
            else:
                known[key] = report.text(target)
        return known[key]

    return text


def without_section_tokens(text: str) -> str:
    """Return a text of the target `sections` as a reader sees it."""
    for token in SECTIONS:
        text = text.replace(token, "")
    return " ".join(text.split())


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
    """Weight of each study in sampling, `[N]`: prevalence of its rarest finding to the power -`exponent`.

    At 0 all studies are drawn equally often; at 1 every finding is drawn about as often as none. A decoder
    asserts only findings that are more likely than not, so without balancing it never writes rare ones.
    """
    present = [list(names) or [NOTHING] for names in findings]
    count = Counter(finding for findings in present for finding in findings)
    rarest = torch.tensor([min(count[finding] for finding in findings) for findings in present])
    return (rarest / len(present)).double() ** -exponent


class CaptionData(Dataset[CaptionItem]):
    """Features, token ids and reference of each study that has a text.

    Parameters
    ----------
    target : CaptionTarget
        The section of a study's own report that its caption is scored against; if there is no report, the
        drawn text is the reference.
    fresh : bool
        True for training: the draw depends on seed, epoch and study. Otherwise it stays that of epoch 0.
    findings : sequence of str
        Names of the encoder's outputs, for what the texts assert of them.
    plan : bool
        Give the decoder the content plan of the text instead of the encoder's.
    course : bool
        Give the decoder the changes that the text tells of instead of those that it reads from the images.
    view_dropout : float
        Probability that an image of a study is left out; one image always stays.
    sentence_balance : float
        Exponent by which frequent sentences weigh less in the loss (0: all weigh 1).
    prior_dropout : float
        Probability that a study loses its earlier one, and its text what compares with it.
    teacher : TeacherText, optional
        Source of the text that is learned, in place of `text`; the decoder reads its own content plan.
        Studies without a report take part too.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        features: FeatureSource,
        text: TextSource,
        tokenizer: ReportTokenizer,
        max_length: int,
        target: CaptionTarget = "findings",
        seed: int = 0,
        fresh: bool = False,
        findings: Sequence[str] = (),
        plan: bool = False,
        course: bool = False,
        view_dropout: float = 0.0,
        sentence_balance: float = 0.0,
        prior_dropout: float = 0.0,
        teacher: TeacherText | None = None,
    ) -> None:
        self._teacher, self._prior_dropout = teacher, prior_dropout
        self._features, self._text, self._target = features, text, scored_target(target)
        self._tokenizer, self._max_length = tokenizer, max_length
        self._seed, self._fresh, self._epoch = seed, fresh, 0
        self._findings, self._view_dropout = tuple(findings), view_dropout
        self._plan, self._course = plan and teacher is None, course and teacher is None
        self._plans: dict[str, Tensor] = {}  # of each text, in half precision
        self.studies = [study for study in studies if teacher or text(study, self._generator(study))]
        ends = {i for i, token in enumerate(tokenizer.tokens()) if token in SENTENCE_ENDS}
        texts = (self._ids(text(study, self._generator(study))) for study in self.studies)
        self._weigh = SentenceWeights(texts if sentence_balance else (), ends, sentence_balance)

    def set_epoch(self, epoch: int) -> None:
        """Draw what belongs to an epoch from now on."""
        self._epoch = epoch if self._fresh else 0

    def references(self) -> list[str]:
        """The reference that captions of each study are scored against."""
        return [
            study.text(self._target) or without_section_tokens(self._text(study, self._generator(study)))
            for study in self.studies
        ]

    def texts(self) -> list[str]:
        """The training text of each study, with section tokens."""
        return [self._text(study, self._generator(study)) for study in self.studies]

    def plans(self) -> Tensor:
        """The content plans of the texts of epoch 0, `[N, 3 F]`."""
        return torch.stack([self._plan_of(self._text(s, self._generator(s))) for s in self.studies])

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int) -> CaptionItem:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[CaptionItem]:
        """The items of a batch, for which a teacher composes its texts at once."""
        studies = [self.studies[index] for index in indices]
        generators = [self._generator(study) for study in studies]
        studies = [self._maybe_alone(*one) for one in zip(studies, generators, strict=True)]
        both = list(zip(studies, generators, strict=True))
        texts = [self._text(study, generator) for study, generator in both]
        features = [self._features(self._some_views(*one), one[1]) for one in both]
        if self._teacher is not None:
            features, texts = self._teacher(features, generators)
        return list(map(self._item, studies, features, texts))

    def _item(self, study: Study, features: dict[str, Tensor], text: str) -> CaptionItem:
        ids = self._ids(text)
        plan, earlier = self._plan_of(text), study.earlier
        if self._plan:
            features = {**features, "plan": plan}
        if self._course:
            told = without_section_tokens(text) if earlier else ""
            features = {**features, "course": course_of_text(told, self._findings)}
        return CaptionItem(
            study.id,
            features,
            torch.tensor([self._tokenizer.bos, *ids, self._tokenizer.eos]),
            torch.tensor([*self._weigh(ids), 1.0]),
            plan[: len(self._findings)],
            study.text(self._target) or without_section_tokens(text),
            self._plan_of(earlier.text() if self._course and earlier else "")[: len(self._findings)],
        )

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, self._max_length)

    def _plan_of(self, text: str) -> Tensor:
        if not self._findings:
            return torch.empty(0)
        if text not in self._plans:
            self._plans[text] = plan_of_text(without_section_tokens(text), self._findings).half()
        return self._plans[text].float()

    def _maybe_alone(self, study: Study, generator: random.Random) -> Study:
        if study.earlier is None or generator.random() >= self._prior_dropout:
            return study
        return replace(study, earlier=None)

    def _some_views(self, study: Study, generator: random.Random) -> Study:
        if not self._view_dropout or len(study.images) < 2:
            return study
        kept = [image for image in study.images if generator.random() >= self._view_dropout]
        return replace(study, images=tuple(kept or [generator.choice(study.images)]))

    def _generator(self, study: Study) -> random.Random:
        return random.Random(f"{self._seed}:{self._epoch}:{study.id}")


class SentenceWeights:
    """Weights of tokens in the loss: the more texts have a sentence, the less its tokens weigh.

    Parameters
    ----------
    texts : Iterable[Sequence[int]]
        Token ids of the training texts.
    ends : set[int]
        Ids of the tokens that end a sentence.
    exponent : float
        0 weighs all equally. A sentence that a share s of the texts has weighs min(1, `RARE_SENTENCE` / s) to
        this power.
    """

    def __init__(self, texts: Iterable[Sequence[int]], ends: set[int], exponent: float) -> None:
        self._ends, self._exponent, self._texts = ends, exponent, 0
        self._count: Counter[tuple[int, ...]] = Counter()
        for ids in texts:
            self._texts += 1
            self._count.update(set(self._sentences(ids)))

    def __call__(self, ids: Sequence[int]) -> list[float]:
        """Return the weight of each token."""
        if not self._texts:
            return [1.0] * len(ids)
        weights: list[float] = []
        for sentence in self._sentences(ids):
            share = self._count[sentence] / self._texts
            weight = min(1.0, RARE_SENTENCE / share) ** self._exponent if share else 1.0
            weights += [weight] * len(sentence)
        return weights

    def _sentences(self, ids: Sequence[int]) -> list[tuple[int, ...]]:
        sentences: list[tuple[int, ...]] = []
        start = 0
        for place, token in enumerate(ids, start=1):
            if token in self._ends or place == len(ids):
                sentences.append(tuple(ids[start:place]))
                start = place
        return sentences


def side_by_side(studies: Sequence[dict[str, Tensor]]) -> StudyFeatures:
    """Features of N studies; cells are padded with zeros, which in `views` says padding."""

    def joined(values: list[Tensor]) -> Tensor:
        return pad_sequence(values, True) if values[0].ndim else torch.stack(values)

    return StudyFeatures(**{kind: joined([study[kind] for study in studies]) for kind in studies[0]})


def collate(items: Sequence[CaptionItem]) -> CaptionBatch:
    """One batch."""
    return CaptionBatch(
        side_by_side([item.features for item in items]),
        pad_sequence([item.tokens for item in items], batch_first=True, padding_value=0),
        [item.reference for item in items],
        [item.id for item in items],
        pad_sequence([item.weights for item in items], batch_first=True),
        torch.stack([item.findings for item in items]),
        torch.stack([item.earlier_findings for item in items]),
    )
