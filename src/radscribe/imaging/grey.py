"""Stored values of a monochrome DICOM image to grey values in 0..1, through one lookup table.

The order is the standard's: stored value (PS3.5 8.1.1), Modality LUT or rescale (PS3.3 C.11.1), VOI LUT or
window (C.11.2), inversion of MONOCHROME1 (C.7.6.3.1.2). All of it is pointwise, so that it is computed once
for each value that a pixel may have, in float64, and then looked up. A display element that is broken, or
that would show the whole image in one grey, is ignored with a note: the standard makes all of them optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import RawDataElement

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

LEAST_SHOWN = 0.02  # share of the pixels that a window or table must tell apart
MOST_PADDING = 0.99  # share of the pixels beyond which Pixel Padding Value must be wrong


LUT_DATA = int(tag_for_keyword("LUTData") or 0)


class Cells(NamedTuple):
    """How stored values lie in the cells of an image (PS3.5 8.1.1).

    Attributes
    ----------
    allocated : int
        Bits of a cell: 8 or 16.
    stored : int
        Bits of a stored value.
    shift : int
        Bits of the cell below the stored value: High Bit + 1 - Bits Stored.
    signed : bool
        Two's complement.
    """

    allocated: int
    stored: int
    shift: int
    signed: bool

    def values(self, cells: Array) -> npt.NDArray[np.int64]:
        """Stored values of raw cells: what else a cell holds is overlay or rubbish."""
        values = (cells.astype(np.int64) >> self.shift) & ((1 << self.stored) - 1)
        if self.signed:
            values -= (values >> (self.stored - 1)) << self.stored
        return values

    @property
    def lowest(self) -> int:
        """The smallest value that can be stored."""
        return -(1 << (self.stored - 1)) if self.signed else 0


@dataclass(slots=True)
class Grey:
    """The lookup table of an image.

    Attributes
    ----------
    table : ndarray of float32
        Grey value in 0..1 by raw cell; padding is black.
    steps : list of str
        Steps that were applied, in order.
    notes : list of str
        Elements of the header that were ignored, and why.
    """

    table: npt.NDArray[np.float32]
    steps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def photometric_of(dataset: Dataset) -> str:
    """Return the Photometric Interpretation, however it is spelled: "monochrome1 " inverts as well."""
    name = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2").strip().upper()
    return name.replace(" ", "") if name.startswith("MONOCHROME") else name


def grey_table(dataset: Dataset, cells: Cells, counts: Counts, little_endian: bool) -> Grey:
    """Work out the lookup table of a monochrome image.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Its Modality LUT, VOI LUT, Pixel Padding and Photometric Interpretation.
    cells : Cells
        How stored values lie in the cells.
    counts : ndarray of int
        How many pixels have each raw cell, from 0 to the largest; shuttered pixels left out. Zero only where
        no pixel has it.
    little_endian : bool
        Byte order of lookup tables that are stored as bytes.
    """
    grey = Grey(np.zeros(0, np.float32))
    raw = np.arange(len(counts))
    stored = cells.values(raw)
    padding = _padding(dataset, cells, raw, stored, counts, grey)
    shown = (counts > 0) & ~padding
    weights = np.where(shown, counts, 0)
    values = _modality(dataset, cells, stored.astype(np.float64), weights, little_endian, grey)
    unit = _voi(dataset, cells, values, weights, little_endian, grey)
    if photometric_of(dataset) == "MONOCHROME1":
        unit = 1 - unit
        grey.steps.append("invert")
    if (counts[padding] > 0).any():
        grey.steps.append("padding")
    unit[padding] = 0.0  # not part of the patient: black, whatever the photometric interpretation
    grey.table = unit.astype(np.float32)
    return grey


def windowed(values: Array, centre: float, width: float, function: str = "LINEAR") -> Floats:
    """Apply a window to values, to 0..1.

    PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.1 (SIGMOID) and C.11.2.1.3.2 (LINEAR_EXACT).

    Parameters
    ----------
    values : ndarray
        Output of the Modality LUT.
    centre, width : float
        In the unit of `values`.
    function : str
        VOI LUT Function (0028,1056).
    """
    x = values.astype(np.float64)
    if function == "SIGMOID":
        y = 1 / (1 + np.exp(np.clip(-4 * (x - centre) / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        y = (x - centre) / width + 0.5
    elif width == 1:
        y = (x > centre - 0.5).astype(np.float64)
    else:
        y = (x - (centre - 0.5)) / (width - 1) + 0.5
    unit: Floats = np.clip(y, 0, 1)
    return unit


def over_range(values: Array, low: float, high: float) -> Floats:
    """Scale values linearly so that `low` becomes 0 and `high` becomes 1."""
    unit: Floats = np.clip((values.astype(np.float64) - low) / max(high - low, 1e-30), 0, 1)
    return unit


class _Ignored(Exception):
    """Reason why a display element is not applied."""


def _padding(
    dataset: Dataset, cells: Cells, raw: Array, stored: Array, counts: Counts, grey: Grey
) -> npt.NDArray[np.bool_]:
    """Cells outside the image: Pixel Padding Value to Pixel Padding Range Limit (PS3.3 C.7.5.1.1.2).

    The values are taken as bit patterns, because some writers give them the other sign.
    """
    none = np.zeros(len(raw), np.bool_)
    value, limit = (words(dataset, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if not value:
        return none
    padding: npt.NDArray[np.bool_] = raw == (value[0] & ((1 << cells.allocated) - 1))
    ends = [_stored(cells, word[0]) for word in (value, limit) if word]
    lowest, highest = cells.lowest, cells.lowest + (1 << cells.stored) - 1
    if len(ends) == 2 or lowest <= ends[0] <= highest:
        padding |= (stored >= min(ends)) & (stored <= max(ends))
    if counts[padding].sum() > MOST_PADDING * counts.sum():
        grey.notes.append("Pixel Padding Value ignored: it would remove the whole image")
        return none
    return padding


def _stored(cells: Cells, word: int) -> int:
    """A 16-bit pattern as a stored value."""
    if not cells.signed:
        return word
    if word < 1 << cells.stored:  # the sign stands in the highest stored bit
        return int(cells._replace(shift=0).values(np.array(word)))
    return word - (1 << 16) if word >= 1 << 15 else word


def _modality(
    dataset: Dataset, cells: Cells, stored: Floats, weights: Counts, little_endian: bool, grey: Grey
) -> Floats:
    """Modality LUT, or Rescale Slope and Intercept (PS3.3 C.11.1)."""
    for item in items(dataset, "ModalityLUTSequence", grey.notes):
        try:
            table = _read_table(item, little_endian)
            found = table.look_up(stored, weights, cells.signed, grey.notes, "Modality LUT")
        except _Ignored as reason:
            grey.notes.append(f"Modality LUT ignored: {reason}")
            continue
        grey.steps.append("modality")
        return found.astype(np.float64)
    slopes, intercepts = numbers(dataset, "RescaleSlope"), numbers(dataset, "RescaleIntercept")
    if not slopes and not intercepts:
        return stored
    slope = slopes[0] if slopes else 1.0
    intercept = intercepts[0] if intercepts else 0.0
    if not slope or intercept is None:
        grey.notes.append("Rescale Slope and Intercept ignored: they hold no usable numbers")
        return stored
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored * slope + intercept
        # A slope that shrinks all values to nothing beside the intercept leaves no image.
        usable = bool(np.isfinite(values).all()) and _distinct(values, weights) >= min(
            2, _distinct(stored, weights)
        )
    if not usable:
        grey.notes.append("Rescale Slope and Intercept ignored: they would show the image in one grey")
        return stored
    grey.steps.append("modality")
    return values


def _distinct(values: Array, weights: Counts) -> int:
    """1 where all pixels have one value, else 2; 0 without pixels."""
    shown = values[weights > 0]
    return int(bool(shown.size)) + int(bool(shown.size) and bool(shown.min() < shown.max()))


def _voi(
    dataset: Dataset, cells: Cells, values: Floats, weights: Counts, little_endian: bool, grey: Grey
) -> Floats:
    """VOI LUT, else window (PS3.3 C.11.2), else the range of the image, which the standard leaves open."""
    negative = _can_be_negative(dataset, cells, grey)
    for item in items(dataset, "VOILUTSequence", grey.notes):
        try:
            table = _read_table(item, little_endian)
            shown = table.look_up(values, weights, negative, grey.notes, "VOI LUT")
            full = table.full_scale(grey.notes)
        except _Ignored as reason:
            grey.notes.append(f"VOI LUT ignored: {reason}")
            continue
        grey.steps.append("voi-lut")
        return over_range(shown, 0, full)
    window = _window(dataset, values, weights, grey.notes)
    if window is not None:
        grey.steps.append("window")
        return window
    if cells.stored <= 8 and "modality" not in grey.steps:
        return over_range(values, cells.lowest, cells.lowest + (1 << cells.stored) - 1)
    grey.steps.append("range")
    inside = values[weights > 0]
    if not inside.size:
        return np.zeros(len(values))
    return over_range(values, float(inside.min()), float(inside.max()))


def _can_be_negative(dataset: Dataset, cells: Cells, grey: Grey) -> bool:
    """Whether the input of the VOI LUT may be negative, so that its first value is signed (C.11.2.1.1)."""
    if "modality" not in grey.steps:
        return cells.signed
    if items(dataset, "ModalityLUTSequence", []) and not any("Modality LUT ignored" in n for n in grey.notes):
        return False  # entries of a table are unsigned
    slope = (numbers(dataset, "RescaleSlope") or [1.0])[0] or 1.0
    intercept = (numbers(dataset, "RescaleIntercept") or [0.0])[0] or 0.0
    ends = (cells.lowest, cells.lowest + (1 << cells.stored) - 1)
    return min(slope * end + intercept for end in ends) < 0


def _window(dataset: Dataset, values: Floats, weights: Counts, notes: list[str]) -> Floats | None:
    """The first window that shows the image, out of those of Window Center and Window Width."""
    centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("VOI LUT Function ignored: it is none of the standard's")
        function = "LINEAR"
    total = int(weights.sum())
    for centre, width in zip(centres, widths, strict=False):
        if centre is None or width is None or width <= (1 if function == "LINEAR" else 0):
            notes.append("window ignored: it has no usable centre and width")
            continue
        within = (values >= centre - width / 2) & (values <= centre + width / 2)
        unit = windowed(values, centre, width, function)
        if weights[within].sum() < LEAST_SHOWN * total or _distinct(unit, weights) < 2:
            notes.append("window ignored: nearly all pixels lie outside of it")
            continue
        return unit
    if len(centres) != len(widths):
        notes.append("window ignored: centre and width do not pair up")
    return None


class _Table(NamedTuple):
    """A table of a Modality LUT or VOI LUT item (PS3.3 C.11.1.1 and C.11.2.1.1)."""

    entries: npt.NDArray[np.int64]
    stated: int  # entries by the descriptor
    first: int  # stored value of the first entry, as an unsigned pattern of 16 bits
    bits: int  # of an entry, by the descriptor

    def look_up(
        self, values: Floats, weights: Counts, negative: bool, notes: list[str], name: str
    ) -> npt.NDArray[np.int64]:
        """Each value's entry; values below or above the table take its first or last entry."""
        signed = self.first - (1 << 16) if self.first >= 1 << 15 else self.first
        total = int(weights.sum())
        for first in (signed, self.first) if negative else (self.first, signed):
            index = np.rint(values).astype(np.int64) - first
            inside = weights[(index >= 0) & (index < self.stated)].sum()
            if inside < LEAST_SHOWN * total:
                continue
            if weights[(index >= len(self.entries)) & (index < self.stated)].sum() > LEAST_SHOWN * total:
                raise _Ignored(f"it holds {len(self.entries)} of {self.stated} entries")
            found = self.entries[np.clip(index, 0, len(self.entries) - 1)]
            if total and _distinct(found, weights) < 2:
                raise _Ignored("it would show the whole image in one grey")
            if len(self.entries) < self.stated:
                notes.append(f"{name} holds {len(self.entries)} of {self.stated} entries")
            return found
        raise _Ignored("nearly all pixels lie outside of it")

    def full_scale(self, notes: list[str]) -> int:
        """The entry that is white: by the bits stated, unless the entries use more or fewer."""
        used = max(1, int(self.entries.max()).bit_length())
        if used != self.bits:
            notes.append(f"VOI LUT states {self.bits} bits, its entries use {used}")
        return (1 << used) - 1


def _read_table(item: Dataset, little_endian: bool) -> _Table:
    """Descriptor and data of an item; raises `_Ignored` without them."""
    descriptor = words(item, "LUTDescriptor")
    if len(descriptor) < 3:
        raise _Ignored("it has no descriptor")
    stated, bits = descriptor[0] or 1 << 16, descriptor[2]  # 0 stands for 65536
    element = item.get_item(LUT_DATA) if LUT_DATA in item else None
    data: Any = element.value if element is not None else None
    if isinstance(data, (bytes, bytearray)):
        little = bool(element.is_little_endian) if isinstance(element, RawDataElement) else little_endian
        entries = _entries(bytes(data), stated, bits, little, str(element.VR) if element else "")
    elif data is None:
        raise _Ignored("it holds no data")
    else:
        listed = np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
        if len(listed) < stated and bits <= 8 and 2 * len(listed) >= stated:
            listed = np.stack([listed & 0xFF, listed >> 8], axis=1).ravel()  # two entries in a word
        entries = listed[:stated]
    if not len(entries):
        raise _Ignored("it holds no data")
    return _Table(entries, stated, descriptor[1], bits)


def _entries(data: bytes, stated: int, bits: int, little: bool, vr: str) -> npt.NDArray[np.int64]:
    """Entries of 8 or 16 bits: the length of the data decides, not the descriptor (PS3.3 C.11.1.1.1)."""
    wide = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2" if little else ">u2")
    narrow = np.frombuffer(data, dtype=np.uint8)
    if not little and vr != "OB" and len(data) % 2 == 0:
        narrow = wide.astype("<u2").view(np.uint8)  # bytes stand in words
    if len(data) >= 2 * stated:
        return wide[:stated].astype(np.int64)
    if len(data) in (stated, stated + 1) or (bits <= 8 and wide.size and int(wide.max()) > 0xFF):
        return narrow[:stated].astype(np.int64)
    return wide.astype(np.int64)


def items(dataset: Dataset, keyword: str, notes: list[str]) -> list[Dataset]:
    """Items of a sequence; none if it cannot be read."""
    try:
        sequence = dataset.get(keyword)
    except Exception:  # noqa: BLE001  pydicom raises many kinds on a damaged sequence
        notes.append(f"{dictionary_description(tag_for_keyword(keyword) or 0)} ignored: it is damaged")
        return []
    return list(sequence) if isinstance(sequence, Sequence) else []


def words(dataset: Dataset, keyword: str) -> list[int]:
    """Values of US or SS as unsigned patterns of 16 bits: their sign depends on other elements."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return []
    element: Any = dataset.get_item(tag)
    value: Any = element.value
    if isinstance(element, RawDataElement):
        if value is None or element.VR in ("DS", "IS"):
            return [int(n) & 0xFFFF for n in numbers(dataset, keyword) if n is not None]
        if element.VR in ("SL", "UL"):
            value = np.frombuffer(value[: len(value) // 4 * 4], "<u4" if element.is_little_endian else ">u4")
        else:
            value = np.frombuffer(value[: len(value) // 2 * 2], "<u2" if element.is_little_endian else ">u2")
    elif isinstance(value, (bytes, bytearray)):
        value = np.frombuffer(bytes(value[: len(value) // 2 * 2]), "<u2")
    elif value is None or isinstance(value, str):
        return []
    return [int(n) & 0xFFFF for n in np.atleast_1d(np.asarray(value))]


def numbers(dataset: Dataset, keyword: str) -> list[float | None]:
    """Values of an element of DS or IS; None for a value that is not a number.

    The text is read here (PS3.5 6.2): some systems write a decimal comma, on which pydicom raises.
    """
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return []
    element: Any = dataset.get_item(tag)
    value: Any = element.value
    if isinstance(element, RawDataElement) and element.VR not in (None, "DS", "IS", "UN", "LO", "SH", "CS"):
        try:
            value = dataset[tag].value
        except Exception:  # noqa: BLE001  pydicom raises many kinds on damaged values
            return [None]
    if isinstance(value, (bytes, str)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        text = text.strip("\0 ")
        parts: Sequence[Any] = text.split("\\") if text else []
    elif value is None:
        parts = []
    else:
        parts = list(value) if hasattr(value, "__iter__") else [value]
    return [_number(part) for part in parts]


def _number(part: object) -> float | None:
    try:
        number = float(str(part).strip("\0 ").replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None
