"""The plan of a batch: its studies in shards, as one Parquet file with a row group per shard.

The plan is made once. Workers on any machine read only the row groups of their own shards, so memory does not
grow with the number of images, and a run that is repeated does the same shards again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from radscribe.batch.places import Folder, file_system, is_url, joined, without_file_scheme
from radscribe.data.manifest import FILE, Manifest
from radscribe.data.study import Split
from radscribe.errors import DataError, UsageError
from radscribe.imaging.header import IMAGE_SUFFIXES, Header
from radscribe.inference.studies import group, study_key

PLAN = "_plan.parquet"  # readers of a folder of Parquet files pass over names with an underscore
VERSION = 1
KEY = b"radscribe"  # of our metadata in a Parquet file
SHARDS = 64  # shards of a small source: enough to keep some workers busy to the end
SMALLEST, LARGEST = 16, 1024  # studies per shard, unless the user says otherwise
SEPARATOR = "\t"  # between the images of a study in a list

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("files", pa.list_(pa.string())),
        ("warnings", pa.list_(pa.string())),
        ("size", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A study that is going to be captioned.

    Parameters
    ----------
    id : str
        What the study is called.
    files : tuple of str
        Its images: paths below the plan's root, absolute paths or URLs.
    warnings : tuple of str
        What its caption must say about how the images were put together.
    size : int
        Size of the images in bytes, or 0 if it is not known.
    """

    id: str
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The studies of a source.

    Parameters
    ----------
    root : str
        Folder or URL that relative names of images start from.
    studies : iterable of Planned
        In a fixed order. It may be iterated once.
    count : int
        Their number.
    skipped : str, optional
        One line about files that hold no image.
    """

    root: str
    studies: Iterable[Planned]
    count: int
    skipped: str | None = None


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that every run of a batch must share.

    Attributes
    ----------
    source : str
        The source, as the user named it.
    root : str
        Folder or URL that relative names of images start from.
    split : str
        Part of the manifest, or an empty string for all of it.
    bundle : str
        Name and digest of the model.
    options : str
        How to caption, in words that differ if the options differ.
    studies, images, size : int
        Number of studies and images, and bytes of the images as far as they are known.
    shard_size : int
        Studies per shard.
    version : int
        Version of this layout.
    """

    source: str
    root: str
    split: str
    bundle: str
    options: str
    studies: int
    images: int
    size: int
    shard_size: int
    version: int = VERSION

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.studies // self.shard_size)


def find(source: str, split: Split | None = None) -> Found:
    """Find the studies of a source.

    Parameters
    ----------
    source : str
        A manifest or its folder, a folder of images or its URL, or a text file with one study per line: a
        path or URL, or those of all its images, separated by tabs.
    split : {"train", "val", "test"}, optional
        Part of a manifest.

    Raises
    ------
    UsageError
        There is no such source, or `split` is given for one that is not a manifest.
    DataError
        The source holds no image.
    """
    source = without_file_scheme(source)
    path = Path(source)
    if not is_url(source) and (path.name == FILE or (path / FILE).is_file()):
        return _of_manifest(path, split)
    if split is not None:
        raise UsageError("--split needs a manifest", subject=source, remedy="leave it out")
    if is_url(source):
        found = _of_url(source)
    elif path.is_dir():
        found = _of_folder(path)
    elif path.is_file():
        found = _of_list(path)
    else:
        raise UsageError(
            "there is no such file or folder",
            subject=source,
            remedy="name a manifest, a folder, or a text file of paths",
        )
    if not found.count:
        raise DataError("holds no image", subject=source, remedy=found.skipped or "check the source")
    return found


def _of_manifest(path: Path, split: Split | None) -> Found:
    manifest = Manifest(path)
    part = manifest.split(split, with_images=True) if split else manifest
    root = manifest.root.resolve()

    def studies() -> Iterator[Planned]:
        for study in part:
            images = [image for image in study.images if not image.missing] or study.images
            yield _planned(study.id, [image.path for image in images], str(root))

    return Found(str(root), studies(), len(part))


def _of_folder(folder: Path) -> Found:
    grouping = group([folder])
    root = f"{folder}/" if str(folder) != "/" else "/"
    studies = [
        _planned(
            study.name.removeprefix(root),
            [file.removeprefix(root) for file in study.files],
            str(folder.resolve()),
            study.warnings,
        )
        for study in grouping.studies
        if study.files != (str(folder),)  # which stands for a folder without images
    ]
    return Found(str(folder.resolve()), studies, len(studies), grouping.describe_skipped())


def _of_url(url: str) -> Found:
    system, top = file_system(url)
    try:
        listed = system.find(top, detail=True)
    except Exception as error:  # each file system of fsspec has its own exceptions
        raise DataError(
            f"cannot be listed: {type(error).__name__}", subject=url, remedy="check the URL and your access"
        ) from error
    if list(listed) == [top.rstrip("/")]:
        raise UsageError(
            "is a file, not a folder", subject=url, remedy="copy the list here, or name a folder of images"
        )
    sizes: dict[str, int] = {}
    skipped: Counter[str] = Counter()
    for path, about in sorted(listed.items()):
        name = path.removeprefix(top.rstrip("/")).lstrip("/")
        place = PurePosixPath(name)
        if any(part.startswith(".") for part in place.parts):
            skipped["hidden"] += 1
        elif place.suffix and place.suffix.lower() not in IMAGE_SUFFIXES:
            skipped["other"] += 1
        else:
            sizes[name] = int(about.get("size") or 0)
    keys: dict[str, list[str]] = {}
    for name in sizes:
        keys.setdefault(study_key(Path(name), Header("other", False)), []).append(name)
    studies = [
        Planned(key if len(names) > 1 else names[0], tuple(names), (), sum(sizes[name] for name in names))
        for key, names in keys.items()
    ]
    told = f"skipped {skipped.total()} files whose names are not those of images" if skipped else None
    return Found(url, studies, len(studies), told)


def _of_list(path: Path) -> Found:
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "is not a list of paths", subject=path, remedy="write one path or URL per line, in UTF-8"
        ) from error
    studies: dict[str, Planned] = {}
    root = str(Path.cwd())
    for line in lines:
        files = [part.strip() for part in line.split(SEPARATOR) if part.strip()]
        if files[0] in studies:
            raise DataError(f"'{files[0]}' is listed twice", subject=path, remedy="list each study once")
        studies[files[0]] = _planned(files[0], files, root)
    return Found(root, studies.values(), len(studies))


def _planned(id_: str, files: Sequence[str], root: str, warnings: tuple[str, ...] = ()) -> Planned:
    size = 0
    for name in files:
        place = joined(root, name)
        if not is_url(place):
            try:
                size += Path(place).stat().st_size
            except OSError:  # reading it says why
                continue
    return Planned(id_, tuple(files), warnings, size)


def default_shard_size(studies: int) -> int:
    """Return the number of studies per shard: a multiple of 16 that makes about 64 shards, at most 1,024."""
    return min(LARGEST, max(SMALLEST, -(-studies // (SHARDS * SMALLEST)) * SMALLEST))


class Plan:
    """The plan of a batch, opened in its folder.

    Parameters
    ----------
    folder : Folder
        The folder of the results.

    Raises
    ------
    DataError
        The plan is damaged or of another version.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        try:
            self._file = pq.ParquetFile(folder.open(PLAN))
            metadata = self._file.metadata.metadata or {}
            self.terms = msgspec.json.decode(metadata[KEY], type=Terms)
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise DataError(
                f"{PLAN} is damaged", subject=str(folder), remedy="write to another folder"
            ) from error
        if self.terms.version != VERSION:
            raise DataError(
                f"{PLAN} is of version {self.terms.version}, not {VERSION}",
                subject=str(folder),
                remedy="write to another folder",
            )

    def shard(self, number: int) -> list[Planned]:
        """Return the studies of a shard, counted from 0."""
        rows = self._file.read_row_group(number).to_pylist()
        return [Planned(row["id"], tuple(row["files"]), tuple(row["warnings"]), row["size"]) for row in rows]


def write_plan(
    folder: Folder,
    found: Found,
    *,
    source: str,
    split: str,
    bundle: str,
    options: str,
    shard_size: int | None,
) -> None:
    """Write the plan of a batch, unless another process has written it in the meantime."""
    size = shard_size or default_shard_size(found.count)
    studies = iter(found.studies)
    images = total = written = 0
    with (
        folder.create(PLAN, replace=False) as file,
        pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer,
    ):
        while rows := list(islice(studies, size)):
            images += sum(len(study.files) for study in rows)
            total += sum(study.size for study in rows)
            written += len(rows)
            columns = [
                [study.id for study in rows],
                [study.files for study in rows],
                [study.warnings for study in rows],
                [study.size for study in rows],
            ]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), row_group_size=size)
        terms = Terms(source, found.root, split, bundle, options, written, images, total, size)
        writer.add_key_value_metadata({KEY: msgspec.json.encode(terms)})
