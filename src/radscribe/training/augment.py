"""Augmentation that keeps anatomy.

Images are not mirrored by default: the heart is on the left, a mirrored chest has situs inversus, and reports
name sides. CheXNet mirrored; `mirror` does so for encoders of which only the findings matter.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ROTATION = 0.12  # radians, either way
SCALE = 0.12
SHIFT = 0.07  # of the image's side
GAMMA = 0.3  # of the exponent's logarithm
CONTRAST = 0.2
BRIGHTNESS = 0.1
COARSE = 0.2  # share of images that are blurred through a lower resolution
COARSEST = 64  # pixels: the smallest radiographs met in public collections


def random_affine(n: int, mirror: bool = False, device: torch.device | None = None) -> Tensor:
    """Return where in the image each pixel comes from, `[N, 2, 3]`: a small turn, zoom and shift.

    Parameters
    ----------
    mirror : bool
        Exchange left and right in half of the images.
    """

    def uniform(spread: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape, device=device) * 2 - 1) * spread

    angle, scale, shift = uniform(ROTATION), 1 + uniform(SCALE), uniform(SHIFT, 2)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    affine = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )
    if mirror:
        affine[torch.rand(n, device=device) < 0.5, 0] *= -1
    return affine


def warp(planes: Tensor, affine: Tensor, size: int) -> Tensor:
    """Move planes `[N, K, H, W]` by an affine map → `[N, K, size, size]`."""
    grid = F.affine_grid(affine, [len(planes), 1, size, size], align_corners=False)
    return F.grid_sample(planes, grid, align_corners=False)


def augment(images: Tensor, size: int, mirror: bool = False, affine: Tensor | None = None) -> Tensor:
    """Turn, move and expose images `[N, 1, H, W]` in 0..1 a little → `[N, 1, size, size]`.

    Parameters
    ----------
    mirror : bool
        Exchange left and right in half of the images.
    affine : Tensor, optional
        The movement (default: a random one).
    """
    n = len(images)

    def uniform(spread: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape, device=images.device) * 2 - 1) * spread

    x = warp(images, random_affine(n, mirror, images.device) if affine is None else affine, size)
    x = x.clamp(1e-4, 1) ** torch.exp(uniform(GAMMA, 1, 1, 1))
    x = x * (1 + uniform(CONTRAST, 1, 1, 1)) + uniform(BRIGHTNESS, 1, 1, 1)
    for i in torch.nonzero(torch.rand(n) < COARSE).flatten().tolist():
        side = int(torch.randint(COARSEST, size + 1, ()))
        coarse = F.interpolate(x[i : i + 1], side, mode="bilinear", antialias=True)
        x[i : i + 1] = F.interpolate(coarse, size, mode="bilinear")
    return x.clamp(0, 1)
