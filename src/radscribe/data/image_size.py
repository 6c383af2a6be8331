"""Width and height of an image file from its header, without decoding its pixels."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

Size = tuple[int, int]


def image_size(path: Path) -> Size | None:
    """`(width, height)`; None where the file is no image whose header can be read.

    Raises
    ------
    FileNotFoundError : there is no such file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.size
    except FileNotFoundError:
        raise
    except UnidentifiedImageError:
        return _dicom_size(path)
    except Exception:  # noqa: BLE001 - decoders raise a dozen kinds on damaged files
        return None


def _dicom_size(path: Path) -> Size | None:
    from radscribe.imaging.reader import is_dicom

    if not is_dicom(path):
        return None
    from pydicom import dcmread

    try:
        header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["Rows", "Columns"])
        return int(header.Columns), int(header.Rows)
    except Exception:  # noqa: BLE001 - as above
        return None
