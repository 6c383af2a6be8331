"""The backbones are the published networks: names, shapes, counts, and what they compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radscribe.errors import UsageError
from radscribe.models import BACKBONES, Encoder
from radscribe.models.densenet import DenseBlock, DenseNet121
from radscribe.models.efficientnet_lite import EfficientNetLite, SameConv2d


def test_densenet_has_the_published_parameters() -> None:
    network = DenseNet121()
    state = network.state_dict()
    # torchvision's densenet121 has 727 tensors and 7,978,856 parameters, 2 and 1,025,000 in its classifier.
    assert len(state) == 725
    assert sum(p.numel() for p in network.parameters()) == 7_978_856 - 1_025_000
    shapes = {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.norm0.running_var": (64,),
        "features.denseblock1.denselayer1.norm1.weight": (64,),
        "features.denseblock1.denselayer6.conv1.weight": (128, 224, 1, 1),
        "features.transition1.conv.weight": (128, 256, 1, 1),
        "features.denseblock3.denselayer24.conv2.weight": (32, 128, 3, 3),
        "features.transition3.norm.bias": (1024,),
        "features.denseblock4.denselayer16.conv1.weight": (128, 992, 1, 1),
        "features.norm5.num_batches_tracked": (),
    }
    for name, shape in shapes.items():
        assert tuple(state[name].shape) == shape, name


def test_a_dense_block_hands_its_input_through() -> None:
    torch.manual_seed(0)
    block = DenseBlock(64, 6).eval()
    x = torch.rand(1, 64, 8, 8)
    y = block(x)
    assert y.shape == (1, 64 + 6 * 32, 8, 8)
    assert torch.equal(y[:, :64], x)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_efficientnet_takes_the_published_weights_whole(number: int) -> None:
    network = EfficientNetLite(number)
    network.load_state_dict(network.imagenet_state(), strict=True)
    network.eval()
    with torch.no_grad():
        grid = network(torch.zeros(1, 3, 64, 64))
    assert grid.shape == (1, 1280, 2, 2)
    assert 0 <= float(grid.min()) <= float(grid.max()) <= 6


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 1)])
def test_same_padding_is_tensorflows(kernel: int, stride: int) -> None:
    # TensorFlow pads total = max((ceil(n / s) - 1) * s + k - n, 0), the odd pixel at the end.
    torch.manual_seed(0)
    convolution = SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.rand(1, 1, 12, 12)
    out = -(-12 // stride)
    total = max((out - 1) * stride + kernel - 12, 0)
    padded = nn.functional.pad(x, (total // 2, total - total // 2) * 2)
    expected = nn.functional.conv2d(padded, convolution.weight, None, stride)
    assert torch.allclose(convolution(x), expected, atol=1e-6)


@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_an_encoder_gives_grid_vector_and_calibrated_probabilities(backbone: str) -> None:
    torch.manual_seed(0)
    encoder = Encoder(backbone, 64).eval()
    encoder.calibration_scale.fill_(2.0)
    encoder.calibration_shift.fill_(-1.0)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        out = encoder(images)
    assert out.grid.shape == (2, encoder.channels, 2, 2)
    assert torch.allclose(out.pooled, out.grid.mean((2, 3)), atol=1e-6)
    assert torch.allclose(out.probabilities, torch.sigmoid(2 * out.logits - 1))
    with torch.no_grad():
        alone = encoder(images[1:])
    assert torch.allclose(alone.logits, out.logits[1:], atol=1e-5)


def test_a_wrong_backbone_or_size_is_told() -> None:
    with pytest.raises(UsageError, match="no backbone is called 'resnet'"):
        Encoder("resnet")
    with pytest.raises(UsageError, match="not divisible by 32"):
        Encoder(image_size=100)
