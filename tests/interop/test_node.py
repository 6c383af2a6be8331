"""The DICOM node: what it accepts, and what a peer may cost."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.uid import JPEGBaseline8Bit

from radscribe.errors import UsageError
from radscribe.interop.node import NOT_UNDERSTOOD, OUT_OF_RESOURCES, SUCCESS, Node, NodeSettings
from radscribe.interop.spool import Spool
from tests.interop.receiving import new_study, radiograph, send, until

Start = Callable[..., Node]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def start(spool: Spool) -> Iterator[Start]:
    running: list[Node] = []

    def node(has_room: Callable[[], bool] = lambda: True, **settings: object) -> Node:
        running.append(Node(NodeSettings(port=0, **settings), spool, has_room))  # type: ignore[arg-type]
        return running[-1]

    yield node
    for one in running:
        one.close()


def test_echo_and_store(start: Start, spool: Spool) -> None:
    from pynetdicom import AE

    node = start()
    entity = AE()
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="RADSCRIBE")
    assert association.send_c_echo().Status == SUCCESS
    association.release()
    study = new_study()
    assert send(node.port, radiograph(study, number=1), radiograph(study, number=2)) == [SUCCESS, SUCCESS]
    (key,) = spool.quiet(0)
    assert len(spool.instances(key)) == 2
    assert node.counts["received"] == 2


def test_reports_are_taken_and_dropped(start: Start, spool: Spool) -> None:
    from pydicom.uid import ComprehensiveSRStorage

    assert send(start().port, radiograph(new_study(), SOPClassUID=ComprehensiveSRStorage)) == [SUCCESS]
    assert len(spool) == 0


def test_only_named_callers_and_the_own_title(start: Start) -> None:
    node = start(callers=("PACS",))
    image = radiograph(new_study())
    assert send(node.port, image) == [SUCCESS]
    assert send(node.port, image, calling="OTHER") == []
    assert send(node.port, image, called="OTHER") == []
    assert node.counts["rejected"] == 2


def test_only_named_networks(start: Start) -> None:
    assert send(start(networks=("10.0.0.0/8",)).port, radiograph(new_study())) == []
    assert send(start(networks=("127.0.0.0/8",)).port, radiograph(new_study())) == [SUCCESS]


def test_a_full_disk_is_said(start: Start, spool: Spool) -> None:
    assert send(start(lambda: False).port, radiograph(new_study())) == [OUT_OF_RESOURCES]
    assert len(spool) == 0


def test_a_data_set_without_study_is_refused(start: Start) -> None:
    assert send(start().port, radiograph(new_study(), StudyInstanceUID="")) == [NOT_UNDERSTOOD]


def test_compressed_images_are_kept_as_they_are(start: Start, spool: Spool) -> None:
    from pydicom.encaps import encapsulate

    image = radiograph(new_study())
    image.PixelData = encapsulate([b"\xff\xd8 not decoded by the node \xff\xd9"])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert send(start().port, image) == [SUCCESS]
    (instance,) = spool.instances(spool.quiet(0)[0])
    assert b"not decoded by the node" in instance.path.read_bytes()


def test_an_instance_that_is_too_large_ends_the_association(start: Start, spool: Spool) -> None:
    node = start(instance_bytes=100_000)
    assert send(node.port, radiograph(new_study(), size=1024)) == [-1]
    assert len(spool) == 0
    assert send(node.port, radiograph(new_study())) == [SUCCESS]


def test_a_peer_that_stops_is_cut_off(start: Start) -> None:
    node = start(idle_seconds=0.5)
    for beginning in (b"", b"\x01\0\0\0\x10\0half of a PDU", b"\x04\0\xff\xff\xff\xff"):
        with socket.create_connection(("127.0.0.1", node.port)) as peer:
            peer.sendall(beginning)
            peer.settimeout(10)
            while peer.recv(1000):
                pass
    until(lambda: node.associations == 0)


def test_messages_that_cannot_be_decoded_end_their_association(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    import random

    from benchmarks.interop.fuzz import attack

    node, dice = start(idle_seconds=1, associations=64), random.Random(1)
    staying: list[socket.socket] = []
    for number in range(40):
        attack(node.port, radiograph(new_study(), number=number), dice, staying)
    until(lambda: node.associations == 0)
    for peer in staying:
        peer.close()
    assert "Traceback" not in capfd.readouterr().err
    assert send(node.port, radiograph(new_study())) == [SUCCESS]


def test_an_association_ends_after_its_lifetime(start: Start) -> None:
    from pynetdicom import AE

    node = start(lifetime_seconds=0.5)
    entity = AE()
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="RADSCRIBE")
    assert association.is_established
    until(lambda: not association.is_established)
    until(lambda: node.associations == 0)


def test_associations_are_limited(start: Start) -> None:
    from pynetdicom import AE

    node = start(associations=1)
    entity = AE()
    entity.add_requested_context("1.2.840.10008.1.1")
    first = entity.associate("127.0.0.1", node.port, ae_title="RADSCRIBE")
    assert not entity.associate("127.0.0.1", node.port, ae_title="RADSCRIBE").is_established
    first.release()
    until(lambda: node.associations == 0)
    assert send(node.port, radiograph(new_study())) == [SUCCESS]


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.1.2.3"])
def test_other_addresses_need_an_allow_list(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-ae"):
        NodeSettings(host=host)
    assert NodeSettings(host=host, callers=("PACS",)).host == host


@pytest.mark.parametrize(
    "wrong",
    [{"ae_title": ""}, {"callers": ("A" * 17,)}, {"networks": ("10.0.0.1/8",)}, {"certificate": Path("x")}],
)
def test_settings_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        NodeSettings(**wrong)  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_one_line(start: Start, spool: Spool) -> None:
    with pytest.raises(UsageError, match="cannot listen"):
        Node(NodeSettings(port=start().port), spool)


def test_tls(start: Start, tmp_path: Path) -> None:
    import ssl

    from pynetdicom import AE

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(
            [*command, "-keyout", key, "-out", certificate, *names], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    node = start(certificate=certificate, certificate_key=key, client_ca=certificate)
    image = radiograph(new_study())
    # One that never finishes its handshake holds up nobody.
    silent = socket.create_connection(("127.0.0.1", node.port))
    entity = AE("PACS")
    entity.add_requested_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)
    statuses = []
    for shows_certificate in (True, False):
        context = ssl.create_default_context(cafile=str(certificate))
        if shows_certificate:
            context.load_cert_chain(certificate, key)
        association = entity.associate(
            "127.0.0.1", node.port, ae_title="RADSCRIBE", tls_args=(context, "127.0.0.1")
        )
        statuses.append(association.is_established and association.send_c_store(image).Status)
        if association.is_established:
            association.release()
    silent.close()
    assert statuses == [SUCCESS, False]


def test_closing_does_not_wait_for_peers(spool: Spool) -> None:
    from pynetdicom import AE

    node = Node(NodeSettings(port=0), spool)
    entity = AE()
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="RADSCRIBE")
    started = time.monotonic()
    node.close()
    assert time.monotonic() - started < 5
    association.abort()
