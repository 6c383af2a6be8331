"""Files of tensors."""

from __future__ import annotations

from pathlib import Path

import torch

from radscribe.files import writing


def save_tensors(value: object, path: Path) -> None:
    """Save with `torch.save`; a file that cannot be written whole is removed.

    Raises
    ------
    OutputError
        The disk is full, or the file cannot be written for another reason. torch says so by a `RuntimeError`
        about positions.
    """
    try:
        with writing(path):
            try:
                with path.open("wb") as file:
                    torch.save(value, file)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
