"""`clean`: the bytes of an upload → bytes that read as the same picture and say nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.limits import check_size
from radscribe.imaging.picture import read_picture
from radscribe.imaging.radiograph import View
from radscribe.imaging.reader import PICTURE_SIGNATURES, kind_of
from radscribe.serving.cleaning.dicom import clean_dicom
from radscribe.serving.cleaning.pictures import clean_jpeg, clean_png

PNG, JPEG = PICTURE_SIGNATURES[:2]


@dataclass(frozen=True, slots=True)
class CleanImage:
    """What is kept of an upload; `height` and `width` are those of the picture as it is read."""

    data: bytes
    suffix: str
    height: int
    width: int
    view: View = "unknown"


def clean(data: bytes, name: str, max_pixels: int, *, keep_identifiers: bool = False) -> CleanImage:
    """Take out of a file what is not needed to read the same pixels.

    DICOM keeps the elements that `imaging` reads, PNG and JPEG the compressed data as it is and the
    orientation; other pictures become PNG.

    Parameters
    ----------
    name : what the client calls the file; errors name it so.
    keep_identifiers : leave the bytes as they are, and only find out what the file is.

    Raises
    ------
    ImageError : no format that is read, damaged, or of more than `max_pixels`.
    """
    if kind_of(data[:132], name) == "dicom":
        cleaned, height, width, view = clean_dicom(data, name)
        image = CleanImage(cleaned, ".dcm", height, width, view)
    elif data.startswith(PNG):
        image = CleanImage(*clean_png(data, name))
    elif data.startswith(JPEG):
        image = CleanImage(*clean_jpeg(data, name))
    else:
        image = _as_png(data, name)
    check_size(image.width, image.height, name)
    if image.width * image.height > max_pixels:
        raise ImageError(
            f"has {image.width}x{image.height} pixels",
            subject=name,
            remedy=f"give an image of at most {max_pixels / 1e6:g} megapixels",
        )
    if keep_identifiers:
        suffix = image.suffix if data.startswith((PNG, JPEG)) or image.suffix == ".dcm" else ".image"
        return CleanImage(data, suffix, image.height, image.width, image.view)
    return image


def _as_png(data: bytes, name: str) -> CleanImage:
    """BMP, TIFF and WebP, whose levels of 8 or 16 bits a grey PNG holds exactly."""
    radiograph = read_picture(name, BytesIO(data))
    bits = radiograph.provenance.bits or 8
    levels = np.rint(radiograph.pixels * np.float32(2**bits - 1))
    buffer = BytesIO()
    Image.fromarray(levels.astype(np.uint16 if bits > 8 else np.uint8)).save(
        buffer, format="PNG", compress_level=1
    )
    return CleanImage(buffer.getvalue(), ".png", radiograph.height, radiograph.width)
