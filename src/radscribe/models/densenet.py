"""DenseNet-121: the backbone of CheXNet.

Huang et al., Densely Connected Convolutional Networks, CVPR 2017; Rajpurkar et al., CheXNet, 2017.
Parameter names are torchvision's (`features.denseblock1.denselayer1.conv1.weight`), so published weights fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.errors import UsageError

GROWTH = 32  # channels that each layer adds
BOTTLENECK = 4  # the 1×1 convolution makes BOTTLENECK * GROWTH channels
BLOCKS = (6, 12, 24, 16)  # layers in each dense block
STEM = 64


class DenseLayer(nn.Module):
    """BN, ReLU, 1×1 convolution, BN, ReLU, 3×3 convolution: `[N, C, h, w]` → `[N, GROWTH, h, w]`."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * GROWTH)
        self.conv2 = nn.Conv2d(BOTTLENECK * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(self.norm1(x)))
        new: Tensor = self.conv2(F.relu(self.norm2(x)))
        return new


class DenseBlock(nn.Module):
    """Layers that each see the output of all before: `[N, C, h, w]` → `[N, C + layers * GROWTH, h, w]`."""

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        for index in range(layers):
            self.add_module(f"denselayer{index + 1}", DenseLayer(inputs + index * GROWTH))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """Halves channels, height and width between two blocks."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)


class DenseNet121(nn.Module):
    """Images to a feature grid: `[N, C, H, W]` → `[N, 1024, H/32, W/32]`; H and W divisible by 32.

    Parameters
    ----------
    input_channels : int
        C, 3 in torchvision and Keras, 1 in torchxrayvision.
    final_relu : bool
        The paper's ReLU after the last normalisation; Keras had none before 2.2.3 (keras-applications, issue
        31).
    """

    channels = 1024
    stride = 32
    float_convolutions = 1  # the stem, which int8 would harm
    # ImageNet's, as CheXNet was trained with.
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __init__(self, input_channels: int = 3, final_relu: bool = True) -> None:
        super().__init__()
        self.final_relu = final_relu
        if input_channels not in (1, 3):
            raise UsageError(f"{input_channels} input channels", remedy="use 3, or 1 for grey images")
        if input_channels == 1:
            self.mean, self.std = (sum(self.mean) / 3,), (sum(self.std) / 3,)
        features = nn.Sequential()
        features.add_module("conv0", nn.Conv2d(input_channels, STEM, 7, stride=2, padding=3, bias=False))
        features.add_module("norm0", nn.BatchNorm2d(STEM))
        features.add_module("relu0", nn.ReLU())
        features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        channels = STEM
        for index, layers in enumerate(BLOCKS, start=1):
            features.add_module(f"denseblock{index}", DenseBlock(channels, layers))
            channels += layers * GROWTH
            if index < len(BLOCKS):
                features.add_module(f"transition{index}", Transition(channels))
                channels //= 2
        features.add_module("norm5", nn.BatchNorm2d(channels))
        self.features = features
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        grid: Tensor = self.features(x)  # [N, 1024, H/32, W/32]
        return F.relu(grid) if self.final_relu else grid
