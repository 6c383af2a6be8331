"""From files to the encoder's input: read, check, leave out what is not to be captioned, and say why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError
from radscribe.imaging.chest_check import ChestCheck, ChestChecker
from radscribe.imaging.radiograph import Radiograph, View
from radscribe.imaging.reader import check_pixels, read
from radscribe.imaging.resize import resize
from radscribe.inference.inputs import FileBytes, StudyInput

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
    errors: dict[str, str] = field(default_factory=dict)  # file → why it could not be read
    refusals: dict[str, str] = field(default_factory=dict)  # file → why it is not to be captioned


class Preparer:
    """Reads and checks the images of studies; may be used from several threads."""

    def __init__(self, size: int, views: tuple[str, ...]) -> None:
        self._check = ChestChecker()
        self._size, self._lateral = size, "lateral" in views

    def __call__(self, study: StudyInput, force: bool = False, keep_originals: bool = False) -> Prepared:
        """Prepare a study; with `force` what would be refused is kept, under a warning.

        Parameters
        ----------
        keep_originals : keep the images' own pixels too, in 8 bits, for pictures of them.
        """
        prepared = Prepared(study)
        for image, file in zip(study.images, study.files, strict=True):
            try:
                radiograph = _read(image)
            except ImageError as error:
                prepared.errors[file] = str(error)
                continue
            check = self._check([radiograph])[0]
            reason = self._refusal(check)
            if reason and not force:
                prepared.refusals[file] = reason
                continue
            if reason:
                prepared.forced = True
                prepared.warnings.append(f"captioned by force: {reason} ({file})")
            prepared.images.append(resize(radiograph.pixels, self._size, self._size)[None])
            if keep_originals:
                prepared.originals.append(np.rint(radiograph.pixels * np.float32(255)).astype(np.uint8))
            prepared.files.append(file)
            prepared.views.append(check.view)
        if prepared.images:  # what is left out of a study that gets a caption is told beside it
            prepared.warnings += [f"left out: {error}" for error in prepared.errors.values()]
            prepared.warnings += [f"left out: {file}: {why}" for file, why in prepared.refusals.items()]
        return prepared

    def _refusal(self, check: ChestCheck) -> str | None:
        if check.refused:
            return check.refused
        return LATERAL if check.view == "lateral" and not self._lateral else None


def _read(image: Path | FileBytes | Radiograph) -> Radiograph:
    if isinstance(image, Radiograph):
        check_pixels(image.pixels, image.provenance.path or "array")
        return image
    if isinstance(image, FileBytes):
        return _decode(image)
    if image.is_dir():  # a folder that holds images came as its files
        raise ImageError(
            "is a folder without images", subject=image, remedy="name DICOM or picture files, or their folder"
        )
    return read(image)


def _decode(image: FileBytes) -> Radiograph:
    with TemporaryDirectory(prefix="radscribe-") as folder:
        path = Path(folder) / "image"
        path.write_bytes(image.content)
        try:
            radiograph = read(path)
        except ImageError as error:
            raise ImageError(error.problem, subject=image.name, remedy=error.remedy) from error
    return replace(radiograph, provenance=replace(radiograph.provenance, path=image.name))
