"""Names of one image in all the copies that collections hold.

Copies differ in their suffix, and the Indiana University images also in their prefix: the DICOM archive and
Kaggle say `54_IM-2145-1001`, Open-i's PNG archive `CXR54_IM-2145-1001`, and its XML `CXR1_1_IM-0001-3001` for
the first study. R2Gen renames the images of `CXR54_IM-2145` to `0.png` and `1.png`.
"""

from __future__ import annotations

import re

from radscribe.imaging.header import IMAGE_SUFFIXES

_PREFERRED = (".png", ".jpg", ".jpeg", ".dcm")
SUFFIXES = (*_PREFERRED, *sorted(IMAGE_SUFFIXES - set(_PREFERRED)))
"""Suffixes of image files; if a folder has several copies of an image, the first of these is preferred."""
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
