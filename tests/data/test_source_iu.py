"""Indiana University's collection in the layouts of Kaggle and Open-i."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.data.sources.iu_labels import labels, mesh_labels
from radscribe.errors import DataError, UsageError
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]

REPORTS = """uid,MeSH,Problems,image,indication,comparison,findings,impression
1,normal,normal,Xray Chest,Positive TB test,None.,"The heart is normal, the lungs ""clear"".",Normal.
2,Cardiomegaly/borderline;Pulmonary Artery/enlarged,Cardiomegaly,Chest,Preop.,None.,,No acute findings.
"""
PROJECTIONS = """uid,filename,projection
1,1_IM-0001-4001.dcm.png,Frontal
1,1_IM-0001-3001.dcm.png,Lateral
2,2_IM-0652-1001.dcm.png,Frontal
"""
XML = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR{number}"/>
<MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Pain</AbstractText>
<AbstractText Label="FINDINGS">Heart large &amp; lungs clear.</AbstractText><AbstractText Label="IMPRESSION"/>
</Abstract></Article></MedlineCitation>
<MeSH><major>Pulmonary Atelectasis/base/left</major><automatic>pneumothorax</automatic></MeSH>
{images}</eCitation>"""


@pytest.fixture
def kaggle(tmp_path: Path, picture: Picture) -> Path:
    """A download of Kaggle's."""
    src = tmp_path / "kaggle"
    folder = src / "images" / "images_normalized"
    for seed, name in enumerate(("1_IM-0001-4001", "1_IM-0001-3001", "2_IM-0652-1001")):
        picture(folder / f"{name}.dcm.png", seed)
    (src / "indiana_reports.csv").write_text(REPORTS)
    (src / "indiana_projections.csv").write_text(PROJECTIONS)
    return src


def xml(number: int, *images: str) -> bytes:
    pictures = "".join(f'<parentImage id="{image}"/>' for image in images)
    return XML.format(number=number, images=pictures).encode()


def archive(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))


def test_kaggle(kaggle: Path, run: Prepare) -> None:
    outcome = run("iu-kaggle", kaggle, check=True)
    one, two = Manifest(outcome.manifest)
    assert (one.id, one.patient_id, two.id) == ("1", None, "2")
    assert [(image.path, image.view, image.width, image.height) for image in one.images] == [
        ("images/images_normalized/1_IM-0001-4001.dcm.png", "frontal", 96, 80),
        ("images/images_normalized/1_IM-0001-3001.dcm.png", "lateral", 96, 80),
    ]
    assert one.report is not None
    assert one.report.findings == 'The heart is normal, the lungs "clear".'
    assert (one.report.indication, one.report.comparison) == ("Positive TB test", "None.")
    assert one.labels["Normal"] == 1.0
    assert {finding for finding, value in one.labels.items() if value != 0.0} == {"Normal"}
    assert two.labels["Cardiomegaly"] is None  # coded, but the report is silent
    assert two.labels["Effusion"] == 0.0
    by_tags = Manifest(run("iu-kaggle", kaggle, settings={"labels": "mesh"}).manifest)
    assert by_tags[0].labels == dict.fromkeys(CHESTXRAY14, 0.0)
    assert by_tags[1].labels == {"Cardiomegaly": 1.0}
    manifest = Manifest(outcome.manifest)
    assert all((manifest.root / image.path).is_file() for study in manifest for image in study.images)
    assert (outcome.summary.studies.total(), outcome.summary.images.total(), outcome.missing) == (2, 3, [])
    assert outcome.leaks is not None
    assert outcome.leaks.images == 3


def test_without_images_nothing_is_written(kaggle: Path, run: Prepare, tmp_path: Path) -> None:
    (kaggle / "images" / "images_normalized" / "1_IM-0001-3001.dcm.png").unlink()
    (kaggle / "images" / "images_normalized" / "2_IM-0652-1001.dcm.png").write_text("no image")
    with pytest.raises(DataError) as caught:
        run("iu-kaggle", kaggle)
    message = str(caught.value)
    assert (
        "2 of 3 images are missing or unreadable: images/images_normalized/1_IM-0001-3001.dcm.png" in message
    )
    assert "--allow-missing" in message
    assert not (tmp_path / "out").exists()


def test_allow_missing_keeps_the_studies_and_lists_the_images(
    kaggle: Path, run: Prepare, tmp_path: Path
) -> None:
    (kaggle / "images" / "images_normalized" / "1_IM-0001-3001.dcm.png").unlink()
    outcome = run("iu-kaggle", kaggle, allow_missing=True)
    lost = "images/images_normalized/1_IM-0001-3001.dcm.png"
    assert outcome.missing == [lost]
    assert (tmp_path / "out" / "missing.txt").read_text() == f"{lost}\n"
    assert Manifest(outcome.manifest)[0].images[1].width is None
    (kaggle / lost).parent.mkdir(exist_ok=True)
    (kaggle / lost).write_bytes((kaggle / "images/images_normalized/2_IM-0652-1001.dcm.png").read_bytes())
    run("iu-kaggle", kaggle, allow_missing=True)
    assert not (tmp_path / "out" / "missing.txt").exists()  # nothing is missing now


@pytest.mark.parametrize("name", ["indiana_reports.csv", "indiana_projections.csv"])
def test_a_missing_table_is_named_with_where_one_gets_it(kaggle: Path, run: Prepare, name: str) -> None:
    (kaggle / name).unlink()
    with pytest.raises(
        DataError, match=f"{name} is missing from the download; get it from https://www.kaggle"
    ):
        run("iu-kaggle", kaggle)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("indiana_reports.csv", b"a,b\n1,2\n", "has no column 'uid', only a, b"),
        ("indiana_reports.csv", b"", "has no column 'uid', only nothing"),
        ("indiana_reports.csv", REPORTS.encode("utf-16-le"), "has no column 'uid'"),
        ("indiana_reports.csv", b"\x1f\x8b\x08\x00\x00", "is not UTF-8 text near line 1"),
        ("indiana_projections.csv", (PROJECTIONS + "3,3_IM.png,Frontal\n").encode(), "lacks, such as uid 3"),
    ],
)
def test_a_broken_table_is_named(kaggle: Path, run: Prepare, name: str, content: bytes, message: str) -> None:
    (kaggle / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        run("iu-kaggle", kaggle)
    assert str(kaggle / name) in str(caught.value)


def test_utf_16_tables_are_read_as_others(kaggle: Path, run: Prepare) -> None:
    before = run("iu-kaggle", kaggle).manifest.read_bytes()
    (kaggle / "indiana_reports.csv").write_bytes(REPORTS.encode("utf-16"))
    (kaggle / "indiana_projections.csv").write_bytes(PROJECTIONS.encode("utf-16"))
    assert run("iu-kaggle", kaggle).manifest.read_bytes() == before


def test_a_setting_that_the_source_does_not_have(kaggle: Path, run: Prepare) -> None:
    with pytest.raises(UsageError, match="there is no key 'x'; the keys of this source are: images, labels"):
        run("iu-kaggle", kaggle, settings={"x": "1"})


def test_openi_from_the_archive(tmp_path: Path, run: Prepare, picture: Picture) -> None:
    src = tmp_path / "openi"
    members = {
        "ecgen-radiology/1.xml": xml(1, "CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"),
        "ecgen-radiology/7.xml": xml(7),
        "../../escape.xml": xml(8, "CXR8_IM-0008-1001"),  # read as any other: nothing is unpacked
        "ecgen-radiology/readme.txt": b"not read",
    }
    archive(src / "NLMCXR_reports.tgz", members)
    for seed, name in enumerate(("CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", "CXR8_IM-0008-1001")):
        picture(src / "NLMCXR_png" / f"{name}.png", seed)
    before = sorted(tmp_path.rglob("*.xml"))
    outcome = run("iu-openi", src)
    one, seven, eight = Manifest(outcome.manifest)
    assert [study.id for study in (one, seven, eight)] == ["CXR1", "CXR7", "CXR8"]
    assert one.images[0].path == "NLMCXR_png/CXR1_1_IM-0001-3001.png"
    assert one.images[0].view == "unknown"
    assert one.report is not None
    assert (one.report.findings, one.report.impression) == ("Heart large & lungs clear.", "")
    assert one.labels["Pneumothorax"] == 0.0  # the machine's tag is not taken
    by_tags = Manifest(run("iu-openi", src, settings={"labels": "mesh"}).manifest)
    assert by_tags[0].labels == {"Atelectasis": 1.0}
    assert (seven.images, seven.split) == ((), None)
    assert outcome.notes[0].startswith("no views")
    assert sorted(tmp_path.rglob("*.xml")) == before


def test_openi_parts_as_kaggle_does_and_takes_its_views(tmp_path: Path, kaggle: Path, run: Prepare) -> None:
    (kaggle / "ecgen-radiology").mkdir()
    (kaggle / "ecgen-radiology" / "1.xml").write_bytes(xml(1, "CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"))
    (kaggle / "ecgen-radiology" / "2.xml").write_bytes(xml(2, "CXR2_IM-0652-1001"))
    first = {study.id: study.split for study in Manifest(run("iu-kaggle", kaggle).manifest)}
    openi = Manifest(run("iu-openi", kaggle, allow_missing=True).manifest)
    assert {study.id.removeprefix("CXR"): study.split for study in openi} == first
    assert [image.view for image in openi[0].images] == ["lateral", "frontal"]


def test_openi_dicom_files_by_study(tmp_path: Path, run: Prepare) -> None:
    src = tmp_path / "openi"
    archive(src / "NLMCXR_reports.tgz", {"1.xml": xml(1, "CXR1_1_IM-0001-3001")})
    (src / "NLMCXR_dcm").mkdir()
    outcome = run("iu-openi", src, allow_missing=True)
    assert outcome.missing == ["NLMCXR_dcm/1/1_IM-0001-3001.dcm"]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<eCitation><uId id="CXR1"/><x>&b;</x></eCitation>"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "declares a document type"),
        (
            BOMB.decode().replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16"),
            "declares a document type",
        ),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "declares a document type"),
        (b"<eCitation><uId", "is not XML that can be read"),
        (b"", "is not XML that can be read"),
        (b'<?xml version="1.0" encoding="nonsense"?><x/>', "is not XML that can be read"),
        (b"<eCitation/>", "is not an Open-i report"),
    ],
)
def test_xml_that_is_broken_or_means_harm(tmp_path: Path, run: Prepare, data: bytes, message: str) -> None:
    archive(tmp_path / "openi" / "NLMCXR_reports.tgz", {"ecgen-radiology/1.xml": data})
    with pytest.raises(DataError, match=message) as caught:
        run("iu-openi", tmp_path / "openi")
    assert "ecgen-radiology/1.xml" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_cut_short_or_holds_a_giant(tmp_path: Path, run: Prepare) -> None:
    path = tmp_path / "openi" / "NLMCXR_reports.tgz"
    archive(path, {f"{n}.xml": xml(n, f"CXR{n}_IM-1-{n}") for n in range(200)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="is damaged or cut short"):
        run("iu-openi", path.parent)
    archive(path, {"1.xml": b" " * (5 << 20)})
    with pytest.raises(DataError, match="more than any report has"):
        run("iu-openi", path.parent)


def test_tags_become_findings() -> None:
    tags = ["Thickening/pleura/apex", "Hernia, Hiatal/large", "Airspace Disease", "Spine/degenerative"]
    assert mesh_labels(tags) == {"Consolidation": 1.0, "Pleural_Thickening": 1.0, "Hernia": 1.0}
    assert mesh_labels(["No Indexing"]) == {}
    assert mesh_labels(["normal"]) == dict.fromkeys(CHESTXRAY14, 0.0)


def test_tags_and_report_must_agree() -> None:
    report = Report(findings="Mild cardiomegaly. No effusion. Left basilar scarring. Possible nodule.")
    found = labels(["Cardiomegaly/mild", "Nodule", "Cicatrix/lung/base/left", "Granuloma"], report)
    assert found["Cardiomegaly"] == 1.0
    assert found["Scar"] == 1.0
    assert found["Effusion"] == 0.0  # denied, and not tagged
    assert found["Pneumothorax"] == 0.0  # nobody mentions it
    assert found["Nodule"] is None  # tagged, but the report is unsure
    assert found["Granuloma_or_Calcification"] is None  # tagged, but the report is silent
    assert found["Normal"] == 0.0


def test_a_report_without_tags_and_tags_without_a_report_count_alone() -> None:
    assert labels(["No Indexing"], Report(findings="Hyperexpanded lungs."))["Hyperinflation"] == 1.0
    assert labels([], Report(findings="Clear lungs."))["Cardiomegaly"] == 0.0
    found = labels(["Lung/hyperdistention"], Report(indication="Cough."))
    assert (found["Hyperinflation"], found["Emphysema"], found["Mass"]) == (1.0, 1.0, 0.0)
    assert labels([], Report()) == {}
