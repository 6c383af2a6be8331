"""Self-critical sequence training: a decoder learns from the reward of captions that it draws itself.

Rennie et al., Self-Critical Sequence Training for Image Captioning, CVPR 2017: REINFORCE with the greedy
caption's reward as the baseline. Luo, A Better Variant of Self-Critical Sequence Training, 2020: the baseline
of a caption is the mean reward of the others that were drawn of its study.

The decoder is in evaluation mode, without dropout, so that what is rewarded is what will caption. Captions
are drawn without gradients; their likelihood is then computed with gradients, all words at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from radscribe.errors import UsageError
from radscribe.models import Decoder, StudyFeatures
from radscribe.models.decoder import greedy
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import load_decoder
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.objectives.objective import Loss, Objective
from radscribe.training.objectives.reward import Reward

ROWS = 64  # captions of near lengths whose likelihoods are computed together


class SelfCritical(Objective):
    """Cross-entropy for `warm_up` epochs, then the reward."""

    def __init__(self, config: DecoderConfig, tokenizer: ReportTokenizer, reports: Sequence[str]) -> None:
        super().__init__(config, tokenizer, reports)
        self.options = config.self_critical
        if self.options.baseline == "others" and self.options.samples < 2:
            raise UsageError(
                "self_critical.baseline=others compares a caption with others of its study",
                remedy="set self_critical.samples to 2 or more, or self_critical.baseline=greedy",
            )
        self.reward = Reward(config.reward, reports)
        self.start: Decoder | None = None
        if self.options.kl:
            if not config.init_from or self.options.warm_up:
                raise UsageError(
                    "self_critical.kl holds the decoder near the run that it starts from",
                    remedy="set init_from=RUN and self_critical.warm_up=0, or self_critical.kl=0",
                )
            self.start = load_decoder(Path(config.init_from))[0].requires_grad_(False)

    def learning_rate(self, epoch: int) -> float | None:
        return self.options.learning_rate if epoch == self.options.warm_up else None

    def loss(self, decoder: Decoder, batch: CaptionBatch, epoch: int) -> Loss:
        warming_up = epoch < self.options.warm_up
        taught: Tensor | float = 0.0
        if warming_up or self.options.cross_entropy:
            loss_of_words = cross_entropy(decoder, batch, self.tokenizer.pad, self.config.label_smoothing)
            if warming_up:
                return loss_of_words
            taught = loss_of_words.total
        training = decoder.training
        decoder.eval()
        try:
            # cuDNN has no gradients of an LSTM in evaluation mode.
            with torch.backends.cudnn.flags(enabled=False):
                loss, figures = self._policy_gradient(decoder, batch)
        finally:
            decoder.train(training)
        return Loss(loss + self.options.cross_entropy * taught, figures)

    def _policy_gradient(self, decoder: Decoder, batch: CaptionBatch) -> tuple[Tensor, dict[str, float]]:
        k, t, features = self.options.samples, self.tokenizer, batch.features
        drawn = draw(decoder, features, k, t.bos, t.eos, t.pad, self.config.max_length)  # [k N, T]
        rows = drawn.tolist()
        if self.options.baseline == "greedy":
            rows += greedy(decoder, features, t.bos, t.eos, self.config.max_length).tolist()  # [N, T']
        captions = [t.decode(row) for row in rows]
        references = batch.references * (len(captions) // len(batch.references))
        values = torch.from_numpy(self.reward(captions, references)).float().view(-1, len(batch.references))
        rewards = values[:k]  # [k, N]
        others = (rewards.sum(0) - rewards) / max(k - 1, 1)  # [k, N]
        advantage = rewards - (values[k:] if self.options.baseline == "greedy" else others)
        start = self.start if self.start is None else self.start.to(drawn.device)
        likelihood, words, divergence = likelihoods(
            decoder, repeated(features, k), drawn, t.bos, t.pad, start
        )  # [k N]
        loss = -(advantage.flatten().to(likelihood.device) * likelihood).sum() / words
        figures = {"reward": float(rewards.mean())}
        if start is not None:
            loss = loss + self.options.kl * divergence.sum() / words
            figures["kl"] = float(divergence.detach().sum()) / words
        return loss, figures


def likelihoods(
    decoder: Decoder,
    features: StudyFeatures,
    captions: Tensor,
    bos: int,
    pad: int,
    start: Decoder | None = None,
) -> tuple[Tensor, int, Tensor]:
    """Return log-likelihoods of captions `[R, T]`, `[R]`, the number of words, and divergences `[R]`.

    A divergence is that of the decoder's next words from those of `start`, summed over the caption; 0
    without `start`.
    """
    lengths = (captions != pad).sum(1)
    order = lengths.argsort()
    found: list[Tensor] = []
    apart: list[Tensor] = []
    for rows in torch.split(order, ROWS):
        words = captions[rows, : int(lengths[rows[-1]])]  # [ROWS, T]
        before = torch.cat([torch.full_like(words[:, :1], bos), words[:, :-1]], dim=1)
        part = StudyFeatures(*(None if f is None else f[rows] for f in features))  # type: ignore[arg-type]
        taught = decoder(part, before)
        each = taught.log_probabilities.gather(2, words.unsqueeze(2))[..., 0]
        found.append((each * (words != pad)).sum(1))
        if start is None:
            apart.append(torch.zeros_like(found[-1]))
            continue
        with torch.no_grad():
            before_training = start(part, before).log_probabilities
        own = taught.log_probabilities
        divergence = (own.exp() * (own - before_training)).sum(2)  # KL of each next word, [ROWS, T]
        apart.append((divergence * (words != pad)).sum(1))
    back = order.argsort()
    return torch.cat(found)[back], int(lengths.sum()), torch.cat(apart)[back]


def repeated(features: StudyFeatures, times: int) -> StudyFeatures:
    """All studies, and again, `times` in all: rows `[times * N]`."""
    return StudyFeatures(*(None if part is None else torch.cat([part] * times) for part in features))  # type: ignore[arg-type]


@torch.no_grad()
def draw(
    decoder: Decoder, features: StudyFeatures, times: int, bos: int, eos: int, pad: int, max_length: int
) -> Tensor:
    """Captions `[times * N, T]`, `<eos>` included if it was drawn, padded; row `k * N + n` is of study n."""
    state = tuple(torch.cat([part] * times) for part in decoder.init_state(features))
    open_rows = torch.arange(len(state[0]), device=state[0].device)
    captions = torch.full((len(open_rows), max_length + 1), pad, device=open_rows.device)
    token = torch.full_like(open_rows, bos)
    for t in range(max_length + 1):
        log_probabilities, state, *_ = decoder.step(token, state)
        probabilities = log_probabilities.exp()  # [open rows, V]
        probabilities[:, [pad, bos]] = 0  # are not words
        # One random number per row: torch.multinomial draws one per word, slower than the decoder.
        cumulative = probabilities.cumsum(1)
        drawn = torch.rand(len(token), 1, device=token.device) * cumulative[:, -1:]
        token = torch.searchsorted(cumulative, drawn)[:, 0]
        captions[open_rows, t] = token
        going = token != eos
        if not bool(going.any()):
            return captions[:, : t + 1]
        # Captions that ended cost nothing more.
        open_rows, token, state = open_rows[going], token[going], tuple(part[going] for part in state)
    return captions
