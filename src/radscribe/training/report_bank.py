"""Report banks: filled from the training reports, weighed on the validation part, and taught to others.

Reports of one set of findings differ in everything else, so that a decoder that learns from them learns
mostly to ignore the findings. A bank says the same for the same findings. A decoder that learns the bank's
captions instead of the reports (sequence-level knowledge distillation, Kim & Rush, EMNLP 2016) learns to say
what the encoder sees, and writes without a bank of reports.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from radscribe.evaluation.metrics.cider import SIGMA
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.models.decoder import StudyFeatures
from radscribe.models.report_bank import Bank, ReportBank
from radscribe.text.tokenizer import SECTIONS, ReportTokenizer
from radscribe.training.caption_data import side_by_side, without_section_tokens
from radscribe.training.config import Reward
from radscribe.training.content_plan import plan_of_text
from radscribe.training.validation import Captioned, caption_scores

Rows = Sequence[Sequence[str]]
ORDERS = 4
WEIGHTS = (0.5, 1.0, 1.5, 2.0, 3.0)  # of a finding, to choose from
THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35)  # of its probability, to choose from
COLUMNS = 256  # references that are compared at once
SHORTEST = 4  # words of a report of the bank


def fill(
    bank: ReportBank,
    tokenizer: ReportTokenizer,
    findings: Sequence[str],
    texts: Sequence[str],
    references: Sequence[str],
    max_length: int,
) -> None:
    """Put the training reports into a bank.

    Parameters
    ----------
    findings : sequence of str
        Names of the encoder's probabilities, F.
    texts : sequence of str
        What captions may say: training targets. Those with unknown words or more than `max_length` tokens
        are left out, as are repetitions.
    references : sequence of str
        Training reports that captions are compared with.
    """
    distinct = [text for text in dict.fromkeys(texts) if len(text.split()) >= SHORTEST]
    ids = {text: tokenizer.encode(text) for text in distinct}
    kept = {text: row for text, row in ids.items() if tokenizer.unk not in row and len(row) <= max_length}
    rows = [torch.tensor([tokenizer.bos, *row, tokenizer.eos]) for row in kept.values()]
    tokens = pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad)
    plans = [plan_of_text(without_section_tokens(text), findings).view(3, -1) for text in kept]
    asserted, right, left = torch.stack(plans, dim=1)  # [K, F] each
    written = torch.stack([plan_of_text(text, findings)[: len(findings)] for text in references])
    patterns, group, count = torch.unique(written, dim=0, return_inverse=True, return_counts=True)
    agreement = torch.zeros(len(kept), len(patterns))
    agreement.index_add_(1, group, expected_cider_d([without_section_tokens(t) for t in kept], references))
    bank.put(
        tokens=tokens,
        asserted=asserted,
        sides=right - left,
        patterns=patterns,
        frequency=torch.log(count.float()),
        agreement=agreement / count,
    )


def expected_cider_d(texts: Sequence[str], references: Sequence[str]) -> Tensor:
    """CIDEr-D of each text against each reference `[N, M]`, without the clipping of repeated n-grams."""
    words = TOKENIZATIONS["plain"].all
    said, written = words(texts), words(references)
    length = [torch.tensor([float(max(len(row) - 1, 0)) for row in rows]) for rows in (said, written)]
    total = torch.zeros(len(said), len(written))
    for order in range(1, ORDERS + 1):
        ours, theirs = map(unit_rows, ngram_rows(said, written, order))
        for start in range(0, len(written), COLUMNS):
            part = theirs.index_select(0, torch.arange(start, min(start + COLUMNS, len(written)))).to_dense()
            total[:, start : start + COLUMNS] += torch.sparse.mm(ours, part.T)
    difference = length[0][:, None] - length[1][None]
    return 10 / ORDERS * total * length_factor(difference)


def length_factor(difference: Tensor) -> Tensor:
    """CIDEr-D's factor for a difference in length, in words."""
    return torch.exp(-(difference**2) / (2 * SIGMA**2))


def ngram_rows(said: Rows, written: Rows, order: int) -> tuple[Tensor, Tensor]:
    """Tf-idf vectors of the n-grams of texts and of references `[N, G]` and `[M, G]`, sparse.

    N-grams that no reference has are left out.
    """
    counts = [
        [Counter(zip(*(row[i:] for i in range(order)), strict=False)) for row in rows]
        for rows in (said, written)
    ]
    frequency = Counter(gram for row in counts[1] for gram in row)
    place = {gram: i for i, gram in enumerate(frequency)}
    weight = torch.log(torch.tensor([len(written) / n for n in frequency.values()]))
    made = []
    for rows in counts:
        cells = [
            (i, place[gram], n) for i, row in enumerate(rows) for gram, n in row.items() if gram in place
        ]
        index = torch.tensor([cell[:2] for cell in cells], dtype=torch.long).T.reshape(2, -1)
        value = torch.tensor([float(cell[2]) for cell in cells]) * weight[index[1]]
        size = (len(rows), len(place))
        made.append(torch.sparse_coo_tensor(index, value, size, check_invariants=False).coalesce())
    return made[0], made[1]


def unit_rows(rows: Tensor) -> Tensor:
    """Sparse rows of length 1."""
    index, value = rows.indices(), rows.values()
    square = torch.zeros(rows.shape[0]).index_add_(0, index[0], value**2)
    value = value / square.sqrt().clamp(min=1e-9)[index[0]]
    return torch.sparse_coo_tensor(index, value, rows.shape, check_invariants=False).coalesce()


@torch.no_grad()
def choose_weights(
    bank: ReportBank,
    tokenizer: ReportTokenizer,
    features: StudyFeatures,
    references: Sequence[str],
    reward: Reward,
) -> dict[str, float]:
    """Set what a finding is worth by `val_score` of the validation part; returns the best figures.

    Parameters
    ----------
    features : StudyFeatures
        Features of the validation studies.
    references : sequence of str
        Their reports.
    """
    spoken = [without_section_tokens(text) for text in texts_of(bank.tokens, tokenizer)]
    best: tuple[float, float, float, dict[str, float]] = (-1.0, 0.0, 0.0, {})
    for weight, threshold in product(WEIGHTS, THRESHOLDS):
        bank.finding_weight.fill_(weight)
        bank.finding_threshold.fill_(threshold)
        chosen = bank.worth(features).argmax(1).tolist()
        said = [
            Captioned(str(i), spoken[k], text)
            for i, (k, text) in enumerate(zip(chosen, references, strict=True))
        ]
        figures = caption_scores(said, reward)
        best = max(best, (figures["val_score"], weight, threshold, figures), key=lambda one: one[0])
    _, weight, threshold, figures = best
    bank.finding_weight.fill_(weight)
    bank.finding_threshold.fill_(threshold)
    return figures | {"finding_weight": weight, "finding_threshold": threshold}


def texts_of(tokens: Tensor, tokenizer: ReportTokenizer) -> list[str]:
    """Return captions from their tokens `[N, T]`, with section tokens if they have them."""
    token_of = {name: token for token, name in SECTIONS.items()}
    found = []
    for row in tokens.tolist():
        parts = tokenizer.decode_sections(row)
        marked = " ".join(f"{token_of[name]} {text}" for name, text in parts.items())
        found.append(marked or tokenizer.decode(row))
    return found


class Teacher:
    """Gives a decoder the bank's caption of an image to learn, under noise.

    Decoder and bank see the same noisy probabilities, so that the decoder learns the bank's answer to many
    more sets of findings than the training images have.

    Parameters
    ----------
    bank : Bank
        A filled bank.
    tokenizer : ReportTokenizer
        Its vocabulary.
    noise : float
        Standard deviation of the noise on the logits of the findings.
    """

    def __init__(self, bank: Bank, tokenizer: ReportTokenizer, noise: float) -> None:
        self._bank, self._tokenizer, self._noise = bank.eval(), tokenizer, noise
        self.inputs, self.plan = bank.inputs, bank.plan

    @torch.no_grad()
    def __call__(
        self, features: list[dict[str, Tensor]], generators: Sequence[random.Random]
    ) -> tuple[list[dict[str, Tensor]], list[str]]:
        """Return the features of N studies with noisy probabilities, and the captions to learn."""
        noisy = [self._noisy(*one) for one in zip(features, generators, strict=True)]
        seen = side_by_side([{name: one[name] for name in self.inputs} for one in noisy])
        return noisy, texts_of(self._bank.write(seen), self._tokenizer)

    def _noisy(self, features: dict[str, Tensor], generator: random.Random) -> dict[str, Tensor]:
        logits = torch.logit(features["probabilities"], eps=1e-4)
        noise = torch.tensor([generator.gauss(0.0, self._noise) for _ in logits])
        return {**features, "probabilities": torch.sigmoid(logits + noise)}
