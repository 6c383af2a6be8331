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
from radscribe.data.sources.table_reader import view_of
from radscribe.data.study import Box
from radscribe.errors import DataError, RadscribeError, UsageError
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

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


def test_a_column_names_the_earlier_study(folder: Path, run: Prepare) -> None:
    rows = "pics/one,s1,p1,\npics/two.png,s2,p1,s1\npics/sub/three.jpg,s2,p1,\n"
    (folder / "t.csv").write_text(f"image,case,who,before\n{rows}")
    columns = {"study": "case", "patient": "who", "prior": "before"}
    one, two = Manifest(run("table", folder, settings=columns).manifest)
    assert (one.prior, two.prior, two.earlier) == (None, "s1", one)
    assert len(two.images) == 2


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
    "empty": ("image,text\npics/one,x\n,x\n", {}, "line 3: column 'image' is empty"),
    "part": ("image,part\npics/one,dev2\n", {"split": "part"}, "line 2: 'dev2' is not a part"),
    "label": ("image,Mass\npics/one,maybe\n", {"labels": "Mass"}, "line 2: label Mass is 'maybe'"),
    "twice": ("image,text\npics/one,x\npics/one,y\n", {}, "line 3: study 'pics/one' is also in line 2"),
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
        ({"imagge": "file"}, r"there is no key 'imagge'; did you mean image\? the keys of this source are"),
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
        ("t.csv", b"image,text\npics/one,\xff\xfe\n", "is not UTF-8 text near line"),
        ("t.jsonl", b'{"image": "pics/one"}\n{"image": \n', "line 2: Expecting value"),
        ("t.jsonl", b"[1]\n", "entry 1 is not a JSON object"),
        ("t.jsonl", b'{"image": {"bytes": "x"}}\n', "line 1: column 'image' does not hold text"),
        ("t.csv.gz", b"no gzip", "cannot be read"),
        ("t.xlsx", b"PK", "is not a folder with one table"),
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


MISSING = ["", "NaN", "nan", "None", "NA", "N/A", "null", "<NA>", " na ", "#N/A"]


@pytest.mark.parametrize("word", MISSING)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_missing_values_in_every_column_and_format(folder: Path, run: Prepare, word: str, kind: str) -> None:
    rows = [
        {"image": "pics/one", **dict.fromkeys(("text", "who", "Mass", "found", "how", "part"), word)},
        {"image": "pics/two", "text": "Clear.", "who": "p", "Mass": "1", "found": "Edema", "how": "PA",
         "part": "val"},
    ]  # fmt: skip
    path = folder / f"t.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "parquet":
        arrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which is not installed")
        pytest.importorskip("pyarrow.parquet").write_table(arrow.Table.from_pylist(rows), path)
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]")
    settings = {"patient": "who", "labels": "Mass", "findings": "found", "view": "how", "split": "part"}
    one, two = Manifest(run("table", folder, settings=settings).manifest)
    assert (one.patient_id, one.report, one.labels, one.split) == (None, None, {}, None)
    assert one.images[0].view == "unknown"
    assert (two.patient_id, two.labels["Mass"], two.labels["Edema"], two.split) == ("p", 1.0, 1.0, "val")


def test_not_a_number_of_json_and_parquet(folder: Path, run: Prepare) -> None:
    (folder / "t.jsonl").write_text('{"image": "pics/one", "who": NaN, "Mass": NaN, "text": NaN}\n')
    study = Manifest(run("table", folder, settings={"patient": "who", "labels": "Mass"}).manifest)[0]
    assert (study.patient_id, study.labels, study.report) == (None, {}, None)


def test_an_image_that_is_missing_in_the_table_is_named(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,text\npics/one,x\nNaN,x\n")
    with pytest.raises(DataError, match="line 3: column 'image' is empty"):
        run("table", folder)


@pytest.mark.parametrize(
    "document",
    [
        '[{"image": "pics/one", "text": "A."}, {"image": "pics/two", "text": "B."}]',
        '{"data": [{"image": "pics/one", "text": "A."}, {"image": "pics/two", "text": "B."}]}',
        '{"image": {"0": "pics/one", "1": "pics/two"}, "text": {"0": "A.", "1": "B."}}',
        '[\n  {"image": "pics/one", "text": "A."},\n  {"image": "pics/two", "text": "B."}\n]\n',
        '{\n "data": [\n  {"image": "pics/one", "text": "A."},\n  {"image": "pics/two", "text": "B."}]}\n',
    ],
)
def test_whole_json_documents(folder: Path, run: Prepare, document: str) -> None:
    (folder / "t.json").write_text(document)
    studies = list(Manifest(run("table", folder).manifest))
    assert [study.report and study.report.findings for study in studies] == ["A.", "B."]


LISTS = [
    ("cardiomegaly|effusion", {"Cardiomegaly", "Effusion"}),
    ("Cardiomegaly;Effusion", {"Cardiomegaly", "Effusion"}),
    ("Cardiomegaly, Pleural Effusion", {"Cardiomegaly", "Effusion"}),
    ("['cardiomegaly', 'pleural effusion']", {"Cardiomegaly", "Effusion"}),
    ('["Cardiomegaly", "Effusion"]', {"Cardiomegaly", "Effusion"}),
    ("{'Cardiomegaly': 1, 'Effusion': 1, 'Mass': 0}", {"Cardiomegaly", "Effusion"}),
    ("[cardiomegaly, pleural effusion]", {"Cardiomegaly", "Effusion"}),
    ("CARDIOMEGALY | PLEURAL_EFFUSION |", {"Cardiomegaly", "Effusion"}),
    ("cardiomegalia, derrame pleural", {"Cardiomegaly", "Effusion"}),
    ("['neumonía', 'nódulo']", {"Pneumonia", "Nodule"}),
    ("Pleural Thickening", {"Pleural_Thickening"}),
    ("pleural-thickening", {"Pleural_Thickening"}),
    ("Cardiomegaly / Effusion", {"Cardiomegaly", "Effusion"}),
    ("cardiomegaly and pleural effusion", {"Cardiomegaly", "Effusion"}),
    ("cardiomegalia y derrame pleural", {"Cardiomegaly", "Effusion"}),
    ("Cardiomegaly|no pneumothorax|Effusion", {"Cardiomegaly", "Effusion"}),
    ("No Finding", set()),
    ("['normal']", set()),
    ("['normal', 'unchanged']", set()),
    ("['laminar atelectasis', 'unchanged']", {"Atelectasis"}),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "present"), LISTS)
def test_lists_of_findings_in_any_notation(folder: Path, run: Prepare, cell: str, present: set[str]) -> None:
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "found"), ("pics/one", cell)])
    labels = Manifest(run("table", folder, settings={"findings": "found"}).manifest)[0].labels
    assert {name for name, value in labels.items() if value} == present
    assert set(labels) == set(CHESTXRAY14)
    unknown = {"findings": "found", "unnamed": "unknown"}
    named = Manifest(run("table", folder, settings=unknown).manifest)[0].labels
    assert {name for name, value in named.items() if value} == present
    assert set(named) <= present | {"Pneumothorax"}


def test_what_a_name_may_mean_is_unknown_and_not_absent(folder: Path, run: Prepare) -> None:
    cell = "['costophrenic angle blunting', 'aortic elongation']"
    (folder / "t.jsonl").write_text(json.dumps({"image": "pics/one", "found": cell}) + "\n")
    labels = Manifest(run("table", folder, settings={"findings": "found"}).manifest)[0].labels
    assert (labels["Effusion"], labels["Aortic_Elongation"], labels["Mass"]) == (None, 1.0, 0.0)


@pytest.mark.parametrize("cell", ["[]", "exclude", "['exclude']", "unchanged"])
def test_lists_that_say_nothing_give_no_labels(folder: Path, run: Prepare, cell: str) -> None:
    (folder / "t.csv").write_text(f'image,found\npics/one,"{cell}"\n')
    assert Manifest(run("table", folder, settings={"findings": "found"}).manifest)[0].labels == {}


def test_an_unknown_finding_is_never_all_absent(folder: Path, run: Prepare, tmp_path: Path) -> None:
    (folder / "t.csv").write_text(
        "image,found\npics/one,efusion|Mass\npics/two,xyzzy\npics/sub/three,xyzzy\n"
    )
    with pytest.raises(DataError) as caught:
        run("table", folder, settings={"findings": "found"})
    message = str(caught.value)
    assert "'xyzzy' in line 3, 2 times" in message
    assert "'efusion' (did you mean Effusion?) in line 2" in message
    assert "--set unknown=keep" in message
    assert not (tmp_path / "out").exists()
    outcome = run("table", folder, settings={"findings": "found", "unknown": "keep"})
    one = Manifest(outcome.manifest)[0]
    assert {name for name, value in one.labels.items() if value} == {"efusion", "Mass"}
    assert "kept unknown finding names: 'xyzzy' in line 3, 2 times" in outcome.notes[0]


def test_columns_of_labels_by_other_names_and_values(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,Pleural Effusion,Lung Opacity,Own\npics/one,yes,No,-1.0\n")
    settings = {"labels": "Pleural Effusion, Lung Opacity,Own"}
    labels = Manifest(run("table", folder, settings=settings).manifest)[0].labels
    assert labels == {"Effusion": 1.0, "Opacity": 0.0, "Own": None}


def chexpert(folder: Path, picture: Picture, beside: bool) -> Path:
    """Four patients of CheXpert; the table lies beside or in the folder that its paths name."""
    rows = ["Path,Sex,Frontal/Lateral,AP/PA,Cardiomegaly,Pleural Effusion"]
    for patient in range(1, 5):
        for study, name, way in (
            (1, "view1_frontal", "AP"),
            (1, "view2_lateral", ""),
            (2, "view1_frontal", "PA"),
        ):
            path = f"CheXpert-v1.0-small/train/patient{patient:05}/study{study}/{name}.jpg"
            picture(folder / path, patient * 10 + study)
            rows.append(f"{path},Male,{'Lateral' if 'lateral' in name else 'Frontal'},{way},1.0,")
    table = folder / ("train.csv" if beside else "CheXpert-v1.0-small/train.csv")
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.mark.parametrize("beside", [True, False])
def test_chexpert_patients_and_studies_come_from_the_path(
    tmp_path: Path, run: Prepare, picture: Picture, beside: bool
) -> None:
    table = chexpert(tmp_path / "dl", picture, beside)
    outcome = run("table", table, settings={"labels": "Cardiomegaly,Pleural Effusion"})
    studies = list(Manifest(outcome.manifest))
    assert len(studies) == 8
    assert {study.patient_id for study in studies} == {f"patient{n:05}" for n in range(1, 5)}
    assert studies[0].id == "patient00001/study1"
    assert [image.view for image in studies[0].images] == ["AP", "lateral"]
    assert studies[1].images[0].view == "PA"
    assert studies[0].labels == {"Cardiomegaly": 1.0}
    assert len({(study.patient_id, study.split) for study in studies}) == 4
    assert outcome.notes == ["train.csv: patients and studies were read from the image paths"]
    assert outcome.leaks is not None
    assert outcome.leaks.patients == 4


def test_a_column_that_is_called_patient_is_taken(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,PatientID\npics/one,7\npics/two,7\n")
    outcome = run("table", folder)
    assert [study.patient_id for study in Manifest(outcome.manifest)] == ["7", "7"]
    assert outcome.notes == ["t.csv: patients are those of column PatientID"]


def test_images_outside_the_tables_folder(
    folder: Path, run: Prepare, tmp_path: Path, picture: Picture
) -> None:
    elsewhere = tmp_path / "elsewhere"
    picture(elsewhere / "deep" / "x.jpg", 9)
    picture(elsewhere / "y.jpg", 8)
    (folder / "t.csv").write_text(f"image,text\n{elsewhere}/deep/x.jpg,A.\n../elsewhere/y.png,B.\n")
    manifest = Manifest(run("table", folder).manifest)
    found = {file.resolve() for study in manifest for file in study.files}
    assert found == {elsewhere / "deep" / "x.jpg", elsewhere / "y.jpg"}
    (folder / "t.csv").write_text("image,text\nx.png,A.\n")
    for given in (elsewhere, elsewhere / "deep"):
        manifest = Manifest(run("table", folder, settings={"images": str(given)}).manifest)
        assert manifest.root.resolve() == given
        assert manifest[0].files[0].resolve() == elsewhere / "deep" / "x.jpg"
        assert not manifest[0].images[0].path.startswith("/")


def test_absolute_paths_of_another_machine_are_found_by_name(
    folder: Path, run: Prepare, tmp_path: Path
) -> None:
    (folder / "t.csv").write_text("image\n/home/else/x/one.png\nC:\\data\\two.png\n")
    studies = list(Manifest(run("table", folder, settings={"images": "pics"}).manifest))
    assert sorted(study.images[0].path for study in studies) == ["pics/one.jpeg", "pics/two.png"]


def test_duplicate_ids_by_option(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,text\npics/one,A.\npics/one,B.\npics/two,C.\n")
    with pytest.raises(
        DataError, match="line 3: study 'pics/one' is also in line 2; give --duplicates group"
    ):
        run("table", folder)
    for how, ids, note in (
        ("group", ["pics/one", "pics/two"], "1 studies were joined"),
        ("drop", ["pics/one", "pics/two"], "1 studies with the id of an earlier one were left out"),
        ("rename", ["pics/one", "pics/one-2", "pics/two"], "1 studies with the id of an earlier one got"),
    ):
        outcome = run("table", folder, duplicates=how)
        assert [study.id for study in Manifest(outcome.manifest)] == ids
        assert outcome.notes[0].startswith(note)


def test_sections_in_columns_of_their_own_and_reports_with_headings(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,findings,impression,indication\npics/one,Clear.,Normal.,Cough.\n")
    report = Manifest(run("table", folder).manifest)[0].report
    assert report == Report("Cough.", "", "Clear.", "Normal.")
    (folder / "t.csv").write_text("image,report\npics/one,FINDINGS: Clear. IMPRESSION: Normal.\n")
    report = Manifest(run("table", folder, settings={"section": "report"}).manifest)[0].report
    assert report is not None
    assert (report.findings, report.impression) == ("Clear.", "Normal.")


@pytest.mark.parametrize(
    ("words", "view"),
    [("PA", "PA"), ("AP Supine", "AP"), ("AP_horizontal", "AP"), ("L", "lateral"), ("LL", "lateral"),
     ("Lateral", "lateral"), ("frontal", "frontal"), ("COSTAL", "unknown"), ("PA/LAT", "unknown")],
)  # fmt: skip
def test_words_for_views(words: str, view: str) -> None:
    assert view_of(words) == view


def test_a_list_that_only_denies_says_nothing_of_the_others(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,found\npics/one,no pneumothorax\n")
    labels = Manifest(run("table", folder, settings={"findings": "found"}).manifest)[0].labels
    assert labels == {"Pneumothorax": 0.0}


def test_finding_lists_of_parquet(folder: Path, run: Prepare) -> None:
    arrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which is not installed")
    rows = [{"image": "pics/one", "found": ["Mass", "Edema"]}, {"image": "pics/two", "found": None}]
    table = arrow.Table.from_pylist(rows)
    pytest.importorskip("pyarrow.parquet").write_table(table, folder / "t.parquet")
    one, two = Manifest(run("table", folder, settings={"findings": "found"}).manifest)
    assert {name for name, value in one.labels.items() if value} == {"Mass", "Edema"}
    assert two.labels == {}


def test_boxes_in_a_column(folder: Path, run: Prepare) -> None:
    cells = ['[["Infiltrate", [0.1, 0.2, 0.3, 0.4]]]', "NaN",
             '[{"finding": "Mass", "x": 0, "y": 0, "width": 1, "height": 1}]']  # fmt: skip
    with (folder / "t.csv").open("w", newline="") as file:
        names = ("pics/one", "pics/two", "pics/four")
        csv.writer(file).writerows([("image", "where"), *zip(names, cells, strict=True)])
    four, one, two = Manifest(run("table", folder, settings={"boxes": "where"}).manifest)
    assert one.images[0].boxes == (Box("Infiltration", 0.1, 0.2, 0.3, 0.4),)
    assert (two.images[0].boxes, four.images[0].boxes[0].finding) == ((), "Mass")


@pytest.mark.parametrize("cell", ["[[1]]", "x", '[["Mass", [1, 2]]]', "5", '[["Mass", [0, 0, 300, 200]]]'])
def test_a_column_without_boxes_is_named(folder: Path, run: Prepare, cell: str) -> None:
    (folder / "t.jsonl").write_text(json.dumps({"image": "pics/one", "where": cell}) + "\n")
    with pytest.raises(DataError, match=r"does not hold boxes|has a box that is not inside it"):
        run("table", folder, settings={"boxes": "where"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "image,text\npics/one,Größe\n"),
        ("t.tsv", "image\ttext\r\npics/one\tGröße\r\n"),
        ("t.jsonl", '{"image": "pics/one", "text": "Größe"}\n'),
    ],
)
def test_utf_16_is_recognised(folder: Path, run: Prepare, name: str, content: str) -> None:
    (folder / name).write_bytes(content.encode("utf-16"))
    report = Manifest(run("table", folder).manifest)[0].report
    assert report is not None
    assert report.findings == "Größe"


def test_a_report_that_grouping_leaves_out_is_counted(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("study,image,text\n1,pics/one,x\n1,pics/two,y\n")
    outcome = run("table", folder, settings={"study": "study"})
    assert "1 reports differ from the first one of their study and were left out" in outcome.notes


VINDR = """image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max
one,Cardiomegaly,3,R8,10,20,30,60
one,Nodule/Mass,8,R9,0,0,16,16
one,Cardiomegaly,3,R9,12,20,30,60
two,No finding,14,R1,,,,
"""


def test_one_row_per_box_as_in_vindr(folder: Path, run: Prepare) -> None:
    (folder / "train.csv").write_text(VINDR)
    settings = {"image": "image_id", "images": "pics", "box": "class_name,x_min,y_min,x_max,y_max"}
    one, two = Manifest(run("table", folder, settings=settings).manifest)
    (image,) = one.images
    assert image.width is not None
    assert image.height is not None
    box = image.boxes[0]
    edges = (10 / image.width, 20 / image.height, 20 / image.width, 40 / image.height)
    assert (box.x, box.y, box.width, box.height) == pytest.approx(edges)
    assert [box.finding for box in image.boxes] == ["Cardiomegaly", "Nodule/Mass", "Cardiomegaly"]
    assert one.labels["Cardiomegaly"] == 1.0
    assert one.labels["Effusion"] == 0.0
    assert two.images[0].boxes == ()
    assert set(two.labels.values()) == {0.0}


@pytest.mark.parametrize(
    ("box", "row", "message"),
    [
        ("class_name,x_min", "", "names 2 columns, not 5"),
        ("class_name,x_min,y_min,x_max,y_max", "one,Edema,1,R1,a,1,2,3", "line 6: .*not a number"),
        ("class_name,x_min,y_min,x_max,y_max", "one,Edema,1,R1,9,9,2,3", "line 6: .*empty or outside"),
        (
            "class_name,x_min,y_min,x_max,y_max",
            "other,Edema,1,R1,1,1,2,3",
            "line 6: the size of .* not known",
        ),
    ],
)
def test_a_box_that_is_wrong_is_named(folder: Path, run: Prepare, box: str, row: str, message: str) -> None:
    (folder / "train.csv").write_text(VINDR + row)
    with pytest.raises(RadscribeError, match=message):
        run("table", folder, settings={"image": "image_id", "images": "pics", "box": box})


def test_ids_that_became_floats_are_the_same(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,pid,case\none,7.0,1.0\ntwo,7,2\nfour,7.5,3.0\n")
    settings = {"images": "pics", "patient": "pid", "study": "case"}
    studies = list(Manifest(run("table", folder, settings=settings).manifest))
    assert {(study.id, study.patient_id) for study in studies} == {("1", "7"), ("2", "7"), ("3", "7.5")}


def test_a_box_in_the_pixels_of_a_larger_image_is_refused(folder: Path, run: Prepare) -> None:
    (folder / "t.csv").write_text("image,class_name,x0,y0,x1,y1\none,Mass,10,10,900,900\n")
    settings = {"images": "pics", "box": "class_name,x0,y0,x1,y1"}
    with pytest.raises(DataError, match=r"line 2: a box of .* beyond the image .* columns width and height"):
        run("table", folder, settings=settings)


@pytest.mark.parametrize("word", ["-nan", "\\N", "NaT", "<NA>", "#N/A", "?"])
def test_more_ways_to_write_a_missing_value(folder: Path, run: Prepare, word: str) -> None:
    (folder / "t.csv").write_text(f"image,report,Mass\none,{word},{word}\ntwo,Clear.,1\n")
    settings = {"images": "pics", "labels": "Mass"}
    one, two = sorted(Manifest(run("table", folder, settings=settings).manifest), key=lambda study: study.id)
    assert (one.report, one.labels, two.labels) == (None, {}, {"Mass": 1.0})


@pytest.mark.parametrize(
    ("head", "kind"), [(b"PK\x03\x04", "spreadsheet"), (b"%PDF-1.4", "a PDF"), (b"\x89PNG\r\n", "an image")]
)
def test_a_file_that_is_no_table_is_named(folder: Path, run: Prepare, head: bytes, kind: str) -> None:
    (folder / "t.csv").write_bytes(head + b"rest")
    with pytest.raises(DataError, match=f"is .*{kind}"):
        run("table", folder)
