"""Check every kind of result object over 200 studies with odd headers.

    python -m benchmarks.interop.objects [--studies 200]
    python -m benchmarks.interop.objects --write DIR

Each study is written as DICOM with attributes missing, names in seven scripts, invalid dates, and pairs
of patients of one name. Its identity is read from those files. Then its draft and its reviewed text become
objects: `dciodvfy` (Debian's dicom3tools) must find no error, `dsrdump` (dcmtk) must print the text, and
highdicom must read the same findings back.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from radscribe.interop import codes
from radscribe.interop.destinations.fhir import bundle
from radscribe.interop.destinations.hl7 import message
from radscribe.interop.identity import StudyIdentity, identity_of
from radscribe.interop.results.film import film_capture
from radscribe.interop.results.findings import findings_report, read_findings
from radscribe.interop.results.record import Result, Review, derived_uid, result_of
from radscribe.interop.results.report import read_text, text_report
from radscribe.text.findings import PHRASES

# Name and character set (PS3.5 H to K).
NAMES = (
    ("Doe^Jane", None),
    ("Doe^Jane", "ISO_IR 100"),  # another patient of the same name
    ("Müller^Jörg^^Dr.", "ISO_IR 100"),
    ("Люкceмбypг", "ISO_IR 144"),
    ("Διονυσιος", "ISO_IR 126"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
    ("Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
    ("Wang^XiaoDong=王^小东=", "GB18030"),
    ("قباني^لنزار", "ISO_IR 127"),
    ("", None),
)
OPTIONAL = (
    *("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "PatientID", "StudyDescription", "IssuerOfPatientID"),
)
SENTENCES = (
    "There is a moderate left pleural effusion.",
    "No pneumothorax.",
    "The heart is enlarged.",
    "Possible right lower lobe pneumonia.",
    "The lungs are hyperinflated; pleural thickening is seen on both sides.",
    "No acute cardiopulmonary abnormality.",
)


def study(number: int, folder: Path) -> StudyIdentity:
    """Write a study of one or two images with an odd header; return its identity, as read from the files."""
    chance = random.Random(number)
    name, charset = NAMES[number % len(NAMES)]
    kind = chance.choice((ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation))
    values = {
        "PatientBirthDate": chance.choice(("19560301", "", "1956.03.01", "unknown")),
        "PatientSex": chance.choice(("F", "M", "O", "", "?")),
        "AccessionNumber": chance.choice(("", f"A{number}")),
        "StudyID": chance.choice(("", str(number))),
        "StudyDate": chance.choice(("20260102", "2026.01.02", "")),
        "StudyTime": chance.choice(("101500.250", "10:15:00", "1015", "", "late")),
        "ReferringPhysicianName": chance.choice(("Roe^Richard", "", name)),
        "PatientID": f"{number:04d}",
        "StudyDescription": chance.choice(("Chest", "Thorax in 2 Ebenen")),
        "IssuerOfPatientID": "WARD",
    }
    missing = {keyword for keyword in OPTIONAL if chance.random() < 0.25}
    files = []
    for n in range(chance.choice((1, 2))):
        dataset = Dataset()
        if charset is not None:
            dataset.SpecificCharacterSet = charset
        if name or chance.random() < 0.5:
            dataset.PatientName = name
        for keyword, value in values.items():
            if keyword not in missing:
                setattr(dataset, keyword, value)
        dataset.SOPClassUID = kind
        dataset.StudyInstanceUID = derived_uid("study", str(number))
        dataset.SeriesInstanceUID = derived_uid("series", str(number))
        dataset.SOPInstanceUID = derived_uid("image", str(number), str(n))
        dataset.Rows, dataset.Columns = 400, 320
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{number}-{n}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        files.append(pydicom.dcmread(path))
    return identity_of(files)


def results(number: int, identity: StudyIdentity) -> list[Result]:
    """A draft of the study, and its review."""
    chance = random.Random(number)
    text = " ".join(chance.sample(SENTENCES, 3))
    names = [*PHRASES, "Hyperinflation", "Scar"]
    maps = {name: np.full((8, 8), 0.01).tolist() for name in names}
    for rows in maps.values():
        rows[chance.randrange(8)][chance.randrange(8)] = 0.9
    files = [str(i.path) for i in identity.instances]
    document = {
        "text": text,
        "sections": {"findings": text, "impression": SENTENCES[number % len(SENTENCES)]},
        "findings": {name: chance.random() for name in chance.sample(names, 14)},
        "warnings": ["Draft by a research model: not verified, not for diagnosis."],
        "used": files,
        "bundle": "check@0123456789ab",
        "not_assessed": [],
    }
    evidence = [{"file": file, "findings": maps} for file in files]
    at = "2026-01-02T10:16:07Z"
    draft = result_of(identity, f"draft {number}", document, at, evidence=evidence)
    review = Review("Ada Reader", "St. Elsewhere", f"FINDINGS: {text}", draft.written, 1)
    verified = result_of(
        identity, draft.draft, document, at, evidence=evidence, review=review, supersedes=draft.version
    )
    return [draft, verified]


def objects(result: Result) -> dict[str, Dataset]:
    """Every object of a result."""
    made = {"findings": findings_report(result), "report": text_report(result)}
    if not result.verified:
        grey = [np.full((400, 320), 90, np.uint8)] * len(result.films)
        made["film"] = film_capture(result, grey)
    return made


def wrong(kind: str, result: Result, path: Path) -> str | None:
    """What is wrong with an object that was written to a file, or None."""
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, encoding="latin-1", check=False)
    errors = [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")]
    if errors:
        return errors[0]
    read = pydicom.dcmread(path)
    identity = result.identity
    if (read.StudyInstanceUID, read.PatientID, str(read.PatientName)) != (
        *(identity.study_instance_uid, identity.patient_id, identity.patient_name),
    ):
        return "is of another study or patient"
    if kind == "film":
        return None
    shown = subprocess.run(
        ["dsrdump", "+Pl", str(path)], capture_output=True, encoding="latin-1", check=False
    )
    if shown.returncode:
        return f"dsrdump: {shown.stderr.splitlines()[0]}"
    if kind == "report":
        said = read_text(read)
        if said.get("findings") != result.findings or result.findings not in shown.stdout:
            return "has another text"
        return None
    found = {f.code: (f.presence, f.probability, f.has_box) for f in read_findings(read)}
    for finding in result.results:
        code = codes.code_of(finding.name).code
        probability = None if finding.probability is None else round(finding.probability, 5)
        if found.get((code.scheme, code.value)) != (finding.status, probability, bool(finding.boxes)):
            return f"reads back another {finding.name}"
    return None


def write_example(folder: Path) -> None:
    """Write every object of one study, its FHIR bundle and its HL7 message."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as inputs:
        draft, verified = results(2, study(2, Path(inputs)))
    for result, name in ((draft, "draft"), (verified, "verified")):
        for kind, made in objects(result).items():
            made.save_as(folder / f"{kind}-{name}.dcm", enforce_file_format=True)
        (folder / f"fhir-{name}.json").write_text(json.dumps(bundle(result), indent=1, ensure_ascii=False))
        (folder / f"hl7-{name}.txt").write_text(message(result).replace("\r", "\n"))


def main() -> int:
    warnings.simplefilter("ignore")  # the headers are wrong on purpose
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--write", type=Path, metavar="DIR", help="Write the results of one study instead.")
    asked = parser.parse_args()
    if asked.write:
        write_example(asked.write)
        return 0
    for tool in ("dciodvfy", "dsrdump"):
        if shutil.which(tool) is None:
            print(f"needs {tool} (Debian: apt install dicom3tools dcmtk)", file=sys.stderr)
            return 2
    valid: Counter[str] = Counter()
    broken: list[str] = []
    uids: set[str] = set()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object.dcm"
        for number in range(asked.studies):
            if number % 20 == 0:
                print(f"{number} of {asked.studies} studies", file=sys.stderr, flush=True)
            for result in results(number, study(number, Path(folder))):
                for kind, made in objects(result).items():
                    buffer = BytesIO()
                    made.save_as(buffer, enforce_file_format=True)
                    path.write_bytes(buffer.getvalue())
                    name = f"{kind}, {'verified' if result.verified else 'draft'}"
                    if problem := wrong(kind, result, path):
                        broken.append(f"study {number}: {name}: {problem}")
                    else:
                        valid[name] += 1
                    uids.add(made.SOPInstanceUID)
    for name, count in sorted(valid.items()):
        print(f"{name:20} {count:5} valid")
    print(f"{'all':20} {valid.total():5} valid, {len(broken)} wrong, {len(uids)} UIDs")
    print(f"{asked.studies} studies in {time.perf_counter() - started:.0f} s")
    print(*broken[:20], sep="\n")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
