"""The inputs of every measurement: bundles, images, sizes, and the machine that the figures belong to."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe import phantom
from radscribe.bench.measuring import UNKNOWN
from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import BundleSpec
from radscribe.errors import UsageError
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.inference.captioner import Captioner
from radscribe.inference.studies import images_in
from radscribe.runtime.onnx_session import available_cores

PHANTOMS = 4  # distinct ones; each takes a second to draw
SIDE = 1024  # of a phantom, in pixels, like the PNG files of NIH
# Vector instructions that the float32 and int8 kernels of onnxruntime use: x86, then ARM.
VECTORS = (
    *("avx", "avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)
BUSY = 0.5  # load above which the machine was not idle


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to measure.

    Parameters
    ----------
    images : int
        Number of distinct files at most. Fewer phantoms are drawn.
    studies : int
        Number of studies captioned in one timed run.
    rounds : int
        How often the sides of a comparison run in turn.
    starts : int
        How often whole processes run.
    """

    images: int
    studies: int
    rounds: int
    starts: int


FULL = Scale(images=64, studies=128, rounds=7, starts=7)
QUICK = Scale(images=8, studies=32, rounds=3, starts=3)


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """A bundle and its captioner."""

    folder: Path
    spec: BundleSpec
    captioner: Captioner

    @classmethod
    def load(cls, bundle: str | Path | None) -> LoadedBundle:
        folder = bundle_format.locate(bundle)
        captioner = Captioner(folder)
        return cls(folder, captioner.spec, captioner)

    @property
    def encoder(self) -> Path:
        """Path of the encoder's graph."""
        return self.folder / self.spec.encoder.file


@dataclass(frozen=True, slots=True)
class Setting:
    """A bundle, another bundle to compare it with, and images.

    Parameters
    ----------
    bundle : LoadedBundle
        The bundle to measure.
    against : LoadedBundle, optional
        The bundle to compare with.
    files : tuple of Path
        Images, each its own study.
    drawn : bool
        Whether the files are phantoms.
    scale : Scale
        How much to measure.
    threads : int
        Number of threads for every side: all cores that this process may use.
    """

    bundle: LoadedBundle
    against: LoadedBundle | None
    files: tuple[Path, ...]
    drawn: bool
    scale: Scale
    threads: int

    def describe_images(self) -> str:
        """Describe the files in the words of the table's header."""
        sizes = sorted({read(file).pixels.shape for file in self.files})
        (height, width), (top, right) = sizes[0], sizes[-1]
        size = f"{width} x {height}" + (f" to {right} x {top}" if len(sizes) > 1 else "")
        kinds = ", ".join(sorted({file.suffix.lstrip(".").upper() or "DICOM" for file in self.files}))
        noun = "phantom" if self.drawn else "file"
        return f"{len(self.files)} {noun}{'s' * (len(self.files) > 1)} of {size} ({kinds}), repeated"

    def header(self) -> dict[str, Any]:
        """Describe the machine, the versions and the images."""
        return {
            "machine": machine(),
            "versions": versions(self.bundle.spec.id),
            "against": self.against and self.against.spec.id,
            "images": self.describe_images(),
            "threads": self.threads,
            "rounds": self.scale.rounds,
        }


@contextmanager
def prepare(bundle: str | None, against: str | None, folder: Path | None, scale: Scale) -> Iterator[Setting]:
    """Load the bundles, and find or draw the images. Drawn images are deleted afterwards.

    Raises
    ------
    BundleError
        A bundle does not exist or is damaged.
    UsageError
        `folder` holds no image that gets a caption.
    """
    own, other = LoadedBundle.load(bundle), LoadedBundle.load(against) if against else None
    with TemporaryDirectory() as temporary:
        files = (
            captioned_files(folder, scale.images, own.captioner)
            if folder
            else draw_phantoms(Path(temporary), scale.images)
        )
        yield Setting(own, other, tuple(files), folder is None, scale, available_cores())


def draw_phantoms(folder: Path, count: int) -> list[Path]:
    """Draw at most `PHANTOMS` chests as 8-bit PNG files."""
    files = [folder / f"phantom{seed}.png" for seed in range(min(count, PHANTOMS))]
    for seed, file in enumerate(files):
        phantom.save(phantom.draw(seed, size=SIDE), file)
    return files


def captioned_files(folder: Path, count: int, captioner: Captioner) -> list[Path]:
    """Find the first files of a folder that get a caption. A refused file would cost one side less.

    Raises
    ------
    UsageError
        No file gets a caption.
    """
    files = images_in(folder) if folder.is_dir() else []
    captions = captioner.stream(files)
    kept = list(islice((Path(caption.files[0]) for caption in captions if caption.text), count))
    if not kept:
        raise UsageError(
            "holds no image that gets a caption",
            subject=folder,
            remedy="name a folder of frontal chest radiographs",
        )
    return kept


def repeated(files: Sequence[Path], count: int) -> list[Path]:
    """Repeat the files in order until there are `count`."""
    return list(islice(cycle(files), count))


def encoder_inputs(files: Sequence[Path], size: int) -> npt.NDArray[np.float32]:
    """Decode and resize each file: float32 `[N, 1, size, size]`."""
    tensors = {file: resize(read(file).pixels, size, size)[None] for file in dict.fromkeys(files)}
    return np.stack([tensors[file] for file in files])


def machine() -> dict[str, Any]:
    """Describe processor, usable cores, memory, vector instructions and the load at the start."""
    processor = _text("/proc/cpuinfo")
    flags = (_field(processor, "flags") or _field(processor, "Features") or "").split()
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _text("/proc/meminfo"), re.M)
    return {
        "processor": _field(processor, "model name") or platform.processor() or UNKNOWN,
        "architecture": platform.machine() or UNKNOWN,
        "cores": available_cores(),
        "cores_of_machine": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "vectors": [name for name in VECTORS if name in flags],
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions(bundle: str) -> dict[str, str]:
    """List the versions of radscribe, Python, numpy and onnxruntime, and the id of the bundle."""
    import onnxruntime

    from radscribe._version import __version__

    return {
        "radscribe": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "bundle": bundle,
    }


def header_lines(header: dict[str, Any]) -> Iterator[str]:
    """Format the header of the table."""
    host, memory = header["machine"], header["machine"]["memory_gib"]
    yield (
        f"{host['processor']} ({host['architecture']}), {host['cores']} of {host['cores_of_machine']} cores, "
        f"{UNKNOWN if memory is None else f'{memory} GiB'}; {' '.join(host['vectors']) or UNKNOWN}"
    )
    yield ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    yield f"{header['images']}; {header['threads']} threads; {header['rounds']} rounds: median (min to max)"
    if host["load"] is not None and host["load"] > BUSY:
        yield f"! the machine was not idle at the start: load {host['load']} on {host['cores']} cores"
    yield ""


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*: (.+)$", text, re.M)
    return found[1].strip() if found else None


def _text(path: str) -> str:
    """Text of a system file. Empty if the file does not exist."""
    file = Path(path)
    return file.read_text(errors="replace") if file.is_file() else ""
