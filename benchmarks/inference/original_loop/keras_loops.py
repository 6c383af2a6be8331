"""Ways to decode with Keras on TensorFlow. Runs in its own environment, which has no radscribe.

    KERAS_BACKEND=tensorflow python keras_loops.py model.keras

reads a JSON object a line: `way`, `scores` of a study, `words` of a caption; answers with `words`, as their
numbers, and `seconds`. The likeliest word is said, the blank never, so that every caption is as long.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Array = npt.NDArray[np.float32]
NextWord = Callable[[Array, Sequence[int]], Array]  # scores [1, F] and the words so far → probabilities [V]


def prefix(words: Sequence[int], length: int) -> Array:
    """Words so far `[1, length]`, padded on the left with the blank."""
    padded = np.zeros((1, length), np.float32)
    if words:
        padded[0, -len(words) :] = words
    return padded


def row(probabilities: Any) -> Array:
    """The one row of `[1, V]`."""
    answer: Array = np.asarray(probabilities)[0]
    return answer


def over_prefix(model: Any, call: Callable[..., Any], padded: bool) -> NextWord:
    """Runs the whole LSTM again for every word, over the padded window or over the words."""
    window = model.inputs[1].shape[1]

    def next_word(scores: Array, words: Sequence[int]) -> Array:
        # Without a word the LSTM reads one blank, which it skips.
        given = prefix(words, window if padded else max(len(words), 1))
        return row(call([scores, given]))

    return next_word


def of_any_length(model: Any) -> Any:
    """The same model, whose window may be as long as the words are."""
    config = model.get_config()
    scores = model.inputs[0].shape[1]
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer" and layer["config"]["batch_shape"][1] != scores:
            layer["config"]["batch_shape"] = (None, None)
    free = keras.Model.from_config(config)
    free.set_weights(model.get_weights())
    return free


def keeping_state(model: Any) -> NextWord:
    """One step of the LSTM's cell a word, compiled; the state is kept between words."""
    (embedding,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Embedding))
    (lstm,) = (layer for layer in model.layers if isinstance(layer, keras.layers.LSTM))
    image, merged, output = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    state: list[Any] = []

    def step(scores: Any, word: Any, h: Any, c: Any) -> Any:
        _, (h1, c1) = lstm.cell(embedding(word), [h, c])  # each [1, H]
        said = word[:, None] > 0
        h, c = tf.where(said, h1, h), tf.where(said, c1, c)
        return output(merged(image(scores) + h)), h, c

    compiled = tf.function(step)

    def next_word(scores: Array, words: Sequence[int]) -> Array:
        if not words:
            state[:] = [tf.zeros((1, lstm.units))] * 2
        probabilities, *state[:] = compiled(scores, np.array(words[-1:] or [0], np.int32), *state)
        return row(probabilities)

    return next_word


def ways(model: Any) -> dict[str, NextWord]:
    free = of_any_length(model)
    compiled = tf.function(free, reduce_retracing=True)  # one graph for all lengths
    return {
        "predict, padded": over_prefix(model, lambda x: model.predict(x, verbose=0), padded=True),
        "predict, not padded": over_prefix(model, lambda x: free.predict(x, verbose=0), padded=False),
        "model(x), padded": over_prefix(model, model, padded=True),
        "compiled, padded": over_prefix(model, tf.function(model), padded=True),
        "compiled, not padded": over_prefix(model, compiled, padded=False),
        "compiled, state kept": keeping_state(model),
    }


def caption(next_word: NextWord, scores: Sequence[float], length: int) -> list[int]:
    given, words = np.array([scores], np.float32), list[int]()
    for _ in range(length):
        words.append(int(next_word(given, words)[1:].argmax()) + 1)
    return words


def main() -> None:
    said = ways(keras.models.load_model(sys.argv[1], compile=False))
    print(json.dumps({"versions": f"Keras {keras.__version__} on TensorFlow {tf.__version__}"}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        start = perf_counter()
        words = caption(said[asked["way"]], asked["scores"], asked["words"])
        print(json.dumps({"words": words, "seconds": perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
