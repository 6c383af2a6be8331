"""The chest phantom: what is drawn, where, and what its report says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from radscribe import phantom
from radscribe.errors import UsageError
from radscribe.imaging.chest_check import ChestChecker
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read
from radscribe.labels import CHESTXRAY14
from radscribe.phantom import DRAWABLE, FindingSpec
from radscribe.phantom import report as phantom_report
from radscribe.phantom.findings import MIDLINE, ZONED, complete
from radscribe.phantom.patient import sample
from radscribe.text.findings import label

SMALL = 192
View = Literal["PA", "lateral"]
VIEWS: tuple[View, View] = ("PA", "lateral")


@cache
def normal(seed: int, view: View) -> npt.NDArray[np.float32]:
    return phantom.draw(seed, (), view, SMALL).radiograph.pixels


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_arguments_give_the_same_pixels(view: View) -> None:
    first, second = (phantom.draw(3, view=view, size=SMALL) for _ in range(2))
    assert np.array_equal(first.radiograph.pixels, second.radiograph.pixels)
    assert (first.findings, first.report) == (second.findings, second.report)
    other = phantom.draw(4, view=view, size=SMALL)
    assert not np.array_equal(first.radiograph.pixels, other.radiograph.pixels)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [64, 320, 512])
def test_a_radiograph_of_the_size_and_view_asked_for(view: View, size: int) -> None:
    radiograph = phantom.draw(1, view=view, size=size).radiograph
    assert radiograph.pixels.shape == (size, size)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.pixels.min() >= 0
    assert radiograph.pixels.max() <= 1
    assert radiograph.view == view
    assert radiograph.provenance.format == "phantom"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", DRAWABLE)
@pytest.mark.parametrize(("seed", "strength"), [(11, 0.2), (12, 0.9)])
def test_a_finding_changes_the_pixels_in_its_box(name: str, view: View, seed: int, strength: float) -> None:
    drawn = phantom.draw(seed, (FindingSpec(name, strength=strength),), view, SMALL)
    (finding,) = drawn.findings
    top, left, bottom, right = finding.box
    assert 0 <= top < bottom <= SMALL
    assert 0 <= left < right <= SMALL
    change = np.abs(drawn.radiograph.pixels - normal(seed, view))
    inside = np.zeros(change.shape, dtype=bool)
    inside[top:bottom, left:right] = True
    assert change[inside].mean() > 0.005
    assert change[inside].mean() > 5 * change[~inside].mean()


@pytest.mark.parametrize("name", [name for name in DRAWABLE if name not in MIDLINE])
def test_the_patients_left_is_on_the_images_right(name: str) -> None:
    for side, to_the_right in (("left", True), ("right", False)):
        (finding,) = phantom.draw(5, (FindingSpec(name, side=side),), size=SMALL).findings  # type: ignore[arg-type]
        assert finding.side == side
        assert ((finding.box[1] + finding.box[3]) / 2 > SMALL / 2) == to_the_right


@pytest.mark.parametrize("name", sorted(ZONED))
def test_zones_lie_one_below_the_other(name: str) -> None:
    tops = [
        phantom.draw(6, (FindingSpec(name, "right", 0.5, zone),), size=SMALL).findings[0].box[0]
        for zone in ("upper", "middle", "lower")
    ]
    assert tops == sorted(set(tops))


@pytest.mark.parametrize("name", [name for name in DRAWABLE if name not in ("Cardiomegaly", "Atelectasis")])
def test_strength_makes_it_larger(name: str) -> None:
    without = normal(8, "PA")
    weak, strong = (
        np.abs(
            phantom.draw(8, (FindingSpec(name, strength=s),), size=SMALL).radiograph.pixels - without
        ).sum()
        for s in (0.1, 0.9)
    )
    assert strong > 1.3 * weak


def test_the_cardiothoracic_ratio() -> None:
    assert all(0.42 <= sample(seed).ctr <= 0.49 for seed in range(50))
    for seed in range(3):
        (finding,) = phantom.draw(seed, (FindingSpec("Cardiomegaly", strength=0.0),), size=SMALL).findings
        patient = sample(seed)
        thorax = 2 * patient.half_width * patient.magnification * SMALL
        assert (finding.box[3] - finding.box[1]) / thorax > 0.55


@pytest.mark.parametrize("lateral_alone", [False, True])
@pytest.mark.parametrize("asked", [None, (), *[(name,) for name in DRAWABLE], ("Effusion", "Nodule", "Mass")])
def test_the_report_says_what_was_drawn_and_nothing_else(
    asked: tuple[str, ...] | None, lateral_alone: bool
) -> None:
    for seed in range(60):
        findings = complete(seed, asked)
        text = " ".join(phantom_report.write(seed, findings, lateral_alone))
        said = label(text)
        expected = {finding.name for finding in findings} or {"Normal"}
        assert {name for name, status in said.items() if status != "absent"} == expected, text
        if lateral_alone:
            assert not {"left", "right"} & set(text.lower().split()), text
        for finding in findings:
            if not lateral_alone and finding.side and len(findings) == 1:
                other = {"left": "right", "right": "left"}[finding.side]
                assert f"{finding.side} " in text.lower()
                assert f"{other} " not in text.lower()
            if finding.zone:
                assert f"{finding.zone} lung zone" in text
            if finding.diameter_mm:
                assert f"{finding.diameter_mm} mm" in text
        for claim in ("lateral", "prior", "compar", "unchanged", "interval", "xxxx"):
            assert claim not in text.lower().replace("bilateral", "")


def test_labels_are_what_was_drawn() -> None:
    drawn = phantom.draw(2, ("Mass", "Effusion"), size=64)
    assert tuple(drawn.labels) == CHESTXRAY14
    assert {name for name, value in drawn.labels.items() if value == 1.0} == {"Mass", "Effusion"}
    assert set(phantom.draw(2, (), size=64).labels.values()) == {0.0}
    assert label(drawn.report)["Mass"] == "present"


def test_the_seed_chooses_none_one_or_two() -> None:
    counts = {len(complete(seed, None)) for seed in range(60)}
    names = {finding.name for seed in range(60) for finding in complete(seed, None)}
    assert counts == {0, 1, 2}
    assert names == set(DRAWABLE)


def test_one_finding_on_both_sides() -> None:
    findings = complete(0, ("Effusion", "Effusion"))
    assert {finding.side for finding in findings} == {"left", "right"}


def test_a_study_is_one_patient_with_one_truth() -> None:
    study = phantom.draw_study(9, size=SMALL)
    assert (study.frontal.radiograph.view, study.lateral.radiograph.view) == ("PA", "lateral")
    assert [f.name for f in study.frontal.findings] == [f.name for f in study.lateral.findings]
    assert study.report == study.frontal.report
    assert study.labels == study.lateral.labels
    assert np.array_equal(study.frontal.radiograph.pixels, phantom.draw(9, size=SMALL).radiograph.pixels)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_saved_phantom_reads_back(bits: Literal[8, 16], tmp_path: Path) -> None:
    drawn = phantom.draw(1, size=SMALL)
    phantom.save(drawn, tmp_path / "phantom.png", bits)
    back = read(tmp_path / "phantom.png")
    assert back.provenance.bits == bits
    assert np.abs(back.pixels - drawn.radiograph.pixels).max() <= 0.51 / (2**bits - 1)


def test_the_chest_check_takes_them_for_chests() -> None:
    checker = ChestChecker()
    for view, looks in (("PA", "frontal"), ("lateral", "lateral")):
        drawn = [phantom.draw(seed, view=view, size=SMALL) for seed in range(8)]  # type: ignore[arg-type]
        checks = checker([Radiograph(one.radiograph.pixels) for one in drawn])
        assert sum(check.refused is None and check.view == looks for check in checks) >= 7


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"findings": ("Fracture",)}, "knows no finding 'Fracture'"),
        ({"findings": ("Edema",)}, "does not draw 'Edema'"),
        ({"findings": "Mass"}, "findings is one name"),
        ({"findings": (FindingSpec("Hernia", side="left"),)}, "Hernia has no side"),
        ({"findings": (FindingSpec("Effusion", zone="upper"),)}, "Effusion has no zone"),
        ({"findings": (FindingSpec("Mass", strength=1.5),)}, "strength 1.5"),
        ({"findings": (FindingSpec("Mass", strength=float("nan")),)}, "strength nan"),
        ({"findings": (FindingSpec("Mass", side="middle"),)}, "'middle' is not a side"),  # type: ignore[arg-type]
        ({"findings": (FindingSpec("Mass", zone="left"),)}, "'left' is not a zone"),  # type: ignore[arg-type]
        ({"findings": ("Hernia", "Hernia")}, "twice"),
        ({"findings": ("Mass", "Mass", "Mass")}, "twice"),
        ({"view": "oblique"}, "does not draw view 'oblique'"),
        ({"size": 32}, "size 32 is too small"),
        ({"seed": -1}, "seed -1 is negative"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as raised:
        phantom.draw(**{"seed": 1, **arguments})  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
