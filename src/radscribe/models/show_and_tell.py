"""Show and Tell: the image enters an LSTM once, before the first word, or beside every word.

Vinyals et al., Show and Tell: A Neural Image Caption Generator, CVPR 2015, equations 10 to 12. The paper
found that an image at every step overfits; many systems have it so all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from radscribe.errors import UsageError
from radscribe.models.context import context_reader
from radscribe.models.decoder import Decoder, State, Step, StudyFeatures, Taught
from radscribe.models.study_inputs import VECTORS, ImageEmbedding, at_every_step, choice, threshold_logit

IMAGE_INPUTS = {name: vectors for name, vectors in VECTORS.items() if vectors}


class ShowAndTell(Decoder):
    """LSTM decoder.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings : int
        F, the finding probabilities of a study.
    channels : int
        C, the pooled vector of a study; unused if `image_input` is "probabilities".
    places : int
        Cells of one image, for the sides of a content plan.
    image_input : str
        Which of the encoder's outputs the image embedding is made of.
    image_at : `start`, the image is the LSTM's word before the first; `every-step`, it is added to each;
        `auto`, at every step with a content plan and at the start without one.
    operating_point : float
        The probability from which on a finding counts as seen.
    embedding, hidden : int
        Widths of the word embedding E and of the LSTM's state H.
    tie_weights : bool
        The output layer reuses the word embedding (Press & Wolf, 2017); needs E = H.
    context : sequence of str
        What is added to the image embedding, see `ContextReader`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        places: int = 0,
        image_input: str = "probabilities",
        image_at: str = "auto",
        operating_point: float = 0.5,
        embedding: int = 256,
        hidden: int = 256,
        dropout: float = 0.3,
        tie_weights: bool = True,
        context: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if tie_weights and embedding != hidden:
            raise UsageError(
                "tied weights need embedding and hidden of one width", remedy="set both to the same value"
            )
        vectors = choice("image input", image_input, IMAGE_INPUTS)
        self.fixed = ("image",) if at_every_step(image_at, vectors) else ()
        self.states = ("h", "c", *self.fixed)
        threshold = threshold_logit(operating_point)
        self.image_embedding = ImageEmbedding(vectors, findings, channels, places, embedding, threshold)
        self.vocabulary_size, self.inputs = vocabulary_size, self.image_embedding.inputs
        maps = "maps" in self.inputs
        self.context = context_reader(context, vocabulary_size, findings, channels, embedding, maps=maps)
        if self.context is not None:
            self.inputs = tuple(dict.fromkeys((*self.inputs, *self.context.inputs)))
        self.state_width = hidden
        self.word_embedding = nn.Embedding(vocabulary_size, embedding)
        self.lstm = nn.LSTM(embedding * (2 if self.fixed else 1), hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, vocabulary_size)
        nn.init.normal_(self.word_embedding.weight, std=embedding**-0.5)
        if tie_weights:
            self.output.weight = self.word_embedding.weight

    def _image(self, features: StudyFeatures) -> Tensor:
        """The image's vector and that of the context `[N, E]`."""
        image: Tensor = self.image_embedding(features)
        return image if self.context is None else image + self.context(features).vector

    def init_state(self, features: StudyFeatures) -> State:
        image = self._image(features)
        if self.fixed:
            start = image.new_zeros(image.shape[0], self.lstm.hidden_size)
            weight, *_ = self.lstm.all_weights[0]
            # Its share of the gates [N, 4 H] is the same beside every word.
            return start, start.clone(), functional.linear(image, weight[:, -image.shape[1] :])
        _, (h, c) = self.lstm(image.unsqueeze(1))  # each [1, N, H]
        return h[0], c[0]

    def read(self, token: Tensor) -> Tensor:
        weight, _, bias, other_bias = self.lstm.all_weights[0]
        word = self.word_embedding(token)  # [N, E]
        return functional.linear(word, weight[:, : word.shape[1]], bias + other_bias)  # [N, 4 H]

    def step_after(self, read: Tensor, state: State) -> Step:
        h, c, *image = state  # each [N, H], and perhaps the image's gates [N, 4 H]
        _, recurrent, *_ = self.lstm.all_weights[0]
        gates = read + functional.linear(h, recurrent)  # [N, 4 H]
        for part in image:
            gates = gates + part
        i, f, g, o = gates.chunk(4, dim=1)  # equations 4 to 8, in torch's order
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        logits = self.output(self.dropout(h))  # [N, V]
        return Step(torch.log_softmax(logits, dim=-1), (h, c, *image), None)

    def step(self, token: Tensor, state: State) -> Step:
        return self.step_after(self.read(token), state)

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        if sample_rate:
            return super().forward(features, tokens, sample_rate)
        words = self.word_embedding(tokens)  # [N, T, E]
        image = self._image(features).unsqueeze(1)  # [N, 1, E]
        if self.fixed:
            y, _ = self.lstm(self.dropout(torch.cat([words, image.expand_as(words)], dim=2)))  # [N, T, H]
        else:
            y, _ = self.lstm(self.dropout(torch.cat([image, words], dim=1)))  # [N, 1 + T, H]
            y = y[:, 1:]  # the output after only the image is not a word
        return Taught(torch.log_softmax(self.output(self.dropout(y)), dim=-1), first=y[:, 0])  # [N, T, V]
