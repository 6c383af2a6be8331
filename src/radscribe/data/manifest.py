"""The manifest: `manifest.jsonl`, a header line and then one line per study.

It streams: an open manifest keeps 8 bytes per study in memory and decodes a study when it is accessed. It
holds no open file, so it can be passed to worker processes.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, overload

import msgspec

from radscribe.data import records
from radscribe.data.records import VERSION, Header
from radscribe.data.study import Split, Study
from radscribe.errors import DataError
from radscribe.files import atomic_write, writing

__all__ = ["FILE", "VERSION", "Header", "Manifest", "Part", "write"]

FILE = "manifest.jsonl"


class Part(Sequence[Study]):
    """Studies of a manifest, each read from the file when it is accessed.

    Attributes
    ----------
    path : Path
        The manifest's file.
    root : Path
        The folder that image paths start from.
    """

    def __init__(
        self,
        path: Path,
        root: Path,
        offsets: array[int],
        with_images: bool = False,
        places: _Places | None = None,
    ) -> None:
        self.path, self.root = path, root
        self._offsets, self._with_images = offsets, with_images
        self._places = places or _Places(path)

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> Study: ...
    @overload
    def __getitem__(self, index: slice) -> list[Study]: ...
    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        offset = self._offsets[index]
        with self.path.open("rb") as file:
            file.seek(offset)
            return self._study(file.readline(), offset)

    def __iter__(self) -> Iterator[Study]:
        for offset, line in self._lines():
            yield self._study(line, offset)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            for offset in self._offsets:  # ascending, so the file is read once from front to back
                if file.tell() != offset:
                    file.seek(offset)
                yield offset, file.readline()

    def _study(self, line: bytes, offset: int) -> Study:
        try:
            study = records.decode(line, self.root)
            if study.prior is not None:
                study = replace(study, earlier=self._earlier(study))
        except ValueError as error:
            raise self._broken(str(error), offset) from error
        return study.without_missing() if self._with_images else study

    def _earlier(self, study: Study) -> Study:
        """The study that another one names as its prior; raises `ValueError` if it cannot be its prior."""
        assert study.prior is not None
        line = self._places.line(study.prior)
        if line is None:
            raise ValueError(
                f"study '{study.id}' has the prior '{study.prior}', which is not in the manifest"
            )
        earlier = records.decode(line, self.root)
        if earlier.patient_id != study.patient_id:
            raise ValueError(f"study '{study.id}' has the prior '{study.prior}', which is of another patient")
        return earlier

    def _broken(self, rule: str, offset: int) -> DataError:
        with self.path.open("rb") as file:
            number = 1 + sum(chunk.count(b"\n") for chunk in _chunks(file, offset))
        return DataError(
            f"line {number}: {rule}", subject=self.path, remedy="correct that line, or prepare it again"
        )


class _Places:
    """Where each study of a manifest is in its file. It reads the file when a study first names its prior."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[str, int] | None = None

    def line(self, study_id: str) -> bytes | None:
        """The line of a study; None if there is no such study."""
        with self._path.open("rb") as file:
            if self._offsets is None:
                self._offsets = {}
                file.readline()
                offset = file.tell()
                for line in file:
                    with suppress(ValueError):  # a broken line is reported when its own study is read
                        self._offsets.setdefault(records.decode_key(line).id, offset)
                    offset += len(line)
            if study_id not in self._offsets:
                return None
            file.seek(self._offsets[study_id])
            return file.readline()


class Manifest(Part):
    """A manifest opened for reading.

    Parameters
    ----------
    path : Path
        The file, or the folder that `radscribe prepare` wrote.

    Raises
    ------
    DataError
        The file is missing or is not a manifest. On access: a line breaks a rule; the error names the line.

    Examples
    --------
    >>> import tempfile
    >>> from radscribe.data.study import ImageRef
    >>> folder = Path(tempfile.mkdtemp())
    >>> write(folder, Header(1, "mine"), [Study("one", (ImageRef("chest.png"),), split="train")])
    1
    >>> [file.name for study in Manifest(folder).split("train") for file in study.files]
    ['chest.png']
    """

    def __init__(self, path: Path) -> None:
        path = path / FILE if path.is_dir() else path
        offsets = array("Q")
        try:
            with path.open("rb") as file:
                first = file.readline()
                position = file.tell()
                for line in file:
                    if line.strip():
                        offsets.append(position)
                    position += len(line)
        except OSError as error:
            raise DataError(
                f"cannot be opened: {error.strerror}", subject=path, remedy="create it with radscribe prepare"
            ) from error
        try:
            self.header = msgspec.json.decode(first, type=Header)
        except ValueError as error:  # msgspec's, or bytes that are not UTF-8
            raise DataError(
                f"line 1: is not the header of a manifest ({error})",
                subject=path,
                remedy="create it with radscribe prepare",
            ) from error
        if not self.header.root.isprintable():
            raise DataError("line 1: root is not a path", subject=path, remedy="prepare it again")
        if self.header.radscribe_manifest != VERSION:
            raise DataError(
                f"is of manifest version {self.header.radscribe_manifest}, not {VERSION}",
                subject=path,
                remedy="prepare it again",
            )
        super().__init__(path, path.parent / self.header.root, offsets)

    def split(self, name: Split, with_images: bool = False) -> Part:
        """The studies of one part.

        Parameters
        ----------
        name : {"train", "val", "test"}
            The part.
        with_images : bool
            Leave out images that were missing when the manifest was written (``--allow-missing``), and
            studies that have no other image. Use this for anything that reads pixels or features.

        Raises
        ------
        DataError
            The part is empty.
        """
        keys = (item for item in self.keys() if item[1].split == name)
        offsets = array("Q", (offset for offset, key in keys if key.has_image or not with_images))
        if not offsets:
            what = "study with an image" if with_images else "study"
            raise DataError(f"has no {what} in its {name} part", subject=self.path, remedy="prepare it again")
        return Part(self.path, self.root, offsets, with_images, self._places)

    def keys(self) -> Iterator[tuple[int, records.Key]]:
        """Offset in the file and key of each study, without decoding the rest."""
        for offset, line in self._lines():
            try:
                yield offset, records.decode_key(line)
            except ValueError as error:
                raise self._broken(str(error), offset) from error

    def validate(self) -> None:
        """Read every line.

        Raises
        ------
        DataError
            A line breaks a rule, or has the id of an earlier one.
        """
        seen: set[int] = set()
        for offset, line in self._lines():
            key = hash(self._study(line, offset).id)
            if key in seen:
                raise self._broken("has the id of an earlier line", offset)
            seen.add(key)


def write(path: Path, header: Header, studies: Iterable[Study], left_out: Collection[str] = ()) -> int:
    """Write a manifest, ordered by study id. It is complete, or it is not there.

    Lines wait on disk until their order is known, so memory holds ids and not studies.

    Parameters
    ----------
    path : Path
        The file, or its folder.
    header : Header
        The first line.
    studies : iterable of Study
        In any order.
    left_out : collection of str
        Ids of studies that are left out on purpose; it may grow while `studies` are drawn. Studies that name
        one of them as their prior are written without it.

    Returns
    -------
    int
        The number of studies.

    Raises
    ------
    DataError
        Two studies share an id, a prior is not a study of the manifest, or a study breaks a rule.
    """
    path = path / FILE if path.is_dir() else path
    priors: dict[str, str] = {}
    with writing(path), tempfile.TemporaryFile(dir=path.parent) as waiting:
        places: list[tuple[str, int, int]] = []
        position = 0
        for study in studies:
            try:
                line = records.encode(study) + b"\n"
            except ValueError as error:
                raise DataError(f"study '{study.id}': {error}", subject=path) from error
            if study.prior is not None:
                priors[study.id] = study.prior
            waiting.write(line)
            places.append((study.id, position, len(line)))
            position += len(line)
        places.sort()
        for before, after in pairwise(places):
            if before[0] == after[0]:
                raise DataError(
                    f"two studies have the id '{after[0]}'",
                    subject=path,
                    remedy="give --duplicates group, rename or drop",
                )
        lost = set(priors.values()).difference(study_id for study_id, _, _ in places) if priors else set()
        for study_id, prior in priors.items():
            if prior in lost.difference(left_out):
                raise DataError(
                    f"study '{study_id}' has the prior '{prior}', which is not in the manifest",
                    subject=path,
                    remedy="add that study, or leave its prior out",
                )
        with atomic_write(path) as file:
            file.write(records.encode_header(header) + b"\n")
            for study_id, start, length in places:
                waiting.seek(start)
                line = waiting.read(length)
                if priors.get(study_id) in lost:
                    line = records.encode(replace(records.decode(line), prior=None)) + b"\n"
                file.write(line)
    return len(places)


def _chunks(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(length, 1 << 20))):
        length -= len(chunk)
        yield chunk
