"""What the head of a file says, for each kind and each way to encode DICOM."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from radscribe.imaging.header import read_header

Write = Callable[..., Path]
PERSON = {
    "PatientID": "4711",
    "PatientName": "Doe^Jane",
    "PatientBirthDate": "19700131",
    "SeriesInstanceUID": "1.2.3.4",
    "ViewPosition": "AP",
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("PNG", "PNG"), ("JPEG", "JPEG"), ("TIFF", "TIFF"), ("BMP", "BMP"), ("WEBP", "WebP"),
        ("JPEG2000", "JPEG 2000"),
    ],
)  # fmt: skip
def test_pictures_are_known_by_their_first_bytes(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "1.2.840.77"  # a name that says nothing
    Image.linear_gradient("L").resize((80, 70)).save(path, kind)
    header = read_header(path)
    assert (header.kind, header.is_image, header.width, header.height) == (name, True, 80, 70)
    assert read_header(path.read_bytes()) == header


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: str(syntax.name),
)
def test_a_dicom_header_in_every_encoding(write_dicom: Write, ramp: Any, syntax: Any) -> None:
    header = read_header(write_dicom(ramp, syntax, BitsStored=12, **PERSON))
    assert (header.kind, header.is_image) == ("DICOM", True)
    assert (header.width, header.height, header.view) == (64, 64, "AP")
    assert (header.study_uid, header.series_uid) == ("1.2.3", "1.2.3.4")
    assert (header.patient_id, header.patient_name, header.birth_date) == ("4711", "Doe^Jane", "19700131")


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("implicit", [True, False])
def test_a_bare_data_set_without_meta_information(
    write_dicom: Write, ramp: Any, tmp_path: Path, implicit: bool, little: bool
) -> None:
    if implicit and not little:
        pytest.skip("no such encoding")
    syntax = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset = dcmread(write_dicom(ramp, syntax, BitsStored=12, **PERSON))
    del dataset.file_meta
    dataset.preamble = None
    dataset.save_as(tmp_path / "bare", implicit_vr=implicit, little_endian=little)
    header = read_header(tmp_path / "bare")
    assert (header.kind, header.study_uid, header.patient_id) == ("DICOM", "1.2.3", "4711")


def test_a_dicomdir_is_no_image(write_dicom: Write, ramp: Any) -> None:
    header = read_header(write_dicom(ramp, PixelData=None, SOPClassUID=MediaStorageDirectoryStorage))
    assert (header.kind, header.is_image) == ("DICOM", False)


def test_a_file_cut_in_its_pixels_still_says_whose_it_is(write_dicom: Write, ramp: Any) -> None:
    path = write_dicom(ramp, BitsStored=12, **PERSON)
    header = read_header(path.read_bytes()[:-100])
    assert (header.is_image, header.patient_id, header.view) == (True, "4711", "AP")


@pytest.mark.parametrize("data", [b"", b"x", b"a report\n", b"\0\5\x16\7\0\2\0\0Mac OS X", bytes(400)])
def test_anything_else_is_other(data: bytes) -> None:
    header = read_header(data)
    assert (header.kind, header.is_image) == ("other", False)


def test_what_cannot_be_opened_is_other(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", Path("a\0b")):
        assert read_header(path).kind == "other"


def test_a_file_object_stays_where_it_was(write_dicom: Write, ramp: Any) -> None:
    file = io.BytesIO(write_dicom(ramp, BitsStored=12, **PERSON).read_bytes())
    file.seek(17)
    assert read_header(file).patient_id == "4711"
    assert file.tell() == 17


def test_a_million_empty_items_cost_nothing(write_dicom: Write, ramp: Any) -> None:
    item = Dataset()
    path = write_dicom(ramp, BitsStored=12, ViewCodeSequence=[item] * 50_000, **PERSON)
    header = read_header(path)
    assert header.is_image
    assert header.patient_id is None or header.patient_id == "4711"


def test_sixteen_bit_arrays_and_images_read_alike() -> None:
    import radscribe

    deep = np.random.default_rng(0).integers(0, 65536, (70, 80)).astype(np.uint16)
    array, image = radscribe.read(deep).pixels, radscribe.read(Image.fromarray(deep)).pixels
    np.testing.assert_array_equal(array, image)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    np.testing.assert_array_equal(radscribe.read(buffer.getvalue()).pixels, image)
    np.testing.assert_array_equal(radscribe.read(buffer).pixels, image)
