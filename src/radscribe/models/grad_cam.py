"""Grad-CAM: what in the encoder's last grid speaks for a finding or for a word, by the gradient of its score.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017,
equations 1 and 2, without the ReLU. It serves decoders that do not attend, and encoders whose graph gives no
class activation maps; where the head is linear on the pooled grid both maps are the same up to a constant.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radscribe.labels import view_code
from radscribe.models.decoder import BOS, Decoder, join_views
from radscribe.models.encoder import Encoder

Floats = npt.NDArray[np.float32]


class GradCam:
    """Explains what an encoder and a decoder say of a study."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self._encoder, self._decoder = encoder.eval(), decoder.eval()

    def findings(self, images: Floats) -> Floats:
        """Images `[V, 1, S, S]` → what speaks for each finding's calibrated logit (negative: against it),
        `[V, F, h, w]`."""
        grid = self._grid(images)
        output = self._encoder.head(grid)
        logits = output.logits * self._encoder.calibration_scale + self._encoder.calibration_shift  # [V, F]
        maps = [grad_cam(score.sum(), grid) for score in logits.unbind(1)]  # images do not touch each other
        return np.asarray(torch.stack(maps, dim=1).numpy())

    def words(self, images: Floats, views: Sequence[str], tokens: Sequence[int]) -> Floats:
        """A study's images `[V, 1, S, S]`, their views, a caption → what speaks for each token's
        log-probability after the tokens before it, `[tokens, V, h, w]`."""
        grid = self._grid(images)
        codes = torch.tensor([[view_code(view) for view in views]])  # [1, V]
        features = join_views(self._encoder.head(grid), codes)
        before = torch.tensor([[BOS, *tokens]])[:, : len(tokens)]  # [1, T]
        if not tokens:
            return np.zeros((0, len(grid), *grid.shape[2:]), dtype=np.float32)
        log_probabilities = self._decoder(features, before).log_probabilities[0]  # [T, V]
        said = log_probabilities[torch.arange(len(tokens)), torch.tensor(tokens)]  # [T]
        return np.stack([grad_cam(score, grid).numpy() for score in said])

    def _grid(self, images: Floats) -> Tensor:
        with torch.no_grad():
            grid = self._encoder.grid(torch.from_numpy(np.asarray(images)))
        return grid.requires_grad_()


def grad_cam(score: Tensor, grid: Tensor) -> Tensor:
    """The map of a score: `[V, h, w]` for a grid `[V, C, h, w]` that the score was computed from."""
    (gradient,) = torch.autograd.grad(score, grid, retain_graph=True)
    weights = gradient.mean(dim=(2, 3))  # eq. 1: α [V, C]
    return torch.einsum("vchw,vc->vhw", grid.detach(), weights)  # eq. 2
