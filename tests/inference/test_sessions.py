"""Outputs of images become features of studies, in numpy as in torch."""

from __future__ import annotations

import numpy as np
import torch

from radscribe.inference.sessions import join_views
from radscribe.models import decoder
from radscribe.models.encoder import EncoderOutput

F, C, H, W = 3, 5, 2, 4


def outputs(images: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    grid = random.random((images, C, H, W), dtype=np.float32)
    return {
        "grid": grid,
        "maps": random.random((images, F, H, W), dtype=np.float32),
        "pooled": grid.mean((2, 3)),
        "probabilities": random.random((images, F), dtype=np.float32),
    }


def test_studies_of_as_many_views_are_joined_as_in_torch() -> None:
    seen = outputs(4)
    joined = join_views(seen, [["PA", "lateral"], ["AP", "unknown"]])
    tensors = {name: torch.from_numpy(values) for name, values in seen.items()}
    expected = decoder.join_views(
        EncoderOutput(**tensors, logits=tensors["probabilities"]), torch.tensor([[1, 2], [1, 3]])
    )
    for name in (*seen, "views"):
        np.testing.assert_allclose(joined[name], expected.get(name).numpy(), rtol=1e-6)


def test_a_study_of_fewer_views_is_padded() -> None:
    seen = outputs(4)
    joined = join_views(seen, [["lateral"], ["PA", "lateral"], ["frontal"]])
    assert joined["views"].tolist() == [[2] * 8 + [0] * 8, [1] * 8 + [2] * 8, [1] * 8 + [0] * 8]
    assert joined["grid"].shape == (3, 16, C)
    np.testing.assert_array_equal(joined["grid"][1, 8 + 4 + 3], seen["grid"][2, :, 1, 3])
    np.testing.assert_array_equal(joined["maps"][2, 1], seen["maps"][3, :, 0, 1])
    assert not joined["maps"][2, 8:].any()
    np.testing.assert_allclose(joined["pooled"][1], seen["pooled"][1:3].mean(0))


def test_vectors_alone_have_no_views() -> None:
    seen = {"probabilities": outputs(2)["probabilities"]}
    assert join_views(seen, [["PA"], ["PA"]]).keys() == {"probabilities"}
