"""DICOM files that bend the standard, by kind, each with what reading it must give.

    python -m benchmarks.imaging.variants

prints how many of each kind are read as expected, and every one that is not. The tests run all of them.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from radscribe.errors import RadscribeError
from radscribe.imaging.exposure import normalise
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read
from radscribe.phantom import draw

SIDE = 128
TOLERANCE = 0.02  # mean difference of the pictures at the common exposure
ENCODINGS = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
}
Stored = npt.NDArray[Any]
FORBIDDEN = ("Error", "<_io", "NoneType", "broadcast", "object at 0x", "Traceback", "numpy", "pydicom")


class Variant(NamedTuple):
    """A file, and what reading it must give.

    Attributes
    ----------
    kind, name : str
    data : bytes
    expected : str
        "film": the pixels of `film`; "film, view unknown"; or words that the error must hold.
    """

    kind: str
    name: str
    data: bytes
    expected: str


def film() -> Stored:
    """A drawn chest in 12 bits, `[SIDE, SIDE]`, from 60 to 3,900."""
    pixels = draw(3, size=SIDE).radiograph.pixels
    levels: Stored = (60 + 3840 * (pixels - pixels.min()) / (pixels.max() - pixels.min())).astype(np.uint16)
    return levels


def dicom(stored: Stored, syntax: UID = ExplicitVRLittleEndian, bits: int = 12, **elements: Any) -> bytes:
    """A file; an element given as `(VR, value)` is written unchanged."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.itemsize, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    kind = stored.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<")
    dataset.add_new("PixelData", "OW", stored.astype(kind).tobytes())
    for keyword, value in elements.items():
        if isinstance(value, tuple):
            dataset.add_new(keyword, *value)
        else:
            setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def lut(first: int, entries: Any, bits: int = 12, stated: int | None = None, **extra: Any) -> list[Dataset]:
    """A sequence of one table; `first` is written as its 16-bit pattern."""
    entries = np.asarray(entries)
    item = Dataset()
    count = len(entries) if stated is None else stated
    item.add_new("LUTDescriptor", "US", [count & 0xFFFF, first & 0xFFFF, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    for keyword, value in extra.items():
        item.add_new(keyword, *value)
    return [item]


def variants() -> Iterator[Variant]:
    """Every variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in (_descriptors, _tables, _windows, _rescales, _bits, _shutters, _orientations):
            yield from make()
        for make in (_photometric, _unknown_syntaxes, _padding, _encodings, _streams, _views, _cut):
            yield from make()


def _descriptors() -> Iterator[Variant]:
    stored = film()
    little = {k: v for k, v in ENCODINGS.items() if k != "big endian"}
    for (encoding, syntax), offset, count in product(
        little.items(), (-1, -1024, -2048, -30000), (4096, 8192)
    ):
        ramp = np.minimum(np.arange(count), 4095)
        data = dicom(
            stored, syntax, RescaleSlope="1", RescaleIntercept=str(offset), VOILUTSequence=lut(offset, ramp)
        )
        yield Variant("LUT descriptor", f"{encoding}, first {offset}, {count} entries", data, "film")
    for (encoding, syntax), offset in product(little.items(), (-1000, -2048)):
        signed = (stored.astype(np.int32) + offset).astype(np.int16)
        data = dicom(signed, syntax, bits=16, VOILUTSequence=lut(offset, np.arange(4096)))
        yield Variant("LUT descriptor", f"{encoding}, signed pixels from {offset}", data, "film")
        data = dicom(signed, syntax, bits=16, ModalityLUTSequence=lut(offset, np.arange(4096)))
        yield Variant("LUT descriptor", f"{encoding}, signed pixels, modality from {offset}", data, "film")
    for (encoding, syntax), first in product(little.items(), (33000, 40000, 61440)):
        data = dicom(stored + np.uint16(first), syntax, bits=16, VOILUTSequence=lut(first, np.arange(4096)))
        yield Variant("LUT descriptor", f"{encoding}, unsigned first {first}", data, "film")
    for encoding, syntax in little.items():
        whole = np.arange(65536)
        data = dicom(stored << 4, syntax, bits=16, VOILUTSequence=lut(0, whole, 16))
        yield Variant("LUT descriptor", f"{encoding}, 65536 entries as 0", data, "film")
        data = dicom(stored << 3, syntax, bits=16, VOILUTSequence=lut(0, whole[:32768], 16))
        yield Variant("LUT descriptor", f"{encoding}, 32768 entries", data, "film")


def _tables() -> Iterator[Variant]:
    stored, ramp = film(), np.arange(4096)
    window: dict[str, Any] = {"WindowCenter": "2048", "WindowWidth": "4096"}
    beside: dict[str, Any]
    packed = (ramp >> 4).astype(np.uint8).tobytes()
    words = (ramp >> 4).astype("<u2").tobytes()
    full = ramp.astype("<u2").tobytes()
    tables: dict[str, list[Dataset]] = {
        "bytes in OW": lut(0, ramp, 8, LUTData=("OW", packed)),
        "bytes in OB": lut(0, ramp, 8, LUTData=("OB", packed)),
        "bytes, 16 bits stated": lut(0, ramp, 16, LUTData=("OW", packed)),
        "words, 8 bits stated": lut(0, ramp, 8, LUTData=("OW", words)),
        "words in OB": lut(0, ramp, 12, LUTData=("OB", full)),
        "12-bit words, 8 bits stated": lut(0, ramp, 8),
        "12-bit words, 16 bits stated": lut(0, ramp, 16),
        "12-bit words, 10 bits stated": lut(0, ramp, 10),
        "0 bits stated": lut(0, ramp, 0),
        "32 bits stated": lut(0, ramp, 32),
        "a list": lut(0, ramp, 12, LUTData=("US", [int(v) for v in ramp])),
        "one entry short": lut(0, ramp[:-1], stated=4096),
        "100 entries short": lut(0, ramp[:-100], stated=4096),
        "three entries": lut(0, ramp[:3], stated=4096),
        "no data": lut(0, [], stated=4096),
        "constant": lut(0, np.full(4096, 7)),
        "far from the pixels": lut(50000, ramp),
        "an empty item": [Dataset()],
        "no item": [],
        "two entries in the descriptor": lut(0, ramp, LUTDescriptor=("US", [4096, 0])),
        "an empty descriptor": lut(0, ramp, LUTDescriptor=("US", None)),
        "a broken and a good item": [Dataset(), *lut(0, ramp)],
        "odd length": lut(0, ramp, 12, LUTData=("OB", full + b"\0\0\0\0")),
    }
    for (name, table), keyword in product(tables.items(), ("VOILUTSequence", "ModalityLUTSequence")):
        for beside in ({}, window) if keyword == "VOILUTSequence" else ({},):
            title = f"{keyword[:-11]}, {name}{', beside a window' if beside else ''}"
            elements: dict[str, Any] = {keyword: table, **beside}
            yield Variant("LUT data", title, dicom(stored, **elements), "film")


def _windows() -> Iterator[Variant]:
    stored = film()
    broken = [
        ("0", "1"),
        ("0", "0"),
        ("1", "1"),
        ("2048", "0"),
        ("2048", "-5"),
        ("99999", "10"),
        ("-5000", "100"),
    ]
    broken += [
        ("", ""),
        ("2048", ""),
        ("abc", "4096"),
        ("nan", "nan"),
        ("inf", "1"),
        ("1e30", "1e-30"),
        ("4095", "1"),
    ]
    for (centre, width), (encoding, syntax) in product(broken, ENCODINGS.items()):
        data = dicom(stored, syntax, WindowCenter=("LO", centre), WindowWidth=("LO", width))
        yield Variant("window", f"{encoding}, {centre or 'empty'}/{width or 'empty'}", data, "film")
    good = {
        "2048,0/4096,0": ("2048,0", "4096,0"),
        "2047,5/4096": ("2047,5", "4096"),
        "several": (r"0\2048", r"1\4096"),
        "first of several": (r"2048\40", r"4096\400"),
        "two centres": (r"2048\40", "4096"),
        "spaces": (" 2048 ", "4096 "),
    }
    for name, (centre, width) in good.items():
        for function in ("LINEAR", "LINEAR_EXACT", "", "NONSENSE"):
            elements: dict[str, Any] = {"WindowCenter": ("LO", centre), "WindowWidth": ("LO", width)}
            data = dicom(stored, **elements, VOILUTFunction=("CS", function))
            yield Variant("window", f"{name}, {function or 'no'} function", data, "film")


def _rescales() -> Iterator[Variant]:
    stored = film()
    for slope, intercept, beside in product(
        ("0", "0,0", "1,0", "1", "", "abc", "1e300", "nan"), ("0", "-1024", "-1024,0", ""), (False, True)
    ):
        window: dict[str, Any] = {"WindowCenter": "2048", "WindowWidth": "8192"} if beside else {}
        data = dicom(stored, RescaleSlope=("LO", slope), RescaleIntercept=("LO", intercept), **window)
        yield Variant(
            "rescale", f"{slope or 'empty'} and {intercept or 'empty'}, window: {beside}", data, "film"
        )


def _bit_variant(name: str, data: bytes, expected: str) -> Variant:
    return Variant("High Bit", name, data, expected)


def _bits() -> Iterator[Variant]:
    stored = film()
    for encoding, syntax in ENCODINGS.items():
        for shift in (1, 2, 4):
            high: dict[str, Any] = {"HighBit": 11 + shift}
            yield Variant(
                "High Bit", f"{encoding}, {shift} up", dicom(stored << shift, syntax, **high), "film"
            )
        yield Variant(
            "High Bit", f"{encoding}, 15 said, low bits used", dicom(stored, syntax, HighBit=15), "film"
        )
        yield _bit_variant(f"{encoding}, 11 said, high bits used", dicom(stored << 4, syntax), "film")
        overlay = stored | np.uint16(0x8000) * (np.indices(stored.shape).sum(0) % 7 == 0)
        yield Variant(
            "High Bit", f"{encoding}, overlay above", dicom(overlay.astype(np.uint16), syntax), "film"
        )
        signed = (stored.astype(np.int32) - 2048).astype(np.int16)
        yield _bit_variant(f"{encoding}, signed, sign extended", dicom(signed, syntax), "film")
        yield _bit_variant(f"{encoding}, signed, 4 up", dicom(signed << 4, syntax, HighBit=15), "film")
        low = (signed.view(np.uint16) & 0x0FFF).view(np.int16)
        yield _bit_variant(f"{encoding}, signed, not extended", dicom(low, syntax), "film")
        for odd in (0, 3, 40):
            yield Variant(
                "High Bit", f"{encoding}, said to be {odd}", dicom(stored, syntax, HighBit=odd), "film"
            )
        for odd in (0, 17, 99):
            data = dicom(stored << 4, syntax, BitsStored=odd)
            yield _bit_variant(f"{encoding}, {odd} bits stored", data, "film")


def _shutters() -> Iterator[Variant]:
    edges = {"LeftVertical": 0, "RightVertical": SIDE, "UpperHorizontal": 0, "LowerHorizontal": SIDE}
    for value, margin, first in product((0, 4095), (2, 6), (0, 1)):
        stored = film()
        hidden = np.full_like(stored, value)
        hidden[margin:-margin, margin:-margin] = stored[margin:-margin, margin:-margin]
        ends: dict[str, Any] = {f"Shutter{k}Edge": abs(v - margin) + first for k, v in edges.items()}
        data = dicom(hidden, ShutterShape="RECTANGULAR", **ends)
        yield Variant("shutter", f"rectangle {margin} from the edge, {value}, from {first}", data, "film")
    y, x = np.indices(film().shape)
    for value, radius in product((0, 4095), (80, 85, 88)):
        stored = film()
        stored[(y - 64) ** 2 + (x - 64) ** 2 > radius**2] = value
        circle: dict[str, Any] = {"CenterOfCircularShutter": [65, 65], "RadiusOfCircularShutter": radius}
        data = dicom(stored, ShutterShape="CIRCULAR", **circle)
        yield Variant("shutter", f"circle of {radius}, {value}", data, "film")
    for value, cut in product((0, 4095), (8, 16)):
        stored = film()
        stored[(y + x < cut) | (y - x > SIDE - cut)] = value
        corners = [1, cut + 1, 1, SIDE, SIDE, SIDE, SIDE, cut + 1, SIDE - cut, 1, cut + 1, 1]
        data = dicom(stored, ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=corners)
        yield Variant("shutter", f"polygon, corners of {cut}, {value}", data, "film")
    broken: dict[str, dict[str, Any]] = {
        "no edges": {"ShutterShape": "RECTANGULAR"},
        "nothing left": {
            "ShutterShape": "CIRCULAR",
            "CenterOfCircularShutter": [1, 1],
            "RadiusOfCircularShutter": 2,
        },
        "no radius": {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [64, 64]},
        "two vertices": {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 5, 5]},
        "odd vertices": {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 5, 5, 9]},
        "bitmap": {"ShutterShape": "BITMAP"},
        "nonsense": {"ShutterShape": ("CS", "STAR")},
        "words": {
            "ShutterShape": "CIRCULAR",
            "CenterOfCircularShutter": ("LO", "a\\b"),
            "RadiusOfCircularShutter": 9,
        },
    }
    for name, elements in broken.items():
        yield Variant("shutter", name, dicom(film(), **elements), "film")


def _orientations() -> Iterator[Variant]:
    for encoding, syntax in ENCODINGS.items():
        ways: dict[str, Stored] = {
            r"L\F": film(),
            r"R\F": film()[:, ::-1],
            r"L\H": film()[::-1],
            r"R\H": film()[::-1, ::-1],
            r"F\L": film().T,
            r"F\R": film()[:, ::-1].T,
            r"H\L": film()[::-1].T,
            r"H\R": film()[::-1, ::-1].T,
            r"RA\FP": film()[:, ::-1],
            "R": film(),
            r"X\Y": film(),
            r"L\R": film(),
        }
        for orientation, stored in ways.items():
            data = dicom(np.ascontiguousarray(stored), syntax, PatientOrientation=("LO", orientation))
            yield Variant("orientation", f"{encoding}, {orientation}", data, "film")


def _photometric() -> Iterator[Variant]:
    inverse = (4095 - film()).astype(np.uint16)
    for name in ("MONOCHROME2", "monochrome2", " MONOCHROME2", "MONOCHROME 2", "Monochrome2", ""):
        data = dicom(film(), PhotometricInterpretation=("CS", name))
        yield Variant("photometric", repr(name), data, "film")
    for name in ("MONOCHROME1", "monochrome1", "MONOCHROME1 ", "MONOCHROME 1"):
        data = dicom(inverse, PhotometricInterpretation=("CS", name))
        yield Variant("photometric", repr(name), data, "film")
    data = dicom(inverse, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    yield Variant("photometric", "MONOCHROME1 with an inverse shape", data, "film")
    data = dicom(inverse, RescaleSlope="-1", RescaleIntercept="4095")
    yield Variant("photometric", "a falling slope", data, "film")


def _unknown_syntaxes() -> Iterator[Variant]:
    eight = (film() >> 4).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(eight).save(buffer, "JPEG", quality=98)
    old = str(ExplicitVRLittleEndian).encode() + b"\0"
    for name in ("1.2.840.10008.1.9.9", "1.3.6.1.4.1.99.12"):
        raw = dicom(film()).replace(old, name.encode().ljust(len(old), b"\0")[: len(old)])
        yield Variant("transfer syntax", f"{name}, not compressed", raw, "film")
        data = _compressed(eight, encapsulate([buffer.getvalue()]), UID(name))
        yield Variant("transfer syntax", f"{name}, JPEG", data, "film")


def _padding() -> Iterator[Variant]:
    edge = np.zeros(film().shape, bool)
    edge[:, :2] = True
    for (encoding, syntax), photometric in product(ENCODINGS.items(), ("MONOCHROME2", "MONOCHROME1")):
        plain = film() if photometric == "MONOCHROME2" else (4095 - film()).astype(np.uint16)
        for name, value, said, limit in (
            ("above the bits stored", 65535, 65535, None),
            ("at the end", 4095, 4095, None),
            ("a range", 4090, 4090, 4095),
            ("a range the other way", 4090, 4095, 4090),
            ("negative of unsigned pixels", 63536, 63536, None),
        ):
            stored = plain.copy()
            stored[edge] = value
            elements: dict[str, Any] = {"PixelPaddingValue": ("US", said)}
            elements["PhotometricInterpretation"] = photometric
            if limit is not None:
                elements["PixelPaddingRangeLimit"] = ("US", limit)
            data = dicom(stored, syntax, **elements)
            yield Variant("padding", f"{encoding}, {photometric}, {name}", data, "film")
        signed = plain.astype(np.int16)
        signed[edge] = -2000
        for vr, said in (("SS", -2000), ("US", 63536)):
            elements = {"PixelPaddingValue": (vr, said), "PhotometricInterpretation": photometric}
            data = dicom(signed, syntax, bits=16, **elements)
            yield Variant("padding", f"{encoding}, {photometric}, signed pixels, {vr} {said}", data, "film")


def _encodings() -> Iterator[Variant]:
    for name, syntax in ENCODINGS.items():
        whole = dicom(film(), syntax, WindowCenter="2048", WindowWidth="4096")
        start = whole.index(b"\x08\x00\x16\x00" if name != "big endian" else b"\x00\x08\x00\x16")
        bare = whole[start:]
        yield Variant("encoding", f"{name}, bare", bare, "film")
        yield Variant("encoding", f"{name}, preamble without meta", bytes(128) + b"DICM" + bare, "film")
        yield Variant("encoding", f"{name}, meta without preamble", whole[132:], "film")
        for said in ENCODINGS.values():
            meta = dicom(film(), said)
            head = meta[
                : meta.index(b"\x08\x00\x16\x00" if said != ExplicitVRBigEndian else b"\x00\x08\x00\x16")
            ]
            yield Variant("encoding", f"{name}, said to be {said.name}", head + bare, "film")
            yield Variant(
                "encoding", f"{name}, said to be {said.name}, no preamble", head[132:] + bare, "film"
            )
        eight = dicom((film() >> 4).astype(np.uint8), ExplicitVRLittleEndian, bits=8)
        yield Variant("encoding", f"{name}, 8 bits", eight, "film")


def _streams() -> Iterator[Variant]:
    eight = (film() >> 4).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(eight).save(buffer, "JPEG", quality=98)
    stream = encapsulate([buffer.getvalue()])
    for allocated, stored, high in product((8, 16), (8, 10, 12, 16), (7, 11, 15)):
        elements: dict[str, Any] = {"BitsAllocated": allocated, "BitsStored": stored, "HighBit": high}
        data = _compressed(eight, stream, JPEGBaseline8Bit, **elements)
        yield Variant("JPEG precision", f"8 bits in {allocated}, {stored} stored, high {high}", data, "film")
    data = _compressed(eight, encapsulate([buffer.getvalue()[:2000]]), JPEGBaseline8Bit)
    yield Variant("JPEG precision", "stream cut", data, "compressed pixels")
    for syntax in (ExplicitVRLittleEndian, UID("1.2.840.10008.1.2.4.57"), UID("1.2.840.10008.1.2.4.90")):
        yield Variant(
            "JPEG precision", f"said to be {syntax.name}", _compressed(eight, stream, syntax), "film"
        )


def _compressed(stored: Stored, stream: bytes, syntax: UID, **elements: Any) -> bytes:
    """A file of compressed pixels, put together by hand where pydicom would refuse the header."""
    whole = dicom(stored, ExplicitVRLittleEndian, bits=8, **elements)
    at = whole.rindex(b"\xe0\x7f\x10\x00")
    body = whole[:at] + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + stream + b"\xfe\xff\xdd\xe0\0\0\0\0"
    old, new = str(ExplicitVRLittleEndian).encode() + b"\0", str(syntax).encode()
    new += b"\0" * (len(new) % 2)
    place = body.index(old)
    length = len(new).to_bytes(2, "little")
    body = body[: place - 2] + length + new + body[place + len(old) :]
    size = int.from_bytes(body[140:144], "little") + len(new) - len(old)
    return body[:140] + size.to_bytes(4, "little") + body[144:]


def _views() -> Iterator[Variant]:
    for words in (
        "XR CHEST PA AND LATERAL", "Chest PA/LAT", "CHEST PA & LAT", "PA+LAT", "PA_LAT", "pa, lateral",
        "CHEST 2 VIEWS", "XR CHEST 2V", "Chest two views", "FRONTAL AND LATERAL", "LATERAL DECUBITUS",
        "CHEST LEFT LATERAL DECUBITUS", "Decubitus lat.", "CHEST DECUB", "AP/LAT", "AP LATERAL",
        "Thorax p.a./seitl.",
        "Thorax in 2 Ebenen", "PORTABLE LATERAL", "RLD", "XR CHEST 2 VIEWS (PA, LAT)", "LAT + PA",
        "CXR PA Lat",
        "Chest AP and Lateral", "CHEST, 2 VIEWS FRONTAL & LATERAL", "Bilateral", "Spatial", "lateral decub",
    ):  # fmt: skip
        data = dicom(film(), SeriesDescription=words, ViewPosition="")
        yield Variant("view in words", words, data, "film, view unknown")


def _cut() -> Iterator[Variant]:
    for (name, syntax), share in product(
        ENCODINGS.items(), (0.001, 0.005, 0.01, 0.02, 0.1, 0.3, 0.5, 0.9, 0.99)
    ):
        whole = dicom(film(), syntax, WindowCenter="2048", WindowWidth="4096")
        yield Variant(
            "cut short", f"{name}, {share:.1%} left", whole[: int(len(whole) * share) + 140], "cut short"
        )
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    for kind, share in product(("PNG", "JPEG", "TIFF", "BMP", "WEBP"), (0.3, 0.6, 0.9, 0.99)):
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, kind)
        data = buffer.getvalue()
        yield Variant("cut short", f"{kind}, {share:.0%} left", data[: int(len(data) * share)], "cut short")


def problem(variant: Variant, reference: Radiograph) -> str | None:
    """Describe the error in reading a variant; None if it is read as expected."""
    try:
        found = read(variant.data)
    except RadscribeError as error:
        line = str(error)
        if any(word in line for word in FORBIDDEN):
            return f"a library's message: {line}"
        return None if variant.expected in line and "film" not in variant.expected else line
    except Exception as error:  # noqa: BLE001  what this looks for
        return f"raised {error!r}"
    if not variant.expected.startswith("film"):
        return "was read"
    if "view unknown" in variant.expected and found.view != "unknown":
        return f"view {found.view}"
    inner = slice(SIDE // 8, -SIDE // 8)  # shuttered and padded edges differ
    difference = np.abs(normalise(found.pixels) - normalise(reference.pixels))[inner, inner].mean()
    if difference > TOLERANCE:
        return f"differs by {difference:.3f}: {found.provenance.steps} {found.provenance.notes}"
    return None


def main() -> int:
    reference = read(dicom(film(), WindowCenter="2048", WindowWidth="4096"))
    tried: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for variant in variants():
        tried[variant.kind] += 1
        if found := problem(variant, reference):
            wrong[variant.kind] += 1
            print(f"  {variant.kind}: {variant.name}: expected {variant.expected}, got: {found}")
    print("| kind | variants | as expected |\n|---|---|---|")
    for kind, count in tried.items():
        print(f"| {kind} | {count} | {count - wrong[kind]} |")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
