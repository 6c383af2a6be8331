"""Sentence bank: composes a caption from sentences of the training reports.

A whole training report seldom fits an image with two findings. Sentences do (retrieval by sentence: Boag et
al., ML4H 2019; Kougia et al., A survey on biomedical image captioning, 2019). The bank adds one sentence
after the other, always the one that raises most the sum of

- the expected CIDEr-D of the caption against the training reports, each weighted by how probable its findings
  are for the image, as in the report bank;
- what the asserted findings are worth: the margin, in logits, by which they exceed their operating points;
- what denials are worth, a little for each finding.

A sentence that denies a finding is out of the question from the finding's denial point on, a probability. So
is one that contradicts a sentence before it, or speaks mostly of topics that others have dealt with.

The caption is composed before the first word. The decoder then says it word by word.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radscribe.models.content_plan import ContentPlan
from radscribe.models.decoder import BOS, EOS, PAD, State, Step, StudyFeatures
from radscribe.models.report_bank import EPS, LOWEST, Bank

NEVER = -1e9  # worth of a sentence that is out of the question
LEAST = 1e-3  # gain from which on a sentence is added
LOWEST_GAIN, HIGHEST_GAIN = -3.0, 1.5  # logits beyond an operating point that count
BROAD = 3  # findings that a denial in the impression covers at least
SIDE_COST = 0.3  # of naming the wrong side, as a share of a finding's weight


class SentenceBank(Bank):
    """Decoder over the sentences of a bank; `training.sentence_bank` fills it.

    The last three rows of the tables of sentences are not sentences: what opens the findings, what opens the
    impression, and nothing.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings : int
        F, the finding probabilities of a study.
    channels : int
        Unused: the bank reads probabilities and finding maps.
    places : int
        Cells of one image, for the sides of findings; 0 leaves sides out of account.
    finding_weight : float
        Worth of one logit by which an asserted finding exceeds its operating point, in units of CIDEr-D.
    denial_weight : float
        Worth of denying a finding, in units of CIDEr-D.
    sentences : int
        Sentences of a caption at most.
    """

    states = ("text", "position")
    fixed = ()
    contents = (
        "tokens",
        "order",
        "words",
        "asserted",
        "sides",
        "denied",
        "placed",
        "topics",
        "patterns",
        "frequency",
        "agreement",
        "overlap",
        "lengths",
    )

    finding_weight: Tensor
    denial_weight: Tensor
    denial_points: Tensor  # [F] probability from which on a finding is not denied
    tokens: Tensor  # [S + 3, W] padded, without <bos> and <eos>
    order: Tensor  # [S + 3] place in a report: findings 0 to 1, impression 1 to 2
    words: Tensor  # [S + 3]
    asserted: Tensor  # [S + 3, F] findings that each sentence asserts
    sides: Tensor  # [S + 3, F] 1 if it names only the right side, -1 only the left, otherwise 0
    denied: Tensor  # [S + 3, F]
    placed: Tensor  # [S + 3] 1 if it names a side or zone
    topics: Tensor  # [S + 3, P]
    agreement: Tensor  # [4, S + 3, U] mean product of n-gram vectors, by the length of the report's alone
    overlap: Tensor  # [4, S + 3, S + 3] product of the n-gram vectors of two sentences
    lengths: Tensor  # [U, L] mean of CIDEr-D's factor for a caption of so many words

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        places: int = 0,
        finding_weight: float = 4.0,
        denial_weight: float = 0.1,
        sentences: int = 10,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.findings, self.sentences = vocabulary_size, findings, sentences
        self.plan = ContentPlan(findings, places)
        self.inputs = self.plan.inputs
        # Decoders hand their tokens through an embedding; a bank needs only the ids.
        self.word_embedding = nn.Embedding(vocabulary_size, 1)
        self.register_buffer("finding_weight", torch.tensor(finding_weight))
        self.register_buffer("denial_weight", torch.tensor(denial_weight))
        self.register_buffer("denial_points", torch.zeros(findings))
        nothing = torch.zeros(3, findings)
        self.put(
            tokens=torch.full((3, 1), PAD),
            order=torch.tensor([-1.0, 1.0, 9.0]),
            words=torch.zeros(3),
            asserted=nothing,
            sides=nothing.clone(),
            denied=nothing.clone(),
            placed=torch.zeros(3),
            topics=torch.zeros(3, 1),
            patterns=torch.zeros(1, findings),
            frequency=torch.zeros(1),
            agreement=torch.zeros(4, 3, 1),
            overlap=torch.zeros(4, 3, 3),
            lengths=torch.ones(1, 1),
        )

    def choose(self, features: StudyFeatures) -> Tensor:
        """Return the sentences of each study's caption `[N, sentences]`, as chosen; the last row is none."""
        p = features.probabilities.clamp(EPS, 1 - EPS)  # [N, F]
        posterior = self.posterior(p)  # [N, U]
        near = self.agreement @ posterior.T  # [4, S, N]
        near = near.transpose(1, 2)  # [4, N, S]
        length = posterior @ self.lengths  # [N, L]
        margin = (torch.logit(p) - self.plan.operating_points).clamp(LOWEST_GAIN, HIGHEST_GAIN)
        margin = torch.where(self.plan.is_written & ~self.plan.is_normal, margin, LOWEST_GAIN)
        present = (self.plan.present(p) & ~self.plan.is_normal).to(p.dtype)
        barred = (p >= self.denial_points).to(p.dtype) @ self.denied.T  # [N, S]
        is_none = (self.order < 0) | (self.order == 1) | (self.order > 2)
        # An impression sums up: it asserts something, or denies several findings.
        trivial = (self.order > 1) & (self.asserted.sum(1) == 0) & (self.denied.sum(1) < BROAD)
        barred = barred + (is_none | trivial).to(p.dtype)
        cost = torch.zeros_like(barred)
        if self.plan.columns:
            stronger = self.plan.side_difference(features.get("maps"), features.get("views"))  # [N, F]
            side = torch.where(stronger.abs() > self.plan.side_margin, torch.sign(stronger), 0.0)
            cost = SIDE_COST * self.finding_weight * (side @ self.sides.T).clamp(max=0)
        rows = p[:, 0] * 0
        asserted, denied = torch.zeros_like(p), torch.zeros_like(p)
        topics = p.new_zeros(p.shape[0], self.topics.shape[1])
        product, square = near[:, :, 0] * 0, near[:, :, 0] * 0  # [4, N] of the caption so far
        shared = near * 0  # [4, N, S] product of the caption's vector with each sentence's
        own = torch.diagonal(self.overlap, dim1=1, dim2=2).unsqueeze(1)  # [4, 1, S]
        count, gained, worth = rows, rows, rows - 1  # one sentence at least
        # Only the impression repeats findings, and without a place, which might be another one.
        may_repeat = (self.order > 1) & (self.placed == 0)
        once = (self.asserted.sum(1) > 0) & ~may_repeat
        chosen = []
        for _ in range(self.sentences):
            squares = square.unsqueeze(2) + 2 * shared + own
            products = product.unsqueeze(2) + near
            total = count.unsqueeze(1) + self.words  # [N, S]
            place = total.clamp(max=length.shape[1] - 1).long()
            cider = 2.5 * (products / squares.clamp(min=1e-6).sqrt()).sum(0) * length.gather(1, place)
            new = self.finding_weight * ((margin * (1 - asserted)) @ self.asserted.T) + cost
            new = new + self.denial_weight * ((1 - denied) @ self.denied.T)
            is_new = (1 - topics) @ self.topics.T > topics @ self.topics.T
            is_new = is_new | ((present * (1 - asserted)) @ self.asserted.T > 0)
            repeats = ((1 - asserted) @ self.asserted.T <= 0) & once
            conflicts = (denied @ self.asserted.T > 0) | (asserted @ self.denied.T > 0)
            out = (barred > 0) | conflicts | repeats | ~is_new
            value = torch.where(out, NEVER, cider + gained.unsqueeze(1) + new)
            best = value.argmax(1)  # [N]
            value = value.gather(1, best.unsqueeze(1)).squeeze(1)
            taken = value > worth + LEAST
            keep = taken.to(p.dtype)
            chosen.append(torch.where(taken, best, len(self.order) - 1))
            at = best.view(1, -1, 1).expand(4, -1, 1)
            product = torch.where(taken, products.gather(2, at).squeeze(2), product)
            square = torch.where(taken, squares.gather(2, at).squeeze(2), square)
            shared = shared + self.overlap[:, best] * keep.view(1, -1, 1)
            gained = gained + new.gather(1, best.unsqueeze(1)).squeeze(1) * keep
            count = count + self.words[best] * keep
            asserted = torch.maximum(asserted, self.asserted[best] * keep.unsqueeze(1))
            denied = torch.maximum(denied, self.denied[best] * keep.unsqueeze(1))
            topics = torch.maximum(topics, self.topics[best] * keep.unsqueeze(1))
            barred = barred + torch.zeros_like(barred).scatter(1, best.unsqueeze(1), keep.unsqueeze(1))
            worth = torch.where(taken, value, worth)
        return torch.stack(chosen, dim=1)

    def write(self, features: StudyFeatures) -> Tensor:
        chosen = self.choose(features)  # [N, K]
        place = self.order[chosen]
        none = len(self.order) - 1
        concludes = ((place > 1) & (place < self.order[-1])).any(1)
        opens = torch.full_like(chosen[:, :1], none - 2)
        turns = torch.where(concludes, none - 1, none).unsqueeze(1)
        chosen = torch.cat([opens, turns, chosen], dim=1)
        row = chosen.gather(1, torch.argsort(self.order[chosen], dim=1))
        tokens = self.tokens[row].flatten(1)  # [N, (K + 2) W]
        edge = torch.full_like(tokens[:, :1], BOS)
        tokens = torch.cat([edge, tokens, edge - BOS + EOS], dim=1)
        # The padding of every sentence moves to the end, and the words keep their order.
        position = torch.arange(tokens.shape[1], device=tokens.device)
        key = position + tokens.shape[1] * (tokens == PAD).long()
        return tokens.gather(1, torch.argsort(key, dim=1))

    def init_state(self, features: StudyFeatures) -> State:
        text = self.write(features)
        return text, torch.zeros_like(text[:, 0])

    def step(self, token: Tensor, state: State) -> Step:
        text, position = state  # [N, T], [N]
        follows = text.gather(1, position.unsqueeze(1)).squeeze(1) == token
        position = (position + 1).clamp(max=text.shape[1] - 1)
        following = text.gather(1, position.unsqueeze(1)).squeeze(1)
        # A search that leaves the text has nothing more to say.
        following = torch.where(follows & (following != PAD), following, EOS)
        log = torch.full((token.shape[0], self.vocabulary_size), LOWEST, device=text.device)
        return Step(log.scatter(1, following.unsqueeze(1), 0.0), (text, position), None)
