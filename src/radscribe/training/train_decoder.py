"""One captioner run: a decoder on an encoder's features, on features of a file, or on evidence of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import msgspec
import torch
from torch.utils.data import DataLoader

from radscribe.data import features as feature_file
from radscribe.data.features import FeatureTable
from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.data.weak_pairs import WeakPairs, reports_to_pair
from radscribe.errors import DataError, UsageError
from radscribe.models import Decoder, Encoder
from radscribe.text.rules import collapse_spaces
from radscribe.text.sentences import sayable
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import (
    CaptionData,
    TextSource,
    balancing_weights,
    collate,
    reports_as_written,
    weak_reports,
)
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_module import DecoderModule
from radscribe.training.decoder_run import (
    SHAPES,
    WEIGHTS,
    Shapes,
    build_decoder,
    keep_encoder,
    require_decoder,
)
from radscribe.training.engine import begin, finish, fit, is_main, loader
from radscribe.training.evidence import FeatureSource, encoder_features, label_evidence
from radscribe.training.image_data import ImageData
from radscribe.training.train_encoder import infer, load_encoder


def train_decoder(data: Path, out: Path, config: DecoderConfig, resume: bool = False) -> Path:
    """Train on the manifest and, where there is one, the `features.npz` in `data`.

    Raises
    ------
    DataError : no reports or features, or they do not fit the manifest.
    LeakError : a patient, a study or an image stands in two parts.
    UsageError : the configuration names no encoder or no known decoder.
    """
    require_decoder(config.decoder)
    if config.evidence == "labels" and not config.encoder:
        raise UsageError("evidence=labels needs an encoder's findings", remedy="give --set encoder=RUN")
    if not begin(out, config, resume):
        return out / WEIGHTS
    L.seed_everything(config.seed, workers=True, verbose=False)
    encoder = load_encoder(Path(config.encoder)) if config.encoder else None
    if encoder is not None and is_main():
        keep_encoder(Path(config.encoder), out)
    manifest = Manifest(data)
    check_leaks(manifest).require_none()
    table = _table(manifest, data, out, encoder) if config.evidence == "encoder" else None
    texts, sources = _texts(manifest, config)
    tokenizer = ReportTokenizer.train(
        texts, config.vocabulary_size, config.min_frequency, kind=config.tokenizer
    )
    shapes = _shapes(encoder, table)
    if is_main():
        tokenizer.save(out / "tokenizer.json")
        (out / SHAPES).write_bytes(msgspec.json.encode(shapes))
    decoder = build_decoder(config, len(tokenizer), shapes)
    features = _features(config, decoder, encoder, table)
    loaders: dict[Split, DataLoader[Any]] = {}
    for split in ("train", "val"):
        part = CaptionData(
            manifest.split(split), features[split], sources[split], tokenizer, config.max_length
        )
        train = split == "train"
        loaders[split] = loader(
            part,
            config.batch_size,
            seed=config.seed if train else None,
            # With replacement only where weights differ: otherwise every study comes once an epoch.
            weights=balancing_weights(part.studies, config.balance) if train and config.balance else None,
            collate=collate,
        )
    module = DecoderModule(config, decoder, tokenizer)
    fitted = fit(module, loaders["train"], loaders["val"], config, out, resume=resume)
    path = out / WEIGHTS
    torch.save(decoder.state_dict(), path)
    finish(out, config, manifest, fitted)
    return path


def _features(
    config: DecoderConfig, decoder: Decoder, encoder: Encoder | None, table: FeatureTable | None
) -> dict[Split, FeatureSource]:
    """Where each part's features come from."""
    if table is not None:
        source = encoder_features(table, decoder.inputs)
        return {"train": source, "val": source}
    assert encoder is not None
    if decoder.inputs != ("probabilities",):
        raise UsageError(
            f"evidence from labels has no {', '.join(set(decoder.inputs) - {'probabilities'})}",
            remedy="set evidence=encoder, or options.image_input=probabilities",
        )
    point = float(config.options.get("operating_point", 0.5))
    return {
        "train": label_evidence(encoder.findings, point, config.seed, fresh=True),
        "val": label_evidence(encoder.findings, point, config.seed, fresh=False),
    }


def _shapes(encoder: Encoder | None, table: FeatureTable | None) -> Shapes:
    if encoder is not None:
        return Shapes(len(encoder.findings), encoder.channels)
    assert table is not None
    lengths = {kind: values.shape[1] for kind, values in table.arrays.items()}
    return Shapes(lengths.get("probabilities", 0), lengths.get("pooled", 0))


def _table(manifest: Manifest, data: Path, out: Path, encoder: Encoder | None) -> FeatureTable:
    """The dataset's own features, else those of the encoder, computed once and kept in the run."""
    for path in (data / feature_file.FILE, out / feature_file.FILE):
        if path.is_file():
            return FeatureTable.load(path)
    if encoder is None:
        raise UsageError(
            f"no encoder is named, and there is no {feature_file.FILE} in {data}",
            remedy="give --set encoder=RUN, a run of train-encoder, or prepare with --features",
        )
    names: list[str] = []
    parts: dict[str, list[torch.Tensor]] = {"probabilities": [], "pooled": []}
    splits: tuple[Split, ...] = ("train", "val")
    for split in splits:
        images = ImageData(manifest, split, encoder.findings, encoder.image_size)
        output = infer(encoder, images)
        names += images.names
        parts["probabilities"].append(output.probabilities)
        parts["pooled"].append(output.pooled)
    table = FeatureTable(names, {kind: torch.cat(values).numpy() for kind, values in parts.items()})
    table.save(out / feature_file.FILE)
    return table


def _texts(manifest: Manifest, config: DecoderConfig) -> tuple[list[str], dict[Split, TextSource]]:
    """The texts of the vocabulary (of the training part alone), and where each part's texts come from."""
    if config.weak_reports:
        parts = reports_to_pair(Path(config.weak_reports))
        sources: dict[Split, TextSource] = {
            split: weak_reports(WeakPairs(texts), config.seed, fresh=split == "train")
            for split, texts in parts.items()
        }
        return [" ".join(sayable(collapse_spaces(text))) for text in parts["train"]], sources
    source = reports_as_written(config.target)
    texts = [source(study) for study in manifest.split("train")]
    if not any(texts):
        raise DataError(
            f"no training study has a text in '{config.target}'",
            subject=manifest.path,
            remedy="set target to a section that it has, or set weak_reports",
        )
    return texts, {"train": source, "val": source}
