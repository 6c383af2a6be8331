"""Sentence banks: filled from the training reports, with operating points from the validation part."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from radscribe.data.study import Study
from radscribe.evaluation.findings.binary_scores import denial_point
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.models.decoder import StudyFeatures
from radscribe.models.sentence_bank import SentenceBank
from radscribe.text.location import locations
from radscribe.text.ontology import statements
from radscribe.text.sentences import sentence_spans
from radscribe.text.tokenizer import SECTIONS, ReportTokenizer
from radscribe.training.caption_data import reports_as_written, without_section_tokens
from radscribe.training.config import DecoderConfig, Reward
from radscribe.training.content_plan import best_point, plan_of_text
from radscribe.training.decoder_inputs import FeatureSource
from radscribe.training.report_bank import ORDERS, length_factor, ngram_rows, texts_of, unit_rows
from radscribe.training.validation import Captioned, caption_scores

FREQUENT = 3  # reports that have a sentence of the bank
TEMPLATES = 10  # sentences that a finding should have; short ones of single reports make up for what it lacks
SHORT = 11  # their words
COMMON = 20  # sentences of the training reports that have each of their words
FEWEST = 3  # validation studies with a finding that can set an operating point
WEIGHTS = (4.0, 8.0)  # of a finding, to choose from
DENIALS = (0.2, 0.4, 0.8)  # weight of a denied finding, to choose from
CAPS = (1.0, 1.25, 1.5, 2.0)  # how often a finding may be asserted, times its frequency, to choose from
OPEN, NONE = -1.0, 9.0  # order of what opens the findings and of no sentence

# A report deals with each of these once per section.
TOPICS = (
    r"heart|cardi[ao]",
    r"mediastin|\bhil(?:ar|um|a)\b",
    r"\bbon[ye]|osseous|skelet|\bribs?\b|thora(?:x|cic (?:spine|cage))|spine|spinal|vertebra",
    r"trache|airway",
    r"vascul",
    r"diaphragm",
    r"soft tissue",
    r"lungs?\b|pulmonary|airspace|consolid|infiltr",
    r"pleur|effusion",
    r"pneumothora",
    r"abdom",
    r"aort",
)
# Degrees, and the place of a device, which the encoder does not see.
_UNSEEN = re.compile(
    r"\b(?:large|massive|moderate|severe|extensive|marked|tension|displaced|multi\w+|tips?)\b", re.I
)
_SUBJECT = re.compile(r"^(?:the|there|this|these|both)\b")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|appears?|remains?|demonstrates?|shows?|may|could|likely|represents?|contains?)\b"
)
# Measures, and what de-identification left: "The lungs are clear [of] airspace disease."
_UNSAYABLE = re.compile(r"\d|_|xxxx|clear airspace", re.I)


def fill(
    bank: SentenceBank,
    tokenizer: ReportTokenizer,
    findings: Sequence[str],
    texts: Sequence[str],
    references: Sequence[str],
) -> None:
    """Put the sentences of the training reports into a bank.

    Parameters
    ----------
    findings : sequence of str
        Names of the encoder's probabilities, F.
    texts : sequence of str
        Training targets. Sentences with unknown words, numbers or blanks are left out.
    references : sequence of str
        Training reports that captions are compared with.
    """
    sentences, order = _candidates(texts, tokenizer, findings)
    said = [sentence for _, sentence in sentences]
    plans = torch.stack([plan_of_text(sentence, findings).view(3, -1) for sentence in said])
    asserted, right, left = plans.unbind(1)
    asserted[:, [place for place, name in enumerate(findings) if name == "Normal"]] = 0
    topics = torch.tensor([_topics(section, sentence) for section, sentence in sentences])
    words = TOKENIZATIONS["plain"].all
    ours, theirs = words(said), words(references)
    written = torch.stack([plan_of_text(text, findings)[: len(findings)] for text in references])
    patterns, group, count = torch.unique(written, dim=0, return_inverse=True, return_counts=True)
    agreement, overlap = [], []
    for n in range(1, ORDERS + 1):
        sentence_rows, reference_rows = ngram_rows(ours, theirs, n)
        dense = sentence_rows.to_dense()
        near = torch.sparse.mm(unit_rows(reference_rows), dense.T).T
        agreement.append(torch.zeros(len(said), len(patterns)).index_add_(1, group, near) / count)
        overlap.append(torch.sparse.mm(sentence_rows, dense.T))
    length = torch.tensor([float(max(len(row) - 1, 0)) for row in theirs])
    longest = bank.sentences * max(map(len, ours))
    factor = length_factor(torch.arange(float(longest + 1))[None] - length[:, None])
    lengths = torch.zeros(len(patterns), longest + 1).index_add_(0, group, factor) / count[:, None]
    rows = [tokenizer.encode(sentence) for sentence in said]
    ids = {token: place for place, token in enumerate(tokenizer.tokens())}
    rows += [[ids[token]] if token in ids else [] for token in SECTIONS] + [[]]
    bank.put(
        tokens=pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True),
        order=torch.tensor([*order, OPEN, 1.0, NONE]),
        words=_extended(torch.tensor([float(len(row)) for row in ours])),
        asserted=_extended(asserted),
        sides=_extended(right - left),
        denied=_extended(torch.stack([_denied(sentence, findings) for sentence in said])),
        placed=_extended(torch.tensor([float(bool(locations(sentence.lower()))) for sentence in said])),
        topics=_extended(topics),
        patterns=patterns,
        frequency=torch.log(count.float()),
        agreement=torch.stack([_extended(one) for one in agreement]),
        overlap=torch.stack([_extended(_extended(one).T) for one in overlap]),
        lengths=lengths,
    )


def _extended(table: Tensor) -> Tensor:
    """The table with rows for the tokens that are not sentences."""
    return torch.cat([table, table.new_zeros(3, *table.shape[1:])])


def _candidates(
    texts: Sequence[str], tokenizer: ReportTokenizer, findings: Sequence[str]
) -> tuple[list[tuple[str, str]], list[float]]:
    """The sentences of the bank with their sections, and their place in a report, from 0 to 2."""
    places: dict[tuple[str, str], list[float]] = defaultdict(list)
    first: dict[tuple[str, str], str] = {}
    for text in texts:
        for section, sentence, place in _sentences(text):
            key = (section, " ".join(sentence.lower().split()).rstrip("."))
            places[key].append(place)
            first.setdefault(key, key[1].capitalize() + ".")
    known = [
        key
        for key in places
        if not _UNSAYABLE.search(key[1])
        and (_VERB.search(key[1]) or not _SUBJECT.search(key[1]))
        and tokenizer.unk not in tokenizer.encode(first[key])
    ]
    asserted = {key: _asserted(first[key], findings) for key in known}
    known = [key for key in known if not (asserted[key] and _UNSEEN.search(key[1]))]
    kept = [key for key in known if len(places[key]) >= FREQUENT]
    had = Counter(finding for key in kept for finding in asserted[key])
    frequency = Counter(word for _, sentence in places for word in set(sentence.split()))
    rare = {
        key for key in set(known) - set(kept) if min(frequency[word] for word in key[1].split()) >= COMMON
    }
    for key in sorted(rare, key=lambda key: (-len(places[key]), len(key[1].split()), key)):
        lacking = [finding for finding in asserted[key] if had[finding] < TEMPLATES]
        if lacking and len(asserted[key]) <= 2 and len(key[1].split()) <= SHORT:
            kept.append(key)
            had.update(asserted[key])
    return [(key[0], first[key]) for key in kept], [
        float(np.mean(places[key])) + (key[0] == "impression") * (1 + 1e-3) for key in kept
    ]


def _sentences(text: str) -> list[tuple[str, str, float]]:
    """Section, sentence and place in the section, from 0 to 1, of each sentence of a training target."""
    marks = "|".join(map(re.escape, SECTIONS))
    parts = re.split(f"({marks})", text) if re.search(marks, text) else ["", "<findings>", text]
    found = []
    for token, body in zip(parts[1::2], parts[2::2], strict=True):
        spans = [(start, end) for start, end in sentence_spans(body) if body[start:end].strip()]
        for place, (start, end) in enumerate(spans):
            found.append((SECTIONS[token], body[start:end].strip(), (place + 0.5) / len(spans)))
    return found


def _asserted(sentence: str, findings: Sequence[str]) -> list[str]:
    present = plan_of_text(sentence, findings)[: len(findings)]
    return [
        name for name, there in zip(findings, present.tolist(), strict=True) if there and name != "Normal"
    ]


def _denied(sentence: str, findings: Sequence[str]) -> Tensor:
    denies = {finding for statement in statements(sentence) for finding in statement.denies}
    return torch.tensor([float(name in denies) for name in findings])


def _topics(section: str, sentence: str) -> list[float]:
    """Which topics a sentence deals with; a sentence without one is its own topic, and so is each section."""
    named = [float(bool(re.search(topic, sentence.lower()))) for topic in TOPICS]
    named.append(float(not any(named)))
    nothing = [0.0] * len(named)
    return [*nothing, *named] if section == "impression" else [*named, *nothing]


def fit_points(
    bank: SentenceBank, probabilities: Tensor, truth: Tensor, reported: Tensor, cap: float = 1.5
) -> None:
    """Set from which probability on findings are asserted, and below which they may be denied.

    Parameters
    ----------
    probabilities, truth : Tensor
        Of the validation studies `[N, F]`: what the encoder says, and what is true, NaN if unknown.
    reported : Tensor
        Which of them have a report `[N]`.
    cap : float
        How often a finding may be asserted, times the studies that have it. The point with the best F1
        within that is taken.
    """
    logits = torch.logit(probabilities, eps=1e-4)
    for f in range(truth.shape[1]):
        known = ~torch.isnan(truth[:, f])
        true = truth[known, f] > 0.5
        if int(true.sum()) < FEWEST or not bool(bank.asserted[:, f].any()):
            bank.plan.is_written[f] = False
            bank.denial_points[f] = 0.0
            continue
        said = min(len(true), max(1, int(cap * int(true.sum()))))
        strongest = logits[known, f].sort(descending=True).values[: said + 1]
        point = best_point(logits[known, f], true)
        bank.plan.is_written[f] = point < torch.inf
        bank.plan.operating_points[f] = min(50.0, max(point, float(strongest[-2:].mean())))
        bank.denial_points[f] = denial_point(
            probabilities[known, f].double().numpy(), true.double().numpy(), reported[known].numpy()
        )


@torch.no_grad()
def choose_points(
    bank: SentenceBank,
    tokenizer: ReportTokenizer,
    features: StudyFeatures,
    references: Sequence[str],
    labelled: tuple[Tensor, Tensor, Tensor],
    reward: Reward,
) -> dict[str, float]:
    """Set the operating points, and what a finding is worth, by `val_score`; returns the best figures.

    Parameters
    ----------
    features, references : StudyFeatures, sequence of str
        Validation studies with reports.
    labelled : tuple of Tensor
        `probabilities`, `truth` and `reported` of `fit_points`.
    """
    best: dict[str, float] = {"val_score": -1.0}
    for cap in CAPS:
        fit_points(bank, *labelled, cap)
        for weight, denial in product(WEIGHTS, DENIALS):
            bank.finding_weight.fill_(weight)
            bank.denial_weight.fill_(denial)
            captions = map(without_section_tokens, texts_of(bank.write(features), tokenizer))
            said = [
                Captioned(str(i), caption, text)
                for i, (caption, text) in enumerate(zip(captions, references, strict=True))
            ]
            figures = caption_scores(said, reward)
            chosen = {"cap": cap, "finding_weight": weight, "denial_weight": denial}
            best = max(best, figures | chosen, key=lambda one: one["val_score"])
    fit_points(bank, *labelled, best["cap"])
    bank.finding_weight.fill_(best["finding_weight"])
    bank.denial_weight.fill_(best["denial_weight"])
    return best


def labelled(
    studies: Sequence[Study], features: FeatureSource, findings: Sequence[str], config: DecoderConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities and labels `[N, F]` of studies with or without a report, and whether they have one.

    A finding without a label counts as the report has it.
    """
    generator, text = random.Random(config.seed), reports_as_written(config.target, "prior" in config.context)
    probabilities, truth, reported = [], [], []
    for study in studies:
        report = without_section_tokens(text(study, generator))
        if report or study.labels:
            probabilities.append(features(study, generator)["probabilities"])
            said = plan_of_text(report, findings)[: len(findings)].tolist() if report else []
            own = [
                study.labels[name] if name in study.labels else said[f] if said else None
                for f, name in enumerate(findings)
            ]
            truth.append([float("nan") if value is None else float(value) for value in own])
            reported.append(bool(report))
    return torch.stack(probabilities), torch.tensor(truth), torch.tensor(reported)
