"""One captioner run: a decoder on the features of an encoder, and what is left in the run's folder.

`config.json`, `tokenizer.json`, `best.ckpt` and `last.ckpt`, `decoder.pt` (the best weights), and `encoder/`,
a copy of the encoder's run: all that `radscribe export` needs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    WeightedRandomSampler,
)

from radscribe.data import features as feature_file
from radscribe.data.features import FeatureTable
from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.data.weak_pairs import WeakPairs, reports_to_pair
from radscribe.errors import DataError, UsageError
from radscribe.models import DECODERS, Decoder, Encoder
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
from radscribe.training.config import DecoderConfig, load, save
from radscribe.training.decoder_module import DecoderModule
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
    if config.decoder not in DECODERS:
        raise UsageError(f"no decoder '{config.decoder}'", remedy=f"choose one of {', '.join(DECODERS)}")
    if not config.encoder:
        raise UsageError("no encoder is named", remedy="give --set encoder=RUN, a run of train-encoder")
    L.seed_everything(config.seed, workers=True, verbose=False)
    out.mkdir(parents=True, exist_ok=True)
    save(config, out / "config.json")
    encoder = load_encoder(Path(config.encoder))
    _copy_encoder(Path(config.encoder), out / "encoder")
    manifest = Manifest(data)
    check_leaks(manifest).require_none()
    texts, sources = _texts(manifest, config)
    tokenizer = ReportTokenizer.train(
        texts, config.vocabulary_size, config.min_frequency, kind=config.tokenizer
    )
    tokenizer.save(out / "tokenizer.json")
    decoder = build_decoder(config, len(tokenizer), encoder)
    features = _features(manifest, data, out, encoder, decoder, config)
    loaders: dict[Split, DataLoader[object]] = {}
    for split in ("train", "val"):
        part = CaptionData(
            manifest.split(split), features[split], sources[split], tokenizer, config.max_length
        )
        sampler: Sampler[int] = SequentialSampler(part)
        if split == "train":
            weights = balancing_weights(part.studies, config.balance)
            # With replacement only where weights differ: otherwise every study comes once an epoch.
            sampler = (
                WeightedRandomSampler(weights.tolist(), len(part)) if config.balance else RandomSampler(part)
            )
        loaders[split] = DataLoader(part, config.batch_size, sampler=sampler, collate_fn=collate)
    trainer = L.Trainer(
        max_epochs=config.epochs,
        gradient_clip_val=5.0,
        accelerator="auto",
        devices=1,
        logger=CSVLogger(out, name="", version="log"),
        callbacks=[
            EarlyStopping("val_loss", patience=config.patience),
            ModelCheckpoint(
                out, filename="best", monitor="val_loss", save_last=True, enable_version_counter=False
            ),
        ],
        num_sanity_val_steps=0,
        log_every_n_steps=5,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = out / "last.ckpt"
    module = DecoderModule(config, decoder, tokenizer)
    trainer.fit(
        module,
        loaders["train"],
        loaders["val"],
        ckpt_path=str(last) if resume and last.exists() else None,
        weights_only=False,
    )
    best = torch.load(out / "best.ckpt", map_location="cpu", weights_only=False)
    module.load_state_dict(best["state_dict"])
    path = out / "decoder.pt"
    torch.save(decoder.state_dict(), path)
    return path


def build_decoder(config: DecoderConfig, vocabulary_size: int, encoder: Encoder) -> Decoder:
    """The decoder of a configuration.

    Raises
    ------
    UsageError : an option that this decoder does not have.
    """
    try:
        return DECODERS[config.decoder](
            vocabulary_size,
            findings=len(encoder.findings),
            channels=encoder.channels,
            **config.options,
        )
    except TypeError as error:
        raise UsageError(f"options of {config.decoder}: {error}", remedy="see docs/training.md") from error


def load_captioner(run: Path) -> tuple[Encoder, Decoder, ReportTokenizer, DecoderConfig]:
    """What a captioner's run left.

    Raises
    ------
    DataError : the run is not finished.
    """
    config = load(DecoderConfig, run / "config.json")
    if not (run / "decoder.pt").is_file():
        raise DataError(
            "has no decoder.pt: the run is not finished", subject=run, remedy="go on with --resume"
        )
    encoder = load_encoder(run / "encoder")
    tokenizer = ReportTokenizer.load(run / "tokenizer.json")
    decoder = build_decoder(config, len(tokenizer), encoder)
    decoder.load_state_dict(torch.load(run / "decoder.pt", map_location="cpu", weights_only=True))
    return encoder, decoder.eval(), tokenizer, config


def _copy_encoder(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in ("config.json", "encoder.pt", "validation.json"):
        if (source / name).resolve() != (target / name).resolve():
            shutil.copyfile(source / name, target / name)


def _features(
    manifest: Manifest, data: Path, out: Path, encoder: Encoder, decoder: Decoder, config: DecoderConfig
) -> dict[Split, FeatureSource]:
    """Where each part's features come from."""
    if config.evidence == "encoder":
        source = encoder_features(_table(manifest, data, out, encoder), decoder.inputs)
        return {"train": source, "val": source}
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


def _table(manifest: Manifest, data: Path, out: Path, encoder: Encoder) -> FeatureTable:
    """The dataset's own features, else those of the encoder, computed once and kept in the run."""
    for path in (data / feature_file.FILE, out / feature_file.FILE):
        if path.is_file():
            return FeatureTable.load(path)
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
        return [" ".join(sayable(text)) for text in parts["train"]], sources
    source = reports_as_written(config.target)
    texts = [source(study) for study in manifest.split("train")]
    if not any(texts):
        raise DataError(
            f"no training study has a text in '{config.target}'",
            subject=manifest.path,
            remedy="set target to a section that it has, or set weak_reports",
        )
    return texts, {"train": source, "val": source}
