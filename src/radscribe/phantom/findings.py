"""The findings of a phantom: requested findings are checked and completed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14
from radscribe.phantom.frame import Box, stream
from radscribe.phantom.patient import Sign

Side = Literal["left", "right"]
Zone = Literal["upper", "middle", "lower"]

DRAWABLE: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Mass",
    "Nodule",
    "Pneumothorax",
    "Consolidation",
    "Hernia",
)
MIDLINE = frozenset({"Cardiomegaly", "Hernia"})  # they have no side
ZONED = frozenset({"Mass", "Nodule", "Consolidation"})
ZONES: tuple[Zone, ...] = ("upper", "middle", "lower")
SIGNS: dict[str, Sign] = {"right": -1, "left": 1}


@dataclass(frozen=True, slots=True)
class FindingSpec:
    """A finding to draw; the seed chooses values that are None.

    Parameters
    ----------
    name : str
        One of `DRAWABLE`.
    side : Side, optional
        Side of the patient; None for Cardiomegaly and Hernia, which have none.
    strength : float, optional
        0 (just visible) to 1 (gross).
    zone : Zone, optional
        Third of the lung, for Mass, Nodule and Consolidation.
    """

    name: str
    side: Side | None = None
    strength: float | None = None
    zone: Zone | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as it was drawn.

    Parameters
    ----------
    name : str
        One of `radscribe.labels.CHESTXRAY14`.
    side : Side, optional
        Side of the patient; None for Cardiomegaly and Hernia.
    strength : float
        0 (just visible) to 1 (gross).
    zone : Zone, optional
        Third of the lung; None if the finding has no such place.
    diameter_mm : int, optional
        Diameter in mm of a Nodule or Mass, else None.
    box : Box
        Top, left, bottom, right in pixels; bottom and right are exclusive.
    """

    name: str
    side: Side | None
    strength: float
    zone: Zone | None
    diameter_mm: int | None
    box: Box

    @property
    def sign(self) -> Sign:
        """-1 on the patient's right, +1 on the left."""
        return SIGNS[self.side or "left"]


def choose(seed: int) -> tuple[FindingSpec, ...]:
    """Choose the findings of a seed: none for two seeds in five, one for two, two for one."""
    rng = stream(seed, "findings")
    count = int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))
    names = rng.choice(len(DRAWABLE), size=count, replace=False)
    first: Side = "left" if rng.random() < 0.5 else "right"
    sides: tuple[Side, Side] = (first, "right" if first == "left" else "left")
    return tuple(
        FindingSpec(DRAWABLE[index], None if DRAWABLE[index] in MIDLINE else side)
        for index, side in zip(names, sides, strict=False)  # two findings do not hide each other
    )


def complete(seed: int, findings: Sequence[str | FindingSpec] | None) -> tuple[Finding, ...]:
    """Make every choice of the findings, in the requested order; boxes are still empty.

    Raises
    ------
    UsageError
        A name that is not drawn, a side, zone or strength that makes no sense, or one finding twice in one
        place.
    """
    if isinstance(findings, str):
        raise UsageError(
            "findings is one name", subject="phantom", remedy=f'give a sequence: ("{findings}",)'
        )
    asked = choose(seed) if findings is None else findings
    specs = [FindingSpec(spec) if isinstance(spec, str) else spec for spec in asked]
    for spec in specs:
        _check(spec)
    taken: set[tuple[str, Side | None]] = {(spec.name, spec.side) for spec in specs if spec.side}
    found: list[Finding] = []
    for index, spec in enumerate(specs):
        finding = _settle(seed, index, spec, taken)
        if any((other.name, other.side) == (finding.name, finding.side) for other in found):
            raise UsageError(
                f"{finding.name} is asked for twice in one place",
                subject="phantom",
                remedy="name it once per side",
            )
        found.append(finding)
    return tuple(found)


def _check(spec: FindingSpec) -> None:
    if spec.name not in DRAWABLE:
        known = "knows no finding" if spec.name not in CHESTXRAY14 else "does not draw"
        raise UsageError(
            f"{known} {spec.name!r}", subject="phantom", remedy=f"choose from {', '.join(DRAWABLE)}"
        )
    if spec.side not in (None, "left", "right"):
        raise UsageError(f"{spec.side!r} is not a side", subject="phantom", remedy="give left or right")
    if spec.side and spec.name in MIDLINE:
        raise UsageError(f"{spec.name} has no side", subject="phantom", remedy="leave the side out")
    if spec.zone not in (None, *ZONES):
        raise UsageError(
            f"{spec.zone!r} is not a zone", subject="phantom", remedy="give upper, middle or lower"
        )
    if spec.zone and spec.name not in ZONED:
        raise UsageError(f"{spec.name} has no zone", subject="phantom", remedy="leave the zone out")
    if spec.strength is not None and not 0 <= spec.strength <= 1:
        raise UsageError(
            f"strength {spec.strength} is outside 0 to 1", subject="phantom", remedy="give 0 to 1"
        )


def _settle(seed: int, index: int, spec: FindingSpec, taken: set[tuple[str, Side | None]]) -> Finding:
    """Draw every random number, needed or not, so that given values do not shift the chosen ones."""
    rng = stream(seed, f"finding {index} {spec.name}")
    side: Side = "left" if rng.random() < 0.5 else "right"
    strength, zone = float(rng.uniform(0.25, 1.0)), ZONES[int(rng.integers(3))]
    if (spec.name, side) in taken and not spec.side:
        side = "right" if side == "left" else "left"
    side = spec.side or side
    if spec.name not in MIDLINE:
        taken.add((spec.name, side))
    strength = strength if spec.strength is None else float(spec.strength)
    sizes = {"Nodule": (9, 24), "Mass": (34, 66)}
    diameter = round(float(np.interp(strength, (0, 1), sizes[spec.name]))) if spec.name in sizes else None
    return Finding(
        name=spec.name,
        side=None if spec.name in MIDLINE else side,
        strength=strength,
        zone=(spec.zone or zone) if spec.name in ZONED else None,
        diameter_mm=diameter,
        box=(0, 0, 0, 0),
    )
