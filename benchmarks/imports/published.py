"""Files as others write them, made here with weights drawn at random: for the tests, and for `parity`.

Keras models are real ones (`keras` on its torch backend). torch checkpoints are an encoder's own tensors
under the names that others use.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from radscribe.models.encoder import Encoder
from radscribe.models.importers.torchxrayvision import FINDINGS

Array = npt.NDArray[Any]
SIZE = 64  # of the images that networks are compared on
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


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


def keras_chexnet(top: bool = True, final_relu: bool = True) -> Any:
    """DenseNet-121 with 14 sigmoids, as CheXNet-Keras builds it, or without a top."""
    keras = import_keras()
    base = keras.applications.DenseNet121(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3), pooling=None if top else "avg"
    )
    model = base
    if top:
        grid = base.output if final_relu else base.get_layer("bn").output
        pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(grid))
        model = keras.Model(base.input, keras.layers.Dense(14, activation="sigmoid", name="chexnet")(pooled))
    randomise_keras(model)
    return model


def keras_answer(model: Any, grey: Tensor) -> Array:
    """What a Keras DenseNet says of grey images, after Keras' own `preprocess_input`."""
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


def torchxrayvision_answer(encoder: Encoder, grey: Tensor, thresholds: Tensor) -> Tensor:
    """What torchxrayvision says of pixels of -1024 to 1024, by its documentation: bent about 0.5."""
    with torch.no_grad():
        pooled = encoder.backbone(grey * 2048 - 1024).mean((2, 3))
        p = torch.sigmoid(encoder.classifier(pooled))
    bent = torch.where(p < thresholds, p / (2 * thresholds), 1 - (1 - p) / (2 * (1 - thresholds)))
    return torch.where(thresholds.isnan(), torch.full_like(p, 0.5), bent)


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
