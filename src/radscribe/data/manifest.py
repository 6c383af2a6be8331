"""The manifest: `manifest.jsonl`, a header line and then one study a line, beside or above its images.

It streams: opening one keeps 8 bytes a study in memory, and a study is decoded when it is asked for. A
`Manifest` holds no open file, so that it can be handed to worker processes.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, overload

import msgspec

from radscribe.data import records
from radscribe.data.atomic import replacing
from radscribe.data.records import VERSION, Header
from radscribe.data.study import Split, Study
from radscribe.errors import DataError

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

    def __init__(self, path: Path, root: Path, offsets: array[int]) -> None:
        self.path, self.root = path, root
        self._offsets = offsets

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
            for offset in self._offsets:  # ascending: the file is read once, from front to back
                if file.tell() != offset:
                    file.seek(offset)
                yield offset, file.readline()

    def _study(self, line: bytes, offset: int) -> Study:
        try:
            return records.decode(line, self.root)
        except ValueError as error:
            raise self._broken(str(error), offset) from error

    def _broken(self, rule: str, offset: int) -> DataError:
        with self.path.open("rb") as file:
            number = 1 + sum(chunk.count(b"\n") for chunk in _chunks(file, offset))
        return DataError(
            f"line {number}: {rule}", subject=self.path, remedy="mend that line, or prepare it again"
        )


class Manifest(Part):
    """A manifest opened for reading.

    Raises
    ------
    DataError : the file is missing or is no manifest; on access, a line that breaks a rule, by its number.
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
                f"cannot be opened: {error.strerror}", subject=path, remedy="make it with radscribe prepare"
            ) from error
        try:
            self.header = msgspec.json.decode(first, type=Header)
        except ValueError as error:  # msgspec's, or bytes that are not UTF-8
            raise DataError(
                f"line 1: is no manifest's header ({error})",
                subject=path,
                remedy="make it with radscribe prepare",
            ) from error
        if not self.header.root.isprintable():
            raise DataError("line 1: root is no path", subject=path, remedy="prepare it again")
        if self.header.radscribe_manifest != VERSION:
            raise DataError(
                f"is of manifest version {self.header.radscribe_manifest}, not {VERSION}",
                subject=path,
                remedy="prepare it again",
            )
        super().__init__(path, path.parent / self.header.root, offsets)

    def split(self, name: Split) -> Part:
        """The studies of one part, each read when it is asked for.

        Raises
        ------
        DataError : the part is empty.
        """
        offsets = array("Q", (offset for offset, key in self.keys() if key.split == name))
        if not offsets:
            raise DataError(f"has no study in its {name} part", subject=self.path, remedy="prepare it again")
        return Part(self.path, self.root, offsets)

    def keys(self) -> Iterator[tuple[int, records.Key]]:
        """Place in the file, id and part of each study, without decoding the rest of it."""
        for offset, line in self._lines():
            try:
                yield offset, records.decode_key(line)
            except ValueError as error:
                raise self._broken(str(error), offset) from error

    def validate(self) -> None:
        """Read every line.

        Raises
        ------
        DataError : a line breaks a rule, or has the id of an earlier one.
        """
        seen: set[int] = set()
        for offset, line in self._lines():
            key = hash(self._study(line, offset).id)
            if key in seen:
                raise self._broken("has the id of an earlier line", offset)
            seen.add(key)


def write(path: Path, header: Header, studies: Iterable[Study]) -> int:
    """Write a manifest, whole or not at all, ordered by study id; returns the number of studies.

    Lines wait on disk until their order is known: memory holds ids, not studies.

    Raises
    ------
    DataError : two studies share an id, or one breaks a rule of the manifest.
    """
    path = path / FILE if path.is_dir() else path
    with tempfile.TemporaryFile(dir=path.parent) as waiting:
        places: list[tuple[str, int, int]] = []
        position = 0
        for study in studies:
            try:
                line = records.encode(study) + b"\n"
            except ValueError as error:
                raise DataError(f"study '{study.id}': {error}", subject=path) from error
            waiting.write(line)
            places.append((study.id, position, len(line)))
            position += len(line)
        places.sort()
        for before, after in pairwise(places):
            if before[0] == after[0]:
                raise DataError(f"study id '{after[0]}' stands twice", subject=path, remedy="make ids unique")
        with replacing(path) as file:
            file.write(records.encode_header(header) + b"\n")
            for _, start, length in places:
                waiting.seek(start)
                file.write(waiting.read(length))
    return len(places)


def _chunks(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(length, 1 << 20))):
        length -= len(chunk)
        yield chunk
