"""From files to the encoder's input: read, check, and leave out images with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError
from radscribe.imaging.chest_check import ChestCheck, ChestChecker
from radscribe.imaging.exposure import picture
from radscribe.imaging.radiograph import View
from radscribe.inference.inputs import StudyInput, read_image

LATERAL = "this is a lateral view, which the model has not learned to read"


@dataclass(slots=True)
class Prepared:
    """A study on its way: images `[1, S, S]` that the encoder shall see, and what happened to the others."""

    study: StudyInput
    images: list[npt.NDArray[np.float32]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # of the images
    views: list[View] = field(default_factory=list)  # of the images, as the file says or else as they look
    originals: list[npt.NDArray[np.uint8]] = field(default_factory=list)  # [H, W] of the images, if kept
    forced: bool = False  # an image of it would have been refused
    warnings: list[str] = field(default_factory=list)
    context: tuple[str, ...] = ()  # what the caption is written with beside the images
    errors: dict[str, str] = field(default_factory=dict)  # file → why it could not be read
    refusals: dict[str, str] = field(default_factory=dict)  # file → why it is not to be captioned


class Preparer:
    """Reads and checks the images of studies; may be used from several threads."""

    def __init__(self, size: int, views: tuple[str, ...]) -> None:
        self._check = ChestChecker()
        self._size, self._lateral = size, "lateral" in views

    def __call__(
        self, study: StudyInput, force: bool = False, keep_originals: bool = False, *, exact: bool = True
    ) -> Prepared:
        """Prepare a study; with `force` what would be refused is kept, under a warning.

        Parameters
        ----------
        keep_originals : bool
            Keep the images' own pixels too, in 8 bits, for pictures of them.
        exact : bool
            Decode JPEG and JPEG 2000 at full resolution.
        """
        prepared = Prepared(study, warnings=list(study.warnings))
        if study.refused:
            prepared.refusals = dict.fromkeys(study.files, study.refused)
            return prepared
        for image, file in zip(study.images, study.files, strict=True):
            try:
                whole = read_image(image) if keep_originals else None
                film = whole if whole and exact else read_image(image, size=self._size, exact=exact)
            except ImageError as error:
                prepared.errors[file] = str(error)
                continue
            seen = picture(film.pixels, self._size)
            check = self._check.check(seen.pixels, film.view)
            reason = self._refusal(check)
            if reason and not force:
                prepared.refusals[file] = reason
                continue
            if reason:
                prepared.forced = True
                prepared.warnings.append(f"captioned by force: {reason} ({file})")
            prepared.warnings += [f"{note} ({file})" for note in (*seen.warnings, *film.provenance.notes)]
            prepared.images.append(seen.pixels[None])
            if whole:
                prepared.originals.append(np.rint(whole.pixels * np.float32(255)).astype(np.uint8))
            prepared.files.append(file)
            prepared.views.append(check.view)
        if prepared.images and len(study.images) > 1:
            count = f"{len(prepared.files)} of {len(study.images)} images"
            prepared.warnings.append(f"written from {count}: {', '.join(_short(prepared.files))}")
        if prepared.images:  # the caption also reports the images that were left out
            prepared.warnings += [f"left out: {error}" for error in prepared.errors.values()]
            prepared.warnings += [f"left out: {file}: {why}" for file, why in prepared.refusals.items()]
        return prepared

    def _refusal(self, check: ChestCheck) -> str | None:
        if check.refused:
            return check.refused
        return LATERAL if check.view == "lateral" and not self._lateral else None


def _short(files: Sequence[str]) -> list[str]:
    """The last parts of paths, if these tell the files apart."""
    names = [PurePath(file).name or file for file in files]
    return names if len(set(names)) == len(names) else list(files)
