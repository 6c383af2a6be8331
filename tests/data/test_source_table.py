"""Any table: four formats, columns by name, ROCO's and ImageCLEF's captions, and what is wrong with a row."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.errors import DataError, RadscribeError, UsageError

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]
FIELDS = ("file", "words", "case", "who", "part", "how", "Mass")
VALUES = (
    ("one", 'Heart "large", lungs clear.', "s1", "p1", "train", "PA", "1"),
    ("two.png", "", "s1", "p1", "train", "lateral", "1"),
    ("sub/three.jpg", "Effusion;\tleft.", "s2", "p2", "validation", "", "-1"),
    ("four.jpg", "Größe normal.", "s3", "p3", "TEST", "ap", ""),
)
ROWS = [dict(zip(FIELDS, row, strict=True)) for row in VALUES]
COLUMNS = {
    "image": "file", "text": "words", "study": "case", "patient": "who", "split": "part", "view": "how",
    "labels": "Mass", "images": "pics",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, picture: Picture) -> Path:
    """A folder of pictures, with no table yet."""
    src = tmp_path / "mine"
    for seed, name in enumerate(("one.jpeg", "two.png", "sub/three.jpg", "four.jpg")):
        picture(src / "pics" / name, seed)
    return src


def save(path: Path) -> Path:
    """ROWS in the format that the name says."""
    name = path.name
    if name.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which is not installed")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(ROWS), path)
        return path
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        if ".jsonl" in name:
            file.writelines(json.dumps(row) + "\n" for row in ROWS)
        else:
            writer = csv.DictWriter(
                file, list(ROWS[0]), delimiter="\t" if ".tsv" in name else ";" if "semi" in name else ","
            )
            writer.writeheader()
            writer.writerows(ROWS)
    return path


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.csv.gz", "t.jsonl.gz", "semi.csv"]
)
def test_one_table_in_many_formats(folder: Path, run: Prepare, name: str) -> None:
    outcome = run("table", save(folder / name), settings=COLUMNS, check=True)
    one, two, three = Manifest(outcome.manifest)
    assert [(study.id, study.patient_id, study.split) for study in (one, two, three)] == [
        ("s1", "p1", "train"), ("s2", "p2", "val"), ("s3", "p3", "test"),
    ]  # fmt: skip
    assert [(image.path, image.view) for image in one.images] == [
        ("pics/one.jpeg", "PA"), ("pics/two.png", "lateral"),
    ]  # fmt: skip
    assert [study.report.findings if study.report else None for study in (one, two, three)] == [
        'Heart "large", lungs clear.', "Effusion;\tleft.", "Größe normal.",
    ]  # fmt: skip
    assert [study.labels for study in (one, two, three)] == [{"Mass": 1.0}, {"Mass": None}, {}]


def test_a_folder_with_one_table_and_columns_that_are_found(folder: Path, run: Prepare) -> None:
    (folder / "captions.csv").write_text("image,caption\npics/one,Clear.\npics/two.png,Not clear.\n")
    outcome = run("table", folder, settings={"section": "impression", "licence": "CC0", "citation": "me"})
    manifest = Manifest(outcome.manifest)
    assert [study.id for study in manifest] == ["pics/one", "pics/two"]
    assert manifest[0].report is not None
    assert (manifest[0].report.impression, manifest[0].report.findings) == ("Clear.", "")
    assert (manifest.header.licence, manifest.header.citation) == ("CC0", "me")
    assert all(study.split for study in manifest)


def test_findings_in_one_column(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,found\npics/one,Mass|Pleural Thickening\npics/two,No Finding\n")
    one, two = Manifest(run("table", folder, settings={"findings": "found"}).manifest)
    assert [name for name, value in one.labels.items() if value] == ["Mass", "Pleural_Thickening"]
    assert set(two.labels.values()) == {0.0}


def test_several_images_in_a_cell_or_a_list(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,text\npics/one|pics/two.png,Clear.\n")
    study = Manifest(run("table", folder, settings={"separator": "|"}).manifest)[0]
    assert [image.path for image in study.images] == ["pics/one.jpeg", "pics/two.png"]
    (folder / "t.csv").unlink()
    (folder / "t.jsonl").write_text('{"image": ["pics/one", "pics/two.png"], "text": "Clear.", "n": 5}\n')
    assert Manifest(run("table", folder).manifest)[0] == study


def test_numbers_and_blanks_of_json(folder: Path, run: Prepare) -> None:
    (folder / "t.jsonl").write_text(
        '{"image": "pics/one", "who": 7.0, "text": null}\n\n'
        '{"image": "pics/two.png", "who": 7, "text": "x"}\n'
    )
    one, two = Manifest(run("table", folder, settings={"patient": "who"}).manifest)
    assert (one.patient_id, two.patient_id, one.report) == ("7", "7", None)


def test_roco(tmp_path: Path, run: Prepare, picture: Picture) -> None:
    src = tmp_path / "roco"
    for place, part in enumerate(("train", "validation", "test")):
        for number in range(2):
            picture(src / "radiology" / part / "images" / f"ROCO_{part}_{number}.jpg", 2 * place + number)
        (src / "radiology" / part / "captions.txt").write_text(
            f'ROCO_{part}_0\t "A CT, in part" quoted\nROCO_{part}_1\t An open " mark.\n'
        )
    settings = {"columns": "image,text", "images": "images", "quoted": "no"}
    for option, part in (("train", "train"), ("val", "validation"), ("test", "test")):
        settings[option] = f"radiology/{part}/captions.txt"
    manifest = Manifest(run("table", src, settings=settings, check=True).manifest)
    assert [(study.id.split("/")[-1], study.split) for study in manifest] == [
        (f"ROCO_{folder}_{number}", part)
        for folder, part in (("test", "test"), ("train", "train"), ("validation", "val"))
        for number in range(2)
    ]
    assert manifest[0].images[0].path == "radiology/test/images/ROCO_test_0.jpg"
    assert [study.report.findings for study in manifest[:2] if study.report] == [
        '"A CT, in part" quoted', 'An open " mark.',
    ]  # fmt: skip


def test_rocov2(tmp_path: Path, run: Prepare, picture: Picture) -> None:
    src = tmp_path / "roco2"
    settings = {"images": "{part}"}
    for seed, (option, part) in enumerate((("train", "train"), ("val", "valid"), ("test", "test"))):
        picture(src / part / f"ROCOv2_{part}.jpg", seed)
        (src / f"{part}_captions.csv").write_text(f'ID,Caption\nROCOv2_{part},"A scan, of {part}."\n')
        settings[option] = f"{part}_captions.csv"
    manifest = Manifest(run("table", src, settings=settings).manifest)
    assert {study.images[0].path: study.split for study in manifest} == {
        "test/ROCOv2_test.jpg": "test", "train/ROCOv2_train.jpg": "train", "valid/ROCOv2_valid.jpg": "val",
    }  # fmt: skip
    assert all(study.report and study.report.findings.startswith("A scan, of") for study in manifest)


def test_imageclef_puts_tabs_into_csv(tmp_path: Path, run: Prepare, picture: Picture) -> None:
    src = tmp_path / "clef"
    picture(src / "train" / "ImageCLEF_1.jpg", 1)
    (src / "caption_prediction_train.csv").write_text(
        "ID\tcaption\nImageCLEF_1\tA scan, with commas, in it.\n"
    )
    settings = {"train": "caption_prediction_train.csv", "images": "train"}
    study = Manifest(run("table", src, settings=settings).manifest)[0]
    assert (study.images[0].path, study.split) == ("train/ImageCLEF_1.jpg", "train")
    assert study.report is not None
    assert study.report.findings == "A scan, with commas, in it."


def test_absolute_paths_inside_the_folder_become_relative(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text(f"image,text\n{folder.resolve()}/pics/one.jpeg,Clear.\n")
    assert Manifest(run("table", folder).manifest)[0].images[0].path == "pics/one.jpeg"


WRONG = {
    "outside": ("image,text\npics/one,x\n/etc/passwd,x\n", {}, "line 3: image /etc/passwd is not in"),
    "upwards": ("image,text\npics/../../x.png,x\n", {}, "line 2: image pics/../../x.png is not in"),
    "empty": ("image,text\npics/one,x\n,x\n", {}, "line 3: column 'image' is empty"),
    "part": ("image,part\npics/one,dev2\n", {"split": "part"}, "line 2: 'dev2' is no part"),
    "label": ("image,Mass\npics/one,maybe\n", {"labels": "Mass"}, "line 2: label Mass is 'maybe'"),
    "twice": ("image,text\npics/one,x\npics/one,y\n", {}, "two studies have the id 'pics/one'"),
    "moves": (
        "image,s,part\npics/one,1,train\npics/two.png,1,test\n",
        {"study": "s", "split": "part"},
        "line 3: study '1' has another patient or part than in an earlier row",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_row_that_is_wrong_is_named(folder: Path, run: Prepare, name: str, tmp_path: Path) -> None:
    content, settings, message = WRONG[name]
    (folder / "t.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        run("table", folder, settings=settings)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image": "picture"}, "has no column 'picture', only file, words; check --set"),
        ({}, r"which column is the image\? There are file, words; give --set image=COLUMN"),
        ({"section": "summary"}, "Invalid enum value 'summary'"),
        ({"imagge": "file"}, "unknown field `imagge`; the keys of this source are: image, text"),
    ],
)
def test_settings_that_make_no_sense(
    folder: Path, run: Prepare, settings: dict[str, str], message: str
) -> None:
    (folder / "t.csv").write_text("file,words\npics/one,x\n")
    with pytest.raises(UsageError, match=message):
        run("table", folder, settings=settings)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "holds no study"),
        ("t.csv", b"image,text\n", "holds no study"),
        ("t.csv", b"image,text\npics/one,\xff\xfe\n", "is not utf-8-sig text near line"),
        ("t.jsonl", b'{"image": "pics/one"}\n{"image": \n', "line 2: Expecting value"),
        ("t.jsonl", b"[1]\n", "line 1: is no JSON object"),
        ("t.jsonl", b'{"image": {"bytes": "x"}}\n', "line 1: column 'image' holds no text"),
        ("t.csv.gz", b"no gzip", "cannot be read"),
        ("t.xlsx", b"PK", "is no folder with one table"),
    ],
)
def test_tables_that_cannot_be_read(
    folder: Path, run: Prepare, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        run("table", folder)


def test_another_encoding_is_read_when_it_is_named(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,text\npics/one,Größe\n", encoding="cp1252")
    study = Manifest(run("table", folder, settings={"encoding": "cp1252"}).manifest)[0]
    assert study.report is not None
    assert study.report.findings == "Größe"
    with pytest.raises(DataError, match="cannot be read"):
        run("table", folder, settings={"encoding": "nonsense"})


def test_parquet_without_pyarrow_says_what_to_install(
    folder: Path, run: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (folder / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(RadscribeError, match="a Parquet file needs pyarrow; run: pip install pyarrow"):
        run("table", folder)


def test_a_dot_in_a_folders_name_is_no_suffix(folder: Path, run: Prepare) -> None:
    (folder / "pics").rename(folder / "pics.v2")
    (folder / "t.csv").write_text("image,text\npics.v2/one,x\npics.v2/two,y\n")
    manifest = Manifest(run("table", folder).manifest)
    assert [study.id for study in manifest] == ["pics.v2/one", "pics.v2/two"]
