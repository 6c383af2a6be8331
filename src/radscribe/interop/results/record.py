"""`Result`: what is to be sent of a study, as a draft or after its review; and the UIDs of its objects."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from radscribe.interop.identity import InstanceReference, StudyIdentity
from radscribe.text.findings import Status, find, summarise
from radscribe.text.sections import section_spans, sections

Kind = Literal["findings", "report", "film", "message"]
KINDS: tuple[Kind, ...] = ("findings", "report", "film")
CONCENTRATED = 2.0  # the peak of a map over its mean, from which a box says where the finding is
AT_PEAK = 0.5  # a box holds the cells around the peak with this share of its value
WIDEST = 0.5  # a box over more of the image than this says nothing
_NAMESPACE = uuid.UUID("0f2a3c54-6f0e-5d0b-9d57-8f2f2d7a0a19")


@dataclass(frozen=True, slots=True)
class Review:
    """A reader's decision on a draft.

    Parameters
    ----------
    reviewer, organisation : str
        Who takes responsibility for the text.
    text : str
        The accepted text.
    at : datetime
        When, in UTC.
    number : int
        1 for the first review of the draft.
    corrects : bool
        Whether an earlier review was accepted and sent.
    """

    reviewer: str
    organisation: str
    text: str
    at: datetime
    number: int
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an image, as shares of its width and height: 0 is left and top."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """An image that the draft was written from.

    Parameters
    ----------
    instance : InstanceReference
        The original.
    maps : dict of str to numpy.ndarray
        Finding → `[h, w]`, how much each cell speaks for it; the cells cover the image evenly.
    """

    instance: InstanceReference
    maps: Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FindingResult:
    """The statement about one finding.

    Parameters
    ----------
    name : str
        The finding, as in `radscribe.interop.codes.FINDINGS`.
    status : {"present", "absent", "uncertain"}, optional
        What the text says of it. None if the text does not speak of it.
    probability : float, optional
        Calibrated, by the model. None if the model does not assess it.
    side : {"left", "right", "bilateral"}, optional
        The side that the text gives.
    boxes : tuple of (InstanceReference, Box)
        Where in each image the evidence for it is, in the order of the images.
    """

    name: str
    status: Status | None
    probability: float | None
    side: str | None = None
    boxes: tuple[tuple[InstanceReference, Box], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A draft, or its review, and the study that it belongs to.

    Parameters
    ----------
    identity : StudyIdentity
        Patient and study of the original images.
    draft : str
        Id of the draft; the same at each retry.
    bundle : str
        Id of the model.
    written : datetime
        When the draft was written, in UTC.
    findings : str
        Text of the findings section.
    impression : str
        Text of the impression; empty if there is none.
    results : tuple of FindingResult
        One per finding that the text speaks of or the model assesses.
    not_assessed : tuple of str
        Findings that the model cannot judge.
    films : tuple of Film
        The images that the draft was written from.
    warnings : tuple of str
        What a reader must know of the draft.
    review : Review, optional
        None for a draft.
    supersedes : str, optional
        The result that this one takes the place of, as its `version`.
    """

    identity: StudyIdentity
    draft: str
    bundle: str
    written: datetime
    findings: str
    impression: str
    results: tuple[FindingResult, ...]
    not_assessed: tuple[str, ...]
    films: tuple[Film, ...]
    warnings: tuple[str, ...] = ()
    review: Review | None = None
    supersedes: str | None = None

    @property
    def version(self) -> str:
        """Identifies the result among all of a study."""
        return version(self.draft, self.review.number if self.review else 0)

    @property
    def verified(self) -> bool:
        """Whether a reader has accepted the text."""
        return self.review is not None

    @property
    def at(self) -> datetime:
        """When the draft was written or reviewed."""
        return self.review.at if self.review else self.written

    def uid(self, kind: str, *parts: str) -> str:
        """Derive the UID of an object, so that a retry never makes a second one."""
        return derived_uid(self.bundle, self.identity.study_instance_uid, kind, self.version, *parts)

    def series_uid(self, kind: str) -> str:
        """Derive the UID of the series of all versions of an object."""
        return derived_uid(self.bundle, self.identity.study_instance_uid, kind, "series")

    def superseded_uid(self, kind: str) -> str | None:
        """Derive the UID of the object that this one takes the place of."""
        if self.supersedes is None:
            return None
        return derived_uid(self.bundle, self.identity.study_instance_uid, kind, self.supersedes)


def version(draft: str, review: int) -> str:
    """Return what identifies a draft (review 0) or one of its reviews."""
    return f"{draft}/{review}" if review else draft


def derived_uid(*parts: str) -> str:
    """Return a UID that is the same for the same parts (PS3.5 B.2, from a UUID of version 5)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def result_of(
    identity: StudyIdentity,
    draft: str,
    document: Mapping[str, Any],
    written: str,
    *,
    evidence: Sequence[Mapping[str, Any]] = (),
    paths: Mapping[str, str] | None = None,
    review: Review | None = None,
    supersedes: str | None = None,
) -> Result:
    """Put together what is to be sent of a study.

    Parameters
    ----------
    document : mapping
        `Caption.to_dict()`, as the store keeps it.
    written : str
        When the draft was written, ISO 8601.
    evidence : sequence of mapping
        `ImageEvidence.to_dict()` of each image.
    paths : mapping of str to str, optional
        Name of an image in the document → `path` of its instance in the identity. None if they are the same.
    review : Review, optional
        The review to send, in place of the draft.
    supersedes : str, optional
        `version` of the result that this one takes the place of.
    """
    files = {i.path: i for i in identity.instances if i.path}
    files |= {name: files[path] for name, path in (paths or {}).items() if path in files}
    maps = {image["file"]: image["findings"] for image in evidence}
    films = tuple(
        Film(files[name], {f: np.asarray(rows, np.float32) for f, rows in maps.get(name, {}).items()})
        for name in document["used"]
        if name in files
    )
    assessed = {f: p for f, p in document["findings"].items() if f not in document["not_assessed"]}
    text = review.text if review else document["text"] or ""
    parts = {} if review else document["sections"]
    if not parts:
        report, said = sections(text), {span.section for span in section_spans(text)}
        # A text with other sections stays whole, for nothing that a reader wrote may be lost.
        if said <= {"findings", "impression"}:
            parts = {"findings": report.findings, "impression": report.impression}
        else:
            parts = {"findings": text}
    return Result(
        identity=identity,
        draft=draft,
        bundle=document["bundle"],
        written=datetime.fromisoformat(written).astimezone(UTC),
        findings=parts.get("findings", ""),
        impression=parts.get("impression", ""),
        results=_results(text, assessed, films, by_reader=review is not None),
        not_assessed=tuple(document["not_assessed"]),
        films=films,
        warnings=tuple(document["warnings"]),
        review=review,
        supersedes=supersedes,
    )


def _results(
    text: str, probabilities: Mapping[str, float], films: Sequence[Film], *, by_reader: bool
) -> tuple[FindingResult, ...]:
    """The status of each finding in the text, with the model's probability.

    A machine does not deny what it does not assess; a reader may.
    """
    mentions = find(text)
    said = summarise(mentions)
    results = []
    for name in (*probabilities, *(name for name in said if name not in probabilities)):
        status, probability = said.get(name), probabilities.get(name)
        if probability is None and status == "absent" and not by_reader:
            continue
        sides = {m.side for m in mentions if m.finding == name and m.status == status and m.side}
        side = None if not sides or status == "absent" else sides.pop() if len(sides) == 1 else "bilateral"
        boxes: tuple[tuple[InstanceReference, Box], ...] = ()
        if status in ("present", "uncertain"):
            found = ((f.instance, box_of(f.maps[name])) for f in films if name in f.maps)
            boxes = tuple((instance, box) for instance, box in found if box is not None)
        results.append(FindingResult(name, status, probability, side, boxes))
    return tuple(results)


def box_of(cells: npt.NDArray[np.float32]) -> Box | None:
    """Return the box around the peak of a map `[h, w]`, or None if the map is not concentrated.

    The box holds the cells that are connected to the highest one and have at least half of its value, as in
    Zhou et al. (CVPR 2016) with another threshold.
    """
    peak = float(cells.max(initial=0.0))
    if peak <= 0 or peak < CONCENTRATED * float(cells.mean()):
        return None
    high = cells >= AT_PEAK * peak
    height, width = cells.shape
    reached = {tuple(int(i) for i in np.unravel_index(int(cells.argmax()), cells.shape))}
    waiting = list(reached)
    while waiting:
        row, column = waiting.pop()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= near[0] < height and 0 <= near[1] < width and high[near] and near not in reached:
                reached.add(near)
                waiting.append(near)
    rows, columns = [cell[0] for cell in reached], [cell[1] for cell in reached]
    box = Box(min(columns) / width, min(rows) / height, (max(columns) + 1) / width, (max(rows) + 1) / height)
    return box if (box.right - box.left) * (box.bottom - box.top) <= WIDEST else None


def as_date(text: str) -> str:
    """Return a date as DICOM writes it, also from ACR-NEMA ("2020.01.31"); empty if it is none."""
    digits = re.sub(r"[.\-/]", "", text)
    try:
        datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return ""
    return digits


def as_zone(text: str) -> tzinfo | None:
    """Return a time zone of DICOM's ("+0900"); None if it is none."""
    match = re.fullmatch(r"([+-])(0\d|1[0-4])([0-5]\d)", text)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def as_time(text: str) -> str:
    """Return a time as DICOM writes it; empty if it is none."""
    digits = text.replace(":", "")
    match = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d)?([0-5]\d|60)?(\.\d{1,6})?", digits)
    return digits if match and (match[3] or not match[4]) else ""
