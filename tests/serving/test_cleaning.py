"""What is kept of an upload reads as the same picture, and says nothing of whose it is."""

from __future__ import annotations

import struct
import tempfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydicom import Dataset, dcmread
from pydicom.data.data_manager import DATA_ROOT
from pydicom.encaps import encapsulate, generate_frames

from radscribe.errors import ImageError
from radscribe.imaging.header import read_header
from radscribe.imaging.limits import MAX_PIXELS
from radscribe.imaging.reader import decode, read
from radscribe.inference.patients import Patient
from radscribe.serving.cleaning import CleanImage, clean

pytestmark = pytest.mark.filterwarnings("ignore")  # as in the service
NAME = b"Doe^Jane"
LEVELS = np.arange(96 * 80, dtype=np.uint16).reshape(96, 80)


class Kept(NamedTuple):
    """What is kept of an upload."""

    image: CleanImage
    data: bytes


def cleaned(data: bytes, *, keep_identifiers: bool = False) -> Kept:
    file = BytesIO(data)
    image = clean(file, "upload", MAX_PIXELS, keep_identifiers=keep_identifiers)
    return Kept(image, b"".join(map(bytes, image.pieces(file))))


def pixels(data: bytes, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    path = folder / "image"
    path.write_bytes(data)
    return decode(path).pixels


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x013B] = NAME.decode()  # artist
    return made


def png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("PatientName", NAME.decode())
    return info


def pictures() -> dict[str, bytes]:
    grey8, grey16 = Image.fromarray((LEVELS % 251).astype(np.uint8)), Image.fromarray(LEVELS * 8)
    colour = Image.merge("RGBA", [grey8, grey8.rotate(90, expand=False), grey8, grey8])
    made = {
        "png": encoded(grey8, "PNG", pnginfo=png_text()),
        "png 16 bits": encoded(grey16, "PNG", pnginfo=png_text()),
        "png with alpha": encoded(colour, "PNG", pnginfo=png_text()),
        "png with palette": encoded(colour.convert("RGB").convert("P"), "PNG", pnginfo=png_text()),
        "jpeg": encoded(grey8, "JPEG", comment=NAME),
        "jpeg progressive": encoded(colour.convert("RGB"), "JPEG", progressive=True, comment=NAME),
        "jpeg cmyk": encoded(colour.convert("RGB").convert("CMYK"), "JPEG", comment=NAME),
        "bmp": encoded(grey8, "BMP") + NAME,
        "tiff": encoded(grey16, "TIFF", description=NAME.decode()),
        "webp": encoded(colour.convert("RGB"), "WEBP", lossless=True, exif=exif(1)),
    }
    for orientation in range(1, 9):
        made[f"jpeg turned {orientation}"] = encoded(grey8, "JPEG", exif=exif(orientation))
        made[f"png turned {orientation}"] = encoded(grey8, "PNG", exif=exif(orientation))
    made["png with a tail"] = encoded(grey8, "PNG") + NAME
    made["jpeg with a tail"] = encoded(grey8, "JPEG") + NAME
    return made


PICTURES = pictures()


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_keep_their_pixels_and_lose_their_text(kind: str, tmp_path: Path) -> None:
    image, data = cleaned(PICTURES[kind])
    before, after = pixels(PICTURES[kind], tmp_path), pixels(data, tmp_path)
    assert np.array_equal(before, after)
    assert (image.height, image.width) == after.shape
    assert NAME not in data


@pytest.mark.parametrize("kind", ["bmp", "tiff", "webp"])
def test_no_file_with_its_tags_is_written_meanwhile(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill would leave it."""

    def written(*arguments: object, **options: object) -> None:
        raise AssertionError("writes a file")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", written)
    assert NAME not in cleaned(PICTURES[kind]).data


def test_compressed_text_is_gone_too() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("PatientName", NAME.decode() * 50, zip=True)
    data = encoded(Image.fromarray(LEVELS.astype(np.uint8)), "PNG", pnginfo=info)
    assert b"zTXt" in data
    assert b"zTXt" not in cleaned(data).data


def dicom_files() -> list[Path]:
    return sorted((Path(DATA_ROOT) / "test_files").glob("*.dcm"))


@pytest.mark.parametrize("path", dicom_files(), ids=lambda path: path.name)
def test_dicom_keeps_its_pixels_and_view_and_loses_its_identifiers(path: Path, tmp_path: Path) -> None:
    """Over all of pydicom's own files that are read; what is refused before is refused after."""
    data = path.read_bytes()
    try:
        before = decode(path)
    except ImageError:
        try:
            kept = cleaned(data).data
        except ImageError:
            return
        with pytest.raises(ImageError):
            pixels(kept, tmp_path)
        return
    image = cleaned(data)
    (tmp_path / "image").write_bytes(image.data)
    after = decode(tmp_path / "image")
    assert np.array_equal(before.pixels, after.pixels)
    assert before.view == after.view
    assert before.provenance.steps == after.provenance.steps
    kept_groups = {element.tag.group for element in dcmread(tmp_path / "image", force=True)}
    assert kept_groups <= {0x0008, 0x0018, 0x0020, 0x0028, 0x7FE0}


def labelled_dicom() -> bytes:
    dataset = dcmread(next(path for path in dicom_files() if path.name == "CT_small.dcm"))
    dataset.PatientName, dataset.PatientID = NAME.decode(), NAME.decode()
    dataset.StudyInstanceUID = dataset.SOPInstanceUID = "1.2.840.99.1234567"
    dataset.SeriesDescription = f"lateral {NAME.decode()}"
    dataset.AccessionNumber, dataset.PatientBirthDate = "ACC12345", "19500101"
    dataset.file_meta.SourceApplicationEntityTitle = "HOSPITAL"
    dataset.preamble = NAME.ljust(128, b"\0")
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_dicom_loses_names_dates_numbers_and_free_text() -> None:
    image = cleaned(labelled_dicom())
    assert image.image.view == "lateral"  # the series description said so
    for secret in (NAME, b"1.2.840.99", b"ACC12345", b"19500101", b"HOSPITAL", b"CompressedSamples"):
        assert secret not in image.data


def test_dicom_keeps_defined_terms_alone_and_nothing_behind_the_frame() -> None:
    """Sixteen letters of a code string, and what follows the pixels, may hold a name."""
    dataset = dcmread(BytesIO(labelled_dicom()))
    dataset.VOILUTFunction = dataset.PatientOrientation = "DOE_JANE"
    dataset.PixelData += NAME * 10
    dataset.SOPClassUID = "1.2.840.99.1234567"
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    kept = cleaned(buffer.getvalue()).data
    for secret in (b"DOE_JANE", NAME, b"1.2.840.99"):
        assert secret in buffer.getvalue()
        assert secret not in kept


def test_pixels_that_stay_are_copied_from_the_upload_and_never_whole_in_memory() -> None:
    upload = BytesIO(labelled_dicom())
    image = clean(upload, "upload", MAX_PIXELS)
    data = upload.getvalue()
    assert (data.index(dcmread(BytesIO(data)).PixelData), 128 * 128 * 2) in image.parts
    upload.truncate(1000)  # nothing is made up for what is gone
    with pytest.raises(EOFError):
        list(image.pieces(upload))


def test_a_comment_in_a_compressed_frame_is_gone() -> None:
    path = next(path for path in dicom_files() if path.name == "JPGExtended.dcm")
    dataset = dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    comment = b"\xff\xfe" + struct.pack(">H", len(NAME) + 2) + NAME
    dataset.PixelData = encapsulate([frame[:2] + comment + frame[2:] + NAME])
    buffer = BytesIO()
    dataset.save_as(buffer)
    assert NAME in buffer.getvalue()
    assert NAME not in cleaned(buffer.getvalue()).data


def test_an_error_quotes_no_value_of_the_file() -> None:
    dataset = dcmread(BytesIO(labelled_dicom()))
    dataset.add_new("Rows", "LO", NAME.decode())
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    with pytest.raises(ImageError) as error:
        cleaned(buffer.getvalue())
    assert "Doe" not in str(error.value)


def nested_dicom(keyword: str) -> bytes:
    dataset = dcmread(BytesIO(labelled_dicom()))
    referenced, item = Dataset(), Dataset()
    referenced.PatientName = item.PatientName = item.LUTExplanation = NAME.decode()
    item.ReferencedImageSequence = [referenced]
    item.add_new(0x00110010, "LO", NAME.decode())
    item.add_new(0x00111001, "LO", NAME.decode())
    item.LUTDescriptor, item.ModalityLUTType = [256, 0, 16], "US"
    item.LUTData = np.arange(256, dtype="<u2").tobytes()
    setattr(dataset, keyword, [item])
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
def test_dicom_loses_names_within_sequences_and_keeps_their_tables(keyword: str, tmp_path: Path) -> None:
    data = nested_dicom(keyword)
    kept = cleaned(data).data
    assert NAME not in kept
    assert set(dcmread(BytesIO(kept))[keyword][0].dir()) == {"LUTDescriptor", "LUTData", "ModalityLUTType"}
    assert np.array_equal(pixels(data, tmp_path), pixels(kept, tmp_path))


def test_identifiers_are_kept_when_asked() -> None:
    data = labelled_dicom()
    assert cleaned(data, keep_identifiers=True).data == data


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"this is a text file that is named .png", "is not an image"),
        (PICTURES["png"][:40], "is (damaged|cut short)"),
        (PICTURES["jpeg"][:20], "is (damaged|cut short)"),
        (b"II*\0 damaged tiff", "is (damaged|cut short)"),
    ],
)
def test_what_is_no_image_is_told_by_the_clients_name(data: bytes, problem: str) -> None:
    with pytest.raises(ImageError, match=problem) as error:
        cleaned(data)
    assert str(error.value).startswith("upload: ")


def test_a_decompression_bomb_is_refused_before_it_goes_off() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = PICTURES["png"][:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + PICTURES["png"][33:]
    with pytest.raises(ImageError, match="more pixels than any radiograph"):
        cleaned(bomb)
    with pytest.raises(ImageError, match="megapixels"):
        clean(BytesIO(PICTURES["png"]), "upload", 1000)


@pytest.mark.real_data
def test_real_radiographs_keep_their_pixels(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "nih" / "images").iterdir())[:20]
    for path in files:
        image = cleaned(path.read_bytes())
        assert np.array_equal(read(path).pixels, pixels(image.data, tmp_path))


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        ({"PatientID": " P1 ", "PatientName": "Doe^Jane", "PatientBirthDate": "19500101"}, None),
        ({"PatientName": "DOE, jane"}, None),
        ({"PatientName": "M\u00fcller^J\u00f6rg"}, "ISO_IR 100"),
        ({"PatientName": "M\u00fcller^J\u00f6rg"}, "no such set"),
    ],
)
def test_patients_are_told_apart_as_the_command_line_does(
    values: dict[str, str], encoding: str | None
) -> None:
    dataset = dcmread(BytesIO(labelled_dicom()))
    for keyword in ("PatientID", "PatientName", "PatientBirthDate"):
        if keyword in dataset:
            delattr(dataset, keyword)
    if encoding:
        dataset.SpecificCharacterSet = "ISO_IR 100"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    buffer = BytesIO()
    dataset.save_as(buffer)
    data = buffer.getvalue()
    if encoding == "no such set":
        data = data.replace(b"ISO_IR 100", b"ISO_IR 999")
    header = Patient.of(read_header(data), "upload")
    assert not header.unknown
    assert cleaned(data).image.patient == header.hashed()
