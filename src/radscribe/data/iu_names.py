"""The names that the Indiana University images go by in their four distributions.

The DICOM archive and Kaggle say `54_IM-2145-1001`, Open-i's PNG archive `CXR54_IM-2145-1001`, its XML
`CXR1_1_IM-0001-3001` for the first study; R2Gen renames the images of `CXR54_IM-2145` to `0.png`, `1.png`.
"""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"(?:\.(?:dcm|dicom|png|jpe?g|webp|bmp|tiff?))+$", re.I)
_PREFIX = re.compile(r"^CXR(?:\d+_(?=\d+_IM-)|(?=\d+_IM-))")


def image_key(name: str) -> str:
    """What all names of one image share: its file name without suffixes and the collection's prefix."""
    return _PREFIX.sub("", _SUFFIX.sub("", name.replace("\\", "/").rsplit("/", 1)[-1]))


def study_key(study_id: str) -> str | None:
    """What the keys of a study's images start with, for an IU study of R2Gen's annotation.json."""
    return _PREFIX.sub("", study_id) if _PREFIX.match(study_id) else None
