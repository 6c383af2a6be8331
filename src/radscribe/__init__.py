"""radscribe writes the first draft of a chest radiograph's report. Research output: not for diagnosis.

>>> import radscribe
>>> captioner = radscribe.load()
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radscribe._version import __version__

if TYPE_CHECKING:
    from radscribe.data.study import Study
    from radscribe.imaging.radiograph import Radiograph
    from radscribe.inference.caption import Caption
    from radscribe.inference.captioner import Captioner
    from radscribe.text.findings import ReportLabels

__all__ = ["Caption", "Captioner", "Radiograph", "Study", "__version__", "label", "load", "read"]

# Imported when they are asked for: `import radscribe` itself must cost nothing.
_HOMES = {
    "Caption": "radscribe.inference.caption",
    "Captioner": "radscribe.inference.captioner",
    "Radiograph": "radscribe.imaging.radiograph",
    "Study": "radscribe.data.study",
}


def load(bundle: str | Path | None = None, *, threads: int | None = None) -> Captioner:
    """Load a bundle for captioning; no torch is imported.

    Parameters
    ----------
    bundle : a bundle's folder, the name of an embedded one, `hf:owner/name` or `hf:owner/name@revision` for
        one on the Hugging Face Hub (extra `hub`), or None for the one in the package.
    threads : images that a stream reads and encodes at once; None takes every core.

    Raises
    ------
    BundleError : there is no such bundle, or a file of it is not the one that was exported.
    """
    from radscribe.inference.captioner import Captioner

    return Captioner(bundle, threads=threads)


def label(text: str) -> ReportLabels:
    """Find the findings that a radiology report asserts, denies or leaves open.

    Parameters
    ----------
    text : str
        An English report, with or without section headings. What stands under INDICATION, HISTORY,
        COMPARISON or TECHNIQUE is not labelled.

    Returns
    -------
    ReportLabels
        `findings` maps each finding that the report mentions to "present", "absent" or "uncertain";
        `mentions` has the words that say so and their character positions.

    Examples
    --------
    >>> import radscribe
    >>> labels = radscribe.label("Mild cardiomegaly. No pleural effusion.")
    >>> labels.findings
    {'Cardiomegaly': 'present', 'Effusion': 'absent'}
    >>> labels.mentions[1].text, labels.mentions[1].start, labels.mentions[1].end
    ('pleural effusion', 22, 38)
    """
    from radscribe.text.findings import ReportLabels, find, summarise

    mentions = find(text)
    return ReportLabels(summarise(mentions), tuple(mentions))


def read(source: Any, *, size: int | None = None, exact: bool = False) -> Radiograph:
    """Read one radiograph from a file, bytes, a PIL image, an array or a pydicom Dataset.

    See `radscribe.imaging.reader.read` for how each kind is interpreted.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, numpy array or pydicom Dataset
        What to read.
    size : int, optional
        Side in pixels of the square to resize the image to while it is read (default: as it is).
    exact : bool
        With `size`: decode JPEG and JPEG 2000 at full resolution (default: only as much as is needed).

    Returns
    -------
    Radiograph
        Pixels are float32 `[H, W]` in 0..1, bright is dense.

    Raises
    ------
    ImageError
        If it is damaged, too large, smaller than 64 pixels, of one constant value, or not a single image.

    Examples
    --------
    >>> import numpy as np
    >>> import radscribe
    >>> film = radscribe.read(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    >>> film.pixels.shape, film.view
    ((64, 64), 'unknown')
    """
    from radscribe.imaging import reader

    return reader.read(source, size=size, exact=exact)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'radscribe' has no attribute '{name}'")
