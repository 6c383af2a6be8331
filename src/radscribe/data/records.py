"""The lines of a manifest: what stands in one, and the rules that it keeps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from radscribe.data.study import ImageRef, Split, Study
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

VERSION = 1


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line: what the studies come from and on which terms.

    `root` is the folder that image paths start from, relative to the manifest's own.
    """

    radscribe_manifest: int
    source: str
    licence: str = ""
    citation: str = ""
    root: str = "."


class _Image(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    path: str
    view: View = "unknown"
    width: int | None = None
    height: int | None = None


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


class Key(msgspec.Struct):
    """The two fields that are looked at where a study is only counted or sorted into its part."""

    id: str = ""
    split: Split | None = None


_decoder = msgspec.json.Decoder(_Line)
_keys = msgspec.json.Decoder(Key)
_encoder = msgspec.json.Encoder()
# What stands outside: absolute paths, drive letters, other separators, a step upwards, control characters.
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)|[\x00-\x1f]")
_FINDING_VALUES = (0.0, 1.0, None)


def decode(line: bytes, root: Path | None = None) -> Study:
    """A study from its line.

    Raises
    ------
    ValueError : the rule that the line breaks.
    """
    record = _decoder.decode(line)  # msgspec's errors are ValueErrors
    report = record.report
    study = Study(
        record.id,
        tuple(ImageRef(image.path, image.view, image.width, image.height) for image in record.images),
        record.patient_id,
        None
        if report is None
        else Report(
            report.indication, report.comparison, report.findings, report.impression, report.normalised
        ),
        record.labels,
        record.split,
        root,
    )
    check(study)
    return study


def decode_key(line: bytes) -> Key:
    """Id and part of a study alone; raises `ValueError` as `decode` does."""
    return _keys.decode(line)


def encode(study: Study) -> bytes:
    """A study's line without the line break.

    Raises
    ------
    ValueError : the rule that the study breaks; what is written can be read.
    """
    check(study)
    return _encoder.encode(
        _Line(
            study.id,
            [_Image(image.path, image.view, image.width, image.height) for image in study.images],
            study.patient_id,
            None if study.report is None else _Report(*_sections(study.report)),
            study.labels,
            study.split,
        )
    )


def encode_header(header: Header) -> bytes:
    """The first line without the line break."""
    return _encoder.encode(header)


def check(study: Study) -> None:
    """Raises `ValueError` with the rule that a study breaks."""
    if not study.id.strip():
        raise ValueError("has no id")
    if study.patient_id is not None and not study.patient_id.strip():
        raise ValueError(f"study '{study.id}' has an empty patient_id")
    if study.split is not None and not study.images:
        raise ValueError(f"study '{study.id}' has no image, so that it belongs to no part")
    for image in study.images:
        if not image.path or _OUTSIDE.search(image.path):
            raise ValueError(f"image path '{image.path}' does not stay inside the manifest's root")
        size = (image.width, image.height)
        if size != (None, None) and any(side is None or side < 1 for side in size):
            raise ValueError(f"image {image.path} has no sensible width and height")
    if len(study.images) > 1 and len({image.path for image in study.images}) < len(study.images):
        raise ValueError(f"study '{study.id}' names an image twice")
    for finding, value in study.labels.items():
        if value not in _FINDING_VALUES:
            raise ValueError(f"label {finding} is {value}, not 1 (present), 0 (absent) or null (uncertain)")


def _sections(report: Report) -> tuple[Any, ...]:
    return report.indication, report.comparison, report.findings, report.impression, report.normalised
