"""`Radiograph`: one image as the rest of radscribe sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

View = Literal["PA", "AP", "frontal", "lateral", "unknown"]
"""How the beam went. `frontal` is PA or AP if the file does not say which."""

FRONTAL: frozenset[View] = frozenset({"PA", "AP", "frontal"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of the pixels, and the steps that were applied to them.

    No field identifies a person, apart from the UIDs that group DICOM files.

    Attributes
    ----------
    path : str or None
        The file.
    format : str
        "DICOM", "PNG", "JPEG", "array" and so on.
    bits : int or None
        Bits stored per sample.
    photometric : str or None
        DICOM photometric interpretation, as stored.
    transfer_syntax : str or None
        DICOM UID.
    study_uid : str or None
        StudyInstanceUID: files that share it are one study.
    instance_uid : str or None
        SOPInstanceUID.
    steps : tuple of str
        Steps that were applied, in order, such as ("modality", "window", "invert").
    size : (int, int) or None
        Height and width of the image in the file.
    notes : tuple of str
        What of the file was ignored or corrected, each a phrase for users.
    """

    path: str | None = None
    format: str = "array"
    bits: int | None = None
    photometric: str | None = None
    transfer_syntax: str | None = None
    study_uid: str | None = None
    instance_uid: str | None = None
    steps: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One radiograph.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values in 0..1, bright is dense (MONOCHROME1 already inverted).
    view : str
        How the beam went, as far as the file says: "PA", "AP", "frontal", "lateral" or "unknown".
    provenance : Provenance
        Where it came from.
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
