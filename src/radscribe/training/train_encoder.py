"""One encoder run: data, training, calibration, and the files in the run's folder.

`config.json`, `last.ckpt` (to resume), `encoder.pt` (weights as a plain state dict, calibrated) and
`validation.json` (AUROC by finding, calibration error before and after, how often the view is recognised).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.errors import DataError, UsageError
from radscribe.evaluation.calibration import expected_calibration_error
from radscribe.imaging.radiograph import FRONTAL, View
from radscribe.labels import view_code
from radscribe.models.encoder import VIEWS, Encoder, EncoderOutput
from radscribe.models.hub_backbone import HubBackbone
from radscribe.training.adapters import merge, train_only
from radscribe.training.calibration import CALIBRATIONS, cross_fitted
from radscribe.training.config import EncoderConfig
from radscribe.training.encoder_module import EncoderTask, as_input, aurocs, view_accuracy
from radscribe.training.encoder_run import WEIGHTS, initial_encoder, with_backbone_of_source
from radscribe.training.engine import Reporter, begin, finish, fit, is_main, joined, loader
from radscribe.training.image_data import ImageData, plain_errors, read_soft_labels
from radscribe.training.tensor_files import save_tensors

BOX_CELLS = 16  # cells per side that boxes are drawn on, before they are moved like their image
ALL_VIEWS: frozenset[View] = FRONTAL.union(("lateral", "unknown"))


def train_encoder(
    data: Path, out: Path, config: EncoderConfig, resume: bool = False, reporter: Reporter | None = None
) -> Path:
    """Train on the manifest in `data`; returns the path of the weights.

    Raises
    ------
    DataError
        A part has no studies, no images or no known labels, or an image cannot be read.
    LeakError
        A patient, a study or an image is in two parts.
    UsageError
        `init_from` is not an encoder's run, or a view head has only one view to learn from.
    """
    config = with_backbone_of_source(config)
    if not begin(out, config, resume):
        return out / WEIGHTS
    with joined(config):
        torch.manual_seed(config.seed)
        torch.set_float32_matmul_precision("high")
        manifest = Manifest(data)
        check_leaks(manifest).require_none()
        training, validation = _images(manifest, config)
        prevalence = training.labels.nanmean(0).nan_to_num(0.5)  # [F]
        encoder = initial_encoder(config, prevalence)
        if isinstance(encoder.backbone, HubBackbone):
            train_only(encoder.backbone, encoder.backbone.frozen, encoder.backbone.lora)
        size = config.batch_size
        with plain_errors():
            fitted = fit(
                EncoderTask(config, encoder, prevalence),
                loader(
                    training,
                    size,
                    seed=config.seed,
                    drop_last=True,
                    workers=training.workers,
                    blocks=training.blocks,
                ),
                loader(validation, size, workers=validation.workers),
                config,
                out,
                resume=resume,
                reporter=reporter,
            )
    merge(encoder.backbone)
    path = calibrate(encoder, validation, out, config.calibration)
    finish(out, config, manifest, fitted)
    return path


def _images(manifest: Manifest, config: EncoderConfig) -> tuple[ImageData, ImageData]:
    """The training and the validation part."""
    teacher = read_soft_labels(Path(config.teacher), config.findings) if config.teacher else None
    # A margin around the input lets the augmentation turn an image without black corners.
    common: dict[str, Any] = {
        "findings": config.findings,
        "size": config.image_size * 9 // 8,
        "views": ALL_VIEWS if config.view_head else FRONTAL,
        "label_source": config.labels,
        "cells": BOX_CELLS,
    }
    budget = config.cache_images_mb
    training = ImageData(
        manifest,
        "train",
        teacher=teacher,
        teacher_weight=config.teacher_weight,
        cache_mb=budget,
        **common,
    )
    validation = ImageData(manifest, "val", cache_mb=budget - training.kept_mb, **common)
    for name, part in (("train", training), ("val", validation)):
        if is_main():
            click.echo(f"{name}: {part}", err=True)
        if bool(part.labels.isnan().all()):
            raise DataError(
                f"its {name} part has no label of {', '.join(config.findings)}",
                subject=manifest.path,
                remedy="set findings to those of its labels, or prepare it with labels",
            )
        missing = [view for view in VIEWS if view_code(view) not in part.views]
        if config.view_head and missing:
            raise UsageError(
                f"view_head=true, but no image of its {name} part is {missing[0]}",
                subject=manifest.path,
                remedy="leave view_head out",
            )
    return training, validation


def calibrate(encoder: Encoder, validation: ImageData, out: Path, calibration: str = "platt") -> Path:
    """Calibrate on validation images; write `validation.json` and `encoder.pt`, whose path is returned."""
    output, labels = infer(encoder, validation), validation.labels
    logits, fit_on = output.logits, CALIBRATIONS[calibration]
    scale, shift = fit_on(logits, labels)
    encoder.calibration_scale.copy_(scale)
    encoder.calibration_shift.copy_(shift)
    errors = {
        "raw": torch.sigmoid(logits),
        "cross_fitted": cross_fitted(fit_on, logits, labels, validation.patients),
        "on_the_same_images": torch.sigmoid(logits * scale + shift),
    }
    report: dict[str, Any] = {
        "auroc": dict(zip(encoder.findings, aurocs(logits, labels), strict=True)),
        "images": len(validation),
        "calibration": calibration,
        "calibration_error": {
            kind: expected_calibration_error(p.numpy(), labels.numpy()) for kind, p in errors.items()
        },
    }
    if output.view_logits is not None:
        count = {view: int((validation.views == view_code(view)).sum()) for view in VIEWS}
        report["view"] = {"accuracy": view_accuracy(output.view_logits, validation.views), "images": count}
    (out / "validation.json").write_text(json.dumps(report, indent=2) + "\n")
    path = out / WEIGHTS
    save_tensors(encoder.state_dict(), path)
    return path


@torch.no_grad()
def infer(encoder: Encoder, data: ImageData, batch_size: int = 32) -> EncoderOutput:
    """The encoder's vectors for every image, in order, without grid and maps (they would fill the memory)."""
    encoder.eval()
    outputs: list[tuple[Tensor, ...]] = []
    with plain_errors():
        for batch in loader(data, batch_size, workers=data.workers):
            output = encoder(as_input(batch.pixels, encoder.image_size))
            views = [] if output.view_logits is None else [output.view_logits]
            outputs.append((output.pooled, output.logits, output.probabilities, *views))
    pooled, logits, probabilities, *views = (torch.cat(part) for part in zip(*outputs, strict=True))
    nothing = torch.empty(0)
    return EncoderOutput(nothing, pooled, logits, probabilities, nothing, *views)
