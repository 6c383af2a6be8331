"""The view from a header, in the order of trust: position, code, orientation, description."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from radscribe.imaging.dicom_view import view_of


def header(code: str | None = None, **elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    if code is not None:
        item = Dataset()
        item.CodeMeaning = code
        dataset.ViewCodeSequence = [item]
    return dataset


@pytest.mark.parametrize(
    ("position", "view"),
    [
        ("PA", "PA"), ("AP", "AP"), ("ap ", "AP"), ("LL", "lateral"), ("RL", "lateral"), ("LLD", "AP"),
        ("RLD", "AP"), ("LATERAL", "lateral"), ("LAT", "lateral"), ("OBLIQUE", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_view_position(position: str, view: str) -> None:
    assert view_of(header(ViewPosition=position)) == view


@pytest.mark.parametrize(
    ("orientation", "view"),
    [
        (["L", "F"], "frontal"), (["R", "F"], "frontal"), (["A", "F"], "lateral"), (["P", "F"], "lateral"),
        (["LA", "F"], "frontal"), (["H", "F"], "unknown"), (["L"], "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_patient_orientation(orientation: Any, view: str) -> None:
    assert view_of(header(PatientOrientation=orientation)) == view


@pytest.mark.parametrize(
    ("description", "view"),
    [
        ("Chest PA", "PA"), ("view: PA", "PA"), ("CHEST_AP_PORTABLE", "AP"), ("W033 lateral", "lateral"),
        ("Thorax seitlich", "lateral"), ("Chest frontal", "frontal"), ("postero-anterior", "PA"),
        ("chest anteroposterior", "AP"), ("PA/LAT", "unknown"), ("Spatial", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_series_description(description: str, view: str) -> None:
    assert view_of(header(SeriesDescription=description)) == view


def test_the_order_of_trust() -> None:
    everything: dict[str, Any] = {"PatientOrientation": ["A", "F"], "SeriesDescription": "Chest AP"}
    assert view_of(header("postero-anterior", ViewPosition="LL", **everything)) == "lateral"
    assert view_of(header("postero-anterior", **everything)) == "PA"
    assert view_of(header(**everything)) == "lateral"
    assert view_of(header(SeriesDescription="Chest AP")) == "AP"
    assert view_of(header()) == "unknown"
