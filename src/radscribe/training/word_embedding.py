"""Pretrained word vectors into a decoder."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from radscribe.errors import UsageError
from radscribe.models.decoder import Decoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.text.word_vectors import read_word_vectors
from radscribe.training.engine import is_main


def set_word_vectors(decoder: Decoder, tokenizer: ReportTokenizer, path: Path, freeze: bool) -> None:
    """Put the vectors of a file into the word embedding, and tell how many tokens it has.

    Words that are not in the file keep their initialisation. Frozen, the embedding does not learn: not of the
    words in the file, and not of the others.

    Raises
    ------
    DataError
        The file does not hold word vectors.
    UsageError
        Its vectors are not as wide as the embedding, or a frozen embedding is also the output layer.
    """
    embedding = decoder.word_embedding
    output = getattr(decoder, "output", None)
    if freeze and output is not None and output.weight is embedding.weight:
        raise UsageError(
            "frozen word vectors cannot be the output layer too", remedy="set options.tie_weights=false"
        )
    tokens = tokenizer.tokens()
    vectors, width = read_word_vectors(path, tokens)
    if width != embedding.embedding_dim:
        raise UsageError(
            f"word vectors have width {width}, and the embedding {embedding.embedding_dim}",
            subject=path,
            remedy=f"set options.embedding={width}",
        )
    with torch.no_grad():
        for index, token in enumerate(tokens):
            if token in vectors:
                embedding.weight[index] = torch.from_numpy(vectors[token])
    embedding.weight.requires_grad_(not freeze)
    if is_main():
        click.echo(f"{path} has {len(vectors):,} of {len(tokens):,} tokens", err=True)
