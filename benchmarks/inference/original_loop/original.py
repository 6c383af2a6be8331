"""The original system's captioner with weights at random, in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.imports import published


def talkative() -> Any:
    """541 words, embedding 200, 256 units, window 124; weights so large that it does not repeat one word.

    Only then does it mean something that two decoders say the same.
    """
    model = published.keras_captioner(masked=True)
    for variable in model.weights:
        if variable.path.endswith("/embeddings"):
            variable.assign(np.asarray(variable) * 6)
        elif "lstm" in variable.path and variable.path.endswith("kernel"):
            variable.assign(np.asarray(variable) * 2)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, np.zeros_like(bias)])
    return model
