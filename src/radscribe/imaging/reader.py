"""`read`: anything that may hold a radiograph, to a `Radiograph`. The first bytes decide what a file is."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError, UsageError
from radscribe.imaging.header import HEAD, kind_of_bytes
from radscribe.imaging.limits import MAX_PIXELS, MIN_SIDE, check_pixels, check_size
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.imaging.resize import resize

if TYPE_CHECKING:
    pass

__all__ = ["MIN_SIDE", "check_pixels", "decode", "kind_of", "read"]

Source = "str | PathLike[str] | bytes | BinaryIO | Image | npt.NDArray[Any] | Dataset"
ACCEPTED = "give a path, bytes, a binary file, a PIL image, a numpy array or a pydicom Dataset"
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


class Options(NamedTuple):
    """Parameters of `read`."""

    size: int | None = None
    exact: bool = False
    max_pixels: int = MAX_PIXELS


def read(
    source: Any, *, size: int | None = None, exact: bool = False, max_pixels: int = MAX_PIXELS
) -> Radiograph:
    """Read one radiograph.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, numpy array or pydicom Dataset
        - Files and bytes: DICOM, PNG, JPEG, BMP, TIFF, WebP or JPEG 2000; the first bytes decide which. A
          file object is read from its start and left open.
        - PIL images: 8 bits over 255, 16 bits over 65535; colour becomes luminance.
        - Arrays `[H, W]`, `[H, W, 1]`, RGB `[H, W, 3]` or RGBA `[H, W, 4]` (alpha is ignored), bright is
          dense. Integers are taken over the full range of their type and booleans as black and white. Floats
          in 0..1 are not scaled; other floats are scaled from their smallest to their largest value.
        - Datasets: by the rules of DICOM.
    size : int, optional
        Side in pixels of the square to resize the image to while it is read, which is faster than reading
        all of it (default: keep the size). `provenance.size` has the original height and width.
    exact : bool
        With `size`: decode JPEG and JPEG 2000 at full resolution (default: at the lowest resolution that has
        at least twice as many pixels as needed; the resized image then differs slightly).
    max_pixels : int
        Larger images are refused before they are decoded (default: 67 megapixels).

    Returns
    -------
    Radiograph
        Pixels are float32 `[H, W]`, or `[size, size]`, in 0..1, bright is dense.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, too large, smaller than 64 pixels, of one constant value, or
        not an image of a single frame.
    UsageError
        If `source` is none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> import radscribe
    >>> film = radscribe.read(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    >>> film.pixels.shape, film.pixels.dtype, film.view
    ((64, 64), dtype('float32'), 'unknown')
    """
    radiograph = decode(source, size=size, exact=exact, max_pixels=max_pixels)
    check_pixels(radiograph.pixels, subject_of(source), radiograph.provenance.size)
    return radiograph


def subject_of(source: Any) -> str | PathLike[str]:
    """Name of a source in errors: its path, or else its kind."""
    if isinstance(source, (str, PathLike)):
        return Path(source)
    return str(getattr(source, "name", "image"))


def decode(
    source: Any, *, size: int | None = None, exact: bool = False, max_pixels: int = MAX_PIXELS
) -> Radiograph:
    """Read an image, even one that is small or of one value; otherwise the same as `read`.

    Raises
    ------
    ImageError, UsageError
        As `read` does.
    """
    subject = subject_of(source)
    options = Options(size, exact, max_pixels)
    if isinstance(source, (str, PathLike)):
        return _read_path(Path(source), options)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _read_file(io.BytesIO(source), subject, options)
    if isinstance(source, np.ndarray):
        return from_array(source, options)
    if hasattr(source, "read") and hasattr(source, "seek"):
        source.seek(0)
        return _read_file(source, subject, options)
    if _is_a("PIL.Image", "Image", source):
        from radscribe.imaging.picture import from_image

        return from_image(source, subject, size, max_pixels=max_pixels)
    if _is_a("pydicom.dataset", "Dataset", source):
        buffer = io.BytesIO()
        try:
            source.save_as(buffer, enforce_file_format=False)
        except Exception as error:  # the boundary to pydicom
            raise ImageError(
                "is a Dataset that cannot be encoded", subject=subject, remedy="give the file instead"
            ) from error
        buffer.seek(0)
        return _read_file(buffer, subject, options)
    raise UsageError(f"cannot read an image from {type(source).__name__}", remedy=ACCEPTED)


def _is_a(module: str, name: str, value: object) -> bool:
    """Whether a value is of a class, without importing that class."""
    import sys

    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def _read_path(path: Path, options: Options) -> Radiograph:
    try:
        with path.open("rb") as file:
            return _read_file(file, path, options)
    except FileNotFoundError:
        raise ImageError("there is no such file", subject=path, remedy="check the path") from None
    except IsADirectoryError:
        raise ImageError("is a directory", subject=path, remedy="name the files in it") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or "the path holds a null byte"
        raise ImageError(f"cannot be opened: {reason}", subject=path, remedy="check the path") from error


def _read_file(file: BinaryIO, subject: str | PathLike[str], options: Options) -> Radiograph:
    head = file.read(HEAD)
    file.seek(0)
    if kind_of(head, subject) == "dicom":
        from radscribe.imaging.dicom import read_dicom

        return read_dicom(file, subject, options.size, exact=options.exact, max_pixels=options.max_pixels)
    from radscribe.imaging.picture import read_picture

    return read_picture(subject, file, options.size, exact=options.exact, max_pixels=options.max_pixels)


def kind_of(head: bytes, subject: str | PathLike[str]) -> Literal["dicom", "picture"]:
    """Tell what a file that starts with these 132 bytes is.

    Raises
    ------
    ImageError
        If it is empty, or neither DICOM nor a picture.
    """
    if not head:
        raise ImageError("is empty (0 bytes)", subject=subject, remedy="copy or export it again")
    kind = kind_of_bytes(head)
    if kind == "other":
        raise ImageError(
            "is not an image that radscribe reads",
            subject=subject,
            remedy="give a DICOM, PNG, JPEG, BMP, TIFF or WebP file",
        )
    return "dicom" if kind == "DICOM" else "picture"


def from_array(array: npt.NDArray[Any], options: Options | None = None) -> Radiograph:
    """Turn an array into a radiograph, as `read` documents it."""
    grey = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    colour = array.ndim == 3 and array.shape[-1] in (3, 4)
    if not (grey.ndim == 2 or colour) or array.dtype.kind not in "biuf" or array.size == 0:
        raise UsageError(
            f"cannot read an image from an array of {array.dtype} {list(array.shape)}",
            remedy="give numbers of shape [H, W], [H, W, 3] or [H, W, 4]",
        )
    options = options or Options()
    check_size(array.shape[1], array.shape[0], "array", options.max_pixels)
    bits = None if array.dtype.kind == "f" else 1 if array.dtype.kind == "b" else 8 * array.dtype.itemsize
    pixels = np.empty(grey.shape[:2], np.float32)
    low, high = _range(grey)
    for top in range(0, len(grey), 64):  # in bands, so that nothing of full size is made twice
        band = grey[top : top + 64].astype(np.float64)
        band = (band - low) / (high - low)
        pixels[top : top + 64] = band[..., :3] @ LUMA if colour else band
    shape = (array.shape[0], array.shape[1])
    if options.size is not None:
        pixels = resize(pixels, options.size, options.size)
    return Radiograph(pixels, provenance=Provenance(format="array", bits=bits, size=shape))


def _range(array: npt.NDArray[Any]) -> tuple[float, float]:
    """The values that are black and white."""
    if array.dtype.kind == "b":
        return 0.0, 1.0
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        return float(limits.min), float(limits.max)
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("holds values that are not numbers", subject="array")
    return (0.0, 1.0) if (low >= 0 and high <= 1) or low == high else (low, high)
