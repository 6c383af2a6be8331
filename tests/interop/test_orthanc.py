"""With real partners: dcmtk's storescu and Debian's Orthanc, by DIMSE and by DICOMweb."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from pydicom import dcmread

from radscribe.interop.destinations import destination
from radscribe.interop.fetch import Archive, fetch
from radscribe.interop.identity import IdentityKey
from radscribe.interop.node import NodeSettings
from radscribe.serving.store import reads
from tests.interop import orthanc
from tests.interop.conftest import Receive
from tests.interop.receiving import drafts, new_study, part10, radiograph, until
from tests.interop.test_arrivals import port


def storescu(to: int, called: str, *files: Path) -> None:
    command = [orthanc.tool("storescu"), "-aec", called, "127.0.0.1", str(to), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_a_study_goes_round_from_the_archive_and_back(receive: Receive, tmp_path: Path) -> None:
    orthanc.tool("storescu")
    key = IdentityKey(bytes(32))
    with orthanc.running(listening := orthanc.free_port()) as archive:
        service = receive(
            node=NodeSettings(port=listening, callers=("ORTHANC",)),
            quiet_seconds=1,
            identity_key=key,
            destinations=(destination(f"dicom:ORTHANC@127.0.0.1:{archive.dicom}"),),
        )
        study = new_study()
        for number in (1, 2):
            path = tmp_path / f"{number}.dcm"
            path.write_bytes(part10(radiograph(study, number=number, size=128)))
            storescu(archive.dicom, "ORTHANC", path)

        def results() -> list[dict[str, Any]]:
            return [i for i in archive.instances() if "radscribe" in i.get("ManufacturerModelName", "")]

        def all_sent() -> bool:
            found = service.store.read(reads.page)
            sent = [result for one in found for result in one.results]
            return bool(sent) and all(result["state"] == "sent" for result in sent)

        until(lambda: drafts(service), 20)
        until(all_sent, 15)
        made = results()
        assert made
        assert {i["StudyInstanceUID"] for i in made} == {study}
        assert {(i["PatientID"], i["PatientName"]) for i in made} == {("P1", "Name^P1")}
        assert len({i["SeriesInstanceUID"] for i in made}) == len(made)
        assert len(archive.get("/patients")) == len(archive.get("/studies")) == 1
        # The archive routes the study again, with the results in it: no second draft.
        until(lambda: service.node and service.node.counts["received"] >= 5, 30)  # two and a film
        until(lambda: not len(service.arrivals.spool))
        assert len(drafts(service)) == 1


def test_storescu_sends_compressed_and_plain(receive: Receive, tmp_path: Path) -> None:
    service = receive()
    plain, jpeg = tmp_path / "plain.dcm", tmp_path / "jpeg.dcm"
    plain.write_bytes(part10(radiograph(new_study(), size=64)))
    subprocess.run([orthanc.tool("dcmcjpeg"), str(plain), str(jpeg)], check=True, capture_output=True)
    command = [
        orthanc.tool("storescu"),
        "-xs",
        "-aec",
        "RADSCRIBE",
        "127.0.0.1",
        str(port(service)),
        str(jpeg),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    until(lambda: drafts(service))
    assert [study.text for study in drafts(service)] == ["1 images."]


def test_stow_qido_and_wado_go_round_byte_equal(tmp_path: Path) -> None:
    with orthanc.running() as archive:
        web = Archive(archive.dicomweb, {})
        sent = [radiograph(new_study(), patient) for patient in ("P1", "P2")]
        for image in sent:
            web.store([image])
        done = fetch(web, {"PatientID": "P2"}, tmp_path / "one")
        assert (done.studies, done.instances, done.failed) == (1, 1, [])
        (file,) = (tmp_path / "one").rglob("*.dcm")
        found = dcmread(file)
        assert found.to_json_dict() == dcmread(BytesIO(part10(sent[1]))).to_json_dict()
        assert found.PixelData == sent[1].PixelData
        original = archive.get(f"/instances/{archive.get('/instances')[0]}/file")
        assert original[-256:] in {image.PixelData for image in sent}


def test_fetch_on_the_command_line(tmp_path: Path) -> None:
    from radscribe.cli.fetch import command

    with orthanc.running() as archive:
        Archive(archive.dicomweb, {}).store([radiograph(new_study()), radiograph(new_study(), "P2")])
        arguments = ["--qido", archive.dicomweb, "--out", str(tmp_path / "out"), "--limit", "1"]
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert result.return_value == 0, result.output
        assert "1 studies, 1 instances, 0 failed" in result.output
        assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1
