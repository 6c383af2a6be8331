"""R2Gen's preparation of IU X-ray or of MIMIC-CXR: the split that captioning papers report on.

SRC      annotation.json, and the images it names under images/
From     https://github.com/cuhksz-nlp/R2Gen (its README links both; MIMIC-CXR asks for PhysioNet's terms)
Licence  that of the collection: IU X-ray CC BY-NC-ND 4.0; MIMIC-CXR PhysioNet Credentialed Health Data
         License 1.5.0
Cite     Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020
Labels   none; `radscribe label` finds them in the reports
Parts    official: those of the file. `id` is the study's id; MIMIC's `subject_id` is the patient's.

The file renames IU's images to 0.png and 1.png. With `--features`, a study is found by its id: its images get
the study's features in that file's order, which may not be R2Gen's, or, where there are more features than
images (154 of 2,955 studies), each the mean of all. The mean over a study's images is the same.
"""

from __future__ import annotations

import msgspec

from radscribe.data import r2gen
from radscribe.data.sources.files import require
from radscribe.data.sources.source import Collection, Job, Source

ORIGIN = "https://github.com/cuhksz-nlp/R2Gen"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


def collect(job: Job, settings: Settings) -> Collection:
    """The studies of `annotation.json`."""
    folder, name = (job.src.parent, job.src.name) if job.src.is_file() else (job.src, r2gen.FILE)
    table = r2gen.read(require(folder, name, origin=ORIGIN))
    is_mimic = any(row.subject_id is not None for rows in table.values() for row in rows[:1])
    return Collection(
        f"{'MIMIC-CXR' if is_mimic else 'IU X-ray'} (R2Gen)",
        folder / "images" if (folder / "images").is_dir() else folder,
        r2gen.studies(table),
        "PhysioNet Credentialed Health Data License 1.5.0" if is_mimic else "CC BY-NC-ND 4.0",
        "Chen et al., EMNLP 2020, doi:10.18653/v1/2020.emnlp-main.112",
        total=sum(map(len, table.values())),
    )


SOURCE = Source(__doc__, Settings, collect)
