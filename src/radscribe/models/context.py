"""The clinical context of a study: why it was asked for, and an earlier study of the same patient.

An absent part is masked: it adds zeros to the study's vector, and attention does not see its
tokens. A decoder that gets no context writes what it would write if it had learned to read none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from radscribe.errors import UsageError
from radscribe.labels import CONTEXT_PARTS
from radscribe.models.course import KINDS, Course
from radscribe.models.decoder import PAD, StudyFeatures

HIDDEN = -1e4  # score of padding; finite, as a text may be only padding
WORD = 128  # width of a word
DROPOUT = 0.3


class Context(NamedTuple):
    """What a decoder reads beside the images of N studies."""

    vector: Tensor  # [N, D], zero if there is no context
    memory: Tensor  # [N, S, D] to attend to
    real: Tensor  # [N, S] bool, False at what is absent


class TextReader(nn.Module):
    """Token ids `[N, T]` → a vector for each token `[N, T, D]`, and one for the whole text `[N, D]`.

    A convolution over three words tells "no fever" from "fever"; the vector is a mean, weighted by how much a
    word matters.
    """

    def __init__(self, vocabulary_size: int, width: int) -> None:
        super().__init__()
        self.word_embedding = nn.Embedding(vocabulary_size, WORD, padding_idx=PAD)
        self.neighbours = nn.Conv1d(WORD, WORD, 3, padding=1)
        self.projection, self.norm = nn.Linear(WORD, width), nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        words = self.dropout(self.word_embedding(tokens))  # [N, T, E]
        near = self.neighbours(words.transpose(1, 2)).transpose(1, 2)
        read = self.norm(self.projection(self.dropout(functional.gelu(words + near))))  # [N, T, D]
        is_word = (tokens != PAD).unsqueeze(2)  # [N, T, 1]
        weights = torch.softmax(torch.where(is_word, self.score(read), HIDDEN), dim=1) * is_word
        return read, (weights * read).sum(1)


class ContextReader(nn.Module):
    """Reads the parts of the context that a decoder was built for.

    Parameters
    ----------
    parts : sequence of str
        Of `CONTEXT_PARTS`.
    vocabulary_size : int
        V of the captions, whose tokens the texts have.
    findings, channels : int
        F and C, the finding probabilities and the pooled vector of a study.
    width : int
        D of the result.
    maps : bool
        Whether the decoder reads finding maps, see `Course`.

    Raises
    ------
    UsageError
        There is no such part.
    """

    def __init__(
        self,
        parts: Sequence[str],
        vocabulary_size: int,
        findings: int,
        channels: int,
        width: int,
        *,
        maps: bool = False,
    ) -> None:
        super().__init__()
        if unknown := [part for part in parts if part not in CONTEXT_PARTS]:
            raise UsageError(f"no context '{unknown[0]}'", remedy=f"choose {', '.join(CONTEXT_PARTS)}")
        self.parts, self.maps = tuple(parts), maps
        self.text = TextReader(vocabulary_size, width)
        self.kind = nn.Embedding(3, width)  # of a token: the indication's, the prior report's, a prior cell's
        self.course: Course | None = None
        if "prior" in parts:
            self.course = Course(findings, channels, maps=maps)
            self.change = nn.Sequential(
                nn.Linear(self.course.compared_width, width),
                nn.GELU(),
                nn.Linear(width, width),
                nn.LayerNorm(width),
            )
            self.course_embedding = nn.Sequential(nn.Linear(KINDS * findings, width), nn.LayerNorm(width))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that it reads; a decoder adds the prior's cells that it attends to."""
        names: list[str] = ["indication"] if "indication" in self.parts else []
        if self.course is not None:
            names += [*self.course.inputs, "prior_report"]
        return tuple(names)

    def forward(self, features: StudyFeatures, earlier: tuple[Tensor, Tensor] | None = None) -> Context:
        """Read the context.

        Parameters
        ----------
        earlier : tuple of Tensor, optional
            The prior's cells `[N, P, D]`, and which of them are there `[N, P]`.
        """
        vectors: list[Tensor] = []
        tokens: list[Tensor] = []
        real: list[Tensor] = []
        texts = (("indication", "indication"), ("prior", "prior_report"))
        for kind, (part, name) in enumerate(texts):
            if part in self.parts:
                ids = features.get(name)
                read, vector = self.text(ids)
                vectors.append(vector)
                tokens.append(read + self.kind.weight[kind])
                real.append(ids != PAD)
        if self.course is not None:
            given = (features.get("prior_given") > 0).unsqueeze(1)  # [N, 1]
            compared = self.course.compare(features)
            planned = self.course_embedding(self.course(features, compared))  # [N, D]
            vectors.append((self.change(compared) + planned) * given)
            if earlier is not None:
                cells, there = earlier
                tokens.append(cells + self.kind.weight[2])
                real.append(there & given)
        return Context(torch.stack(vectors).sum(0), torch.cat(tokens, dim=1), torch.cat(real, dim=1))


def context_reader(
    parts: Sequence[str],
    vocabulary_size: int,
    findings: int,
    channels: int,
    width: int,
    *,
    maps: bool = False,
) -> ContextReader | None:
    """Return a `ContextReader`, or None if there are no parts to read."""
    return ContextReader(parts, vocabulary_size, findings, channels, width, maps=maps) if parts else None
