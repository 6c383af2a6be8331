"""The interface of decoders: they read the encoder's output and give one word after the other.

`join_views` makes the features of studies from the encoder's images. `greedy` takes the most likely words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from radscribe.errors import UsageError
from radscribe.models.encoder import EncoderOutput

PAD, BOS, EOS = 0, 1, 2  # ids of `ReportTokenizer`


class StudyFeatures(NamedTuple):
    """The encoder's view of N studies of one or more images each.

    Vectors are means over a study's images. Cells are those of all its images, one image after the other;
    studies with fewer images than others are padded, and `views` tells which cells are padding.
    """

    probabilities: Tensor  # [N, F] calibrated
    pooled: Tensor | None = None  # [N, C]
    grid: Tensor | None = None  # [N, L, C]
    maps: Tensor | None = None  # [N, L, F] calibrated logits of each finding at each cell
    views: Tensor | None = None  # [N, L] int64, places in `labels.VIEW_KINDS`: the view that a cell is of
    plan: Tensor | None = None  # [N, 3 F] in training: what the report asserts, see `ContentPlan`
    course: Tensor | None = None  # [N, F] int64 in training: what the report says of changes, see `Course`
    # The context, see `ContextReader`; absent parts are zeros.
    indication: Tensor | None = None  # [N, 48] token ids
    prior_given: Tensor | None = None  # [N] int64, 1 if there are images of an earlier study
    prior_report: Tensor | None = None  # [N, 96] token ids
    prior_probabilities: Tensor | None = None  # [N, F], and so on as above
    prior_pooled: Tensor | None = None
    prior_grid: Tensor | None = None  # [N, P, C]
    prior_maps: Tensor | None = None
    prior_views: Tensor | None = None

    def get(self, name: str) -> Tensor:
        """One of the features.

        Raises
        ------
        UsageError
            These features do not have it.
        """
        value: Tensor | None = getattr(self, name)
        if value is None:
            raise UsageError(f"this decoder needs '{name}', which the features do not have")
        return value


State = tuple[Tensor, ...]  # each [N, ...]: rows are studies, so that a search may pick and repeat them


class Step(NamedTuple):
    """One word further."""

    log_probabilities: Tensor  # [N, V] of the next token
    state: State
    attention: Tensor | None  # [N, L + S] over the grid's cells and then the context, where it attends
    chosen: Tensor | None = None  # [N] the one cell that hard attention drew, in training


class Taught(NamedTuple):
    """A decoder's output for whole captions."""

    log_probabilities: Tensor  # [N, T, V] of the next tokens
    attention: Tensor | None = None  # [N, T, L]
    chosen: Tensor | None = None  # [N, T]
    first: Tensor | None = None  # [N, state_width] the state that the first word is made from
    cells: int | None = None  # L, if the attention also covers S tokens of the context behind the cells


class Decoder(nn.Module, ABC):
    """A language model of captions, conditioned on a study."""

    vocabulary_size: int
    inputs: tuple[str, ...]  # fields of `StudyFeatures` that it reads
    states: tuple[str, ...]  # names of the state's tensors
    word_embedding: nn.Embedding
    fixed: tuple[str, ...] = ()  # the last of them, which `step` does not change: the study itself
    # Moving states `[N, ..., P, K]` of which `extend` gives the row at the state "position" alone.
    appended: tuple[str, ...] = ()
    state_width: int = 0  # of `Taught.first`; 0 if it has none
    positions: int | None = None  # tokens of a caption that it can take at most, `<bos>` included

    def require_positions(self, length: int) -> None:
        """Raise `UsageError` if a caption has more tokens than the decoder has positions."""
        if self.positions is not None and length > self.positions:
            raise UsageError(
                f"a caption of {length} tokens, and there are {self.positions} positions",
                remedy="set options.positions higher, or max_length lower",
            )

    @abstractmethod
    def init_state(self, features: StudyFeatures) -> State:
        """The state before the first token, which is `<bos>`."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> Step:
        """From the previous token `[N]` to log-probabilities of the next `[N, V]`."""

    def read(self, token: Tensor) -> Tensor:
        """The part of a step that depends only on the token, `[N, K]`. Serving keeps a table of it."""
        embedded: Tensor = self.word_embedding(token)
        return embedded

    def step_after(self, read: Tensor, state: State) -> Step:
        """The rest of a step, for decoders whose `step` is `step_after(read(token), state)`."""
        raise NotImplementedError

    def extend(self, token: Tensor, state: State) -> Step:
        """As `step`, but of the states `appended` only the new row `[N, ..., 1, K]`.

        A graph cannot write into its inputs: it would copy a cache at every word.
        """
        return self.step(token, state)

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        """Captions `[N, T]` from `<bos>` on → log-probabilities `[N, T, V]` of what follows each token.

        A decoder overrides this where it can do better than one step at a time.

        Parameters
        ----------
        sample_rate : float
            How often a token is replaced by one that the decoder itself drew, as in scheduled sampling
            (Bengio et al., NeurIPS 2015); 0 is teacher forcing.
        """
        state = self.init_state(features)
        steps: list[Step] = []
        for t in range(tokens.shape[1]):
            token = tokens[:, t]
            if t and sample_rate:
                own = torch.multinomial(steps[-1].log_probabilities.detach().exp(), 1)[:, 0]
                token = torch.where(torch.rand(len(token), device=token.device) < sample_rate, own, token)
            steps.append(self.step(token, state))
            state = steps[-1].state
        attention = [step.attention for step in steps if step.attention is not None]
        chosen = [step.chosen for step in steps if step.chosen is not None]
        return Taught(
            torch.stack([step.log_probabilities for step in steps], dim=1),
            torch.stack(attention, dim=1) if attention else None,
            torch.stack(chosen, dim=1) if chosen else None,
        )

    def extra_loss(self, taught: Taught, log_likelihood: Tensor, mask: Tensor) -> Tensor:
        """The decoder's own loss, added to the cross-entropy: a scalar mean over studies.

        Parameters
        ----------
        log_likelihood : Tensor
            `[N, T]` of the words that came next, by `taught`.
        mask : Tensor
            `[N, T]`, True where there is a word.
        """
        return log_likelihood.new_zeros(())


def join_views(output: EncoderOutput, codes: Tensor) -> StudyFeatures:
    """Join consecutive images into studies: means of vectors, cells one image after the other.

    Parameters
    ----------
    output : EncoderOutput
        Output of N * views images.
    codes : Tensor
        `[N, views]`, places in `labels.VIEW_KINDS`.
    """
    n, views = codes.shape
    cells = output.grid.shape[2] * output.grid.shape[3]

    def joined(planes: Tensor) -> Tensor:  # [N * views, K, h, w] → [N, views * h * w, K]
        return planes.flatten(2).permute(0, 2, 1).reshape(n, views * cells, -1)

    return StudyFeatures(
        probabilities=output.probabilities.reshape(n, views, -1).mean(1),
        pooled=output.pooled.reshape(n, views, -1).mean(1),
        grid=joined(output.grid),
        maps=joined(output.maps),
        views=codes.repeat_interleave(cells, dim=1),
    )


@torch.no_grad()
def greedy(decoder: Decoder, features: StudyFeatures, bos: int, eos: int, max_length: int = 80) -> Tensor:
    """Return the most likely next word at every step: tokens `[N, ≤ max_length]`, padded with `eos`.

    For validation during training; serving searches in numpy (`radscribe.inference`).
    """
    n = features.probabilities.shape[0]
    state = decoder.init_state(features)
    token = torch.full((n,), bos, dtype=torch.long, device=features.probabilities.device)
    done = torch.zeros(n, dtype=torch.bool, device=token.device)
    words: list[Tensor] = []
    for _ in range(max_length):
        log_probabilities, state, *_ = decoder.step(token, state)
        token = log_probabilities.argmax(-1).masked_fill(done, eos)
        words.append(token)
        done |= token == eos
        if bool(done.all()):
            break
    return torch.stack(words, dim=1)
