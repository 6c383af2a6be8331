"""What is captioned: the files of a folder, or phantoms drawn for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radscribe import phantom
from radscribe.errors import UsageError
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.inference.captioner import Captioner
from radscribe.inference.studies import images_in

DRAWN = 4  # distinct phantoms: each takes a second to draw
SIDE = 1024  # of a phantom, as of NIH's PNG files


def drawn(folder: Path, count: int) -> list[Path]:
    """At most `DRAWN` phantoms, 8-bit PNG."""
    files = [folder / f"phantom{seed}.png" for seed in range(min(count, DRAWN))]
    for seed, file in enumerate(files):
        phantom.save(phantom.draw(seed, size=SIDE), file)
    return files


def found(folder: Path, count: int, captioner: Captioner) -> list[Path]:
    """The first files of a folder that get a caption: those alone cost both sides of a comparison alike.

    Raises
    ------
    UsageError
        There are none.
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
    """`count` files, the same ones over and over."""
    return list(islice(cycle(files), count))


def decoded(files: Sequence[Path], size: int) -> npt.NDArray[np.float32]:
    """The encoder's input of each file, `[N, 1, S, S]`."""
    tensors = {file: resize(read(file).pixels, size, size)[None] for file in dict.fromkeys(files)}
    return np.stack([tensors[file] for file in files])
