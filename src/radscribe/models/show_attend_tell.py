"""Show, Attend and Tell: before each word the LSTM looks at the cells of the image that it needs.

Xu et al., Show, Attend and Tell: Neural Image Caption Generation with Visual Attention, ICML 2015. Soft
attention; equation numbers are the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radscribe.errors import UsageError
from radscribe.models.context import context_reader
from radscribe.models.decoder import Decoder, State, Step, StudyFeatures, Taught
from radscribe.models.study_inputs import StudyReader, at_every_step


class ShowAttendTell(Decoder):
    """LSTM decoder with soft attention.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings, channels, places : int
        F and C of the features, and the cells of one image.
    attend, image_input, operating_point : str or float
        What is read from a study, see `StudyReader`.
    image_at : `start`, the study's vector sets the first state; `every-step`, it is also added to every word;
        `auto`, at every step with a content plan and at the start without one.
    embedding, hidden, attention : int
        Widths of the word embedding E, of the LSTM's state H, and of cells and attention D.
    tie_weights : bool
        The output layer reuses the word embedding (Press & Wolf, 2017).
    doubly_stochastic : float
        λ of equation 14: how strongly every cell shall get its share of attention.
    context : sequence of str
        What is read beside the images, see `ContextReader`.
    """

    states: tuple[str, ...] = ("h", "c", "cells", "keys", "real")
    fixed: tuple[str, ...] = ("cells", "keys", "real")

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        places: int = 0,
        attend: str = "grid",
        image_input: str = "none",
        image_at: str = "auto",
        operating_point: float = 0.5,
        embedding: int = 256,
        hidden: int = 256,
        attention: int = 256,
        dropout: float = 0.3,
        tie_weights: bool = True,
        doubly_stochastic: float = 1.0,
        context: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if doubly_stochastic < 0:
            raise UsageError(f"doubly_stochastic {doubly_stochastic} is below 0", remedy="use 0 for none")
        self.vocabulary_size, self.doubly_stochastic = vocabulary_size, doubly_stochastic
        maps = attend != "grid"
        reads = context_reader(context, vocabulary_size, findings, channels, attention, maps=maps)
        self.reader = StudyReader(
            findings, channels, attention, attend, image_input, operating_point, places, reads
        )
        self.inputs, self.state_width = self.reader.inputs, hidden
        self.from_whole: nn.Linear | None = None
        if at_every_step(image_at, self.reader.vectors):
            self.from_whole = nn.Linear(attention, embedding)
            self.states, self.fixed = (*self.states, "image"), (*self.fixed, "image")
        self.first_h, self.first_c = nn.Linear(attention, hidden), nn.Linear(attention, hidden)
        self.key = nn.Linear(attention, attention)
        self.query = nn.Linear(hidden, attention, bias=False)
        self.score = nn.Linear(attention, 1, bias=False)
        self.gate = nn.Linear(hidden, 1)
        self.word_embedding = nn.Embedding(vocabulary_size, embedding)
        self.lstm = nn.LSTMCell(embedding + attention, hidden)
        self.dropout = nn.Dropout(dropout)
        self.from_hidden = nn.Linear(hidden, embedding)
        self.from_context = nn.Linear(attention, embedding, bias=False)
        self.output = nn.Linear(embedding, vocabulary_size)
        nn.init.normal_(self.word_embedding.weight, std=embedding**-0.5)
        if tie_weights:
            self.output.weight = self.word_embedding.weight

    def init_state(self, features: StudyFeatures) -> State:
        cells, real, whole = self.reader(features)  # [N, L, D], [N, L], [N, D]
        h, c = torch.tanh(self.first_h(whole)), torch.tanh(self.first_c(whole))  # f_init of section 3.1.2
        image = () if self.from_whole is None else (self.from_whole(whole),)  # [N, E]
        return h, c, cells, self.key(cells), real, *image

    def look(self, h: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor | None]:
        """Where to look, given the LSTM's state `h`: attention `[N, L]`, context `[N, D]`, no cell chosen."""
        cells, keys, real = state[2:5]
        scores = self.score(torch.tanh(keys + self.query(h).unsqueeze(1))).squeeze(2)  # eq. 4: [N, L]
        attention = torch.softmax(scores.masked_fill(~real, -torch.inf), dim=1)  # eq. 5
        return attention, torch.bmm(attention.unsqueeze(1), cells).squeeze(1), None  # eq. 13

    def advance(self, word: Tensor, state: State) -> tuple[State, Tensor, Tensor, Tensor | None]:
        """The LSTM's next state, the context that it saw `[N, D]`, the attention `[N, L]`, a chosen cell."""
        h, c, *fixed = state
        attention, context, chosen = self.look(h, state)
        context = torch.sigmoid(self.gate(h)) * context  # β of section 4.2.1
        h, c = self.lstm(torch.cat([word, context], dim=1), (h, c))  # eq. 1 to 3
        return (h, c, *fixed), context, attention, chosen

    def deep_output(self, word: Tensor, h: Tensor, context: Tensor) -> Tensor:
        """Equation 7: log-probabilities `[..., V]` from the previous word, the state and the context."""
        joined = word + self.from_hidden(self.dropout(h)) + self.from_context(context)  # [..., E]
        return torch.log_softmax(self.output(self.dropout(joined)), dim=-1)

    def step(self, token: Tensor, state: State) -> Step:
        word = self.dropout(self.word_embedding(token))  # [N, E]
        if self.from_whole is not None:
            word = word + state[5]
        state, context, attention, chosen = self.advance(word, state)
        return Step(self.deep_output(word, state[0], context), state, attention, chosen)

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        if sample_rate:
            return super().forward(features, tokens, sample_rate)
        words = self.dropout(self.word_embedding(tokens))  # [N, T, E]
        state = self.init_state(features)
        if self.from_whole is not None:
            words = words + state[5].unsqueeze(1)
        first = state[0]
        hs: list[Tensor] = []
        contexts: list[Tensor] = []
        attentions: list[Tensor] = []
        cells: list[Tensor] = []
        for word in words.unbind(1):
            state, context, attention, chosen = self.advance(word, state)
            hs.append(state[0])
            contexts.append(context)
            attentions.append(attention)
            cells += [] if chosen is None else [chosen]
        log_probabilities = self.deep_output(words, torch.stack(hs, 1), torch.stack(contexts, 1))  # [N, T, V]
        chosen_cells = torch.stack(cells, 1) if cells else None
        count = features.get("views").shape[1]
        return Taught(log_probabilities, torch.stack(attentions, 1), chosen_cells, first, count)

    def extra_loss(self, taught: Taught, log_likelihood: Tensor, mask: Tensor) -> Tensor:
        """Doubly stochastic attention (equation 14): over a caption every cell gets equal attention.

        The paper wants Σ_t α_ti = 1 for each cell, which T words can only give to T cells. For
        other L their mean, T / L, is the unit. A mean over cells is added to a cross-entropy that is a mean
        over words: at T = L this is the paper's objective per word.
        """
        assert taught.attention is not None
        attention = taught.attention[:, :, : taught.cells]  # [N, T, L]: words of a context need no look each
        words = mask.unsqueeze(2).to(attention.dtype)  # [N, T, 1]
        real = (attention > 0).any(1).to(words.dtype)  # [N, L]: padding is never looked at
        looked = (attention * words).sum(1)  # [N, L]
        cells, count = real.sum(1, keepdim=True), words.sum(1).clamp(min=1)  # each [N, 1]
        uneven = (1 - looked * cells / count) ** 2 * real
        return self.doubly_stochastic * (uneven.sum(1) / cells.squeeze(1)).mean()
