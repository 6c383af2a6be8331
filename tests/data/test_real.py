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
    outcome = run("r2gen", shared_data / "iu", allow_missing=True, features=encodings)
    assert outcome.summary.studies == {"train": 2069, "val": 296, "test": 590}
    assert outcome.attached is not None
    assert (outcome.attached.studies, outcome.attached.lacking) == (2955, [])


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
