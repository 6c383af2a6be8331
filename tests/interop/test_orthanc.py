"""With real partners: dcmtk's storescu and Debian's Orthanc, by DIMSE and by DICOMweb."""

from __future__ import annotations

import subprocess
from collections import Counter
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from pydicom import dcmread

from radscribe.interop.destinations import destination
from radscribe.interop.destinations.destination import Parcel
from radscribe.interop.fetch import Archive, fetch
from radscribe.interop.identity import IdentityKey
from radscribe.interop.node import NodeSettings
from radscribe.interop.results.record import KINDS
from radscribe.serving import display
from radscribe.serving.outbox import to_result
from radscribe.serving.service import Service
from radscribe.serving.store import identities, reads, writes
from tests.interop import orthanc
from tests.interop.conftest import Receive
from tests.interop.receiving import data_set, drafts, new_study, part10, radiograph, until
from tests.interop.test_arrivals import port

KEY = IdentityKey(bytes(32))


def storescu(to: int, called: str, *files: Path) -> None:
    command = [orthanc.tool("storescu"), "-aec", called, "127.0.0.1", str(to), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def all_sent(service: Service, count: int) -> bool:
    """Whether so many results have arrived, and none waits."""
    states = [result["state"] for one in service.store.read(reads.page) for result in one.results]
    return len(states) == count and set(states) == {"sent"}


def grey(films: list[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.uint8]]:
    """Films as a secondary capture has them."""
    return [np.rint(np.clip(film, 0, 1) * 255).astype(np.uint8) for film in films]


def check(archive: orthanc.Orthanc, study: str, service: Service) -> None:
    """The archive has one patient and one study, and each object as it was sent, a series per kind."""
    made = [i for i in archive.instances() if "radscribe" in i.get("ManufacturerModelName", "")]
    assert {i["StudyInstanceUID"] for i in made} == {study}
    assert {(i["PatientID"], i["PatientName"]) for i in made} == {("P1", "Name^P1")}
    assert len(archive.get("/patients")) == len(archive.get("/studies")) == 1
    # Findings and report of the verified text stand in the series of those of the draft.
    assert len({i["SeriesInstanceUID"] for i in made}) == 3
    states = Counter((i["Modality"], i.get("VerificationFlag")) for i in made)
    assert states == {("SR", "UNVERIFIED"): 2, ("SR", "VERIFIED"): 2, ("OT", None): 1}
    # What WADO gives back is what was made here.
    (draft,) = drafts(service)
    sealed = service.store.read(identities.find, draft.id)
    assert sealed is not None
    assert sealed.sealed is not None
    web = Archive(archive.dicomweb, {})
    back = {
        str(instance.SOPInstanceUID): instance
        for series in web.series(study, ("SR", "OT"))
        for instance in web.instances(study, series)
    }
    expected = []
    for number in (0, 1):
        result = to_result(KEY, draft, sealed.sealed, number, "St. Elsewhere", None)
        films = [display.load(service.store.images.path(str(film.instance.path))) for film in result.films]
        parcel = Parcel(result, partial(grey, films))
        expected += [parcel.dicom(kind) for kind in KINDS if not (number and kind == "film")]
    assert sorted(back) == sorted(str(one.SOPInstanceUID) for one in expected)
    for one in expected:
        assert data_set(back[str(one.SOPInstanceUID)]) == data_set(one)


@pytest.mark.parametrize("way", ["dicom", "stow"])
def test_a_study_goes_round_from_the_archive_and_back(receive: Receive, tmp_path: Path, way: str) -> None:
    orthanc.tool("storescu")
    with orthanc.running(listening := orthanc.free_port()) as archive:
        place = f"ORTHANC@127.0.0.1:{archive.dicom}" if way == "dicom" else archive.dicomweb
        service = receive(
            node=NodeSettings(port=listening, callers=("ORTHANC",)),
            quiet_seconds=1,
            identity_key=KEY,
            organisation="St. Elsewhere",
            destinations=(destination(f"{way}:{place}"),),
        )
        study = new_study()
        for number in (1, 2):
            path = tmp_path / f"{number}.dcm"
            path.write_bytes(part10(radiograph(study, number=number, size=128)))
            storescu(archive.dicom, "ORTHANC", path)
        until(lambda: drafts(service), 60)
        until(lambda: all_sent(service, 3), 60)
        (draft,) = drafts(service)
        review = (draft.id, 0, "Ada Reader", "accept", "No effusion.", "", "reader", service.shippings)
        service.store.write(writes.add_review, *review).result()
        until(lambda: all_sent(service, 5), 60)
        check(archive, study, service)
        # The archive routes the study again, with the results in it: no second draft.
        until(lambda: service.node and service.node.counts["received"] >= 5, 60)  # two and a film
        until(lambda: not len(service.arrivals.spool), 60)
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
