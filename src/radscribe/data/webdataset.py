"""A dataset in tar files of the WebDataset layout, and reading single images out of them.

Each image is two members with one key: the image file as it was, and a `.json` with what the manifest says of
its study. https://github.com/webdataset/webdataset reads them. A manifest beside the tar files names the
images as ``train-00000.tar/KEY.png``; training reads them by offset, so no file is held in memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

from radscribe.data import manifest as manifest_file
from radscribe.data.manifest import Manifest
from radscribe.data.splits import unit_hash
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import ImageError
from radscribe.files import make_folder

FOLDER = "webdataset"
TAR = ".tar"
PARTS: tuple[Split, ...] = ("train", "val", "test")
BYTES = 256 << 20  # of the images in one tar file
OPEN = 32  # tar files whose members stay known: some MB


def export(manifest: Manifest, out: Path, size: int = BYTES) -> tuple[int, int]:
    """Write tar files of each part into `out`, and a manifest that reads from them.

    Studies are in an order that depends only on their ids. So each file is a mixture.

    Parameters
    ----------
    manifest : Manifest
        The dataset.
    out : Path
        The folder.
    size : int
        Bytes of images per tar file.

    Returns
    -------
    tuple of int
        Images that were written, and images that were left out: missing, or in no part.
    """
    make_folder(out)
    for old in out.glob(f"*-*{TAR}"):
        old.unlink()
    kept: list[Study] = []
    left = 0
    for part in PARTS:
        order = [(unit_hash(study.id), place) for place, study in enumerate(manifest) if study.split == part]
        writer = _Writer(out, part, size)
        for _, place in sorted(order):
            study = manifest[place]
            images: list[ImageRef] = []
            for number, image in enumerate(study.images):
                path = manifest.root / image.path
                if path.is_file():
                    images.append(replace(image, path=writer.add(study, number, path), missing=False))
                else:
                    left += 1
            if images:
                kept.append(replace(study, images=tuple(images)))
        writer.close()
    left += sum(len(study.images) for study in manifest if study.split is None)
    header = msgspec.structs.replace(manifest.header, root=".")
    manifest_file.write(out / manifest_file.FILE, header, kept)
    return sum(len(study.images) for study in kept), left


class _Writer:
    """Writes the tar files of one part, one after the other."""

    def __init__(self, out: Path, part: Split, size: int) -> None:
        self._out, self._part, self._size = out, part, size
        self._number = self._bytes = 0
        self._tar: tarfile.TarFile | None = None

    def add(self, study: Study, number: int, path: Path) -> str:
        """Add an image; returns its path in the manifest."""
        if self._tar is None or self._bytes >= self._size:
            self._open()
        assert self._tar is not None
        # A key ends at the first dot, and holds no folder.
        key = "".join(c if c.isalnum() or c in "-_" else "_" for c in study.id)
        if key != study.id:  # another id may come to the same key
            key += f"-{hashlib.sha256(study.id.encode()).hexdigest()[:12]}"
        key += f"-{number}"
        content = path.read_bytes()
        name = f"{key}{path.suffix.lower()}"
        report = study.report
        about = {
            "study_id": study.id,
            "patient_id": study.patient_id,
            "view": study.images[number].view,
            "labels": study.labels,
            "text": study.text(),
            "findings": report.findings if report else None,
            "impression": report.impression if report else None,
        }
        for member, data in ((name, content), (f"{key}.json", json.dumps(about).encode())):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            self._tar.addfile(entry, io.BytesIO(data))
        self._bytes += len(content)
        return f"{self._name()}/{name}"

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self._tar = None

    def _open(self) -> None:
        if self._tar is not None:
            self.close()
            self._number += 1
        self._bytes = 0
        self._tar = tarfile.open(self._out / self._name(), "w")  # noqa: SIM115 - closed by `close`

    def _name(self) -> str:
        return f"{self._part}-{self._number:05}{TAR}"


def tar_of(name: str) -> str | None:
    """Return the tar file that an image of a manifest is in; None if it is a single file."""
    parent = str(PurePosixPath(name).parent)
    return parent if parent.endswith(TAR) else None


def source(path: Path) -> Path | bytes:
    """Return an image's content if it is in a tar file, and otherwise its path.

    Raises
    ------
    ImageError
        The tar file is missing or damaged, or has no such member.
    """
    tar = path.parent
    if tar.suffix != TAR or tar.is_dir():
        return path
    try:
        offset, size = _members(tar)[path.name]
        with tar.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
    except KeyError as error:
        raise ImageError("has no such image", subject=path, remedy="write the tar files again") from error
    except (OSError, tarfile.TarError) as error:
        raise ImageError(
            "cannot be read: the tar file is missing or damaged",
            subject=path,
            remedy="write the tar files again",
        ) from error
    if len(content) < size:
        raise ImageError("the tar file is truncated", subject=path, remedy="write the tar files again")
    return content


@lru_cache(maxsize=OPEN)
def _members(tar: Path) -> dict[str, tuple[int, int]]:
    """Offset and size of each member."""
    with tarfile.open(tar, "r:") as file:
        return {member.name: (member.offset_data, member.size) for member in file}
