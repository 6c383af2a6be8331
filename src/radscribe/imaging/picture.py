"""PNG, JPEG, BMP, TIFF and WebP to a `Radiograph`."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from radscribe.errors import ImageError
from radscribe.imaging.limits import MAX_PIXELS, check_size, one_line
from radscribe.imaging.radiograph import Provenance, Radiograph

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "JPEG2000")
ORIENTATION = 0x0112  # of EXIF; 1 is upright
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
WITHOUT_RANGE = {"I": "32-bit", "F": "floating-point"}


def read_picture(path: str | PathLike[str], file: BinaryIO | None = None) -> Radiograph:
    """Pixels by the file's own full range: 8 bits over 255, 16 bits over 65535; EXIF orientation applied.

    Parameters
    ----------
    file : read, and closed, in place of the file at `path`, which then only names it in errors.

    Raises
    ------
    ImageError : damaged, too large, of several frames, or of samples whose range nothing defines.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; check_size judges sizes
            # Opened here, as Pillow 13 maps a TIFF that it opens itself, and scrambles one turned by 90°.
            with (
                nullcontext(file) if file else Path(path).open("rb") as opened,
                Image.open(opened, formats=FORMATS) as image,
            ):
                check_size(*image.size, path)
                # MPO is a JPEG with a second picture behind it, as phones write: the first one counts.
                frames = int(getattr(image, "n_frames", 1))
                if frames > 1 and image.format != "MPO":
                    raise ImageError(
                        f"holds {frames} pictures", subject=path, remedy="save the one that is meant"
                    )
                kind = str(image.format)
                turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
                image.load()  # turns a TIFF by itself, once
                upright = ImageOps.exif_transpose(image) if turned else image  # it copies what is upright
                pixels, bits = _grey(upright, path)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # Pillow refuses the largest before `check_size` can
        raise ImageError(
            "claims more pixels than any radiograph has",
            subject=path,
            remedy=f"give an image of at most {MAX_PIXELS // 1_000_000} megapixels",
        ) from error
    except Exception as error:  # the boundary to decoders, which raise a dozen kinds on damaged files
        raise ImageError(
            f"is damaged or cut short ({one_line(error)})", subject=path, remedy="copy or export it again"
        ) from error
    steps = ("orientation",) if turned else ()
    return Radiograph(pixels, provenance=Provenance(path=str(path), format=kind, bits=bits, steps=steps))


def from_image(image: Image.Image, subject: str | PathLike[str]) -> Radiograph:
    """Turn an image that Pillow holds into a radiograph; EXIF orientation is applied."""
    check_size(*image.size, subject)
    upright = ImageOps.exif_transpose(image)
    pixels, bits = _grey(upright, subject)
    return Radiograph(pixels, provenance=Provenance(format=image.format or "image", bits=bits))


def _grey(image: Image.Image, path: str | PathLike[str]) -> tuple[npt.NDArray[np.float32], int]:
    """Float32 `[H, W]` in 0..1, and the bits of a sample."""
    # "I" is how Pillow before 11.3 gives a 16-bit PNG.
    if image.mode in SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG"):
        return _scaled(image, 65535), 16
    if image.mode in WITHOUT_RANGE:
        raise ImageError(
            f"has {WITHOUT_RANGE[image.mode]} samples, whose black and white nothing defines",
            subject=path,
            remedy="save it with 8 or 16 bits",
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return _scaled(image if image.mode == "L" else image.convert("L"), 255), 8


def _scaled(image: Image.Image, white: int) -> npt.NDArray[np.float32]:
    pixels = np.asarray(image).astype(np.float32)
    pixels /= np.float32(white)
    return pixels
