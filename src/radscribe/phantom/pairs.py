"""Two studies of one phantom: what changed between them, and a report that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from radscribe.errors import UsageError
from radscribe.labels import CHANGES, Change
from radscribe.phantom.draw import Phantom, draw
from radscribe.phantom.findings import DRAWABLE, MIDLINE, ZONED, ZONES, Finding, FindingSpec, Side
from radscribe.phantom.frame import stream
from radscribe.phantom.report import write

SMALL, LARGE = (0.1, 0.3), (0.75, 1.0)  # strengths before and after growth
STEADY = 0.02  # most that an unchanged finding differs in strength
SEEN = 0.25  # least difference in strength that a reader calls a change
SECOND = 0.5  # share of pairs with a second finding, which has a change of its own
Place = tuple[str, Side | None]


@dataclass(frozen=True, slots=True, eq=False)
class PhantomPair:
    """Two radiographs of one patient.

    Parameters
    ----------
    before, after : Phantom
        The prior study and the present one. The report of `after` compares; that of `before` does not.
    changes : dict
        What became of each finding, by name and side.
    """

    before: Phantom
    after: Phantom
    changes: dict[Place, Change]


def draw_pair(
    seed: int, size: int = 512, findings: Sequence[str] = DRAWABLE, change: Change | None = None
) -> PhantomPair:
    """Draw two studies of one patient, and what became of one or two findings between them.

    Half of the pairs have a second finding, with a change of its own.

    Parameters
    ----------
    seed : int
        Seed of the patient, of the findings and their changes, and of the phrasing; 0 or larger.
    size : int
        Side of the square images in pixels.
    findings : sequence of str
        Findings to choose from, of `DRAWABLE`.
    change : {"appeared", "resolved", "larger", "smaller", "unchanged"}, optional
        What becomes of the first finding (default: the seed chooses).

    Raises
    ------
    UsageError
        A finding cannot be drawn, or the seed or size is out of range.
    """
    if unknown := [name for name in findings if name not in DRAWABLE]:
        raise UsageError(
            f"does not draw {unknown[0]!r}", subject="phantom", remedy=f"choose from {', '.join(DRAWABLE)}"
        )
    if not findings or seed < 0:
        raise UsageError(
            "a pair needs a finding, and a seed of 0 or larger", subject="phantom", remedy="give both"
        )
    earlier, later = _course(seed, findings, change)
    before = draw(seed, earlier, size=size)
    after = draw(seed, later, size=size, visit=1)
    changes = compare(before.findings, after.findings)
    sections = write(seed, after.findings, changes=changes, before=before.findings)
    compared = replace(after, findings_section=sections[0], impression=sections[1])
    return PhantomPair(before, compared, {place: said for place, said in changes.items() if said})


def compare(before: Sequence[Finding], after: Sequence[Finding]) -> dict[Place, Change | None]:
    """Return what became of each finding, by name and side.

    Parameters
    ----------
    before, after : sequence of Finding
        What was drawn in the prior study and in the present one; they may be of different patients.

    Returns
    -------
    dict
        None where the strengths differ too little for a change and too much for none.
    """
    earlier = {(finding.name, finding.side): finding for finding in before}
    later = {(finding.name, finding.side): finding for finding in after}
    return {
        place: _became(earlier.get(place), later.get(place)) for place in dict.fromkeys([*later, *earlier])
    }


def _became(before: Finding | None, after: Finding | None) -> Change | None:
    if before is None or after is None:
        return "appeared" if before is None else "resolved"
    grown = after.strength - before.strength
    if abs(grown) <= STEADY:
        return "unchanged"
    if abs(grown) < SEEN:
        return None
    return "larger" if grown > 0 else "smaller"


def _course(
    seed: int, findings: Sequence[str], change: Change | None
) -> tuple[tuple[FindingSpec, ...], tuple[FindingSpec, ...]]:
    """The findings of both studies; every number is drawn, so that a given change shifts no other."""
    rng = stream(seed, "course")
    chosen = CHANGES[int(rng.integers(len(CHANGES)))]
    chosen = change or chosen
    sides: tuple[Side, Side] = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    small, large = float(rng.uniform(*SMALL)), float(rng.uniform(*LARGE))
    drift, is_large, has_second = float(rng.uniform(0, STEADY)), rng.random() < 0.5, rng.random() < SECOND
    names = [findings[int(place)] for place in rng.permutation(len(findings))]
    zones = [ZONES[int(rng.integers(len(ZONES)))] for _ in range(2)]

    def spec(place: int, strength: float) -> FindingSpec:
        name = names[place]
        return FindingSpec(
            name,
            None if name in MIDLINE else sides[place],
            strength,
            zones[place] if name in ZONED else None,
        )

    changes = [chosen, CHANGES[int(rng.integers(len(CHANGES)))]]
    earlier: list[FindingSpec] = []
    later: list[FindingSpec] = []
    for place, became in enumerate(changes[: 2 if has_second and len(names) > 1 else 1]):
        same = large if is_large else small
        before, after = {
            "appeared": (None, same),
            "resolved": (same, None),
            "larger": (small, large),
            "smaller": (large, small),
            "unchanged": (same, same - drift),
        }[became]
        earlier += [] if before is None else [spec(place, before)]
        later += [] if after is None else [spec(place, after)]
    return tuple(earlier), tuple(later)
