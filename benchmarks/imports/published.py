"""Files as others write them, made here with weights drawn at random: for the tests, and for `parity`.

Keras models are real ones (`keras` on its torch backend). torch checkpoints are an encoder's own tensors
under the names that others use.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from radscribe.models.encoder import Encoder
from radscribe.models.importers.torchvision_densenet import STEM
from radscribe.models.importers.torchxrayvision import FINDINGS

Array = npt.NDArray[Any]
SIZE = 64  # of the images that networks are compared on


def images(count: int = 3, seed: int = 0) -> Tensor:
    """`[N, 1, SIZE, SIZE]` in 0..1."""
    return torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def import_keras() -> Any:
    """`keras` on its torch backend."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    return keras


def randomise_keras(model: Any, seed: int = 0) -> None:
    """Weights, and running means and variances, of sizes that a trained network has."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        shape, kind = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        if kind in ("gamma", "moving_variance"):
            values = generator.uniform(0.5, 1.5, shape)
        elif len(shape) < 2:
            values = generator.normal(0, 0.2, shape)
        else:
            values = generator.normal(0, (1.5 / np.prod(shape[:-1])) ** 0.5, shape)
        variable.assign(values)


class Chexnet(NamedTuple):
    """A Keras CheXNet and what it says of some images."""

    model: Any
    images: Tensor
    answer: Array  # [N, 14]


def keras_chexnet() -> Any:
    """DenseNet-121 with 14 sigmoids, as the field builds it."""
    keras = import_keras()
    base = keras.applications.DenseNet121(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(base.output))
    model = keras.Model(base.input, keras.layers.Dense(14, activation="sigmoid", name="chexnet")(pooled))
    randomise_keras(model)
    return model


def without_top(chexnet: Any) -> Any:
    """The same network up to the pooled vector."""
    keras = import_keras()
    return keras.Model(chexnet.input, keras.layers.GlobalAveragePooling2D()(chexnet.get_layer("relu").output))


def without_final_relu(chexnet: Any) -> Any:
    """The same weights in the network of Keras before 2.2.3."""
    keras = import_keras()
    pooled = keras.layers.GlobalAveragePooling2D()(chexnet.get_layer("bn").output)
    return keras.Model(chexnet.input, chexnet.get_layer("chexnet")(pooled))


def nested(chexnet: Any) -> Any:
    """The same network with DenseNet-121 as one layer of a `Sequential`."""
    keras = import_keras()
    base = keras.Model(chexnet.input, chexnet.get_layer("relu").output, name="densenet121")
    head = [keras.layers.GlobalAveragePooling2D(), chexnet.get_layer("chexnet")]
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), base, *head])


def save_keras2(chexnet: Any, path: Path, version: str) -> Path:
    """Weights as Keras 2 saved them: layers of names with a slash, variables with `:0`, names as bytes."""
    import h5py

    names: list[bytes] = []
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        for layer in chexnet.layers:
            name = re.sub("^conv1_(conv|bn|relu)$", r"conv1/\1", layer.name)
            names.append(name.encode())
            group = file.create_group(name)
            variables = [(f"{name}/{v.path.rsplit('/', 1)[-1]}:0", np.asarray(v)) for v in layer.weights]
            group.attrs["weight_names"] = [variable.encode() for variable, _ in variables]
            for variable, values in variables:
                group[variable] = values
        file.attrs["layer_names"] = names
    return path


def keras_answer(model: Any, grey: Tensor) -> Array:
    """Output of a Keras DenseNet for grey images, after Keras' own `preprocess_input`."""
    keras = import_keras()
    colour = np.repeat(grey.numpy().transpose(0, 2, 3, 1) * 255, 3, axis=3)
    given = keras.applications.densenet.preprocess_input(colour, data_format="channels_last")
    return np.asarray(model.predict(given, verbose=0))


def random_encoder(findings: tuple[str, ...], input_channels: int = 3, seed: int = 0) -> Encoder:
    """An encoder of DenseNet-121 whose normalisations are not the identity."""
    torch.manual_seed(seed)
    encoder = Encoder("densenet121", SIZE, findings, backbone_options={"input_channels": input_channels})
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    if input_channels == 1:  # of pixels of -1024 to 1024
        encoder.backbone.get_parameter(STEM).data /= 1024
    return encoder.eval()


def torchvision_state(encoder: Encoder) -> dict[str, Tensor]:
    """As torchvision names the tensors."""
    state = {k.removeprefix("backbone."): v for k, v in encoder.backbone.state_dict().items()}
    return state | {f"classifier.{k}": v for k, v in encoder.classifier.state_dict().items()}


def old_checkpoint(encoder: Encoder) -> dict[str, Any]:
    """As `model.pth.tar` of arnoweng/CheXNet: DataParallel, `norm.1`, `classifier.0`, no batch counters."""
    state = {}
    for name, tensor in torchvision_state(encoder).items():
        if not name.endswith("num_batches_tracked"):
            old = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name)
            state["module.densenet121." + old.replace("classifier.", "classifier.0.")] = tensor
    return {"epoch": 7, "state_dict": state, "best_loss": 0.2, "optimizer": {"state": {}, "param_groups": []}}


def torchxrayvision_state(encoder: Encoder, thresholds: Tensor) -> dict[str, Tensor]:
    """As torchxrayvision names the tensors; `thresholds` `[18]`, NaN where an output is untrained."""
    assert len(FINDINGS) == len(encoder.findings) == len(thresholds)
    return torchvision_state(encoder) | {"op_threshs": thresholds}


@torch.no_grad()
def torchxrayvision_answer(
    encoder: Encoder, grey: Tensor, thresholds: Tensor | float = 0.5
) -> tuple[Tensor, Tensor]:
    """Output of torchxrayvision for pixels of -1024 to 1024: logits, and probabilities bent about 0.5."""
    thresholds = torch.as_tensor(thresholds)
    logits = encoder.classifier(encoder.backbone(grey * 2048 - 1024).mean((2, 3)))
    p = torch.sigmoid(logits)
    bent = torch.where(p < thresholds, p / (2 * thresholds), 1 - (1 - p) / (2 * (1 - thresholds)))
    return logits, torch.where(thresholds.isnan(), torch.full_like(p, 0.5), bent)


def keras_captioner(
    masked: bool,
    words: int = 541,
    scores: int = 14,
    window: int = 124,
    embedding: int = 200,
    units: int = 256,
) -> Any:
    """The captioner of the original system: scores and words to the next word's probabilities."""
    keras = import_keras()
    layers = keras.layers
    image = keras.Input((scores,))
    seen = layers.Dense(units, activation="relu")(layers.Dropout(0.5)(image))
    prefix = keras.Input((window,))
    vectors = layers.Embedding(words + 1, embedding, mask_zero=masked, trainable=False)(prefix)
    said = layers.LSTM(units)(layers.Dropout(0.5)(vectors))
    joined = layers.Dense(units, activation="relu")(layers.add([seen, said]))
    model = keras.Model([image, prefix], layers.Dense(words + 1, activation="softmax")(joined))
    randomise_keras(model)
    for layer in model.layers:  # the next word shall depend on every word
        if isinstance(layer, layers.Embedding):
            layer.set_weights([np.random.default_rng(1).normal(0, 0.6, (words + 1, embedding))])
    return model


def captioner_answers(model: Any, scores: Array, caption: list[int], window: int) -> Array:
    """Its probabilities `[T + 1, V]` after every prefix of a caption, padded on the left with the blank."""
    prefixes = np.zeros((len(caption) + 1, window))
    for length in range(1, len(caption) + 1):
        prefixes[length, -length:] = caption[:length][-window:]
    return np.asarray(model.predict([np.repeat(scores[None], len(prefixes), 0), prefixes], verbose=0))


def save_keras(model: Any, folder: Path, ending: str) -> Path:
    """`.h5` is the whole model, `.weights.h5` its weights, `.keras` the archive."""
    path = folder / f"model{ending}"
    if ending == ".weights.h5":
        model.save_weights(path)
    else:
        model.save(path)
    return path
