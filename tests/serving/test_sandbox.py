"""Files that crash, stall or bloat a decoder cost that file alone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
)

from radscribe.errors import ImageError
from radscribe.imaging.limits import MAX_PIXELS
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.cleaning import sandbox as module
from radscribe.serving.cleaning.sandbox import Cleaned
from radscribe.serving.intake import FairSlots
from tests.serving.conftest import Serve, picture, post


def send(sandbox: Sandbox, data: bytes, name: str = "upload") -> tuple[Cleaned, bytes]:
    with TemporaryFile() as source, TemporaryFile() as target:
        source.write(data)
        source.flush()
        cleaned = sandbox.clean(source, target, name, MAX_PIXELS, keep_identifiers=False)
        target.seek(0)
        return cleaned, target.read()


def radiograph(**elements: Any) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    dataset.Rows = dataset.Columns = 64
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(256)) * 16
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def written(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def test_a_picture_is_cleaned_in_a_child(sandbox: Sandbox) -> None:
    cleaned, data = send(sandbox, picture())
    assert (cleaned.suffix, cleaned.height, cleaned.width) == (".png", 64, 64)
    assert data.startswith(b"\x89PNG")


def test_an_error_names_the_file_as_the_client_does(sandbox: Sandbox) -> None:
    with pytest.raises(ImageError, match=r"^note\.png: is not an image"):
        send(sandbox, b"a text file, whatever it is called", "note.png")


def test_a_decoder_that_crashes_fails_its_file_and_the_next_one_is_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = module._Child._receive

    def crash(self: Any, seconds: float) -> Any:
        answer = receive(self, seconds)
        if "pixels" in answer:
            os.killpg(self._process.pid, signal.SIGSEGV)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(module._Child, "_receive", crash)
        with pytest.raises(ImageError, match="crashes its decoder"):
            send(sandbox, picture())
    assert send(sandbox, picture())[0].height == 64


def test_a_decoder_that_stalls_is_ended_at_its_deadline() -> None:
    sandbox = Sandbox(1, seconds=0.0)
    try:
        with pytest.raises(ImageError, match="takes too long"):
            send(sandbox, picture(size=2000))
    finally:
        sandbox.close()


def bomb(items: int) -> bytes:
    """A deflated object of a sequence of empty items."""
    head = BytesIO()
    dataset = radiograph()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dcmwrite(head, dataset, enforce_file_format=True)
    raw = written(radiograph())
    body = raw[raw.index(b"\x08\x00\x16\x00") :]
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    at = body.index(b"\x28\x00\x02\x00")
    body = (
        body[:at] + sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * items + b"\xfe\xff\xdd\xe0\0\0\0\0" + body[at:]
    )
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    start = head.getvalue()
    # The file meta information stays as it is; the data set behind it is deflated (PS3.5 A.5).
    meta = 132 + 12 + int.from_bytes(start[140:144], "little")
    return start[:meta] + compressor.compress(body) + compressor.flush()


def test_a_sequence_of_a_million_empty_items_is_answered_in_time(sandbox: Sandbox) -> None:
    data = bomb(2_000_000)
    assert len(data) < 100_000
    started = time.monotonic()
    with suppress(ImageError):
        send(sandbox, data)
    assert time.monotonic() - started < module.HEADER_SECONDS + 3


def test_large_pictures_are_decoded_one_after_the_other() -> None:
    sandbox = Sandbox(2, pixels=1000)
    with sandbox._pixels_of_budget() as grant:
        grant(10_000)  # more than there is takes all of it
        assert sandbox._left == 0
    assert sandbox._left == 1000


def test_a_child_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADSCRIBE_DATABASE", "postgresql://user:secret@host/name")
    sandbox = Sandbox(1)
    try:
        send(sandbox, picture())
        (child,) = sandbox._idle
        environment = Path(f"/proc/{child._process.pid}/environ").read_bytes()
        assert b"secret" not in environment
    finally:
        sandbox.close()


def test_one_client_never_holds_all_places() -> None:
    async def run() -> list[str]:
        slots, order, gate = FairSlots(2, 1), list[str](), asyncio.Event()

        async def study(client: str) -> None:
            async with slots.place(client):
                order.append(client)
                await gate.wait()

        greedy = [asyncio.create_task(study("greedy")) for _ in range(5)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(study("honest"))
        await asyncio.sleep(0.01)
        held = list(order)
        gate.set()
        await asyncio.gather(*greedy, honest)
        return held

    assert asyncio.run(run()) == ["greedy", "honest"]


def test_two_patients_never_share_a_draft(serve: Serve) -> None:
    client = serve()
    first, second = (written(radiograph(PatientID=patient)) for patient in ("1", "2"))
    response = post(client, ("a.dcm", first), ("b.dcm", second))
    assert response.status_code == 422
    assert "a.dcm | b.dcm" in response.json()["detail"]
    assert client.get("/v1/captions").json()["captions"] == []


def test_two_patients_without_ids_are_told_apart_by_name_and_birth_date(serve: Serve) -> None:
    client = serve()
    files = [
        written(radiograph(PatientName="Doe^Jane", PatientBirthDate=born))
        for born in ("19500101", "19600101")
    ]
    assert post(client, ("a.dcm", files[0]), ("b.dcm", files[1])).status_code == 422


def test_patients_are_compared_as_grouping_does(serve: Serve) -> None:
    client = serve()
    by_id, by_name, other_spelling = (
        written(radiograph(**patient))
        for patient in (
            {"PatientID": "1", "PatientName": "Doe^Jane"},
            {"PatientName": "DOE^JANE", "PatientBirthDate": "19500101"},
            {"PatientID": "1", "PatientName": "Doe, Jane", "PatientBirthDate": "19500101"},
        )
    )
    assert post(client, ("a.dcm", by_id), ("b.dcm", by_name), ("c.dcm", other_spelling)).status_code < 300
    somebody_else = written(radiograph(PatientName="Roe^Jane"))
    assert post(client, ("a.dcm", by_id), ("b.dcm", somebody_else)).status_code == 422
