"""Small pictures of studies as data URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

LARGEST = 384  # pixels of the longer side
QUALITY = 72


def data_uri(path: Path) -> str | None:
    """Return a JPEG of at most 384 pixels in base64; None if Pillow cannot read the file."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            picture: Image.Image = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I") or picture.mode == "F":  # more than 8 bits a pixel
                pixels = np.asarray(picture, dtype=np.float64)
                low, high = float(pixels.min()), float(pixels.max())
                picture = Image.fromarray(np.uint8((pixels - low) / max(high - low, 1) * 255))
            picture = picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")
            picture.thumbnail((LARGEST, LARGEST))
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def of_study(paths: list[str], root: Path, most: int = 2) -> list[str]:
    """Return the first pictures of a study that can be shown."""
    found = (data_uri(root / path) for path in paths if (root / path).is_file())
    return [uri for uri in found if uri is not None][:most]


def overlay(name: str, folder: Path | None) -> str | None:
    """Return the overlay of a study, a picture named by its id."""
    if folder is None:
        return None
    safe = name.replace("/", "_")
    for suffix in (".png", ".jpg", ".jpeg"):
        if (path := folder / f"{safe}{suffix}").is_file():
            return data_uri(path)
    return None
