"""What every measurement is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from radscribe.bench import images
from radscribe.bench.scale import Scale
from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import BundleSpec
from radscribe.imaging.reader import read
from radscribe.inference.captioner import Captioner
from radscribe.runtime.onnx_session import available_cores


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle, loaded."""

    folder: Path
    spec: BundleSpec
    captioner: Captioner

    @classmethod
    def of(cls, bundle: str | Path | None) -> Opened:
        folder = bundle_format.locate(bundle)
        captioner = Captioner(folder)
        return cls(folder, captioner.spec, captioner)

    @property
    def encoder(self) -> Path:
        """The encoder's graph."""
        return self.folder / self.spec.encoder.file


@dataclass(frozen=True, slots=True)
class Setting:
    """A bundle, what it is compared with, and images; each file is a study of its own.

    Parameters
    ----------
    threads : int
        Every core that this process may use, for all sides.
    """

    bundle: Opened
    against: Opened | None
    files: tuple[Path, ...]
    drawn: bool
    scale: Scale
    threads: int

    def describe_images(self) -> str:
        """What the files are, for the table's head."""
        sizes = sorted({read(file).pixels.shape for file in self.files})
        (height, width), (top, right) = sizes[0], sizes[-1]
        of = f"{width} x {height}" + (f" to {right} x {top}" if len(sizes) > 1 else "")
        kinds = ", ".join(sorted({file.suffix.lstrip(".").upper() or "DICOM" for file in self.files}))
        what = "phantom" if self.drawn else "file"
        return f"{len(self.files)} {what}{'s' * (len(self.files) > 1)} of {of} ({kinds}), repeated"


@contextmanager
def prepare(bundle: str | None, against: str | None, folder: Path | None, scale: Scale) -> Iterator[Setting]:
    """Load the bundles and find or draw the images, which are gone afterwards.

    Raises
    ------
    BundleError
        There is no such bundle, or it is damaged.
    UsageError
        `folder` holds no image that gets a caption.
    """
    own, other = Opened.of(bundle), Opened.of(against) if against else None
    with TemporaryDirectory() as temporary:
        files = (
            images.found(folder, scale.images, own.captioner)
            if folder
            else images.drawn(Path(temporary), scale.images)
        )
        yield Setting(own, other, tuple(files), folder is None, scale, available_cores())
