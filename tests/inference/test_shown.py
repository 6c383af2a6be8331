"""What the encoder's outputs say of a study."""

import numpy as np

from radscribe.bundle.format import locate, read
from radscribe.inference.context import NO_CONTEXT
from radscribe.inference.shown import ImagesOfStudies
from radscribe.labels import CHANGES, VIEW_KINDS

FRONTAL, LATERAL, PADDING = (VIEW_KINDS.index(name) for name in ("frontal", "lateral", "padding"))


def test_a_side_is_weaker_only_where_the_map_of_a_frontal_image_says_so() -> None:
    shown_by = ImagesOfStudies(read(locate(None)), ["Effusion", "Opacity"])
    maps = np.full((2, 8, 2), -5.0, np.float32)  # studies with two images of 2 x 2 cells
    maps[:, 0, 0] = 2.0  # left of the image, so the patient's right
    maps[:, 5, 0] = 9.0  # in the second image
    views = np.array([[FRONTAL] * 4 + [LATERAL] * 4, [LATERAL] * 4 + [PADDING] * 4])
    features = {"maps": maps, "views": views, "probabilities": np.full((2, 2), 0.1)}
    first, second = shown_by(features, [NO_CONTEXT, NO_CONTEXT], columns=2)
    assert first.weaker == {("Effusion", "left")}
    assert not second.weaker


def test_the_likeliest_course_counts_and_there_is_none_without_an_earlier_study() -> None:
    shown_by = ImagesOfStudies(read(locate(None)), ["Effusion", "Opacity"])
    course = np.zeros((2, 2, 1 + len(CHANGES)), np.float32)
    course[0, 0, 1 + CHANGES.index("larger")] = 0.6
    course[0, 1, 0] = 0.6  # nothing is said of it
    features = {"probabilities": np.full((2, 2), 0.1)}
    first, second = shown_by(features, [NO_CONTEXT, NO_CONTEXT], columns=2, course=course)
    assert first.compared.course == {"Effusion": "larger", "Opacity": None}
    assert not second.compared.course
