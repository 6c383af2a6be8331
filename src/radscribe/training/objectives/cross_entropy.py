"""Cross-entropy of the next word, with label smoothing (Szegedy et al., CVPR 2016, section 7)."""

from __future__ import annotations

from radscribe.models.decoder import Decoder, Taught
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.objectives.objective import Loss, Objective


def cross_entropy(
    decoder: Decoder,
    batch: CaptionBatch,
    padding: int,
    label_smoothing: float = 0.0,
    sample_rate: float = 0.0,
    weighted: bool = True,
) -> Loss:
    """Mean over words, and what the decoder adds.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread evenly over the vocabulary.
    sample_rate : float
        How often the decoder reads its own word instead of the report's.
    weighted : bool
        Weigh words by `CaptionBatch.weights`.
    """
    taught: Taught = decoder(batch.features, batch.tokens[:, :-1], sample_rate)
    following = batch.tokens[:, 1:]  # [N, T]
    mask = following != padding
    weights = mask.float() if batch.weights is None or not weighted else batch.weights * mask  # [N, T]
    log_likelihood = taught.log_probabilities.gather(2, following.unsqueeze(2))[..., 0] * mask  # [N, T]
    score = (log_likelihood * weights).sum()
    if label_smoothing:
        even = (taught.log_probabilities.mean(2) * weights).sum()
        score = (1 - label_smoothing) * score + label_smoothing * even
    total = -score / weights.sum() + decoder.extra_loss(taught, log_likelihood, mask)
    return Loss(total, {}, taught.first)


class CrossEntropy(Objective):
    """Teacher forcing throughout."""

    def loss(self, decoder: Decoder, batch: CaptionBatch, epoch: int) -> Loss:
        smoothing = self.config.label_smoothing
        return cross_entropy(decoder, batch, self.tokenizer.pad, smoothing)
