"""Destinations against receivers on this machine: what arrives, and what a refusal looks like."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import hl7
import numpy as np
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage
from pynetdicom import AE, evt

from radscribe.errors import UsageError
from radscribe.interop.destinations import DESTINATIONS, destination
from radscribe.interop.destinations.destination import DeliveryError, Parcel
from radscribe.interop.destinations.fhir import bundle
from radscribe.interop.destinations.hl7 import END, START, message
from radscribe.interop.results.record import Result
from tests.interop.fhir_server import FhirServer
from tests.interop.make import IDENTITY, TEXT, draft, reviewed


def parcel(result: Result | None = None) -> Parcel:
    return Parcel(result or draft(), lambda: [np.full((64, 48), 90, np.uint8)] * 2)


@contextmanager
def archive(
    status: int = 0, classes: tuple[str, ...] = (), opened: list[Any] | None = None, aborts: bool = False
) -> Iterator[tuple[int, list[pydicom.Dataset]]]:
    """A DICOM archive that takes these classes; yields its port and what it stored.

    It lists its associations in `opened`, and may abort each one after the first object.
    """
    stored: list[pydicom.Dataset] = []

    def store(event: Any) -> int:
        stored.append(event.dataset)
        if aborts:
            threading.Timer(0.05, event.assoc.abort).start()
        return status

    def accepted(event: Any) -> None:
        if opened is not None:
            opened.append(event.assoc)

    ae = AE("ARCHIVE")
    ae.require_called_aet = True
    for kind in classes or (ComprehensiveSRStorage, SecondaryCaptureImageStorage):
        ae.add_supported_context(kind)
    handlers: Any = [(evt.EVT_C_STORE, store), (evt.EVT_ACCEPTED, accepted)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield server.server_address[1], stored
    finally:
        ae.shutdown()  # with its associations


@contextmanager
def web(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server; yields its URL and path, headers and body of each request."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers, body))
            status, content = answer(self.path, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", self.path)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/base", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def mllp(code: str) -> Iterator[tuple[int, list[str]]]:
    """A receiver of HL7 that acknowledges with a code, or hangs up."""
    seen: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            data = b""
            while not data.endswith(END):
                data += connection.recv(4096)
            seen.append(data.strip(START + END).decode())
            control = seen[0].split("|")[9]
            if code:
                ack = f"MSH|^~\\&|A||B||20260102||ACK^R01|1|P|2.5.1\rMSA|{code}|{control}\r"
                connection.sendall(START + ack.encode() + END)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        thread.join()
        listener.close()


def test_c_store_delivers_every_object_and_a_duplicate_counts_as_delivered() -> None:
    for status in (0, 0x0111, 0xB000):
        with archive(status) as (port, stored):
            to = destination(f"dicom:ARCHIVE@127.0.0.1:{port}")
            for kind in ("findings", "film"):
                to.send(kind, parcel())
        assert [d.PatientID for d in stored] == [IDENTITY.patient_id] * 2


def test_c_store_sends_over_one_association_until_it_is_closed() -> None:
    opened: list[Any] = []
    with archive(opened=opened) as (port, stored):
        to = destination(f"dicom:ARCHIVE@127.0.0.1:{port}")
        for _ in range(3):
            to.send("findings", parcel())
        with pytest.raises(DeliveryError, match="does not take the class Basic Text SR Storage") as refused:
            to.send("report", parcel())
        assert refused.value.refused
        to.send("film", parcel())
        assert (len(stored), len(opened)) == (4, 1)
        to.close()
        to.send("film", parcel())
        assert (len(stored), len(opened)) == (5, 2)
        to.close()


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_c_store_goes_on_over_another_association_if_the_archive_aborts_one(pause: float) -> None:
    opened: list[Any] = []
    with archive(opened=opened, aborts=True) as (port, stored):
        to = destination(f"dicom:ARCHIVE@127.0.0.1:{port}")
        for _ in range(3):
            to.send("findings", parcel())
            time.sleep(pause)
        to.close()
    assert len({d.SOPInstanceUID for d in stored}) == 1
    assert len(stored) >= 3
    assert len(opened) > 1


def test_c_store_says_why_an_object_did_not_arrive() -> None:
    with archive(0xA700) as (port, _):
        to = destination(f"dicom:ARCHIVE@127.0.0.1:{port}")
        with pytest.raises(DeliveryError, match="status 0xA700"):
            to.send("findings", parcel())
        with pytest.raises(DeliveryError, match="does not take the class Basic Text SR Storage"):
            to.send("report", parcel())
        with pytest.raises(DeliveryError, match="rejects the association of RADSCRIBE to OTHER"):
            destination(f"dicom:OTHER@127.0.0.1:{port}").send("findings", parcel())
    with pytest.raises(DeliveryError, match="does not answer"):
        to.send("findings", parcel())


def test_stow_delivers_an_object_into_its_study() -> None:
    with web(lambda path, body: (200, b"{}")) as (url, seen):
        destination(f"stow:{url}").send("report", parcel())
    path, headers, body = seen[0]
    assert path == f"/base/studies/{IDENTITY.study_instance_uid}"
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + body, policy=HTTP).iter_parts()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert pydicom.dcmread(BytesIO(content)).PatientName == "Doe^Jane"


def failed(reason: int) -> bytes:
    return json.dumps({"00081198": {"vr": "SQ", "Value": [{"00081197": {"Value": [reason]}}]}}).encode()


def refusal(send: Callable[[], None]) -> bool:
    """Whether an object was refused, rather than that its destination could not take it now."""
    with pytest.raises(DeliveryError) as caught:
        send()
    return caught.value.refused


@pytest.mark.parametrize(
    ("status", "refused"), [(0xA700, False), (0x0122, True), (0xA900, True), (0xC000, True)]
)
def test_c_store_tells_a_refusal_from_a_lack_of_room(status: int, refused: bool) -> None:
    with archive(status) as (port, _):
        to = destination(f"dicom:ARCHIVE@127.0.0.1:{port}")
        assert refusal(lambda: to.send("findings", parcel())) is refused
        assert refusal(lambda: to.send("report", parcel())), "a class that is not taken is a refusal"
    assert not refusal(lambda: to.send("findings", parcel())), "no answer is none"


@pytest.mark.parametrize(
    ("status", "answer", "refused"),
    [
        (500, b"", False),
        (503, b"", False),
        (401, b"", False),
        (302, b"", False),
        (400, b"", True),
        (422, b"", True),
        (409, failed(0xA700), False),
        (202, failed(0xA900), True),
    ],
)
def test_http_tells_a_refusal_from_a_failure(status: int, answer: bytes, refused: bool) -> None:
    with web(lambda path, body: (status, answer)) as (url, _):
        assert refusal(lambda: destination(f"stow:{url}").send("report", parcel())) is refused
        if not answer:
            assert refusal(lambda: destination(f"fhir:{url}").send("message", parcel())) is refused


@pytest.mark.parametrize(("code", "refused"), [("AE", True), ("AR", False), ("", False)])
def test_hl7_tells_an_error_in_the_message_from_a_reject(code: str, refused: bool) -> None:
    with mllp(code) as (port, _):
        assert refusal(lambda: destination(f"hl7:127.0.0.1:{port}").send("message", parcel())) is refused


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (500, b"broken", "status 500"),
        (302, b"", "status 302"),
        (202, failed(0xA900), "status 202 and failure reason 0xA900"),
        (409, failed(0x0122), "0x0122"),
    ],
)
def test_stow_says_why_an_object_did_not_arrive(status: int, answer: bytes, why: str) -> None:
    with web(lambda path, body: (status, answer)) as (url, seen), pytest.raises(DeliveryError, match=why):
        destination(f"stow:{url}").send("report", parcel())
    assert len(seen) == 1


def test_stow_takes_a_duplicate_as_delivered() -> None:
    with web(lambda path, body: (409, failed(0x0111))) as (url, _):
        destination(f"stow:{url}").send("report", parcel())


def test_a_secret_comes_from_a_file_and_is_not_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "basic").write_text("user:pass\n")
    with web(lambda path, body: (201, b"{}")) as (url, seen):
        for option in ("token-file", "basic-file"):
            to = destination(f"fhir:{url}#{option}={tmp_path / option.partition('-')[0]}")
            to.send("message", parcel())
            assert to.name == f"fhir:{url}"
    assert [headers["Authorization"] for _, headers, _ in seen] == ["Bearer s3cret", "Basic dXNlcjpwYXNz"]


def test_fhir_delivers_a_valid_transaction_that_makes_no_patient() -> None:
    with web(lambda path, body: (200, b"{}")) as (url, seen):
        destination(f"fhir:{url}#patient-system=urn:oid:1.2.3").send("message", parcel())
    sent = json.loads(seen[0][2])
    assert Bundle.model_validate(sent).type == "transaction"
    kinds = [entry["resource"]["resourceType"] for entry in sent["entry"]]
    assert kinds == ["Device", *["Observation"] * 4, "DiagnosticReport", "Provenance"]
    report = sent["entry"][5]["resource"]
    assert report["status"] == "partial"
    assert report["subject"]["identifier"] == {
        "value": "4711",
        "system": "urn:oid:1.2.3",
        "assigner": {"display": "WARD"},
    }
    assert report["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{IDENTITY.study_instance_uid}"
    assert {e["resource"]["status"] for e in sent["entry"][1:5]} == {"preliminary"}


def test_fhir_updates_the_same_report_after_the_review() -> None:
    before, after = bundle(draft()), bundle(reviewed())
    reports = [
        next(e for e in made["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")
        for made in (before, after)
    ]
    assert reports[0]["request"] == reports[1]["request"]
    assert reports[1]["resource"]["status"] == "final"
    provenance = after["entry"][-1]
    roles = [agent["type"]["coding"][0]["code"] for agent in provenance["resource"]["agent"]]
    assert roles == ["author", "verifier"]
    assert provenance["request"] != before["entry"][-1]["request"]
    states = {e["resource"]["code"]["text"]: e["resource"]["status"] for e in after["entry"][1:-2]}
    assert states["Fracture"] == "final"
    assert states["Nodule"] == "preliminary"  # the reader's text does not speak of it
    assert bundle(reviewed(number=2))["entry"][-2]["resource"]["status"] == "amended"


def test_fhir_says_why_a_bundle_was_refused_but_quotes_no_text() -> None:
    outcome = json.dumps({"issue": [{"code": "not-found", "diagnostics": "Doe, Jane"}]}).encode()
    refused = pytest.raises(DeliveryError, match=r"status 404 \(not-found\)$")
    with web(lambda path, body: (404, outcome)) as (url, _), refused:
        destination(f"fhir:{url}").send("message", parcel())


def test_a_fhir_server_has_one_report_after_retries_and_the_review() -> None:
    server = FhirServer(failures=1)
    with web(server.answer) as (url, _):
        to = destination(f"fhir:{url}")
        assert not refusal(lambda: to.send("message", parcel()))
        assert not server.resources
        for result in (draft(), draft(), reviewed()):
            to.send("message", parcel(result))
    (report,) = server.of("DiagnosticReport")
    assert (report["status"], report["meta"]["versionId"]) == ("final", 3)
    kept = {f"Observation/{one['id']}" for one in server.of("Observation")}
    assert {one["reference"] for one in report["result"]} <= kept
    assert len(server.of("Device")) == 1
    assert len(server.of("Provenance")) == 2  # of the draft and of the review
    assert {kind for kind, _ in server.resources} == {
        *("Device", "Observation", "DiagnosticReport", "Provenance")
    }


def test_a_fhir_server_refuses_a_reference_to_nothing() -> None:
    """The stand-in is no rubber stamp."""
    broken = bundle(draft())
    broken["entry"] = broken["entry"][1:]  # without the device
    assert FhirServer().answer("", json.dumps(broken).encode())[0] == 422
    broken["entry"][0]["resource"]["status"] = ["no", "status"]
    assert FhirServer().answer("", json.dumps(broken).encode())[0] == 422


def test_hl7_has_the_same_control_id_at_a_retry_and_another_one_for_the_review() -> None:
    control = [str(hl7.parse(message(made))["MSH"][0][10]) for made in (draft(), draft(), reviewed())]
    assert control[0] == control[1] != control[2]
    assert message(draft()) == message(draft())


def test_hl7_writes_names_of_any_script_in_utf_8() -> None:
    odd = replace(
        IDENTITY, patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう", issuer_of_patient_id="WARD&1"
    )
    with mllp("AA") as (port, seen):
        destination(f"hl7:127.0.0.1:{port}").send("message", parcel(draft(odd)))
    read = hl7.parse(seen[0] + "\r")
    assert str(read["MSH"][0][18]) == "UNICODE UTF-8"
    assert str(read["PID"][0][3]) == "4711^^^WARD\\T\\1"
    assert str(read["PID"][0][5]) == "Yamada^Tarou"
    greek = hl7.parse(message(draft(replace(IDENTITY, patient_name="Διονυσιος"))))
    assert str(greek["PID"][0][5]) == "Διονυσιος"


def test_hl7_delivers_a_message_and_waits_for_its_acknowledgement() -> None:
    with mllp("AA") as (port, seen):
        destination(f"hl7:127.0.0.1:{port}#application=RIS&facility=WEST").send("message", parcel())
    read = hl7.parse(seen[0] + "\r")
    assert (str(read["MSH"][0][5]), str(read["MSH"][0][6])) == ("RIS", "WEST")
    assert str(read["PID"][0][3]) == "4711^^^WARD"
    assert str(read["OBR"][0][25]) == "R"
    texts = [str(obx[5]) for obx in read["OBX"] if str(obx[2]) == "TX"]
    assert TEXT in texts
    assert {str(obx[11]) for obx in read["OBX"]} == {"R"}


def test_hl7_leaves_a_date_or_sex_that_no_standard_knows_empty() -> None:
    odd = replace(IDENTITY, birth_date="unknown", sex="?", study_date="", study_time="10:15")
    read = hl7.parse(message(draft(odd)))
    assert [str(read["PID"][0][n]) for n in (7, 8)] == ["", ""]
    assert str(read["OBR"][0][7]) == ""


@pytest.mark.parametrize(("code", "why"), [("AE", "message: AE"), ("", "no acknowledgement")])
def test_hl7_says_why_a_message_was_refused(code: str, why: str) -> None:
    with mllp(code) as (port, _), pytest.raises(DeliveryError, match=why):
        destination(f"hl7:127.0.0.1:{port}").send("message", parcel())


def test_hl7_marks_a_verified_text_as_final_and_escapes_what_delimits() -> None:
    read = hl7.parse(message(reviewed(text="Left & right | ^ \\ ~\nEffusion.")))
    assert str(read["OBR"][0][25]) == "F"
    text = next(str(obx[5]) for obx in read["OBX"] if "59776-5" in str(obx[3]))
    assert text == "Left \\T\\ right \\F\\ \\S\\ \\E\\ \\R\\\\.br\\Effusion."
    assert {str(obx[11]) for obx in read["OBX"] if str(obx[2]) == "NM"} == {"R"}


def test_a_folder_gets_a_file_per_object_and_the_same_at_a_retry(tmp_path: Path) -> None:
    to = destination(f"folder:{tmp_path / 'out'}")
    for _ in range(2):
        for kind in to.kinds_of(verified=False):
            to.send(kind, parcel())
    files = sorted(tmp_path.glob("out/*/*"))
    assert [file.parent.name for file in files] == [IDENTITY.study_instance_uid] * 3
    assert [pydicom.dcmread(file).Modality for file in files] == ["OT", "SR", "SR"]
    (tmp_path / "file").touch()
    with pytest.raises(DeliveryError, match="cannot be written"):
        destination(f"folder:{tmp_path / 'file'}").send("report", parcel())


def test_the_film_is_of_the_draft_alone() -> None:
    to = destination("folder:out")
    assert to.kinds_of(verified=False) == ("findings", "report", "film")
    assert to.kinds_of(verified=True) == ("findings", "report")


@pytest.mark.parametrize(
    "text",
    [
        "pacs",
        "ftp:host",
        "dicom:host:104",
        "dicom:A@host:99999",
        "dicom:TOO-LONG-FOR-A-TITLE@host:104",
        "dicom:A@h:1#calling=TOO-LONG-FOR-A-TITLE",
        "stow:ftp://host",
        "stow:http://user:password@host",
        "hl7:host",
        "folder:",
        "folder:out#mode=1",
        "fhir:http://h#token-file",
        "fhir:http://h#token-file=/nonexistent",
        "hl7:h:1#ca=/nonexistent",
    ],
)
def test_a_wrong_address_is_one_clear_error(text: str) -> None:
    with pytest.raises(UsageError):
        destination(text)


def test_every_kind_has_a_class() -> None:
    assert all(DESTINATIONS[kind].__doc__ for kind in DESTINATIONS)
