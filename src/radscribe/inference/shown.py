"""What a study's images show, as far as a caption must agree with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.bundle.format import BundleSpec
from radscribe.inference.constraints.statements import NO_COURSE, NOT_COMPARED, Compared, Shown
from radscribe.inference.context import StudyContext
from radscribe.labels import CHANGES, VIEW_KINDS, Change
from radscribe.text.location import Side

Array = npt.NDArray[Any]

# Logits by which a finding's map must be stronger on one side to correct a caption that names the other side.
# From there on maps had the right side 51 of 65 times, against reports and boxes of the validation parts.
SIDE_MARGIN = 0.5
SIDES: tuple[Side, Side] = ("right", "left")
_NO_SIDES: frozenset[tuple[str, Side]] = frozenset()
FRONTAL = VIEW_KINDS.index("frontal")


class ImagesOfStudies:
    """Reads from the encoder's outputs what the images of studies show.

    Parameters
    ----------
    spec : BundleSpec
        The bundle, for its operating point and denial points.
    findings : sequence of str
        The encoder's findings, in the order of its outputs.
    """

    def __init__(self, spec: BundleSpec, findings: Sequence[str]) -> None:
        self._findings, self._operating_point = tuple(findings), spec.decoder.operating_point
        # Other bundles compute maps only for evidence, on which a caption must not depend.
        self._has_maps = "maps" in spec.decoder.inputs
        self._denial_points = np.array([_denial_point(spec, name) for name in findings])

    def __call__(
        self,
        features: Mapping[str, Array],
        contexts: Sequence[StudyContext],
        columns: int,
        course: Array | None = None,
    ) -> list[Shown]:
        """Return what the images of N studies show.

        Parameters
        ----------
        features : mapping of str to Array
            What the encoder says of the studies, by name; see `sessions.join_views`.
        contexts : sequence of StudyContext
            What was read beside the images of each study.
        columns : int
            Cells in a row of the finding maps.
        course : Array, optional
            `[N, F, 6]`, what became of each finding, if the decoder compares two studies.
        """
        weaker, weaker_then = (
            weaker_sides(self._findings, features[f"{when}maps"], features[f"{when}views"], columns)
            if self._has_maps and f"{when}maps" in features
            else [_NO_SIDES] * len(contexts)
            for when in ("", "prior_")
        )
        return [
            Shown(
                self._at_least(features["probabilities"][row], self._denial_points),
                weaker[row],
                self._compared(features, context, row)._replace(
                    weaker_now=weaker[row],
                    weaker_then=weaker_then[row],
                    course=self._course(course[row]) if course is not None else NO_COURSE,
                ),
            )
            for row, context in enumerate(contexts)
        ]

    def _at_least(self, probabilities: Array, points: float | Array) -> frozenset[str]:
        """The findings whose probability reaches a point."""
        return frozenset(self._findings[place] for place in (probabilities >= points).nonzero()[0])

    def _course(self, probabilities: Array) -> Mapping[str, Change | None]:
        """The likeliest course of each finding; nothing without images of an earlier study."""
        if not probabilities.any():
            return NO_COURSE
        kinds: tuple[Change | None, ...] = (None, *CHANGES)
        likeliest = probabilities.argmax(1).tolist()
        return {name: kinds[kind] for name, kind in zip(self._findings, likeliest, strict=True)}

    def _compared(self, features: Mapping[str, Array], context: StudyContext, row: int) -> Compared:
        """The findings at the operating point or above it, in a study and in the earlier one."""
        if not context.has_prior:
            return NOT_COMPARED
        then = context.reported
        if context.outputs and "prior_probabilities" in features:
            then = self._at_least(features["prior_probabilities"][row], self._operating_point)
        return Compared(self._at_least(features["probabilities"][row], self._operating_point), then)


def weaker_sides(
    findings: Sequence[str], maps: Array, views: Array, columns: int
) -> list[frozenset[tuple[str, Side]]]:
    """Return the findings with the side on which their maps are weaker by `SIDE_MARGIN`, for N studies.

    Parameters
    ----------
    findings : sequence of str
        The encoder's findings, F.
    maps, views, columns
        As for `right_over_left`.
    """
    return [
        frozenset(
            (name, side)
            for name, difference in zip(findings, row, strict=True)
            for side, deficit in zip(SIDES, (-difference, difference), strict=True)
            if deficit > SIDE_MARGIN
        )
        for row in right_over_left(maps, views, columns)
    ]


def right_over_left(maps: Array, views: Array, columns: int) -> Array:
    """Return how much stronger each finding's map is on the patient's right than on the left, `[N, F]` nats.

    The odds of a half are the sum of its cells' odds, as in `models.content_plan`, over the frontal images. A
    study without any has zeros.

    Parameters
    ----------
    maps, views : Array
        `[N, L, F]` and `[N, L]`; see `sessions.join_views`.
    columns : int
        Cells in a row of the finding maps.
    """
    column = np.arange(maps.shape[1]) % columns
    frontal = views == FRONTAL
    odds = np.exp(np.clip(maps.astype(np.float64), -30, 30))
    right, left = (  # the patient's right is on the left of the image
        np.log(np.einsum("nl,nlf->nf", frontal & half, odds) + 1e-12)
        for half in (column * 2 < columns - 1, column * 2 > columns - 1)
    )
    return np.asarray(right - left)


def _denial_point(spec: BundleSpec, finding: str) -> float:
    """Probability from which on a finding is not denied."""
    one = spec.assessment.get(finding)
    default = spec.decoder.operating_point if one is not None and one.assessed else np.inf
    return spec.denial_points.get(finding, default)
