"""The lines of a manifest: their layout and the rules that they keep."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from radscribe.data.study import ZONES, Box, ImageRef, Split, Study
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

VERSION = 1


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line: where the studies come from and on which terms.

    Parameters
    ----------
    radscribe_manifest : int
        Version of the layout.
    source : str
        The dataset's name.
    licence, citation : str
        Terms of use and the publication to cite.
    root : str
        The folder that relative image paths start from, relative to the manifest's own folder, or absolute.
    """

    radscribe_manifest: int
    source: str
    licence: str = ""
    citation: str = ""
    root: str = "."


class _Box(msgspec.Struct, forbid_unknown_fields=True):
    finding: str
    x: float
    y: float
    width: float
    height: float


class _Image(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    path: str
    view: View = "unknown"
    width: int | None = None
    height: int | None = None
    boxes: tuple[_Box, ...] = ()
    zones: dict[str, float] = {}
    missing: bool = False


class _Report(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    indication: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""
    normalised: tuple[str, ...] = ()


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    images: list[_Image] = []
    patient_id: str | None = None
    report: _Report | None = None
    labels: dict[str, float | None] = {}
    split: Split | None = None
    prior: str | None = None


class _KeyImage(msgspec.Struct):
    missing: bool = False


class Key(msgspec.Struct):
    """The fields that are enough to count studies and to sort them into parts."""

    id: str = ""
    split: Split | None = None
    images: list[_KeyImage] = []

    @property
    def has_image(self) -> bool:
        """Whether an image is there."""
        return any(not image.missing for image in self.images)


_decoder = msgspec.json.Decoder(_Line)
_keys = msgspec.json.Decoder(Key)
_encoder = msgspec.json.Encoder()
_UNSAFE = re.compile(r"\\|(?:^|/)\.\.(?:/|$)|[\x00-\x1f]")
_FINDING_VALUES = (0.0, 1.0, None)
_HIGHEST_ZONE = 3.0
_ROUNDING = 1e-3  # a box may leave the image by this share


def decode(line: bytes, root: Path | None = None) -> Study:
    """Read a study from its line.

    Parameters
    ----------
    line : bytes
        One line of a manifest.
    root : Path, optional
        The folder that relative image paths start from.

    Raises
    ------
    ValueError
        The line breaks a rule; the message says which.
    """
    record = _decoder.decode(line)  # msgspec's errors are ValueErrors
    report = record.report
    study = Study(
        record.id,
        tuple(map(_image, record.images)),
        record.patient_id,
        None
        if report is None
        else Report(
            report.indication, report.comparison, report.findings, report.impression, report.normalised
        ),
        record.labels,
        record.split,
        root,
        record.prior,
    )
    check(study)
    return study


def decode_key(line: bytes) -> Key:
    """Read only id, part and presence of images; raises `ValueError` as `decode` does."""
    return _keys.decode(line)


def encode(study: Study) -> bytes:
    """Write a study as a line, without the line break.

    Raises
    ------
    ValueError
        The study breaks a rule of the manifest.
    """
    check(study)
    report = study.report
    return _encoder.encode(
        _Line(
            study.id,
            [
                _Image(
                    image.path,
                    image.view,
                    image.width,
                    image.height,
                    tuple(_Box(b.finding, b.x, b.y, b.width, b.height) for b in image.boxes),
                    image.zones,
                    image.missing,
                )
                for image in study.images
            ],
            study.patient_id,
            None
            if report is None
            else _Report(
                report.indication, report.comparison, report.findings, report.impression, report.normalised
            ),
            study.labels,
            study.split,
            study.prior,
        )
    )


def encode_header(header: Header) -> bytes:
    """Write the first line, without the line break."""
    return _encoder.encode(header)


def check(study: Study) -> None:
    """Raise `ValueError` with the rule that a study breaks, if it breaks one."""
    if not study.id.strip():
        raise ValueError("has no id")
    if study.patient_id is not None and not study.patient_id.strip():
        raise ValueError(f"study '{study.id}' has an empty patient_id")
    if study.split is not None and not study.images:
        raise ValueError(f"study '{study.id}' has no image, so it cannot be in a part")
    if study.prior is not None and (not study.prior.strip() or study.prior == study.id):
        raise ValueError(f"study '{study.id}' has the prior '{study.prior}': name an earlier study")
    for image in study.images:
        _check_image(image)
    if len(study.images) > 1 and len({image.path for image in study.images}) < len(study.images):
        raise ValueError(f"study '{study.id}' names an image twice")
    for finding, value in study.labels.items():
        if value not in _FINDING_VALUES:
            raise ValueError(f"label {finding} is {value}, not 1 (present), 0 (absent) or null (uncertain)")


def _check_image(image: ImageRef) -> None:
    if not image.path or _UNSAFE.search(image.path):
        raise ValueError(f"image path '{image.path}' is not a plain path with / between its parts")
    size = (image.width, image.height)
    if size != (None, None) and any(side is None or side < 1 for side in size):
        raise ValueError(f"image {image.path} has no sensible width and height")
    for box in image.boxes:
        inside = box.x >= -_ROUNDING and box.y >= -_ROUNDING
        inside = inside and max(box.x + box.width, box.y + box.height) <= 1 + _ROUNDING
        if not (inside and box.width > 0 and box.height > 0):
            raise ValueError(f"image {image.path} has a box that is not inside it: give shares from 0 to 1")
    for zone, score in image.zones.items():
        if zone not in ZONES or not 0 <= score <= _HIGHEST_ZONE:
            raise ValueError(
                f"image {image.path} has zone {zone} = {score}; zones are {', '.join(ZONES)}, scores 0 to 3"
            )


def _image(record: _Image) -> ImageRef:
    return ImageRef(
        record.path,
        record.view,
        record.width,
        record.height,
        tuple(Box(b.finding, b.x, b.y, b.width, b.height) for b in record.boxes),
        record.zones,
        record.missing,
    )
