"""Transformer decoder: each word looks at the words before it and at the cells of the images.

Vaswani et al., Attention Is All You Need, NeurIPS 2017; layer norm before each sublayer (Xiong et al., ICML
2020). While a caption is written, keys and values of earlier words are in tensors of fixed shape, so a
search may pick and repeat rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radscribe.errors import UsageError
from radscribe.models.context import context_reader
from radscribe.models.decoder import Decoder, State, Step, StudyFeatures, Taught
from radscribe.models.study_inputs import StudyReader

Pair = tuple[Tensor, Tensor]  # keys and values, each [N, S, D]


def attend(query: Tensor, memory: Pair, visible: Tensor, heads: int) -> Pair:
    """Scaled dot-product attention of `heads` heads.

    Parameters
    ----------
    query : Tensor
        `[N, T, D]`.
    visible : Tensor
        Bool, broadcasts to `[N, T, S]`: what each query may look at.

    Returns
    -------
    Pair
        What was seen `[N, T, D]`, and the mean of the heads' weights `[N, T, S]`.
    """
    q, k, v = (
        x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)  # [N, heads, T or S, D / heads]
        for x in (query, *memory)
    )
    scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5  # [N, heads, T, S]
    weights = torch.softmax(scores.masked_fill(~visible.unsqueeze(1), -torch.inf), dim=3)
    return (weights @ v).transpose(1, 2).flatten(2), weights.mean(1)


class Layer(nn.Module):
    """Self-attention, cross-attention and an MLP, each added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.self_norm, self.cross_norm, self.mlp_norm = (nn.LayerNorm(width) for _ in range(3))
        self.self_query, self.cross_query = nn.Linear(width, width), nn.Linear(width, width)
        self.self_memory, self.cross_memory = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)
        self.self_output, self.cross_output = nn.Linear(width, width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def of_cells(self, cells: Tensor) -> Pair:
        """Keys and values of cells `[N, L, D]`."""
        keys, values = self.cross_memory(cells).chunk(2, dim=2)
        return keys, values

    def of_words(self, x: Tensor) -> Pair:
        """Keys and values of words `[N, T, D]`."""
        keys, values = self.self_memory(self.self_norm(x)).chunk(2, dim=2)
        return keys, values

    def forward(self, x: Tensor, words: Pair, before: Tensor, cells: Pair, real: Tensor) -> Pair:
        """Words `[N, T, D]` one layer on, and where they looked `[N, T, L]`."""
        seen, _ = attend(self.self_query(self.self_norm(x)), words, before, self.heads)
        x = x + self.dropout(self.self_output(seen))
        seen, attention = attend(self.cross_query(self.cross_norm(x)), cells, real, self.heads)
        x = x + self.dropout(self.cross_output(seen))
        return x + self.dropout(self.mlp(self.mlp_norm(x))), attention


class Transformer(Decoder):
    """Decoder with cross-attention; its attention is the last layer's, a mean over heads.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings, channels, places : int
        F and C of the features, and the cells of one image.
    attend, image_input, operating_point : str or float
        What is read of a study, see `StudyReader`.
    embedding : int
        D, width of everything; a multiple of `heads`.
    positions : int
        P, tokens of a caption at most, `<bos>` included.
    tie_weights : bool
        The output layer reuses the word embedding (Press & Wolf, 2017).
    context : sequence of str
        What is read beside the images, see `ContextReader`.
    """

    states = ("keys", "values", "position", "cell_keys", "cell_values", "real", "whole")
    fixed = ("cell_keys", "cell_values", "real", "whole")
    positions: int

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        places: int = 0,
        attend: str = "grid",
        image_input: str = "none",
        operating_point: float = 0.5,
        embedding: int = 256,
        layers: int = 3,
        heads: int = 4,
        positions: int = 128,
        dropout: float = 0.1,
        tie_weights: bool = True,
        context: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if heads < 1 or embedding % heads:
            raise UsageError(
                f"{heads} heads do not divide a width of {embedding}", remedy="set heads to a divisor"
            )
        if layers < 1:
            raise UsageError(f"{layers} layers", remedy="use 1 or more")
        self.vocabulary_size, self.positions = vocabulary_size, positions
        maps = attend != "grid"
        reads = context_reader(context, vocabulary_size, findings, channels, embedding, maps=maps)
        self.reader = StudyReader(
            findings, channels, embedding, attend, image_input, operating_point, places, reads
        )
        self.inputs, self.state_width = self.reader.inputs, embedding
        self.word_embedding = nn.Embedding(vocabulary_size, embedding)
        self.position_embedding = nn.Embedding(positions, embedding)
        self.layers = nn.ModuleList(Layer(embedding, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(embedding)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(embedding, vocabulary_size)
        nn.init.normal_(self.word_embedding.weight, std=embedding**-0.5)
        nn.init.normal_(self.position_embedding.weight, std=0.1)
        if tie_weights:
            self.output.weight = self.word_embedding.weight

    def _embed(self, tokens: Tensor, positions: Tensor, whole: Tensor) -> Tensor:
        """Tokens `[N, T]` at positions `[N, T]` of a study `[N, D]` → `[N, T, D]`."""
        words = self.word_embedding(tokens) * whole.shape[1] ** 0.5  # as large as what is added
        x: Tensor = self.dropout(words + self.position_embedding(positions) + whole.unsqueeze(1))
        return x

    def _log_probabilities(self, x: Tensor) -> Tensor:
        return torch.log_softmax(self.output(self.norm(x)), dim=-1)

    def init_state(self, features: StudyFeatures) -> State:
        cells, real, whole = self.reader(features)  # [N, L, D], [N, L], [N, D]
        pairs = [layer.of_cells(cells) for layer in self.layers]  # type: ignore[operator]
        cell_keys, cell_values = (
            torch.stack(part, 1) for part in zip(*pairs, strict=True)
        )  # [N, layers, L, D]
        n, width = whole.shape[0], whole.shape[1]
        keys = whole.new_zeros(n, len(self.layers), self.positions, width)
        position = torch.zeros_like(real[:, 0], dtype=torch.long)  # [N]
        return keys, torch.zeros_like(keys), position, cell_keys, cell_values, real, whole

    def step(self, token: Tensor, state: State) -> Step:
        keys, values, position, cell_keys, cell_values, real, whole = state
        places = torch.arange(self.positions, device=token.device)
        here = (places == position.unsqueeze(1)).unsqueeze(2)  # [N, P, 1]
        before = (places <= position.unsqueeze(1)).unsqueeze(1)  # [N, 1, P]
        x = self._embed(token.unsqueeze(1), position.unsqueeze(1), whole)  # [N, 1, D]
        pairs: list[Pair] = []
        attention = real
        for index, layer in enumerate(self.layers):
            key, value = layer.of_words(x)  # type: ignore[operator]
            words = torch.where(here, key, keys[:, index]), torch.where(here, value, values[:, index])
            cells = cell_keys[:, index], cell_values[:, index]
            x, attention = layer(x, words, before, cells, real.unsqueeze(1))
            pairs.append(words)
        keys, values = (torch.stack(part, 1) for part in zip(*pairs, strict=True))
        state = (keys, values, position + 1, *state[3:])
        return Step(self._log_probabilities(x[:, 0]), state, attention[:, 0])

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        length = tokens.shape[1]
        self.require_positions(length)
        if sample_rate:
            return super().forward(features, tokens, sample_rate)
        cells, real, whole = self.reader(features)
        places = torch.arange(length, device=tokens.device)
        before = (places <= places.unsqueeze(1)).unsqueeze(0)  # [1, T, T]
        x = self._embed(tokens, places.expand_as(tokens), whole)  # [N, T, D]
        attention = real
        for layer in self.layers:
            x, attention = layer(x, layer.of_words(x), before, layer.of_cells(cells), real.unsqueeze(1))  # type: ignore[operator]
        count = features.get("views").shape[1]
        return Taught(self._log_probabilities(x), attention, first=x[:, 0], cells=count)
