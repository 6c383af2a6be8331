"""covid-chestxray-dataset: X-rays alone, notes as they are, parts by patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.errors import DataError
from radscribe.labels import CHESTXRAY14

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]
HEADER = (
    "patientid,offset,sex,age,finding,view,modality,date,location,folder,filename,license,clinical_notes,"
    "other_notes,\n"
)
ROWS = (
    '2,0,M,65,Pneumonia/Viral/COVID-19,PA,X-ray,2020,Wuhan,images,a.jpg,,"Fever, then an\ninfiltrate �",,\n',
    "2,3,M,65,Pneumonia/Viral/COVID-19,AP Supine,X-ray,2020,Wuhan,images,b.png,CC BY,,,\n",
    "4,,,,Pneumonia/Viral/COVID-19,Axial,CT,,,volumes,c.nii.gz,,A volume.,,\n",
    "5,,,,No Finding,L,X-ray,,,images,d.jpeg,,Clear.,,\n",
    "6,,,,Pneumonia/Bacterial/Klebsiella,PA,X-ray,,,images,d.jpeg,,Again.,,\n",
    "7,,,,Tuberculosis,AP semi erect,X-ray,,,images,e.jpg,,Cavity.,,\n",
)


@pytest.fixture
def covid(tmp_path: Path, picture: Picture) -> Path:
    """The repository with four X-rays, a CT and an image that is listed twice."""
    src = tmp_path / "covid"
    for seed, name in enumerate(("a.jpg", "b.png", "d.jpeg", "e.jpg")):
        picture(src / "images" / name, seed)
    (src / "metadata.csv").write_text(HEADER + "".join(ROWS), encoding="utf-8")
    return src


def test_x_rays_with_their_notes(covid: Path, run: Prepare) -> None:
    outcome = run("covid-chestxray", covid, check=True)
    a, b, d, e = Manifest(outcome.manifest)
    assert [study.id for study in (a, b, d, e)] == ["a.jpg", "b.png", "d.jpeg", "e.jpg"]
    assert (a.patient_id, b.patient_id, a.split) == ("2", "2", b.split)
    assert [study.images[0].view for study in (a, b, d, e)] == ["PA", "AP", "lateral", "AP"]
    assert a.report is not None
    assert a.report.findings == "Fever, then an\ninfiltrate �"
    assert b.report is None
    assert a.labels == {"COVID-19": 1.0, "Pneumonia": 1.0}
    assert d.labels == dict.fromkeys(CHESTXRAY14, 0.0)
    assert d.patient_id == "5"
    assert e.labels == {}
    assert outcome.notes == [
        "1 rows are not X-rays and were left out",
        "1 rows name an image that an earlier row has; the first row counts",
    ]


def test_a_row_without_patient_is_named(covid: Path, run: Prepare) -> None:
    (covid / "metadata.csv").write_text(HEADER + ROWS[0].replace("2,0,M", ",0,M", 1))
    with pytest.raises(DataError, match="a row has no image"):
        run("covid-chestxray", covid)


def test_an_image_in_two_parts_is_an_error_and_can_be_dropped(
    covid: Path, run: Prepare, picture: Picture, tmp_path: Path
) -> None:
    rows = [f"{n},,,,Tuberculosis,PA,X-ray,,,images,{n}.png,,,,\n" for n in range(30)]
    (covid / "metadata.csv").write_text(HEADER + "".join(rows))
    for n in range(30):
        picture(covid / "images" / f"{n}.png", n)
    parts = {study.id: study.split for study in Manifest(run("covid-chestxray", covid).manifest)}
    training = next(name for name, part in parts.items() if part == "train")
    test = next(name for name, part in parts.items() if part == "test")
    (covid / "images" / training).write_bytes((covid / "images" / test).read_bytes())
    with pytest.raises(DataError, match="parts overlap: 1 image "):
        run("covid-chestxray", covid, check=True)
    assert (tmp_path / "out" / "leaks.txt").read_text().count("\n") == 1
    outcome = run("covid-chestxray", covid, drop_leaks=True)
    assert outcome.dropped == 1
    assert outcome.summary.studies["none"] == 1
    after = {study.id: study.split for study in Manifest(outcome.manifest)}
    assert after == parts | {training: None}
    assert not (tmp_path / "out" / "leaks.txt").exists()


def test_brixia_scores(covid: Path, run: Prepare, picture: Picture) -> None:
    picture(covid / "brixia" / "images" / "9.jpg", 9)
    (covid / "brixia" / "labels.csv").write_text(
        "brixia_file,project_file,S-A,S-B,S-C,S-D,S-E,S-F,J-A,J-B,J-C,J-D,J-E,J-F\n"
        "a.jpeg,covid/images/a.jpg,0,1,2,3,0,0,1,1,1,1,1,1\n"
        "9.jpg,NEW brixia_scores/images/9.jpg,0,0,0,0,0,0,0,0,0,0,0,1\n"
        "gone.jpg,NEW brixia_scores/images/gone.jpg,0,0,0,0,0,0,0,0,0,0,0,1\n"
    )
    studies = {study.id: study for study in Manifest(run("covid-chestxray", covid).manifest)}
    assert studies["a.jpg"].images[0].zones == {
        "right_upper": 0, "right_middle": 1, "right_lower": 2,
        "left_upper": 3, "left_middle": 0, "left_lower": 0,
    }  # fmt: skip
    assert studies["a.jpg"].labels == {"COVID-19": 1.0, "Pneumonia": 1.0, "Opacity": 1.0}
    assert studies["brixia-9"].labels == {"Opacity": 0.0}
    assert len(studies) == 5
    junior = Manifest(run("covid-chestxray", covid, settings={"rater": "junior"}).manifest)
    assert next(study for study in junior if study.id == "brixia-9").labels == {"Opacity": 1.0}
