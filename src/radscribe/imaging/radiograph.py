"""`Radiograph`: one image as the rest of radscribe sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

View = Literal["PA", "AP", "frontal", "lateral", "unknown"]
"""How the beam went. `frontal` is PA or AP where the file does not say which."""

FRONTAL: frozenset[View] = frozenset({"PA", "AP", "frontal"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the pixels came from, and what was done to them on the way.

    No field identifies a person: DICOM identifiers other than the UIDs that group files are not read.
    """

    path: str | None = None
    format: str = "array"  # "DICOM", "PNG", "JPEG", ...
    bits: int | None = None  # stored bits a sample
    photometric: str | None = None  # DICOM photometric interpretation, as stored
    transfer_syntax: str | None = None  # DICOM UID
    study_uid: str | None = None  # StudyInstanceUID: files that share it are one study
    instance_uid: str | None = None  # SOPInstanceUID
    steps: tuple[str, ...] = ()  # e.g. ("rescale", "window", "invert"), in the order they were applied


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One radiograph.

    Parameters
    ----------
    pixels : float32 `[H, W]` in 0..1, bright is dense (MONOCHROME1 already inverted).
    view : how the beam went, as far as the file says.
    provenance : where it came from.
    """

    pixels: npt.NDArray[np.float32]
    view: View = "unknown"
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels must be float32 [H, W], not {self.pixels.dtype} {self.pixels.shape}")

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])
