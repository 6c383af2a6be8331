"""torchvision's DenseNet-121, and the CheXNet checkpoints made of it.

The widely shared `model.pth.tar` (arnoweng/CheXNet) was written by `DataParallel` (every name begins with
`module.densenet121.`), in the days of torch before 0.4 (`norm.1`, `conv.1`, no counters), with a head that is
a `Sequential` (`classifier.0`). Skipped in silence, be it by `strict=False` (issue 48 there) or for another
reason, it leaves a random network: a mean AUROC of 0.489 (issue 34).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from radscribe.models.importers.encoder_import import HEAD, ImportedEncoder, densenet_shapes, is_counter
from radscribe.models.importers.weights_file import Wanted, WeightsFile, fit

FEATURES = "features."
_OURS = re.compile(r"^(.*?)(?:features\.(?:conv|norm|denseblock|transition)\d|classifier\.)")
_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
STEM = "features.conv0.weight"


def read(file: WeightsFile) -> ImportedEncoder | None:
    """The encoder of a state dict of torchvision's; None if it is not one.

    Raises
    ------
    WeightsError
        A tensor too many, too few or of another shape.
    """
    tensors = canonical(file)
    if tensors is None:
        return None
    return ImportedEncoder("torchvision", fit_densenet(tensors, file.path))


def canonical(file: WeightsFile) -> dict[str, Tensor] | None:
    """Tensors by today's names, without the prefix that most share; None where none is of a DenseNet."""
    if file.keras is not None or not any("denseblock" in name for name in file.tensors):
        return None
    found = Counter(match[1] for name in file.tensors if (match := _OURS.match(name)))
    prefix = found.most_common(1)[0][0] if found else ""
    tensors: dict[str, Tensor] = {}
    for name, tensor in file.tensors.items():
        short = _OLD.sub(r"\1\2.", name.removeprefix(prefix)).replace("classifier.0.", "classifier.")
        # Two names that become one are a damaged file: the second keeps its name, and is reported as unknown.
        tensors[name if short in tensors else short] = tensor
    return tensors


def fit_densenet(tensors: Mapping[str, Tensor], path: Path, input_channels: int = 3) -> dict[str, Tensor]:
    """`backbone.*` and, if there is a head, `classifier.*`. Raises as `fit`."""
    found = {name: tensor for name, tensor in tensors.items() if not is_counter(name)}
    wanted = {
        name: Wanted(f"backbone.{name}", shape) for name, shape in densenet_shapes(input_channels).items()
    }
    if any(name in found for name in HEAD):
        outputs = max(len(found[name]) for name in HEAD if name in found)
        width = wanted["features.norm5.weight"].shape[0]
        wanted |= {HEAD[0]: Wanted(HEAD[0], (outputs, width)), HEAD[1]: Wanted(HEAD[1], (outputs,))}
    return fit(found, wanted, path)
