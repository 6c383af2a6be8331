"""Parse a DICOM file in one pass over its elements without decoding them (PS3.5 7, PS3.10 7).

The walk has limits on elements, items and depth, so that a file which nests a million empty items costs
milliseconds. It finds the encoding of the data set from its first element, notices where the file is cut
short, and keeps only the elements that radscribe uses.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from os import PathLike
from typing import BinaryIO, NamedTuple

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from radscribe.errors import ImageError
from radscribe.imaging.limits import MAX_PIXELS

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
IDENTITY = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "SeriesInstanceUID",
)
# Read for the results that go back into a study (`interop`); nothing else uses them.
STUDY = (
    "IssuerOfPatientID",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyDescription",
    "SeriesNumber",
    "InstanceNumber",
    "Manufacturer",
    "ManufacturerModelName",
)
VIEW = ("ViewPosition", "ViewCodeSequence", "PatientOrientation", "SeriesDescription")
IMAGE = (
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ShutterShape",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
)
KEPT = frozenset(int(tag_for_keyword(keyword) or 0) for keyword in (*IDENTITY, *STUDY, *VIEW, *IMAGE))
PIXEL_TAGS = {int(tag_for_keyword(keyword) or 0): keyword for keyword in PIXELS}
SEQUENCES = frozenset(tag for tag in KEPT if dictionary_VR(tag) == "SQ")

MAX_ELEMENTS = 20_000  # a radiograph has some hundred
MAX_ITEMS = 5_000
MAX_DEPTH = 16
MAX_VALUE = 4 << 20  # bytes of a kept element; the largest lookup table has 128 kB
MAX_FRAGMENTS = 100_000  # of compressed pixels
BYTES_PER_PIXEL = 8  # of an uncompressed object at most: colour of 16 bits, and room for the header

LONG_VR = frozenset(
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"]
)
SHORT_VR = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)  # fmt: skip
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class PixelElement(NamedTuple):
    """Where the pixels are in the file.

    Attributes
    ----------
    keyword : str
        One of `PIXELS`.
    fragments : tuple of (int, int)
        Offset and length, in bytes: one of native pixels, any number of compressed ones. The first fragment
        of compressed pixels is the Basic Offset Table (PS3.5 A.4).
    compressed : bool
        Whether the element has undefined length and so holds fragments.
    vr : str
        Value representation; "OW" if the encoding is implicit.
    """

    keyword: str
    fragments: tuple[tuple[int, int], ...]
    compressed: bool
    vr: str


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A parsed DICOM file.

    Attributes
    ----------
    dataset : pydicom.Dataset
        The elements that radscribe uses, without the pixels.
    syntax : UID
        Transfer syntax: what the file meta information says, corrected by what the data set is.
    file : BinaryIO
        Where `pixels` is to be read; deflated data sets are inflated into memory.
    pixels : PixelElement or None
        Where the pixel data is, or None if there is none.
    notes : list of str
        Errors of the file that were corrected.
    """

    dataset: Dataset
    syntax: UID
    file: BinaryIO
    pixels: PixelElement | None
    notes: list[str] = field(default_factory=list)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file."""
        self.file.seek(offset)
        return self.file.read(length)


def parse(
    file: BinaryIO, subject: str | PathLike[str], max_pixels: int = MAX_PIXELS, *, strict: bool = True
) -> DicomFile:
    """Walk over a DICOM file.

    Parameters
    ----------
    file : BinaryIO
        Seekable, at its start.
    subject : str or path
        Name of the file in errors.
    max_pixels : int
        Limit on the pixels of an image; a deflated data set may inflate to `BYTES_PER_PIXEL` times as many
        bytes.
    strict : bool
        Raise for a damaged file; otherwise return the part before the damage.

    Raises
    ------
    ImageError
        If the file is cut short, is damaged, nests or repeats elements beyond any radiograph, or inflates to
        more than an image has.
    """
    start, declared = file_meta(file, subject)
    if declared == DeflatedExplicitVRLittleEndian:
        file.seek(start)
        file, start = io.BytesIO(_inflate(file.read(), subject, int(max_pixels * BYTES_PER_PIXEL))), 0
    walk = _Walk(file, start, subject)
    notes: list[str] = []
    try:
        walk.run()
    except ImageError as error:
        if strict:
            raise
        notes.append(error.problem)
    actual = ExplicitVRLittleEndian if walk.little else ExplicitVRBigEndian
    if walk.implicit:
        actual = ImplicitVRLittleEndian
    syntax = declared or actual
    if declared is None:
        pass
    elif not declared.is_transfer_syntax:  # a vendor's own, or JPEG XL, which pydicom does not know
        if walk.pixels is None or not walk.pixels.compressed:
            syntax = actual
            notes.append(f"transfer syntax {declared} is not known; the file was read as what it looks like")
    elif walk.pixels is not None and not walk.pixels.compressed and declared.is_encapsulated:
        syntax = actual
        notes.append(f"pixels are not compressed, although the transfer syntax is {declared.name}")
    elif not declared.is_encapsulated and declared.is_little_endian != walk.little:
        syntax = actual
        notes.append("byte order is not the one that the transfer syntax names")
    return DicomFile(walk.dataset(), syntax, file, walk.pixels, notes)


def file_meta(file: BinaryIO, subject: str | PathLike[str]) -> tuple[int, UID | None]:
    """Offset of the data set, and the transfer syntax of the file meta information (PS3.10 7.1)."""
    file.seek(0)
    head = file.read(132)
    at = 132 if head[128:132] == b"DICM" else 0
    syntax: UID | None = None
    for _ in range(64):  # the group has a dozen elements
        file.seek(at)
        head = file.read(12)
        if head[:2] != b"\x02\x00":  # group 0002 is little endian always
            break
        vr = head[4:6]
        if vr in LONG_VR:
            length, value = int.from_bytes(head[8:12], "little"), at + 12
        elif vr in SHORT_VR:
            length, value = int.from_bytes(head[6:8], "little"), at + 8
        else:
            length, value = int.from_bytes(head[4:8], "little"), at + 8
        if len(head) < 8 or length > MAX_VALUE:
            raise _cut_short(subject, "in its file meta information")
        if head[:4] == b"\x02\x00\x10\x00":
            file.seek(value)
            text = file.read(length).rstrip(b"\0 ").decode("ascii", "replace")
            syntax = UID(text) if text else None
        at = value + length
    return at, syntax


def _inflate(deflated: bytes, subject: str | PathLike[str], limit: int) -> bytes:
    """A deflated data set (PS3.5 A.5), which inflates a thousand times at worst."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(deflated, limit)
    except zlib.error:
        raise ImageError(
            "is damaged: its deflated data set cannot be inflated", subject=subject, remedy="export it again"
        ) from None
    if inflater.unconsumed_tail:
        raise ImageError(
            f"inflates to more than {limit >> 20} MB", subject=subject, remedy="give a single radiograph"
        )
    if not inflater.eof:
        raise _cut_short(subject, "in its deflated data set")
    return inflated


class _Walk:
    """One pass over the elements of a data set, nested ones included, without recursion."""

    def __init__(self, file: BinaryIO, start: int, subject: str | PathLike[str]) -> None:
        self.file, self.subject = file, subject
        self.size = file.seek(0, io.SEEK_END)
        self.at = start
        self.kept: dict[int, RawDataElement] = {}
        self.pixels: PixelElement | None = None
        self.elements = self.items = 0
        head = self._read(6, "before its first element")
        # Data sets start with a group of 0002 to 0028, which reads as 2000 and more in the wrong byte order.
        little, big = (int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big"))
        self.little = not (big < little and big <= 0x0028)
        self.implicit = head[4:6] not in LONG_VR and head[4:6] not in SHORT_VR
        self.at = start
        self._set_order(self.little)

    def _set_order(self, little: bool) -> None:
        order = "<" if little else ">"
        self.tag, self.long = struct.Struct(f"{order}HH"), struct.Struct(f"{order}I")
        self.short = struct.Struct(f"{order}H")

    def run(self) -> None:
        """Walk to the end of the pixels, or of the data set."""
        while self.at < self.size:
            if self.size - self.at < 8 and self.pixels is None and not self._rest_is_padding():
                raise _cut_short(self.subject, "in its header")
            if self.size - self.at < 8:
                return
            start = self.at
            tag, vr, length = self._head(self.implicit)
            if tag in PIXEL_TAGS:
                self._find_pixels(tag, vr.decode("ascii") or "OW", length)
                return
            if tag >> 16 == 0xFFFE:  # a delimiter that closes nothing
                self._skip(0 if length == UNDEFINED else length, "in its header")
                continue
            value = self.at
            if length == UNDEFINED or tag in SEQUENCES:
                self._walk_sequence(length, self.implicit or vr == b"UN")
                length = self.at - value
            else:
                self._skip(length, "in its header")
            if tag in KEPT and tag not in self.kept and length <= MAX_VALUE:
                self._keep(tag, vr, value, length)
            if self.at <= start:
                raise _damaged(self.subject)

    def dataset(self) -> Dataset:
        """The kept elements, still raw."""
        dataset = Dataset({BaseTag(tag): element for tag, element in sorted(self.kept.items())})
        character_set = dataset.get("SpecificCharacterSet") or "iso8859"
        from pydicom.charset import convert_encodings

        dataset.set_original_encoding(self.implicit, self.little, convert_encodings(character_set))
        dataset.file_meta = FileMetaDataset()
        return dataset

    def _rest_is_padding(self) -> bool:
        self.file.seek(self.at)
        return not self.file.read().strip(b"\0 ")

    def _keep(self, tag: int, vr: bytes, value: int, length: int) -> None:
        self.file.seek(value)
        data = self.file.read(length)
        known = None if self.implicit else vr.decode("ascii")
        if tag in SEQUENCES:
            known = "SQ"
        self.kept[tag] = RawDataElement(BaseTag(tag), known, length, data, value, self.implicit, self.little)

    def _head(self, implicit: bool) -> tuple[int, bytes, int]:
        """Tag, VR and length of the element at the current place, which moves to its value."""
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise ImageError(
                f"holds more than {MAX_ELEMENTS:,} elements",
                subject=self.subject,
                remedy="give only the image object",
            )
        head = self._read(8, "in its header")
        group, element = self.tag.unpack_from(head)
        tag = group << 16 | element
        vr = head[4:6]
        if implicit or group == 0xFFFE:
            return tag, b"", int(self.long.unpack_from(head, 4)[0])
        if vr in LONG_VR:
            return tag, vr, int(self.long.unpack(self._read(4, "in its header"))[0])
        if vr in SHORT_VR:
            return tag, vr, int(self.short.unpack_from(head, 6)[0])
        if head[4:6].isalpha() and head[4:6].isupper():  # a VR of a later edition has the long form
            return tag, b"UN", int(self.long.unpack(self._read(4, "in its header"))[0])
        return tag, b"", int(self.long.unpack_from(head, 4)[0])  # implicit VR in the midst of explicit

    def _walk_sequence(self, length: int, implicit: bool) -> None:
        """Walk to the end of a sequence. Nested elements count towards the limits."""
        # Each level is (end of the item or sequence, or None where a delimiter ends it; is it a sequence?)
        levels: list[tuple[int | None, bool]] = [(self._end(length), True)]
        while levels:
            end, is_sequence = levels[-1]
            if end is not None and self.at >= end:
                levels.pop()
                continue
            tag, vr, length = self._head(implicit)
            if tag in (ITEM_END, SEQUENCE_END):
                levels.pop()
            elif is_sequence:
                if tag != ITEM:
                    raise _damaged(self.subject)
                self.items += 1
                if self.items > MAX_ITEMS:
                    raise ImageError(
                        f"holds more than {MAX_ITEMS:,} sequence items",
                        subject=self.subject,
                        remedy="give only the image object",
                    )
                levels.append((self._end(length), False))
            elif length == UNDEFINED or vr == b"SQ":
                if len(levels) >= 2 * MAX_DEPTH:
                    raise ImageError(
                        f"nests sequences more than {MAX_DEPTH} deep",
                        subject=self.subject,
                        remedy="give only the image object",
                    )
                levels.append((self._end(length), True))
            else:
                self._skip(length, "in its header")

    def _end(self, length: int) -> int | None:
        if length == UNDEFINED:
            return None
        if self.at + length > self.size:
            raise _cut_short(self.subject, "in its header")
        return self.at + length

    def _find_pixels(self, tag: int, vr: str, length: int) -> None:
        keyword = PIXEL_TAGS[tag]
        if length != UNDEFINED:
            if self.at + length > self.size:
                raise _cut_short(
                    self.subject, f"in its pixels, {self.size - self.at:,} of {length:,} bytes are there"
                )
            self.pixels = PixelElement(keyword, ((self.at, length),), False, vr)
            return
        fragments: list[tuple[int, int]] = []
        while self.size - self.at >= 8:
            tag, _, length = self._head(True)
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or length == UNDEFINED or len(fragments) == MAX_FRAGMENTS:
                raise _damaged(self.subject)
            if self.at + length > self.size:
                raise _cut_short(self.subject, "in its compressed pixels")
            fragments.append((self.at, length))
            self.at += length
        if len(fragments) < 2:
            raise _cut_short(self.subject, "in its compressed pixels")
        self.pixels = PixelElement(keyword, tuple(fragments), True, vr)

    def _read(self, length: int, where: str) -> bytes:
        self.file.seek(self.at)
        data = self.file.read(length)
        if len(data) < length:
            raise _cut_short(self.subject, where)
        self.at += length
        return data

    def _skip(self, length: int, where: str) -> None:
        if self.at + length > self.size:
            raise _cut_short(self.subject, where)
        self.at += length


def _cut_short(subject: str | PathLike[str], where: str) -> ImageError:
    return ImageError(f"is cut short {where}", subject=subject, remedy="copy or export it again")


def _damaged(subject: str | PathLike[str]) -> ImageError:
    return ImageError("is a damaged DICOM file", subject=subject, remedy="copy or export it again")
