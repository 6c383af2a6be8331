"""What `radscribe export --data` does to a bundle before it is put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from radscribe.bundle.format import BundleSpec, ConfidenceSpec, read, write
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.errors import DataError
from radscribe.export.captioned_part import CaptionedPart, caption_part
from radscribe.export.card import set_section
from radscribe.export.confidence_fit import fit_confidence
from radscribe.export.int8 import require_within, table, to_int8
from radscribe.inference.captioner import Captioner


def finish(
    folder: Path, data: Path, part: Split, int8: bool, tolerances: Mapping[str, float]
) -> tuple[BundleSpec, list[str]]:
    """Make the encoder int8, if so wished, and calibrate confidence; on a part that trained nothing.

    Parameters
    ----------
    folder : of the bundle, which is changed.
    data : a folder made by `radscribe prepare`.
    tolerances : how far each of the figures may fall.

    Returns
    -------
    the bundle's description, and what to tell of it.

    Raises
    ------
    DataError : the data lacks what int8 needs. What it lacks for confidence is told, and there is none then.
    BundleError : int8 costs more than it may; the message gives the figure.
    """
    manifest, told = Manifest(data), list[str]()
    captioned: CaptionedPart | None = None
    if int8:
        measured, captioned = to_int8(folder, manifest, part)
        told.append(table(measured, tolerances))
        require_within(measured, tolerances)
        set_section(folder, "Precision", f"The encoder is in int8, the decoder in float32.\n\n{told[0]}")
    try:
        fitted = fit_confidence(captioned or caption_part(Captioner(folder), manifest, part))
    except DataError as error:
        told.append(f"no confidence: {error}")
        spec = msgspec.structs.replace(read(folder), confidence=None)  # nor what it had from other data
    else:
        told.append(sentence(fitted))
        spec = msgspec.structs.replace(read(folder), confidence=fitted)
    write(folder, spec)
    return set_section(folder, "Confidence", told[-1]), told


def sentence(fitted: ConfidenceSpec) -> str:
    """How well confidence tells right captions from wrong ones."""
    return (
        f"Confidence by {', '.join(name.replace('_', ' ') for name in fitted.features)}, fitted on "
        f"{fitted.studies} captions of the {fitted.part} part of {fitted.data}, of which {fitted.right} are "
        f"right. AUROC of right and wrong {fitted.auroc:.3f}, expected calibration error "
        f"{fitted.calibration_error:.3f}, both by cross-fitting over patients."
    )
