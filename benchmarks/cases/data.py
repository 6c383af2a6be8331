"""Tables and images as people have them: expected and actual results of `radscribe prepare`.

    python -m benchmarks.cases.data [CASES] [--markdown]

Cases are built in a temporary folder. CASES is a folder with further inputs (`55_padchest.csv`,
`55_other_notation.csv`, `60_chexpert_train.csv`, `50_mimic_headings/`). Without it they are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from radscribe.data.duplicates import Duplicates
from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Request, prepare
from radscribe.data.study import Study
from radscribe.errors import RadscribeError

Judge = Callable[[list[Study]], object]
Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One input.

    Parameters
    ----------
    kind, name : str
        What it is an example of, and what it is.
    expected : str
        What should come out: what `judge` returns as text, or a part of the error.
    files : dict
        Content of each file; None makes an image.
    judge : callable
        What to look at in the studies.
    """

    kind: str
    name: str
    expected: str
    files: dict[str, str | None]
    judge: Judge = len
    source: str = "table"
    settings: Settings = field(default_factory=dict)
    src: str = "t.csv"
    duplicates: Duplicates = "error"


def present(studies: list[Study]) -> str:
    """The findings of the first study that are present; `nothing known` if it has no labels."""
    labels = studies[0].labels
    found = sorted(finding for finding, value in labels.items() if value == 1.0)
    absent = sum(value == 0.0 for value in labels.values())
    return f"{', '.join(found) or '-'}; {absent} absent" if labels else "nothing known"


def patients(studies: list[Study]) -> str:
    """Count patients and studies."""
    return f"{len({study.patient_id for study in studies} - {None})} patients, {len(studies)} studies"


def found(studies: list[Study]) -> str:
    """Count the images that exist where the manifest says."""
    files = [file for study in studies for file in study.files]
    return f"{sum(file.is_file() for file in files)} of {len(files)}"


def text(studies: list[Study]) -> str:
    """The text of the first study."""
    report = studies[0].report
    return "none" if report is None else report.findings


def cases() -> Iterator[Case]:
    """Build cases in a temporary folder."""
    words = (
        "NaN",
        "nan",
        "None",
        "NA",
        "N/A",
        "null",
        "<NA>",
        "#N/A",
        "",
        " NAN ",
        "NONE",
        "-",
        "--",
        "?",
        ".",
    )
    for word in (*words, "missing", "unknown", "not available"):
        row = {"image": "a.png", "text": word, "who": word, "found": word}
        settings = {"patient": "who", "findings": "found"}
        for end, content in (
            ("csv", f"image,text,who,found\na.png,{word},{word},{word}\n"),
            ("jsonl", json.dumps(row) + "\n"),
        ):
            yield Case(
                "missing value", f"{word or 'empty'} in {end}", "none; nothing known; None",
                {f"t.{end}": content, "a.png": None},
                lambda studies: f"{text(studies)}; {present(studies)}; {studies[0].patient_id}",
                settings=settings, src=f"t.{end}",
            )  # fmt: skip
    both = "Cardiomegaly, Effusion; 12 absent"
    for cell in (
        "Cardiomegaly|Effusion", "cardiomegaly|effusion|", "Cardiomegaly;Effusion", "Cardiomegaly, Effusion",
        "['cardiomegaly', 'pleural effusion']", '["Cardiomegaly", "Effusion"]', "[cardiomegaly, effusion]",
        "{'Cardiomegaly': 1, 'Effusion': 1}",
        "Cardiomegaly / effusion", "CARDIOMEGALY / x", "cardiomegaly and effusion",
        "cardiomegalia|derrame pleural", "['cardiomegaly' 'pleural effusion']", '["cardiomegaly" "effusion"]',
        "Cardiomegaly\tEffusion", "Cardiomegaly\nEffusion", "('Cardiomegaly', 'Effusion')",
        "Pleural Effusion|Enlarged heart", "CARDIOMEGALY|EFFUSION", "Cardiomegaly & Effusion",
    ):  # fmt: skip
        strange = cell.endswith("/ x")
        yield list_case(cell, "unknown finding names: 'CARDIOMEGALY / x'" if strange else both)
    yield list_case("No Finding", "-; 14 absent")
    yield list_case("['normal']", "-; 14 absent")
    yield list_case("['exclude']", "nothing known")
    yield list_case("efusion", "'efusion' (did you mean Effusion?) in line 1")
    yield list_case("Cardiomegaly|gibberish", "unknown finding names: 'gibberish' in line 1")
    yield list_case("['costophrenic angle blunting']", "Costophrenic_Angle_Blunting; 13 absent")
    for listed, stored in (
        ("1000_IM-0003-1001.dcm.png", "1000_IM-0003-1001.jpg"), ("a.png", "a.jpeg"), ("a.JPG", "a.png"),
        ("a", "a.webp"), ("sub/a.dcm", "sub/a.png"), ("./a.png", "a.png"), ("x.v1.png", "x.v1.jpg"),
    ):  # fmt: skip
        yield Case(
            "another format", f"{listed} is stored as {stored}", "1 of 1",
            {"t.csv": f"image\n{listed}\n", stored: None}, found,
        )  # fmt: skip
    yield Case(
        "another folder", "images=DIR outside", "1 of 1",
        {"t/t.csv": "image\na.png\n", "films/deep/a.jpg": None}, found, settings={"images": "{here}/films"},
        src="t/t.csv",
    )  # fmt: skip
    yield Case(
        "another folder", "absolute path", "1 of 1",
        {"t/t.csv": "image\n{here}/films/a.png\n", "films/a.png": None}, found, src="t/t.csv",
    )  # fmt: skip
    yield Case(
        "another folder", "path with ..", "1 of 1",
        {"t/t.csv": "image\n../films/a.png\n", "films/a.png": None}, found, src="t/t.csv",
    )  # fmt: skip
    yield Case(
        "another folder", "absolute path of another machine, images=DIR", "1 of 1",
        {"t/t.csv": "image\nC:\\data\\a.png\n", "films/a.png": None}, found,
        settings={"images": "{here}/films"}, src="t/t.csv",
    )  # fmt: skip
    for path in ("patient_1/study_1/a.png", "id_0b1c-2d/Study_1.2.3/Series_4.5/image-6.png"):
        yield Case(
            "ids in paths", path, "1 patients, 1 studies", {"t.csv": f"image\n{path}\n", path: None}, patients
        )
    for prefix in ("CheXpert-v1.0/train/", "CheXpert-v1.0-small/valid/", "train/"):
        paths = [f"{prefix}patient{n:05}/study1/view{v}_frontal.jpg" for n in (1, 2) for v in (1, 2)]
        yield Case(
            "ids in paths", f"CheXpert, {prefix}", "2 patients, 2 studies",
            {"t.csv": "Path,Sex\n" + "".join(f"{p},F\n" for p in paths), **dict.fromkeys(paths)}, patients,
        )  # fmt: skip
    path = "files/p10/p10000032/s50414267/x.jpg"
    yield Case(
        "ids in paths", "MIMIC-CXR", "1 patients, 1 studies",
        {"t.csv": f"image\n{path}\n", path: None}, patients,
    )  # fmt: skip
    yield Case(
        "ids in paths", "NIH", "1 patients, 2 studies",
        {"t.csv": "image\n00000001_000.png\n00000001_001.png\n", "00000001_000.png": None,
         "00000001_001.jpg": None}, patients,
    )  # fmt: skip
    twice = {"t.csv": "image,text\na.png,A.\na.png,B.\n", "a.png": None}
    yield Case("ids twice", "default", "line 3: study 'a' is also in line 2", twice)
    ways: tuple[tuple[Duplicates, int], ...] = (("group", 1), ("rename", 2), ("drop", 1))
    for how, count in ways:
        yield Case("ids twice", how, str(count), twice, duplicates=how)
    yield Case(
        "wrong row", "no image", "line 3: column 'image' is empty", {"t.csv": "image,x\na.png,1\n,1\n"}
    )
    yield Case(
        "wrong row", "no such label value", "line 2: label Mass is 'x', not 1, 0, -1 or empty",
        {"t.csv": "image,Mass\na.png,x\n"}, settings={"labels": "Mass"},
    )  # fmt: skip
    for name, rows, expected in (
        (
            "a comma in a text without quotation marks",
            "image,text\na.png,No effusion, heart normal.\n",
            "line 2 has more cells than the 2 columns",
        ),
        ("a column twice", "image,text,text\na.png,A.,B.\n", "has 2 columns called 'text'"),
        ("an index without a name", ",image,text\n0,a.png,A.\n", "1"),
        ("empty cells at the end", "image,text\na.png,A.,,\n", "1"),
        ("semicolons", "image;text\na.png;A.\n", "1"),
        ("tabs in a .csv", "image\ttext\na.png\tA.\n", "1"),
        ("a byte order mark", "\ufeffimage,text\na.png,A.\n", "1"),
        ("blank lines", "image,text\n\na.png,A.\n\n", "1"),
        ("an upper-case header", "IMAGE,TEXT\na.png,A.\n", "1"),
    ):
        yield Case("table", name, expected, {"t.csv": rows, "a.png": None})
    for part in ("Training", "VALIDATION", "valid", "validate", "dev", "testing"):
        yield Case(
            "part", part, "1", {"t.csv": f"image,part\na.png,{part}\n", "a.png": None},
            settings={"split": "part"},
        )  # fmt: skip
    for listed, stored in (("Scan_A.PNG", "scan_a.png"), (" a.png ", "a.png"), ("sub\\a.png", "sub/a.png")):
        yield Case("path", repr(listed), "1 of 1", {"t.csv": f"image\n{listed}\n", stored: None}, found)
    yield Case(
        "wrong row", "no such part", "line 2: 'dev2' is not a part",
        {"t.csv": "image,part\na.png,dev2\n"}, settings={"split": "part"},
    )  # fmt: skip
    for document in ('[{"image": "a.png"}]', '{"rows": [{"image": "a.png"}]}', '{"image": "a.png"}\n'):
        yield Case("JSON", document.strip(), "1", {"t.json": document, "a.png": None}, src="t.json")


def list_case(cell: str, expected: str) -> Case:
    """A list of findings in one cell."""
    content = json.dumps({"image": "a.png", "found": cell}) + "\n"
    return Case(
        "finding list", cell, expected, {"t.jsonl": content, "a.png": None}, present,
        settings={"findings": "found"}, src="t.jsonl",
    )  # fmt: skip


def shared(folder: Path) -> Iterator[Case]:
    """Cases from a folder of inputs."""
    labels = {"findings": "Labels"}
    yield Case("shared", "55_padchest.csv", "Cardiomegaly, Effusion; 12 absent", {}, present, settings=labels,
               src=str(folder / "55_padchest.csv"))  # fmt: skip
    yield Case("shared", "55_other_notation.csv", "Cardiomegaly, Effusion; 12 absent", {}, present,
               settings=labels, src=str(folder / "55_other_notation.csv"))  # fmt: skip
    yield Case("shared", "60_chexpert_train.csv", "20 patients, 40 studies", {}, patients,
               src=str(folder / "60_chexpert_train.csv"))  # fmt: skip
    readings = (
        "Large right pneumothorax, the heart is displaced to the left. | Left lower lobe consolidation. | "
        "Portable AP radiograph. Right rib fracture. | Lungs are clear."
    )
    yield Case(
        "shared", "50_mimic_headings", readings, {},
        lambda studies: " | ".join(study.report.findings if study.report else "" for study in studies),
        source="mimic-cxr", src=str(folder / "50_mimic_headings"),
    )  # fmt: skip


def run(case: Case, here: Path) -> str:
    """Describe the outcome of a case in words."""
    for name, content in case.files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            kind = "PNG" if name.endswith(".dcm") else None
            Image.effect_noise((80, 80), 60).save(here / name, kind)
        else:
            (here / name).write_text(content.replace("{here}", str(here)))
    settings = {key: value.replace("{here}", str(here)) for key, value in case.settings.items()}
    try:
        request = Request(case.source, here / case.src, here / "out", settings, duplicates=case.duplicates)
        outcome = prepare(request)
    except RadscribeError as error:
        return str(error).replace(str(here), "")
    return str(case.judge(list(Manifest(outcome.manifest))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", type=Path, nargs="?")
    parser.add_argument("--markdown", action="store_true", help="print the whole table, not what differs")
    arguments = parser.parse_args()
    listed = [*cases(), *(shared(arguments.cases.resolve()) if arguments.cases else ())]
    right = 0
    if arguments.markdown:
        print("| kind | input | expected | got | |\n|---|---|---|---|---|")
    for case in listed:
        with tempfile.TemporaryDirectory() as name:
            got = run(case, Path(name))
        is_right = got == case.expected or case.expected in got.partition(": ")[2]  # an error names more
        right += is_right
        if arguments.markdown:
            cells = (case.kind, case.name, case.expected, got)
            escaped = " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
            print(f"| {escaped} | {'yes' if is_right else '**no**'} |")
        elif not is_right:
            print(f"{case.kind}, {case.name}: expected {case.expected}, got {got}")
    print(f"{right} of {len(listed)} as expected")


if __name__ == "__main__":
    main()
