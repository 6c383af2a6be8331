"""The texts that a captioner learns from, its vocabulary, and the sentences that its captions may have."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import click
import torch

from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.data.weak_pairs import WeakPairs, reports_to_pair
from radscribe.errors import UsageError
from radscribe.models.decoder import Decoder
from radscribe.text.context import readable
from radscribe.text.known_sentences import FILE as SENTENCES
from radscribe.text.known_sentences import KnownSentences
from radscribe.text.pretrained_tokenizer import reduced
from radscribe.text.rules import collapse_spaces
from radscribe.text.sentences import sayable
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.text.word_vectors import read_word_vectors
from radscribe.training.caption_data import (
    TextSource,
    reports_as_written,
    weak_reports,
    without_section_tokens,
)
from radscribe.training.checkpoint import Checkpoint, is_checkpoint
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import TOKENIZER
from radscribe.training.engine import is_main

PARTS: tuple[Split, ...] = ("train", "val")


def source_texts(
    manifest: Manifest, reviewed: dict[Split, list[Study]], config: DecoderConfig
) -> tuple[list[str], dict[Split, TextSource]]:
    """The texts of the vocabulary (of the training part alone), and where each part's texts come from."""
    compares = "prior" in config.context
    written = reports_as_written(config.target, compares)
    own = [written(study, random.Random()) for study in reviewed["train"]]
    if config.weak_reports:
        parts = reports_to_pair(Path(config.weak_reports))
        sources = {split: weak_reports(WeakPairs(texts)) for split, texts in parts.items()}
        if config.reviews:
            sources = {split: _written_or(written, source) for split, source in sources.items()}
        return [" ".join(sayable(collapse_spaces(text))) for text in parts["train"]] + own, sources
    texts = [written(study, random.Random()) for study in manifest.split("train")]
    if compares:  # what is learned of them if their prior is left out
        own += [
            written(replace(study, earlier=None), random.Random())
            for study in manifest.split("train")
            if study.earlier is not None
        ]
    return texts + own, dict.fromkeys(PARTS, written)


def _written_or(written: TextSource, other: TextSource) -> TextSource:
    """A study's own report, or else another source's."""
    return lambda study, generator: written(study, generator) if study.report else other(study, generator)


def context_texts(manifest: Manifest, config: DecoderConfig) -> list[str]:
    """The texts of the training part's context, whose words belong to the vocabulary too."""
    texts: list[str] = []
    for study in manifest.split("train") if config.context else ():
        if "indication" in config.context and study.indication:
            texts.append(readable(study.indication))
        if "prior" in config.context and study.earlier is not None:
            texts.append(readable(study.earlier.text()))
    return texts


def make_tokenizer(
    texts: list[str], config: DecoderConfig, checkpoint: Checkpoint | None
) -> tuple[ReportTokenizer, list[int]]:
    """The vocabulary of the texts or of the run to start from, and its tokens' rows in a checkpoint."""
    if config.init_from:
        return ReportTokenizer.load(Path(config.init_from) / TOKENIZER), []
    texts = list(map(without_section_tokens, texts))
    sections = config.target == "sections"
    if checkpoint is not None:
        size, least = config.vocabulary_size, config.min_frequency
        return reduced(checkpoint.folder, texts, size, least, sections)
    tokenizer = ReportTokenizer.train(
        texts, config.vocabulary_size, config.min_frequency, kind=config.tokenizer, sections=sections
    )
    return tokenizer, []


def keep_sentences(texts: list[str], out: Path, config: DecoderConfig) -> None:
    """Keep which sentences captions may have: of the texts, of the teacher and of the run to start from.

    A language model writes good English itself, and may write any sentence.
    """
    if is_checkpoint(config.decoder):
        return
    known = KnownSentences.of(texts)
    for run in filter(None, (config.teacher, config.init_from)):
        if (Path(run) / SENTENCES).is_file():
            known |= KnownSentences.load(Path(run) / SENTENCES)
        elif run == config.init_from:  # what it learned is not known
            return
    known.save(out / SENTENCES)


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
