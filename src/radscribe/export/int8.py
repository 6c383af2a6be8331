"""A bundle's encoder in int8: calibrated on training radiographs, measured on validation, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import cast

import msgspec
import numpy as np

from radscribe.bundle.format import BundleSpec, QuantisationSpec, read, sha256, write
from radscribe.data.manifest import Manifest
from radscribe.data.splits import unit_hash
from radscribe.data.study import Split
from radscribe.errors import BundleError, DataError, RadscribeError, UsageError
from radscribe.evaluation.findings.binary_scores import agreement, auroc
from radscribe.evaluation.findings.label_scores import FEWEST
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.cider import per_study
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.export.captioned_part import CaptionedPart, caption_part
from radscribe.export.quantise import FLOAT_CONVOLUTIONS, Images, quantise, quantise_weights
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import as_study
from radscribe.inference.pipeline import BATCH
from radscribe.inference.prepare import Preparer
from radscribe.models.encoder import BACKBONES
from radscribe.text.report import Target
from radscribe.training.checkpoint import is_checkpoint

AUROC, FINDING_F1, CIDER_D = "auroc", "finding_f1", "cider_d"
TITLES: Mapping[str, str] = {AUROC: "AUROC", FINDING_F1: "finding F1", CIDER_D: "CIDEr-D"}
IMAGES = 64  # for the ranges of activations; 16 and 256 gave the same results
TOLERANCES: Mapping[str, float] = MappingProxyType({AUROC: 0.01, FINDING_F1: 0.02, CIDER_D: 0.02})


def figures(part: CaptionedPart, target: Target) -> dict[str, float]:
    """Compute the figures that int8 must not spoil, as far as the data allows.

    Parameters
    ----------
    part : CaptionedPart
        Captions and labels.
    target : str
        Section of the reports to compare captions with.

    Returns
    -------
    dict
        `auroc`: mean over findings with at least `FEWEST` positives. `finding_f1`: micro-F1 of asserted
        findings. `cider_d`: CIDEr-D against the reports.
    """
    found: dict[str, float] = {}
    probabilities = np.array([[c.findings[f] for f in part.findings] for c in part.captions])
    areas = [
        auroc(probabilities[:, f], part.true[:, f])
        for f in range(len(part.findings))
        if np.nansum(part.true[:, f]) >= FEWEST and (part.true[:, f] == 0).any()
    ]
    if areas:
        found[AUROC] = float(np.mean(areas))
    if (part.true == 1).any():
        known = ~np.isnan(part.true)
        found[FINDING_F1] = agreement(part.said & known, part.true == 1).f1
    words = TOKENIZATIONS["plain"].tokens
    pairs = [
        (words(caption.text or ""), [words(reference)])
        for study, caption in zip(part.studies, part.captions, strict=True)
        if (reference := study.text(target))
    ]
    if pairs:
        captions, references = zip(*pairs, strict=True)
        found[CIDER_D] = float(per_study(Corpus(captions, references), clipped=True).mean())
    return found


def calibration_images(spec: BundleSpec, manifest: Manifest, count: int = IMAGES) -> Iterator[Images]:
    """Images `[1, S, S]` of training studies, in an order that depends on nothing but their ids.

    Raises
    ------
    DataError
        None of the training part can be read.
    """
    prepare = Preparer(spec.encoder.image_size, spec.encoder.views)
    # Ids by their hash: as good as drawn at random.
    training = manifest.split("train", with_images=True)
    order = sorted((unit_hash(study.id), place) for place, study in enumerate(training))
    images = (image for _, i in order for image in prepare(as_study(training[i])).images)
    given = 0
    for image in islice(images, count):
        given += 1
        yield image
    if not given:
        raise DataError(
            "has no training image that the bundle's encoder reads",
            subject=manifest.path,
            remedy="give data of the kind that it was trained on",
        )


def float_convolutions(spec: BundleSpec) -> int:
    """Return how many of its first convolutions a bundle's backbone leaves in float32."""
    options = spec.training.get("encoder", {}).get("backbone_options", {})
    try:
        backbone = BACKBONES[spec.encoder.backbone](**options)
    except (RadscribeError, TypeError):  # of a package that is not here
        return FLOAT_CONVOLUTIONS
    return int(getattr(backbone, "float_convolutions", FLOAT_CONVOLUTIONS))


def to_int8(folder: Path, manifest: Manifest, part: Split = "val") -> tuple[QuantisationSpec, CaptionedPart]:
    """Put the int8 encoder in the place of the bundle's own, and measure both on a part.

    Returns
    -------
    tuple[QuantisationSpec, CaptionedPart]
        What it cost, and the part as the int8 encoder has it captioned.

    Raises
    ------
    UsageError
        The encoder is in int8 already.
    DataError
        None of the figures can be measured on the part, or there is no image to calibrate on.
    """
    spec = read(folder)
    if spec.encoder.precision == "int8":
        raise UsageError(
            f"the encoder of {spec.name} is in int8 already", remedy="use the bundle that it came from"
        )
    learned = spec.training.get("decoder", {}).get("target", "findings")
    target = cast(Target, "both" if learned == "sections" else learned)
    before = caption_part(Captioner(folder), manifest, part)
    images = list(calibration_images(spec, manifest))
    spec = replace_graphs(folder, spec, images)
    write(folder, spec)
    was = figures(before, target)
    if not was:
        raise DataError(f"its {part} part has no figure to compare", subject=manifest.path)
    after = caption_part(Captioner(folder), manifest, part)
    now = figures(after, target)
    measured = QuantisationSpec(
        data=manifest.header.source,
        part=part,
        studies=len(before.studies),
        calibration_images=len(images),
        figures={name: (was[name], now[name]) for name in was},
    )
    write(folder, msgspec.structs.replace(spec, quantisation=measured))
    return measured, after


def replace_graphs(folder: Path, spec: BundleSpec, images: Sequence[Images]) -> BundleSpec:
    """Replace the bundle's graphs by graphs in int8, and return its description.

    Convolutional encoders are calibrated on `images`. Of checkpoints of the Hub only the weights are in int8,
    those of the encoder and those of a language model's step.
    """
    encoder = folder / spec.encoder.file
    changed = [spec.encoder.file]
    if is_checkpoint(spec.encoder.backbone):
        quantise_weights(encoder, encoder)
    else:
        batches = (np.stack(images[i : i + BATCH]) for i in range(0, len(images), BATCH))
        quantise(encoder, encoder, batches, float_convolutions=float_convolutions(spec))
    if is_checkpoint(spec.decoder.kind):
        step = folder / spec.decoder.step_file
        quantise_weights(step, step)
        changed.append(spec.decoder.step_file)
    return msgspec.structs.replace(
        spec,
        encoder=msgspec.structs.replace(spec.encoder, precision="int8"),
        files={**spec.files, **{name: sha256(folder / name) for name in changed}},
        confidence=None,  # was fitted on other probabilities
    )


def tolerances(given: Iterable[str]) -> dict[str, float]:
    """`auroc=.02` and the like, over the defaults.

    Raises
    ------
    UsageError
        There is no such figure, or the value is not a number.
    """
    merged = dict(TOLERANCES)
    for text in given:
        name, _, drop = text.partition("=")
        try:
            merged[name] = float(drop) if name in TOLERANCES else float("nan")
        except ValueError:
            merged[name] = float("nan")
        if not merged[name] >= 0:
            raise UsageError(
                f"--tolerance {text}: is not a figure and its drop",
                remedy=f"give one of {', '.join(f'{known}={most:g}' for known, most in TOLERANCES.items())}",
            )
    return merged


def require_within(measured: QuantisationSpec, tolerances: Mapping[str, float]) -> None:
    """Raises `BundleError` if a figure fell by more than it may."""
    for name, (before, after) in measured.figures.items():
        if before - after > tolerances[name]:
            raise BundleError(
                f"{TITLES[name]} falls from {before:.3f} to {after:.3f} in int8, "
                f"by more than {tolerances[name]:g}",
                subject="nothing was written",
                remedy=f"export without --int8, or with --tolerance {name}={before - after + 0.0005:.3f}",
            )


def table(measured: QuantisationSpec, tolerances: Mapping[str, float]) -> str:
    """The figures before and after, as Markdown."""
    rows = [
        f"| {TITLES[name]} | {before:.3f} | {after:.3f} | {after - before:+.3f} | -{tolerances[name]:g} |"
        for name, (before, after) in measured.figures.items()
    ]
    rows += [
        f"| {title} | not measured on this data | | | |"
        for name, title in TITLES.items()
        if name not in measured.figures
    ]
    head = ["| | fp32 | int8 | change | at worst |", "|---|---:|---:|---:|---:|"]
    where = f"{measured.studies} studies of the {measured.part} part of {measured.data}"
    note = f"{where}; activations calibrated on {measured.calibration_images} training images."
    return "\n".join([*head, *rows, "", note])
