"""Networks of others, made once: a Keras DenseNet-121 is not quick to build."""

from __future__ import annotations

import pytest

from benchmarks.imports import published
from benchmarks.imports.published import Chexnet


@pytest.fixture(scope="session")
def chexnet() -> Chexnet:
    """DenseNet-121 with 14 sigmoids and random weights, of real Keras."""
    model, images = published.keras_chexnet(), published.images()
    return Chexnet(model, images, published.keras_answer(model, images))
