"""Studies to leave out of a manifest, by a list of ids: `radscribe prepare --exclude FILE`."""

from __future__ import annotations

from pathlib import Path

from radscribe.data.image_names import image_key, iu_uid
from radscribe.data.study import Study
from radscribe.errors import DataError


class Excluded:
    """A list of names, one per line: ids of studies or patients, or names of images.

    Indiana studies are also found by their number: `45` stands for `CXR45` and `CXR45_IM-2111`. Blank lines
    and lines that start with ``#`` do not count.

    Parameters
    ----------
    path : Path
        The text file.

    Raises
    ------
    DataError
        The file cannot be read, or names nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.studies = path, 0
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise DataError(
                f"cannot be read: {reason}", subject=path, remedy="give a text file with one id per line"
            ) from error
        self._names = {line for line in lines if line and not line.startswith("#")}
        self._keys = {image_key(name): name for name in self._names}
        self._used: set[str] = set()
        if not self._names:
            raise DataError("names no study", subject=path, remedy="give a text file with one id per line")

    def __contains__(self, study: Study) -> bool:
        """Whether a study is to be left out; it is counted."""
        ids = {study.id, study.patient_id, iu_uid(study.id)}
        found = {name for name in ids if name is not None} & self._names
        keys = (image_key(image.path) for image in study.images)
        found |= {self._keys[key] for key in keys if key in self._keys}
        self._used |= found
        self.studies += bool(found)
        return bool(found)

    @property
    def note(self) -> str:
        """How many studies were left out, and how many names of the list fit none."""
        unused = sorted(self._names - self._used)
        text = f"left out {self.studies:,} studies that {self.path.name} names"
        if unused:
            text += f"; {len(unused):,} of its {len(self._names):,} lines fit no study, such as {unused[0]}"
        return text
