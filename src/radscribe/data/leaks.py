"""The leak check: no patient, study or image may be in more than one part of a split."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from radscribe.data import image_hash
from radscribe.data import manifest as manifest_file
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError, LeakError

PARTS: tuple[Split, ...] = ("train", "val", "test")
# A leak leaves the part that is learned from rather than the one that is measured by.
RANK: dict[Split, int] = {"train": 0, "val": 1, "test": 2}
LISTED = 3  # leaks of a kind that an error names
FILE = "leaks.txt"
PLURALS = {"patient": "patients", "study": "studies", "image": "images", "prior": "priors"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found.

    Parameters
    ----------
    part : {"train", "val", "test"}
        The part.
    study : str
        The study's id.
    image : str
        For an image that two studies share, its path.
    """

    part: Split
    study: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.part} {self.study}" + (f" ({self.image})" if self.image else "")


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that is in several parts.

    Parameters
    ----------
    kind : {"patient", "study", "image", "prior"}
        What it is.
    what : str
        The id of the patient, of the study or of the prior study, or the path of the first of the images.
    where : tuple of Place
        The studies that have it.
    """

    kind: str
    what: str
    where: tuple[Place, ...]

    def __str__(self) -> str:
        named = "" if all(place.image for place in self.where) else f" {self.what}"
        return f"{self.kind}{named}: {', '.join(map(str, self.where))}"


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Result of a leak check: the leaks, and what could be compared.

    Parameters
    ----------
    manifest : Path
        The manifest that was checked.
    leaks : tuple of Leak
        What is in several parts.
    images : int
        Images whose content was compared.
    unreadable : int
        Images whose content was to be compared and that are missing or unreadable.
    patients : int
        Patients that were compared.
    without_patient : int
        Studies in a part that have no patient id: for them, patients cannot be compared.
    """

    manifest: Path
    leaks: tuple[Leak, ...]
    images: int = 0
    unreadable: int = 0
    patients: int = 0
    without_patient: int = 0

    def of(self, kind: str) -> list[Leak]:
        """Return the leaks of one kind."""
        return [leak for leak in self.leaks if leak.kind == kind]

    def require_none(self) -> None:
        """Raise `LeakError` if there are leaks; it counts them and names the first of each kind."""
        if not self.leaks:
            return
        told: list[str] = []
        for kind, plural in PLURALS.items():
            if found := self.of(kind):
                names = "; ".join(str(leak) for leak in found[:LISTED])
                more = f"; and {len(found) - LISTED} more" if len(found) > LISTED else ""
                told.append(f"{len(found)} {kind if len(found) == 1 else plural} ({names}{more})")
        raise LeakError(
            f"parts overlap: {', '.join(told)}",
            subject=self.manifest,
            remedy="prepare it again with --drop-leaks --overwrite, or correct the split",
        )


@dataclass(slots=True)
class _Occurrences:
    """The parts that each key is in: 9 bytes per occurrence, by the key's 64-bit hash."""

    keys: array[int] = field(default_factory=lambda: array("q"))
    parts: array[int] = field(default_factory=lambda: array("b"))

    def add(self, key: str, part: int) -> None:
        self.keys.append(hash(key))
        self.parts.append(part)

    def crossing(self) -> frozenset[int]:
        """Hashes of the keys that are in several parts."""
        keys, parts = np.array(self.keys, dtype=np.int64), np.array(self.parts, dtype=np.int8)
        order = np.lexsort((parts, keys))
        keys, parts = keys[order], parts[order]
        return frozenset(keys[1:][(keys[1:] == keys[:-1]) & (parts[1:] != parts[:-1])].tolist())


Kind = tuple[str, Callable[[Study], Iterable[str]]]
KINDS: tuple[Kind, ...] = (
    ("patient", lambda study: [] if study.patient_id is None else [study.patient_id]),
    ("study", lambda study: [study.id]),
    ("image", lambda study: [image.path for image in study.images]),
)


def check_leaks(
    manifest: Manifest, images: bool = True, advance: Callable[[], object] = lambda: None
) -> LeakReport:
    """Look for patients, studies and images that are in several parts, and priors that are in another one.

    Parameters
    ----------
    manifest : Manifest
        The dataset.
    images : bool
        Also compare the content of the images. Their hashes are kept beside the manifest in `hashes.npz`, so
        only the first check of a dataset reads its images.
    advance : callable
        Called once per image.

    Returns
    -------
    LeakReport
        What was found; its `require_none` raises an error if there is anything.

    Raises
    ------
    DataError
        A line breaks a rule of the manifest, or two studies of one part share an id.
    """
    occurrences = {kind: _Occurrences() for kind, _ in KINDS}
    without_patient = 0
    priors: list[Leak] = []
    for study in manifest:
        if study.split is None:
            continue
        if (earlier := study.earlier) is not None and earlier.split not in (None, study.split):
            both = Place(earlier.split, earlier.id), Place(study.split, study.id)
            priors.append(Leak("prior", earlier.id, both))
        without_patient += study.patient_id is None
        part = PARTS.index(study.split)
        for kind, keys in KINDS:
            for key in keys(study):
                occurrences[kind].add(key, part)
    _require_distinct_ids(manifest, occurrences["study"])
    patients = len(set(occurrences["patient"].keys))
    leaks = list(_named_leaks(manifest, {kind: found.crossing() for kind, found in occurrences.items()}))
    leaks += priors
    if not images:
        return LeakReport(manifest.path, tuple(leaks), 0, 0, patients, without_patient)
    paths, owners, parts = _images(manifest)
    store = manifest.path.parent / image_hash.FILE
    hashes, readable = image_hash.image_hashes(manifest.root, paths, store, advance)
    places = np.flatnonzero(readable)
    known = {leak.what for leak in leaks if leak.kind == "image"}
    for one, other, _ in image_hash.pairs_across(hashes[places], np.array(parts, dtype=np.int8)[places]):
        i, j = int(places[one]), int(places[other])
        if paths[i] == paths[j] and paths[i] in known:
            continue  # reported already, by its path
        where = tuple(Place(PARTS[parts[k]], manifest[owners[k]].id, paths[k]) for k in (i, j))
        leaks.append(Leak("image", paths[i], where))
    unreadable = len(paths) - len(places)
    return LeakReport(manifest.path, tuple(leaks), len(places), unreadable, patients, without_patient)


def _named_leaks(manifest: Manifest, crossing: dict[str, frozenset[int]]) -> Iterator[Leak]:
    """A second pass that finds the names of hashes that are in several parts."""
    if not any(crossing.values()):
        return
    found: dict[tuple[str, str], list[Place]] = {}
    for study in manifest:
        if study.split is None:
            continue
        for kind, keys in KINDS:
            for key in keys(study):
                if hash(key) in crossing[kind]:
                    found.setdefault((kind, key), []).append(Place(study.split, study.id))
    for (kind, key), where in found.items():
        yield Leak(kind, key, tuple(where))


def _require_distinct_ids(manifest: Manifest, studies: _Occurrences) -> None:
    pairs = np.stack([np.array(studies.keys, dtype=np.int64), np.array(studies.parts, dtype=np.int64)])
    if len(np.unique(pairs, axis=1).T) < len(studies.keys):
        manifest.validate()  # raises, with the line
        raise DataError("two studies of one part share an id", subject=manifest.path)


def _images(manifest: Manifest) -> tuple[Sequence[str], array[int], array[int]]:
    """Paths of the images in all parts, the place of each one's study, and its part."""
    paths: list[str] = []
    owners, parts = array("L"), array("b")
    for place, study in enumerate(manifest):
        if study.split is not None:
            for image in study.images:
                paths.append(image.path)
                owners.append(place)
                parts.append(PARTS.index(study.split))
    return paths, owners, parts


def drop_leaks(manifest: Manifest, report: LeakReport) -> int:
    """Write the manifest again, with studies that leak in no part.

    A study in several parts stays in the part used for measuring: test before val before train.

    Parameters
    ----------
    manifest : Manifest
        The dataset; its file is replaced.
    report : LeakReport
        What `check_leaks` found in it.

    Returns
    -------
    int
        The number of studies that left their part.
    """
    leaving: set[tuple[str, Split]] = set()
    for leak in report.leaks:
        highest = max(RANK[place.part] for place in leak.where)
        leaving |= {(place.study, place.part) for place in leak.where if RANK[place.part] < highest}

    def studies() -> Iterator[Study]:
        for study in manifest:
            leaves = study.split is not None and (study.id, study.split) in leaving
            yield replace(study, split=None) if leaves else study

    manifest_file.write(manifest.path, manifest.header, studies())
    return len(leaving)
