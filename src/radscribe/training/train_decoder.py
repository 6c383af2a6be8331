"""One captioner run: a decoder on the features of an encoder, of a file, or made from labels."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from radscribe.data import features as feature_file
from radscribe.data import reviews
from radscribe.data.features import FeatureTable
from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError, RadscribeWarning, UsageError
from radscribe.labels import CHESTXRAY14
from radscribe.models import Decoder, Encoder
from radscribe.models.causal_decoder import CausalDecoder, architecture_of
from radscribe.models.content_plan import ContentPlan, plan_of
from radscribe.models.course import course_of
from radscribe.models.report_bank import Bank, ReportBank
from radscribe.models.sentence_bank import SentenceBank
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training import report_bank, sentence_bank
from radscribe.training.adapters import merge, train_only
from radscribe.training.caption_data import (
    CaptionBatch,
    CaptionData,
    balancing_weights,
    collate,
    findings_present,
    side_by_side,
    with_views,
)
from radscribe.training.checkpoint import Checkpoint, is_checkpoint, open_checkpoint
from radscribe.training.config import CONFIG, DecoderConfig, load
from radscribe.training.content_plan import fit_plan
from radscribe.training.decoder_inputs import (
    FeatureSource,
    encoder_features,
    label_features,
    of_images,
    require_made_from_labels,
    with_context,
)
from radscribe.training.decoder_module import DecoderTask
from radscribe.training.decoder_run import (
    SHAPES,
    TOKENIZER,
    WEIGHTS,
    Shapes,
    build_decoder,
    keep_encoder,
    load_decoder,
    require_decoder,
)
from radscribe.training.encoder_run import folder_of, load_encoder
from radscribe.training.engine import Fitted, Reporter, begin, finish, fit, is_main, joined, loader
from radscribe.training.engine.processes import LEAST
from radscribe.training.feature_cache import FeatureCache
from radscribe.training.objectives import build_objective
from radscribe.training.tensor_files import save_tensors
from radscribe.training.vocabulary import (
    PARTS,
    context_texts,
    keep_sentences,
    make_tokenizer,
    set_word_vectors,
    source_texts,
)

CACHE = "features"


def train_decoder(
    data: Path, out: Path, config: DecoderConfig, resume: bool = False, reporter: Reporter | None = None
) -> Path:
    """Train on the manifest and on `features.npz` in `data`, if there is one.

    Raises
    ------
    DataError
        There are no reports or features, or they do not fit the manifest or the run to start from.
    LeakError
        A patient, a study or an image is in two parts.
    UsageError
        The configuration names no encoder, or no known decoder or objective.
    """
    require_decoder(config.decoder)
    config, checkpoint = with_language_model(config)
    if config.finding_input == "labels" and not config.encoder:
        raise UsageError("finding_input=labels needs an encoder's findings", remedy="give --set encoder=RUN")
    if not begin(out, config, resume):
        return out / WEIGHTS
    with joined(config):
        torch.manual_seed(config.seed)
        folder = folder_of(config.encoder) if config.encoder else None
        encoder = None if folder is None else load_encoder(folder)
        if folder is not None and is_main():
            keep_encoder(folder, out)
        manifest = Manifest(data)
        check_leaks(manifest).require_none()
        reviewed = _reviewed(config, manifest)
        texts, sources = source_texts(manifest, reviewed, config)
        texts += context_texts(manifest, config)
        tokenizer, rows = make_tokenizer(texts, config, checkpoint)
        path = data / feature_file.FILE
        table = FeatureTable.load(path) if config.finding_input == "encoder" and path.is_file() else None
        shapes = _shapes(encoder, table)
        if is_main():
            tokenizer.save(out / TOKENIZER)
            (out / SHAPES).write_bytes(msgspec.json.encode(shapes))
        decoder = build_decoder(config, len(tokenizer), shapes)
        if config.word_vectors:
            set_word_vectors(decoder, tokenizer, Path(config.word_vectors), config.freeze_word_vectors)
        if config.init_from:
            _start_from(Path(config.init_from), decoder)
        if isinstance(decoder, CausalDecoder):
            if checkpoint is not None:
                kind = str(config.architecture["model_type"])
                decoder.take_weights(checkpoint.tensors(), kind, rows, checkpoint.name)
            train_only(decoder.layers, decoder.frozen, decoder.lora)
        studies = {split: _part(manifest, split) + reviewed[split] for split in PARTS}
        if encoder is not None and table is None:
            studies = {split: with_views(part, encoder.views) for split, part in studies.items()}
        if len(studies["train"]) == 1:
            studies["train"] *= LEAST  # normalisation needs as many
        teacher = _teacher(config, tokenizer)
        if is_main():
            keep_sentences(texts, out, config)
        inputs = of_images((*decoder.inputs, *(teacher.inputs if teacher else ())))
        features = _features(manifest, studies, out, config, inputs, encoder, table)
        findings = encoder.findings if encoder is not None else table_findings(shapes)
        plan = plan_of(decoder)
        course = course_of(decoder)
        for module, what in ((plan, "a content plan"), (course, "comparing with a prior")):
            if module is not None and not findings:
                raise UsageError(
                    f"{what} needs the names of the encoder's findings", remedy="give --set encoder=RUN"
                )
        common = (tokenizer, config.max_length, config.target, config.seed)
        parts: dict[Split, CaptionData] = {
            "train": CaptionData(
                studies["train"],
                with_context(features, decoder.inputs, tokenizer, config.context_dropout),
                sources["train"],
                *common,
                fresh=True,
                findings=findings,
                plan=plan is not None and not _rewarded_at_once(config),
                course=course is not None and not _rewarded_at_once(config),
                view_dropout=config.view_dropout,
                sentence_balance=config.sentence_balance,
                prior_dropout=config.context_dropout if "prior" in config.context else 0.0,
                teacher=teacher,
            ),
            "val": CaptionData(
                studies["val"],
                with_context(features, decoder.inputs, tokenizer),
                sources["val"],
                *common,
                findings=findings,
            ),
        }
        for split, part in parts.items():
            if not len(part):
                raise DataError(
                    f"no {split} study has a text in '{config.target}'",
                    subject=manifest.path,
                    remedy="set target to a section that it has, or set weak_reports",
                )
        training, validation = (_loader(parts[split], config, split) for split in PARTS)
        if plan is not None:
            _fit_plan(plan, findings, parts, validation, config)
            if teacher is not None:  # the plan of what the teacher says
                plan.load_state_dict(teacher.plan.state_dict())
        if course is not None and course.channels:
            course.fit(torch.cat([batch.features.get("pooled") for batch in validation]))
        if isinstance(decoder, Bank):
            fitted = _fill_bank(decoder, tokenizer, findings, parts, studies["val"], features, config)
            return _keep(decoder, out, config, manifest, fitted)
        objective = build_objective(config, tokenizer, parts["train"].references())
        task = DecoderTask(config, decoder, tokenizer, objective, findings)
        fitted = fit(task, training, validation, config, out, resume=resume, reporter=reporter)
    return _keep(decoder, out, config, manifest, fitted)


def _rewarded_at_once(config: DecoderConfig) -> bool:
    """Whether all training is by reward: what is rewarded must be what will caption, with its own plan."""
    return config.objective == "self-critical" and not config.self_critical.warm_up


def _part(manifest: Manifest, split: Split) -> list[Study]:
    """The studies of a part; with a single review, the training part stands in for the validation part."""
    if split == "val" and reviews.is_of_reviews(manifest) and not reviews.studies_of(manifest, split):
        warnings.warn(
            "no reviewed study is left for validation: the training part stands in for it, so the "
            "validation figures say nothing about other studies",
            RadscribeWarning,
            stacklevel=2,
        )
        split = "train"
    return list(manifest.split(split, with_images=True))


def _reviewed(config: DecoderConfig, manifest: Manifest) -> dict[Split, list[Study]]:
    """The studies of `reviews` by part.

    Raises
    ------
    UsageError
        The folder is not of `radscribe export-reviews`, or there is no encoder for its images.
    DataError
        A reviewed study has an id of the dataset.
    """
    if not config.reviews:
        return {split: [] for split in PARTS}
    if not config.encoder or (manifest.path.parent / feature_file.FILE).is_file():
        raise UsageError(
            f"reviews need an encoder, and a dataset without {feature_file.FILE}",
            remedy="give --set encoder=BUNDLE",
        )
    more = Manifest(Path(config.reviews))
    if not reviews.is_of_reviews(more):
        raise UsageError(
            "holds no reviews", subject=more.path, remedy="write it with radscribe export-reviews"
        )
    check_leaks(more).require_none()
    known = {study.id for study in manifest}
    found = {split: reviews.studies_of(more, split) for split in PARTS}
    if shared := [study.id for part in found.values() for study in part if study.id in known]:
        raise DataError(
            f"study {shared[0]} is in the dataset, too", subject=more.path, remedy="leave out one of both"
        )
    return found


def _keep(decoder: Decoder, out: Path, config: DecoderConfig, manifest: Manifest, fitted: Fitted) -> Path:
    path = out / WEIGHTS
    merge(decoder)
    save_tensors(decoder.state_dict(), path)
    finish(out, config, manifest, fitted)
    return path


def _fill_bank(
    bank: Bank,
    tokenizer: ReportTokenizer,
    findings: Sequence[str],
    parts: dict[Split, CaptionData],
    studies: Sequence[Study],
    source: FeatureSource,
    config: DecoderConfig,
) -> Fitted:
    """Fill the bank instead of training it: a bank has no gradients."""
    training, validation = parts["train"], parts["val"]
    began = time.monotonic()
    texts, written = training.texts(), training.references()
    features = side_by_side([validation[i].features for i in range(len(validation))])
    references = validation.references()
    if isinstance(bank, SentenceBank):
        sentence_bank.fill(bank, tokenizer, findings, texts, written)
        labelled = sentence_bank.labelled(studies, source, findings, config)
        figures = sentence_bank.choose_points(bank, tokenizer, features, references, labelled, config.reward)
    else:
        assert isinstance(bank, ReportBank)
        report_bank.fill(bank, tokenizer, findings, texts, written, config.max_length)
        figures = report_bank.choose_weights(bank, tokenizer, features, references, config.reward)
    row = {"epoch": 1, "seconds": time.monotonic() - began, **figures}
    return Fitted([row], best_epoch=1, warnings=[])


def _teacher(config: DecoderConfig, tokenizer: ReportTokenizer) -> report_bank.Teacher | None:
    """The bank whose captions are learned.

    Raises
    ------
    DataError
        If the teacher is not a bank.
    """
    if not config.teacher:
        return None
    bank, words, _ = load_decoder(Path(config.teacher))
    if not isinstance(bank, Bank):
        raise DataError(
            "is not the run of a bank",
            subject=config.teacher,
            remedy="train one with decoder=sentence-bank or report-bank",
        )
    return report_bank.Teacher(bank, words, config.teacher_noise)


def _loader(part: CaptionData, config: DecoderConfig, split: Split) -> DataLoader[CaptionBatch]:
    if split != "train":
        return loader(part, config.batch_size, collate=collate)
    # With replacement only if weights differ: otherwise every study comes once per epoch.
    present = findings_present(part.studies, part.references())
    weights = balancing_weights(present, config.balance) if config.balance else None
    return loader(part, config.batch_size, seed=config.seed, weights=weights, collate=collate)


def table_findings(shapes: Shapes) -> tuple[str, ...]:
    """Return the names of the probabilities of `features.npz`, which has none: 14 are ChestX-ray14's."""
    return CHESTXRAY14 if shapes.findings == len(CHESTXRAY14) else ()


def _fit_plan(
    plan: ContentPlan,
    findings: tuple[str, ...],
    parts: dict[Split, CaptionData],
    validation: DataLoader[CaptionBatch],
    config: DecoderConfig,
) -> None:
    """Choose the operating points of the content plan on the validation part."""
    batches = [batch.features for batch in validation]
    probabilities = torch.cat([batch.probabilities for batch in batches])
    sides: Tensor | None = None
    if plan.columns:
        sides = torch.cat([plan.side_difference(part.get("maps"), part.get("views")) for part in batches])
    texts = parts["train"].plans(), parts["val"].plans()
    f1 = fit_plan(plan, findings, *texts, probabilities, sides, config.plan_points)
    names = [name for name, written in zip(findings, plan.is_written.tolist(), strict=True) if written]
    if is_main():
        click.echo(f"content plan: {len(names)} findings, micro-F1 {f1:.3f} on the validation part", err=True)


def _features(
    manifest: Manifest,
    studies: dict[Split, list[Study]],
    out: Path,
    config: DecoderConfig,
    inputs: Sequence[str],
    encoder: Encoder | None,
    table: FeatureTable | None,
) -> FeatureSource:
    """The decoder's inputs: the dataset's own table, or else the encoder's output, as far as needed."""
    from_labels = config.finding_input == "labels"
    if from_labels:
        require_made_from_labels(inputs)
    seen = [kind for kind in inputs if not (from_labels and kind == "probabilities")]
    if table is None and seen:
        assert encoder is not None
        every = [study for part in studies.values() for study in part]
        every += [study.earlier for study in every if study.earlier is not None]
        names = list(dict.fromkeys(image.path for study in every for image in study.images))
        cache = FeatureCache(Path(config.cache) if config.cache else out / CACHE, encoder, seen)
        table = cache.table(manifest.root, names)
    source = None if table is None else encoder_features(table, seen)
    if not from_labels:
        assert source is not None
        return source
    assert encoder is not None
    return label_features(encoder.findings, float(config.options.get("operating_point", 0.5)), source)


def _shapes(encoder: Encoder | None, table: FeatureTable | None) -> Shapes:
    """Raises `UsageError` if no features can be made."""
    if table is not None:
        return Shapes(table.width("maps"), table.width("grid"), table.places)
    if encoder is None:
        raise UsageError(
            f"no encoder is named, and there is no {feature_file.FILE} beside the manifest",
            remedy="give --set encoder=RUN, a run of train-encoder, or prepare with --features",
        )
    return Shapes(len(encoder.findings), encoder.channels, encoder.places)


def _start_from(run: Path, decoder: Decoder) -> None:
    """Take the weights of another run.

    Raises
    ------
    DataError
        It is not finished, or is of another decoder or vocabulary.
    """
    other, _, _ = load_decoder(run)
    try:
        decoder.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise DataError(
            "is the run of another decoder, or of other features",
            subject=run,
            remedy="give init_from a run with the same decoder, options and features",
        ) from error


def with_language_model(config: DecoderConfig) -> tuple[DecoderConfig, Checkpoint | None]:
    """Return the configuration with the architecture of its language model, and the checkpoint to start from.

    There is no checkpoint if the decoder is not a language model, or the run starts from another one.
    """
    if not is_checkpoint(config.decoder):
        return config, None
    if config.init_from:
        source = load(DecoderConfig, Path(config.init_from) / CONFIG)
        return msgspec.structs.replace(config, architecture=source.architecture), None
    checkpoint = open_checkpoint(config.decoder)
    return msgspec.structs.replace(config, architecture=architecture_of(checkpoint.config)), checkpoint
