"""Augmentation that keeps anatomy.

No mirror by default: the heart is on the left, a mirrored chest is one with situs inversus, and reports name
sides. CheXNet mirrored; `mirror` does it too, for encoders whose findings alone count.
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


def augment(images: Tensor, size: int, mirror: bool = False) -> Tensor:
    """Images `[N, 1, H, W]` in 0..1 → `[N, 1, size, size]`, each turned, moved and exposed a little.

    Parameters
    ----------
    mirror : half of the images come with left and right exchanged.
    """
    n = len(images)

    def uniform(spread: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape, device=images.device) * 2 - 1) * spread

    angle, scale, shift = uniform(ROTATION), 1 + uniform(SCALE), uniform(SHIFT, 2)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    affine = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )  # [N, 2, 3]: where in the image each pixel comes from
    if mirror:
        affine[torch.rand(n, device=images.device) < 0.5, 0] *= -1
    grid = F.affine_grid(affine, [n, 1, size, size], align_corners=False)
    x = F.grid_sample(images, grid, align_corners=False)
    x = x.clamp(1e-4, 1) ** torch.exp(uniform(GAMMA, 1, 1, 1))
    x = x * (1 + uniform(CONTRAST, 1, 1, 1)) + uniform(BRIGHTNESS, 1, 1, 1)
    for i in torch.nonzero(torch.rand(n) < COARSE).flatten().tolist():
        side = int(torch.randint(COARSEST, size + 1, ()))
        coarse = F.interpolate(x[i : i + 1], side, mode="bilinear", antialias=True)
        x[i : i + 1] = F.interpolate(coarse, size, mode="bilinear")
    return x.clamp(0, 1)
