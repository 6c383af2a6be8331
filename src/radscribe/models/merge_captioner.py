"""The merge architecture: an LSTM reads the words, the image joins after it, and both give the next word.

Tanti et al., Where to put the Image in an Image Caption Generator, 2018. Here because the field's first Keras
captioners are made so: `radscribe import-weights` reads them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.models.decoder import BOS, PAD, Decoder, State, Step, StudyFeatures


class MergeCaptioner(Decoder):
    """The words are padded on the left with the blank `<pad>`, which the LSTM skips (Keras: `mask_zero`).

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings : int
        F, the finding probabilities of a study.
    channels : int
        Unused; every decoder is given it.
    embedding, hidden : int
        Widths of the word embedding E, and H of the LSTM and of both dense layers.
    dropout : float
        Dropout of the probabilities and of the words, in training.
    start_word : bool
        Whether `<bos>` is a word that the LSTM reads; else the first word follows nothing.
    """

    inputs = ("probabilities",)
    states: tuple[str, ...] = ("image", "h", "c")

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        embedding: int = 200,
        hidden: int = 256,
        dropout: float = 0.5,
        start_word: bool = True,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.start_word = vocabulary_size, start_word
        self.image = nn.Linear(findings, hidden)
        self.word_embedding = nn.Embedding(vocabulary_size, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.merged = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, vocabulary_size)
        self.dropout = nn.Dropout(dropout)

    def _image(self, features: StudyFeatures) -> Tensor:
        return F.relu(self.image(self.dropout(features.probabilities)))  # [N, H]

    def _next_word(self, image: Tensor, said: Tensor) -> Tensor:
        """Image and words so far, `[N, H]` each, → log-probabilities `[N, V]`."""
        return torch.log_softmax(self.output(F.relu(self.merged(image + said))), dim=-1)

    def init_state(self, features: StudyFeatures) -> State:
        image = self._image(features)
        return image, torch.zeros_like(image), torch.zeros_like(image)

    def step(self, token: Tensor, state: State) -> Step:
        image, h, c = state  # each [N, H]
        word = self.dropout(self.word_embedding(token)).unsqueeze(1)  # [N, 1, E]
        _, (h1, c1) = self.lstm(word, (h.unsqueeze(0), c.unsqueeze(0)))  # each [1, N, H]
        is_word = (token > (PAD if self.start_word else BOS)).unsqueeze(1)  # [N, 1]
        h, c = torch.where(is_word, h1[0], h), torch.where(is_word, c1[0], c)
        return Step(self._next_word(image, h), (image, h, c), None)


class PaddedMergeCaptioner(MergeCaptioner):
    """The LSTM reads the blanks too: a window of `window` tokens, padded on the left, rerun for each word.

    The more words, the fewer blanks come before them, so that no state can be carried on: each step costs a
    run over the whole window.
    """

    states = ("image", "words")

    def __init__(self, vocabulary_size: int, window: int = 124, **options: int | float | bool) -> None:
        super().__init__(vocabulary_size, **options)  # type: ignore[arg-type]
        self.window = window

    def init_state(self, features: StudyFeatures) -> State:
        image = self._image(features)
        words = image.new_full((image.shape[0], self.window), PAD, dtype=torch.long)  # [N, W]
        return image, words

    def step(self, token: Tensor, state: State) -> Step:
        image, words = state  # [N, H], [N, W]
        if not self.start_word:
            token = token.masked_fill(token == BOS, PAD)
        words = torch.cat([words[:, 1:], token.unsqueeze(1)], dim=1)
        _, (h, _) = self.lstm(self.dropout(self.word_embedding(words)))  # [1, N, H]
        return Step(self._next_word(image, h[0]), (image, words), None)
