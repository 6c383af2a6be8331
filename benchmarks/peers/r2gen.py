"""Time per study of R2Gen (Chen et al., EMNLP 2020) and of radscribe, in one run.

    python -m benchmarks.peers.r2gen CHECKOUT [--studies 4] [--rounds 2] [--max-length 60]

CHECKOUT is a clone of https://github.com/cuhksz-nlp/R2Gen; nothing is downloaded or copied. Needs the `train`
extra, for torch.

R2Gen gets random weights of the sizes of its `run_iu_xray.sh`: ResNet-101, three layers of 512, beam 3, 760
words, two views of 224 pixels, already decoded. The time does not depend on the values of the weights, but
the length of the reports does: random weights seldom end a report before `--max-length`, so seconds per token
are printed, too. radscribe reads two PNG files of 1,024 pixels per study and writes captions as usual. Both
have all cores.

torchvision is not needed: the one network that R2Gen takes from it, ResNet-101, is made here (He et al.,
CVPR 2016, with the stride in the 3x3 convolution, as torchvision has it). `.cuda()` is the identity without a
GPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

import radscribe
from radscribe import phantom
from radscribe.runtime.onnx_session import available_cores

# main.py and run_iu_xray.sh of R2Gen
SETTINGS: dict[str, Any] = {
    "dataset_name": "iu_xray",
    "visual_extractor": "resnet101",
    "visual_extractor_pretrained": False,
    **dict.fromkeys(("d_model", "d_ff", "rm_d_model"), 512),
    "d_vf": 2048,
    "num_heads": 8,
    "num_layers": 3,
    "dropout": 0.1,
    "logit_layers": 1,
    **dict.fromkeys(("bos_idx", "eos_idx", "pad_idx", "use_bn"), 0),
    "drop_prob_lm": 0.5,
    "rm_num_slots": 3,
    "rm_num_heads": 8,
    "sample_method": "beam_search",
    "beam_size": 3,
    "temperature": 1.0,
    "sample_n": 1,
    "group_size": 1,
    "output_logsoftmax": 1,
    "decoding_constraint": 0,
    "block_trigrams": 1,
}
WORDS = 760  # of its vocabulary of the Indiana reports
SIDE = 224


class Bottleneck(nn.Module):
    """Block of a ResNet."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)),
            *(nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)),
            *(nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != 4 * width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet101(pretrained: bool = False) -> nn.Module:
    """ResNet-101 with the children of torchvision's; R2Gen drops the last two."""
    layers, channels = [], 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 23, 2), (512, 3, 2)):
        body = [
            Bottleneck(channels if b == 0 else 4 * width, width, stride if b == 0 else 1)
            for b in range(blocks)
        ]
        layers.append(nn.Sequential(*body))
        channels = 4 * width
    stem = (nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(*stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Linear(2048, 1000))


def r2gen(checkout: Path, max_length: int) -> Callable[[Tensor], Tensor]:
    """Its model with random weights: images `[N, 2, 3, 224, 224]` to tokens `[N, T]`."""
    if not (checkout / "models" / "r2gen.py").is_file():
        raise SystemExit(f"{checkout}: is no checkout of R2Gen")
    vision, models = ModuleType("torchvision"), ModuleType("torchvision.models")
    vision.models, models.resnet101 = models, resnet101  # type: ignore[attr-defined]
    sys.modules.update({"torchvision": vision, "torchvision.models": models})
    if not torch.cuda.is_available():
        torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    sys.path.insert(0, str(checkout))
    from models.r2gen import R2GenModel  # type: ignore[import-not-found]

    words = {i: f"word{i}" for i in range(1, WORDS + 1)}
    tokenizer = Namespace(idx2token=words, token2idx={word: i for i, word in words.items()})
    torch.manual_seed(0)
    model = R2GenModel(Namespace(**SETTINGS, max_seq_length=max_length), tokenizer).eval()
    parameters = sum(p.numel() for p in model.parameters())
    print(f"R2Gen of {parameters / 1e6:.1f} million parameters, {torch.get_num_threads()} threads")

    def write(images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.as_tensor(model(images, mode="sample"))

    return write


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--studies", type=int, default=4, help="studies of a batch (default: 4)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds after one untimed (default: 2)")
    parser.add_argument("--max-length", type=int, default=60, help="tokens of R2Gen at most (default: 60)")
    parser.add_argument("--bundle", help="bundle of radscribe (default: the embedded one)")
    arguments = parser.parse_args()
    torch.set_num_threads(available_cores())
    model = r2gen(arguments.checkout, arguments.max_length)
    captioner = radscribe.load(arguments.bundle)
    images = torch.rand(arguments.studies, 2, 3, SIDE, SIDE)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.png" for i in range(2 * arguments.studies)]
        for seed, file in enumerate(files):
            phantom.save(phantom.draw(seed % 4, size=1024), file)
        studies = [files[i : i + 2] for i in range(0, len(files), 2)]
        lengths = (model(images[:1]) > 0).sum(1)
        ours = [len(caption.tokens) for caption in captioner.stream(studies)]
        print(f"tokens: R2Gen {int(lengths[0])}, radscribe {statistics.mean(ours):.0f} ({captioner.bundle})")
        print("| studies at once | R2Gen, s per study | radscribe, s per study | times faster | per token |")
        print("|---|---|---|---|---|")
        for count in dict.fromkeys((1, arguments.studies)):
            ratios, theirs_each, ours_each = [], [], []
            for _ in range(arguments.rounds):
                theirs_each.append(seconds(lambda n=count: model(images[:n])) / count)  # type: ignore[misc]
                ours_each.append(
                    seconds(lambda n=count: list(captioner.stream(studies[:n]))) / count  # type: ignore[misc]
                )
                ratios.append(theirs_each[-1] / ours_each[-1])
            tokens = statistics.mean(ours[:count]) / int(lengths[0])  # 0: it had nothing to say
            print(
                f"| {count} | {statistics.median(theirs_each):.2f} | {statistics.median(ours_each):.4f} "
                f"| {statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f}) "
                f"| {statistics.median(ratios) * tokens:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
