"""One encoder run: data, training, calibration, and what is left in the run's folder.

`config.json`, `last.ckpt` (to resume), `encoder.pt` (weights as a plain state dict, calibrated) and
`validation.json` (AUROC by finding, calibration error before and after).
"""

from __future__ import annotations

import json
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor
from torch.utils.data import DataLoader

from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.errors import DataError
from radscribe.evaluation.auroc import auroc
from radscribe.models.encoder import Encoder, EncoderOutput
from radscribe.training.calibration import expected_calibration_error, fit_platt
from radscribe.training.config import EncoderConfig, load
from radscribe.training.encoder_module import EncoderModule, as_input, build_encoder
from radscribe.training.engine import begin, finish, fit, loader
from radscribe.training.image_data import ImageData, read_soft_labels

WEIGHTS = "encoder.pt"


def train_encoder(data: Path, out: Path, config: EncoderConfig, resume: bool = False) -> Path:
    """Train on the manifest in `data`; returns the path of the weights.

    Raises
    ------
    DataError : the manifest has no training or validation studies, or an image cannot be read.
    LeakError : a patient, a study or an image stands in two parts.
    """
    if not begin(out, config, resume):
        return out / WEIGHTS
    L.seed_everything(config.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    manifest = Manifest(data)
    check_leaks(manifest).require_none()
    teacher = read_soft_labels(Path(config.teacher), config.findings) if config.teacher else None
    # A margin around the input lets the augmentation turn an image without black corners.
    stored = config.image_size * 9 // 8
    training = ImageData(manifest, "train", config.findings, stored, teacher, config.teacher_weight)
    validation = ImageData(manifest, "val", config.findings, stored)
    module = EncoderModule(config, training.labels.nanmean(0).nan_to_num(0.01))
    fitted = fit(
        module,
        loader(training, config.batch_size, seed=config.seed, drop_last=True),
        loader(validation, config.batch_size),
        config,
        out,
        resume=resume,
        callbacks=[EMAWeightAveraging(decay=config.average_decay)],
    )
    path = calibrate(module.encoder, validation, out)
    finish(out, config, manifest, fitted)
    return path


def calibrate(encoder: Encoder, validation: ImageData, out: Path) -> Path:
    """Calibrate on validation images; write `validation.json` and `encoder.pt`, whose path is returned."""
    logits = infer(encoder, validation).logits
    scale, shift = fit_platt(logits, validation.labels)
    encoder.calibration_scale.copy_(scale)
    encoder.calibration_shift.copy_(shift)
    values = [auroc(logits[:, f].numpy(), validation.labels[:, f].numpy()) for f in range(logits.shape[1])]
    report = {
        "auroc": dict(zip(encoder.findings, values, strict=True)),
        "images": len(validation),
        "calibration_error": {
            "raw": expected_calibration_error(torch.sigmoid(logits), validation.labels),
            "platt_on_the_same_images": expected_calibration_error(
                torch.sigmoid(logits * scale + shift), validation.labels
            ),
        },
    }
    (out / "validation.json").write_text(json.dumps(report, indent=2) + "\n")
    path = out / WEIGHTS
    torch.save(encoder.state_dict(), path)
    return path


@torch.no_grad()
def infer(encoder: Encoder, data: ImageData, batch_size: int = 32) -> EncoderOutput:
    """The encoder's vectors for every image, in order, without grid and maps (they would fill the memory)."""
    encoder.eval()
    pooled: list[Tensor] = []
    logits: list[Tensor] = []
    probabilities: list[Tensor] = []
    for pixels, _, _ in DataLoader(data, batch_size):
        output = encoder(as_input(pixels, encoder.image_size))
        pooled.append(output.pooled)
        logits.append(output.logits)
        probabilities.append(output.probabilities)
    nothing = torch.empty(0)
    return EncoderOutput(nothing, torch.cat(pooled), torch.cat(logits), torch.cat(probabilities), nothing)


def load_encoder(run: Path) -> Encoder:
    """The encoder that a run left.

    Raises
    ------
    DataError : the run is not finished, or its weights do not fit its configuration.
    """
    config = load(EncoderConfig, run / "config.json")
    encoder = build_encoder(config)
    try:
        encoder.load_state_dict(torch.load(run / WEIGHTS, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise DataError(
            f"has no {WEIGHTS}: the run is not finished", subject=run, remedy="go on with --resume"
        ) from None
    except RuntimeError as error:
        raise DataError(
            f"weights do not fit config.json: {error}", subject=run, remedy="train anew"
        ) from error
    return encoder.eval()
