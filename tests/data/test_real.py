"""What stands in the real data beside the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.errors import DataError

pytestmark = pytest.mark.real_data
Prepare = Callable[..., Outcome]


def test_kaggle(shared_data: Path, run: Prepare) -> None:
    outcome = run("iu-kaggle", shared_data / "iu", allow_missing=True, check=True)
    assert (outcome.summary.studies.total(), outcome.summary.images.total()) == (3851, 7466)
    assert len(outcome.missing) == 240
    assert outcome.leaks is not None
    assert (outcome.leaks.leaks, outcome.leaks.images) == ((), 7226)
    views = [image.view for study in Manifest(outcome.manifest) for image in study.images]
    assert (views.count("frontal"), views.count("lateral")) == (3818, 3648)


def test_openi_with_the_original_systems_encodings(shared_data: Path, run: Prepare, tmp_path: Path) -> None:
    encodings = shared_data / "iu" / "chexnet_encodings.npz"
    outcome = run("iu-openi", shared_data / "iu", allow_missing=True, features=encodings)
    assert (outcome.summary.studies.total(), outcome.summary.images.total()) == (3955, 7470)
    assert outcome.summary.studies["none"] == 104
    assert outcome.attached is not None
    assert (outcome.attached.images, outcome.attached.missing, outcome.attached.unused) == (7470, [], [])
    manifest = Manifest(outcome.manifest)
    table, study = FeatureTable.load(tmp_path / "out" / FILE), next(s for s in manifest if s.id == "CXR54")
    with np.load(encodings) as file:
        rows = [i for i, name in enumerate(file["image"]) if str(name).startswith("54_IM-2145-")]
        np.testing.assert_allclose(
            table.study(study, "probabilities"), file["encoding"][rows].mean(0), rtol=1e-5
        )


def test_r2gen_with_the_same_encodings(shared_data: Path, run: Prepare) -> None:
    encodings = shared_data / "iu" / "chexnet_encodings.npz"
    outcome = run("r2gen", shared_data / "iu", features=encodings)
    assert outcome.summary.studies == {"train": 2069, "val": 296, "test": 590}
    assert outcome.attached is not None
    assert (outcome.attached.studies, outcome.attached.lacking) == (2955, [])
    assert (outcome.summary.images.total(), outcome.missing) == (6087, [])
    views = [image.view for study in Manifest(outcome.manifest) for image in study.images]
    assert set(views) == {"frontal", "lateral"}


def test_the_original_systems_pickle_is_refused(shared_data: Path, run: Prepare, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a pickle, which can run any program"):
        run(
            "r2gen",
            shared_data / "iu",
            allow_missing=True,
            features=shared_data / "iu" / "seed_encodings.pkl",
        )
    assert not (tmp_path / "out").exists()


def test_covid(shared_data: Path, run: Prepare) -> None:
    outcome = run("covid-chestxray", shared_data / "covid", drop_leaks=True)
    assert outcome.summary.studies.total() == 580  # 10 of them have zone scores and no metadata
    scored = [image for s in Manifest(outcome.manifest) for image in s.images if image.zones]
    assert len(scored) == 181
    assert outcome.dropped == 1  # one image is in the collection twice, under two patients of two parts
    assert outcome.summary.reports.total() == 459


def test_nih_sample_as_a_table(shared_data: Path, run: Prepare) -> None:
    settings = {"images": "images", "findings": "labels", "patient": "patient_id", "view": "view"}
    outcome = run("table", shared_data / "nih" / "labels.csv", settings=settings, check=True)
    assert outcome.summary.studies.total() == 1311
    assert outcome.leaks is not None
    assert (outcome.leaks.leaks, outcome.leaks.images) == ((), 1311)


def test_nih_images_of_three_folders_with_the_published_tables(shared_data: Path, run: Prepare) -> None:
    outcome = run("nih-cxr14", shared_data / "nih", settings={"split": "patients"}, drop_missing=True)
    studies = list(Manifest(outcome.manifest))
    assert len(studies) == 2740
    assert len({(study.patient_id, study.split) for study in studies}) == 1679
    boxed = [image for study in studies for image in study.images if image.boxes]
    assert len(boxed) >= 585
    small = [image for study in studies for image in study.images if image.path.startswith("images64/")]
    assert len(small) == 844  # seven of the 851 are there at 320 pixels, too


def test_indiana_without_the_studies_that_are_held_out(shared_data: Path, run: Prepare) -> None:
    names = shared_data / "iu" / "held_out_uids.txt"
    outcome = run("iu-kaggle", shared_data / "iu", exclude=names, drop_missing=True)
    assert outcome.summary.images.total() == 7226
    held_out = set(names.read_text().split())
    assert len(held_out) == 200
    assert not held_out & {study.id for study in Manifest(outcome.manifest)}
    assert outcome.notes[0] == "left out 200 studies that held_out_uids.txt names"


@pytest.mark.parametrize(
    ("source", "place", "settings", "studies"),
    [
        ("folder", "jsrt", {"images": "images", "view": "frontal"}, 240),
        ("folder", "openist", {"findings": "normal"}, 274),
        ("table", "covid_hannover/labels.csv",
         {"images": "images", "findings": "labels", "unnamed": "unknown"}, 233),
        ("table", "covid_figure1/text.csv",
         {"images": "images", "findings": "labels", "unnamed": "unknown"}, 52),
    ],
)  # fmt: skip
def test_further_collections(
    shared_data: Path, run: Prepare, source: str, place: str, settings: dict[str, str], studies: int
) -> None:
    outcome = run(source, shared_data / place, settings=settings)
    assert (outcome.summary.studies.total(), outcome.missing) == (studies, [])
