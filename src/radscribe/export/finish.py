"""The steps of `radscribe export --data` before a bundle is put in place, and the sections of its card."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from radscribe.bundle.format import CARD, BundleSpec, ConfidenceSpec, read, sha256, write
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.errors import DataError
from radscribe.export.assessment import assess_findings, denial_points, table
from radscribe.export.captioned_part import CaptionedPart, caption_part
from radscribe.export.confidence_fit import fit_confidence, fit_normality
from radscribe.export.int8 import require_within, to_int8
from radscribe.export.int8 import table as int8_table
from radscribe.inference.captioner import Captioner


def finish(
    folder: Path, data: Path, part: Split, int8: bool, tolerances: Mapping[str, float]
) -> tuple[BundleSpec, list[str]]:
    """Quantise the encoder if asked, assess the findings and calibrate confidence on validation studies.

    Parameters
    ----------
    folder : Path
        The bundle's folder, which is changed.
    data : Path
        A folder made by ``radscribe prepare``.
    part : str
        The part to measure on. Nothing of it may have trained the model.
    int8 : bool
        Whether to make the encoder int8.
    tolerances : mapping of str to float
        How far each figure may fall by int8.

    Returns
    -------
    tuple
        The bundle's description, and paragraphs for the user about the measurements.

    Raises
    ------
    DataError
        If the data lacks what int8 needs. If it lacks what confidence needs, a paragraph says so.
    BundleError
        If int8 costs more than `tolerances` allow.
    """
    manifest, told = Manifest(data), list[str]()
    # Whatever other data said: captions are measured without regard to it.
    _change(folder, confidence=None, normality=None, assessment={}, denial_points={})
    captioned: CaptionedPart | None = None
    if int8:
        measured, captioned = to_int8(folder, manifest, part)
        told.append(int8_table(measured, tolerances))
        require_within(measured, tolerances)
        set_section(folder, "Precision", f"The encoder is in int8, the decoder in float32.\n\n{told[0]}")
    captioned = captioned or caption_part(Captioner(folder), manifest, part)
    # Three times: to find where a denial is right, which findings captions see within that, and what
    # users get.
    _change(folder, denial_points=denial_points(captioned))
    first = assess_findings(caption_part(Captioner(folder), manifest, part))
    _change(folder, assessment=first)
    captioned = caption_part(Captioner(folder), manifest, part)
    assessment = {
        name: msgspec.structs.replace(one, assessed=first[name].assessed)
        for name, one in assess_findings(captioned).items()
    }
    _change(folder, assessment=assessment)
    told.append(
        f"Assertions and denials by finding, on the {part} part of {manifest.header.source}. Captions do not "
        f"speak of findings that are not assessed.\n\n{table(assessment)}"
    )
    set_section(folder, "Assessed findings", told[-1])
    if not any(one.assessed for one in assessment.values()):
        told.append(
            "No finding is assessed, so captions of this bundle say nothing: the part may be too small for "
            "its findings. Prepare more studies, or export without --data to see what the decoder writes."
        )
    sentences = []
    fits: dict[str, Callable[[CaptionedPart], ConfidenceSpec]] = {
        "confidence": fit_confidence,
        "normality": fit_normality,
    }
    for name, fit in fits.items():
        try:
            fitted = fit(captioned)
        except DataError as error:
            sentences.append(f"No {name}: {error}.")
        else:
            _change(folder, **{name: fitted})
            sentences.append(sentence(name, fitted))
    told += sentences
    return set_section(folder, "Confidence", "\n\n".join(sentences)), told


def _change(folder: Path, **fields: object) -> None:
    write(folder, msgspec.structs.replace(read(folder), **fields))


def sentence(name: str, fitted: ConfidenceSpec) -> str:
    """Say how well a probability tells right captions from wrong ones, or normal studies from others."""
    outcome = "are right in what they assert" if name == "confidence" else "are of studies without a finding"
    return (
        f"{name.capitalize()} by {', '.join(one.replace('_', ' ') for one in fitted.features)}, fitted on "
        f"{fitted.studies} captions of the {fitted.part} part of {fitted.data}, of which {fitted.right} "
        f"{outcome}. AUROC {fitted.auroc:.3f}, expected calibration error {fitted.calibration_error:.3f}, "
        "both by cross-fitting over patients."
    )


def with_section(card: str, heading: str, body: str) -> str:
    """Replace the section of a card with that heading, or append one.

    >>> with_section("# A\\n\\n## B\\n\\nold\\n\\n## C\\n\\nkept\\n", "B", "new")
    '# A\\n\\n## B\\n\\nnew\\n\\n## C\\n\\nkept\\n'
    """
    section = f"## {heading}\n\n{body.strip()}\n"
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", card, re.M | re.S)
    if found is None:
        return f"{card.rstrip()}\n\n{section}"
    rest = card[found.end() :]
    return card[: found.start()] + section + ("\n" + rest if rest else "")


def set_section(folder: Path, heading: str, body: str) -> BundleSpec:
    """Replace a section of a bundle's card, and its hash in `bundle.json`."""
    spec = read(folder)
    path = folder / CARD
    text = path.read_text(encoding="utf-8") if path.is_file() else f"# {spec.name}\n"
    path.write_text(with_section(text, heading, body), encoding="utf-8")
    spec = msgspec.structs.replace(spec, files={**spec.files, CARD: sha256(path)})
    write(folder, spec)
    return spec
