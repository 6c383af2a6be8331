"""Finds the images of a download, even if they were moved, renamed or converted since.

Collections are kept as the original files or as copies of another format or size. So an image is found by its
name without the suffix: `1000_IM-0003-1001.jpg` for the table's `1000_IM-0003-1001.dcm.png`. Copies of
Indiana University images also differ in their prefix: the DICOM archive and Kaggle say `54_IM-2145-1001`,
Open-i's PNG archive `CXR54_IM-2145-1001`, and its XML `CXR1_1_IM-0001-3001` for the first study. R2Gen
renames the images of `CXR54_IM-2145` to `0.png` and `1.png`.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from radscribe.errors import UsageError
from radscribe.imaging.header import IMAGE_SUFFIXES

_PREFERRED = (".png", ".jpg", ".jpeg", ".dcm")
SUFFIXES = (*_PREFERRED, *sorted(IMAGE_SUFFIXES - set(_PREFERRED)))
"""Suffixes of image files; if a folder has several copies of an image, the first of these is preferred."""
KEPT = 64  # folders whose listing is remembered
_SUFFIX = re.compile(rf"(?:{'|'.join(map(re.escape, SUFFIXES))})+$", re.I)
_PREFIX = re.compile(r"^cxr(?:\d+_(?=\d+_im-)|(?=\d+_im-))", re.I)
_IU_STUDY = re.compile(r"^cxr(?P<uid>\d+)(?:_(?:\d+_)?im-.*)?$", re.I)


def image_key(name: str) -> str:
    """The key that all names of one image share: the file name without suffixes, prefix and capitals."""
    return bare_name(name).lower()


def bare_name(name: str) -> str:
    """The file name of an image without suffixes and prefix."""
    return _PREFIX.sub("", _SUFFIX.sub("", name.replace("\\", "/").rpartition("/")[2]))


def study_key(study_id: str) -> str | None:
    """The start of the keys of a study's images, for Indiana studies in R2Gen's annotation.json."""
    return _PREFIX.sub("", study_id).lower() if _PREFIX.match(study_id) else None


def iu_uid(study_id: str) -> str | None:
    """The number of an Indiana study in Kaggle's tables: `2384` for `CXR2384` and `CXR2384_IM-0942`."""
    match = _IU_STUDY.match(study_id)
    return match["uid"] if match else None


class ImageFiles:
    """Finds images below `root` by the names that a dataset's tables give them.

    An image is looked for by its exact name first, then by its name without suffixes. The first of `folders`
    that has it wins.

    Parameters
    ----------
    root : Path
        The folder that the resulting paths start from.
    folders : iterable of str
        Folders below `root` to look in, the preferred one first.
    deep : bool
        Also look in all folders below, by only the file's name.
    """

    def __init__(self, root: Path, folders: Iterable[str] = (".",), deep: bool = False) -> None:
        self.root = root
        names = list(folders)
        self._folders = [name for name in names if (root / name).is_dir()]
        self._home = (self._folders or names)[0]
        self._deep = deep
        self._anywhere: dict[str, str | None] | None = None
        self._listing = lru_cache(KEPT)(self._list)

    def path(self, name: str) -> str:
        """The path of an image; if it is not there, the path that it would have in the preferred folder."""
        return self.find(name) or _join(self._home, name)

    def find(self, name: str) -> str | None:
        """The path of an image below `root`, or None if no file has its name."""
        below, _, file = name.rpartition("/")
        for folder in self._folders:
            place = _join(folder, below) if below else folder
            names = self._listing(place)
            found = file if names.get(file) == file else names.get(image_key(file))
            if found is not None:
                return _join(place, found)
        return self._elsewhere().get(image_key(file)) if self._deep else None

    def _list(self, folder: str) -> dict[str, str]:
        """The files of a folder by name and by key."""
        try:
            with os.scandir(self.root / folder) as entries:
                found = sorted((entry.name for entry in entries), key=_rank, reverse=True)
        except (OSError, ValueError):  # no such folder, or a name that no file can have
            return {}
        return {image_key(name): name for name in found} | {name: name for name in found}

    def _elsewhere(self) -> dict[str, str | None]:
        """Every image below `root` by key; None for a key that several folders have."""
        if self._anywhere is None:
            self._anywhere = {}
            for path in image_paths(self.root):
                key = image_key(path)
                self._anywhere[key] = None if key in self._anywhere else path
        return self._anywhere


def images_folder(src: Path, images: str) -> Path | None:
    """The folder that `--set images=DIR` names: in the download, or from the working directory.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if not images:
        return None
    base = src if src.is_dir() else src.parent
    for folder in (base / images, Path(images)):
        if folder.is_dir():
            return folder
    raise UsageError(f"--set images={images}: there is no such folder", remedy=f"name one, or one in {base}")


def image_files(src: Path, folders: Iterable[str], images: str = "") -> ImageFiles:
    """The images of a download: in its own folders, or in the folder that the user names."""
    folder = images_folder(src, images)
    if folder is None:
        return ImageFiles(src if src.is_dir() else src.parent, folders)
    return ImageFiles(folder, (".",), deep=True)


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image file, read from its header.

    Returns
    -------
    tuple of int, or None
        None if the file is not an image whose header can be read.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.size
    except (FileNotFoundError, NotADirectoryError):
        raise
    except UnidentifiedImageError:
        return _dicom_size(path)
    except Exception:  # noqa: BLE001 - decoders raise a dozen kinds on damaged files
        return None


def _dicom_size(path: Path) -> tuple[int, int] | None:
    from radscribe.imaging.header import read_header

    header = read_header(path)
    return (header.width, header.height) if header.width and header.height else None


def _join(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def image_paths(root: Path) -> Iterator[str]:
    """Paths of all image files below a folder, by their suffix."""
    for folder, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        below = Path(folder).relative_to(root).as_posix()
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield _join(below, name)


def _rank(name: str) -> tuple[int, str]:
    lowered = name.lower()
    return next((place for place, end in enumerate(SUFFIXES) if lowered.endswith(end)), len(SUFFIXES)), name
