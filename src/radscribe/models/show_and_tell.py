"""Show and Tell: the image enters an LSTM once, before the first word.

Vinyals et al., Show and Tell: A Neural Image Caption Generator, CVPR 2015, equations 10 to 12.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from radscribe.errors import UsageError
from radscribe.models.decoder import Decoder, State, Step, StudyFeatures, Taught

IMAGE_INPUTS: dict[str, tuple[str, ...]] = {
    "probabilities": ("probabilities",),
    "pooled": ("pooled",),
    "both": ("probabilities", "pooled"),
}


class ShowAndTell(Decoder):
    """LSTM decoder.

    Parameters
    ----------
    vocabulary_size : V, specials included.
    findings : F, the finding probabilities of a study.
    channels : C, the pooled vector of a study; unused when `image_input` is "probabilities".
    image_input : which of the encoder's outputs the image embedding is made of.
    operating_point : the probability from which on a finding counts as seen.
    embedding, hidden : widths of the word embedding E and of the LSTM's state H.
    tie_weights : the output layer reuses the word embedding (Press & Wolf, 2017); needs E = H.
    """

    states = ("h", "c")

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        image_input: str = "probabilities",
        operating_point: float = 0.5,
        embedding: int = 256,
        hidden: int = 256,
        dropout: float = 0.3,
        tie_weights: bool = True,
    ) -> None:
        super().__init__()
        if image_input not in IMAGE_INPUTS:
            raise UsageError(f"no image input '{image_input}'", remedy=f"choose {', '.join(IMAGE_INPUTS)}")
        if tie_weights and embedding != hidden:
            raise UsageError("tied weights need embedding and hidden of one width", remedy="set both alike")
        if not 0 < operating_point < 1:
            raise UsageError(f"operating point {operating_point} is not within 0 to 1", remedy="take 0.5")
        self.vocabulary_size, self.inputs = vocabulary_size, IMAGE_INPUTS[image_input]
        self.threshold = math.log(operating_point / (1 - operating_point))
        inputs = sum({"probabilities": findings, "pooled": channels}[name] for name in self.inputs)
        # Standardised first: what tells two images apart is small beside what all images share.
        self.image_embedding = nn.Sequential(
            nn.BatchNorm1d(inputs, affine=False), nn.Linear(inputs, embedding), nn.LayerNorm(embedding)
        )
        self.word_embedding = nn.Embedding(vocabulary_size, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, vocabulary_size)
        nn.init.normal_(self.word_embedding.weight, std=embedding**-0.5)
        if tie_weights:
            self.output.weight = self.word_embedding.weight

    def _image(self, features: StudyFeatures) -> Tensor:
        """The image as the LSTM's word before the first: `[N, E]`."""
        parts: list[Tensor] = []
        if "probabilities" in self.inputs:
            # Logits: differences near 0 and 1 count too. Above the operating point they are positive.
            parts.append(torch.logit(features.probabilities, eps=1e-4) - self.threshold)
        if "pooled" in self.inputs:
            parts.append(features.get("pooled"))
        embedded: Tensor = self.image_embedding(torch.cat(parts, dim=1))
        return embedded

    def init_state(self, features: StudyFeatures) -> State:
        _, (h, c) = self.lstm(self._image(features).unsqueeze(1))  # each [1, N, H]
        return h[0], c[0]

    def step(self, token: Tensor, state: State) -> Step:
        h, c = state  # each [N, H]
        word = self.word_embedding(token).unsqueeze(1)  # [N, 1, E]
        y, (h1, c1) = self.lstm(word, (h.unsqueeze(0), c.unsqueeze(0)))  # y [N, 1, H]
        logits = self.output(self.dropout(y[:, 0]))  # [N, V]
        return Step(torch.log_softmax(logits, dim=-1), (h1[0], c1[0]), None)

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        if sample_rate:
            return super().forward(features, tokens, sample_rate)
        words = self.word_embedding(tokens)  # [N, T, E]
        image = self._image(features).unsqueeze(1)  # [N, 1, E]
        y, _ = self.lstm(self.dropout(torch.cat([image, words], dim=1)))  # [N, 1 + T, H]
        logits = self.output(self.dropout(y[:, 1:]))  # [N, T, V]: what follows the image alone is not a word
        return Taught(torch.log_softmax(logits, dim=-1))
