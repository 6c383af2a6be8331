"""Networks of others, made once: a Keras DenseNet-121 is not quick to build."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from torch import Tensor

from benchmarks.imports import published


class Chexnet(NamedTuple):
    """A Keras CheXNet and what it says of some images."""

    model: Any
    images: Tensor
    answer: published.Array  # [N, 14]


@pytest.fixture(scope="session")
def chexnet() -> Chexnet:
    model, images = published.keras_chexnet(), published.images()
    return Chexnet(model, images, published.keras_answer(model, images))
