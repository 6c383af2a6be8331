"""Keras' DenseNet-121, and the CheXNet weights made of it, with its top or without.

Kernels are height, width, in, out; the dense kernel is in, out. Batch normalisation adds 1.001e-5 to the
variance where torch adds 1e-5: the difference goes into the variance. Input normalisation is that of
`preprocess_input` ("torch" mode: ImageNet's mean and deviation), as in CheXNet-Keras.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from torch import Tensor

from radscribe.errors import WeightsError
from radscribe.models.importers.encoder_import import HEAD, ImportedEncoder, densenet_shapes
from radscribe.models.importers.weights_file import KerasFacts, Wanted, WeightsFile, fit

EPSILON, TORCH_EPSILON = 1.001e-5, 1e-5
FIRST_WITH_RELU = (2, 2, 3)  # the Keras from which on a ReLU follows the last normalisation
VARIABLES = {
    "norm": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
    "conv": {"weight": "kernel"},
}
CLASSES = {"norm": "batch_normalization", "conv": "conv2d"}


def read(file: WeightsFile) -> ImportedEncoder | None:
    """The encoder of a Keras file; None if it is not DenseNet's.

    Raises
    ------
    WeightsError
        A tensor too many, too few or of another shape.
    """
    if file.keras is None:
        return None
    layers = dict.fromkeys(name.partition("/")[0] for name in file.tensors)
    if "conv1_conv" in layers:
        named = True
    elif "conv2d_119" in layers or "batch_normalization_120" in layers:  # the last of both
        named = False
    else:
        return None
    wanted = dict(_wanted(named, _epsilon(file)))
    mapped = {name.partition("/")[0] for name in wanted}
    tops = [
        name
        for name, tensor in file.tensors.items()
        if name.endswith("/kernel") and tensor.ndim == 2 and name.partition("/")[0] not in mapped
    ]
    if tops:
        top = tops[-1].partition("/")[0]
        outputs = file.tensors[tops[-1]].shape[1]
        wanted[f"{top}/kernel"] = Wanted(HEAD[0], (outputs, 1024), Tensor.t)
        wanted[f"{top}/bias"] = Wanted(HEAD[1], (outputs,))
    state = fit(file.tensors, wanted, file.path)
    relu, notes = _final_relu(file.keras)
    tops_say = {config.get("activation") for kind, config in file.keras.layers if kind == "Dense"}
    return ImportedEncoder(
        "keras",
        state,
        image_size=_image_size(file.keras),
        final_relu=relu,
        softmax="softmax" in tops_say,
        notes=notes,
    )


def _wanted(named: bool, epsilon: float) -> Iterator[tuple[str, Wanted]]:
    """Each tensor of ours by its name in the file: by the layer's name, or by its class and number."""
    count: Counter[str] = Counter()
    layers: dict[str, str] = {}
    for ours, shape in densenet_shapes().items():
        module, _, parameter = ours.rpartition(".")
        kind = "norm" if "norm" in module.rpartition(".")[2] else "conv"
        if module not in layers:
            number = count[kind]
            count[kind] += 1
            layers[module] = (
                _keras_name(module) if named else CLASSES[kind] + (f"_{number}" if number else "")
            )
        wanted = Wanted(f"backbone.{ours}", shape)
        if parameter == "running_var":
            wanted = wanted._replace(convert=lambda variance: _variance(variance, epsilon))
        elif kind == "conv":
            wanted = wanted._replace(convert=lambda kernel: kernel.permute(3, 2, 0, 1).contiguous())
        yield f"{layers[module]}/{VARIABLES[kind][parameter]}", wanted


def _keras_name(module: str) -> str:
    """`features.denseblock1.denselayer2.norm1` is `conv2_block2_0_bn`."""
    if match := re.fullmatch(r"features\.denseblock(\d)\.denselayer(\d+)\.(norm|conv)(\d)", module):
        block, layer, kind, number = int(match[1]) + 1, match[2], match[3], int(match[4])
        return f"conv{block}_block{layer}_" + (f"{number - 1}_bn" if kind == "norm" else f"{number}_conv")
    if match := re.fullmatch(r"features\.transition(\d)\.(norm|conv)", module):
        return f"pool{int(match[1]) + 1}_" + ("bn" if match[2] == "norm" else "conv")
    return {"features.conv0": "conv1_conv", "features.norm0": "conv1_bn", "features.norm5": "bn"}[module]


def _variance(variance: Tensor, epsilon: float) -> Tensor:
    return (variance.double() + (epsilon - TORCH_EPSILON)).float()


def _epsilon(file: WeightsFile) -> float:
    """Of batch normalisation, one for the whole network; Keras' default if the file has only weights."""
    layers = file.keras.layers if file.keras else ()
    found = {float(config.get("epsilon", EPSILON)) for kind, config in layers if kind == "BatchNormalization"}
    if len(found) > 1:
        raise WeightsError(f"has epsilons {sorted(found)}, and DenseNet has one", subject=file.path)
    return found.pop() if found else EPSILON


def _final_relu(facts: KerasFacts) -> tuple[bool, tuple[str, ...]]:
    """Whether a ReLU follows the last normalisation: by the model, else by the version of Keras."""
    if facts.layers:
        kinds = [kind for kind, _ in facts.layers]
        last = len(kinds) - 1 - kinds[::-1].index("BatchNormalization")
        return bool({"Activation", "ReLU"} & set(kinds[last:])), ()
    if facts.is_before(*FIRST_WITH_RELU):
        return False, (
            f"written by Keras {facts.version}, whose DenseNet had no ReLU before the pooling: none is "
            "applied; --final-relu applies one, as Keras does today",
        )
    return True, ()


def _image_size(facts: KerasFacts) -> int:
    for kind, config in facts.layers:
        shape = config.get("batch_shape") or config.get("batch_input_shape")
        if kind == "InputLayer" and shape and len(shape) == 4 and shape[1] == shape[2] and shape[1]:
            return int(shape[1]) if int(shape[1]) % 32 == 0 else 224
    return 224
