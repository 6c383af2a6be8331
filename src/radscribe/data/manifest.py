"""The manifest: `manifest.jsonl`, a header line and then one study a line, beside or above its images.

It streams: opening one keeps 8 bytes a study in memory, and a study is decoded when it is asked for.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import msgspec

from radscribe.data.study import Split, Study
from radscribe.errors import DataError

FILE = "manifest.jsonl"
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


_decoder = msgspec.json.Decoder(Study)
_encoder = msgspec.json.Encoder()


class Manifest(Sequence[Study]):
    """A manifest opened for reading.

    Raises
    ------
    DataError : the file is missing or is no manifest; on access, a line that breaks a rule, by its number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / FILE if path.is_dir() else path
        self._offsets = array("Q")
        try:
            with self.path.open("rb") as file:
                first = file.readline()
                position = file.tell()
                for line in file:
                    if line.strip():
                        self._offsets.append(position)
                    position += len(line)
        except OSError as error:
            raise DataError(
                f"cannot be opened: {error.strerror}",
                subject=self.path,
                remedy="make it with radscribe prepare",
            ) from error
        try:
            self.header = msgspec.json.decode(first, type=Header)
        except msgspec.MsgspecError as error:
            raise DataError(
                f"does not start with a manifest's header ({error})",
                subject=self.path,
                remedy="make it with radscribe prepare",
            ) from error
        if self.header.radscribe_manifest != VERSION:
            raise DataError(
                f"is of manifest version {self.header.radscribe_manifest}, not {VERSION}",
                subject=self.path,
                remedy="prepare it again",
            )

    @property
    def root(self) -> Path:
        """The folder that image paths start from."""
        return self.path.parent / self.header.root

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> Study: ...
    @overload
    def __getitem__(self, index: slice) -> list[Study]: ...
    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        with self.path.open("rb") as file:
            file.seek(self._offsets[index])
            return self._decode(file.readline(), index % len(self))

    def __iter__(self) -> Iterator[Study]:
        with self.path.open("rb") as file:
            file.readline()
            index = 0
            for line in file:
                if line.strip():
                    yield self._decode(line, index)
                    index += 1

    def split(self, name: Split) -> list[Study]:
        """The studies of one part.

        Raises
        ------
        DataError : the part is empty.
        """
        studies = [study for study in self if study.split == name]
        if not studies:
            raise DataError(f"has no study in its {name} part", subject=self.path, remedy="prepare it again")
        return studies

    def _decode(self, line: bytes, index: int) -> Study:
        try:
            study = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise DataError(
                f"study {index + 1}: {error}", subject=self.path, remedy="mend that line"
            ) from error
        if not study.id or not study.images:
            raise DataError(
                f"study {index + 1} has no {'id' if not study.id else 'image'}",
                subject=self.path,
                remedy="mend that line",
            )
        return study


def write(path: Path, header: Header, studies: Iterable[Study]) -> int:
    """Write a manifest, whole or not at all, ordered by study id; returns the number of studies.

    Raises
    ------
    DataError : two studies share an id.
    """
    path = path / FILE if path.is_dir() else path
    ordered = sorted(studies, key=lambda study: study.id)
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise DataError(f"study id '{after.id}' stands twice", subject=path, remedy="make ids unique")
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for record in (header, *ordered):
            file.write(_encoder.encode(record) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return len(ordered)
