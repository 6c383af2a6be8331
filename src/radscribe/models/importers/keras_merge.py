"""The Keras captioner of the original system: 14 scores and the words so far to the next word.

    words, padded on the left → embedding → dropout → LSTM ─┐
    scores → dropout → dense, relu ─────────────────────────┴ add → dense, relu → softmax of words and a blank

Where its vocabulary has a start and an end word, they are `<bos>` and `<eos>`. The original's has none: the
first word follows nothing, and a caption ends at the blank, which training never showed it as a target, or at
its greatest length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from radscribe.errors import WeightsError
from radscribe.models.importers.weights_file import KerasFacts, Wanted, WeightsFile, fit

BLANK = 0  # Keras' padding
NEVER = -1e4  # logit of what the file has no output for: its probability is 0 in float32
SPECIALS = 4  # <pad> <bos> <eos> <unk> come before the words
START_END = (("startseq", "endseq"), ("<start>", "<end>"))
WINDOW = 124
FIRST_OF_SIGMOIDS = (2, 3, 0)  # the Keras from which on an LSTM's gates are sigmoids unless said otherwise


@dataclass(frozen=True)
class ImportedCaptioner:
    """A merge captioner by our names, its rows still in Keras' order: the blank, then the words."""

    state: dict[str, Tensor]
    masked: bool
    window: int
    notes: tuple[str, ...]

    @property
    def scores(self) -> int:
        """How many finding probabilities it reads."""
        return self.state["image.weight"].shape[1]

    @property
    def words(self) -> int:
        """Words of its vocabulary, the blank not among them."""
        return len(self.state["output.weight"]) - 1


def read(file: WeightsFile) -> ImportedCaptioner | None:
    """The captioner in a Keras file; None if it is not one.

    Raises
    ------
    WeightsError
        A tensor too many, too few or of another shape, or a layer that computes otherwise.
    """
    if file.keras is None:
        return None
    layers = list(dict.fromkeys(name.partition("/")[0] for name in file.tensors))
    embeddings = [name for name in layers if f"{name}/embeddings" in file.tensors]
    lstms = [name for name in layers if f"{name}/recurrent_kernel" in file.tensors]
    if not embeddings or not lstms:
        return None
    # In the order in which they were made: the image's, the merged one, the output.
    rest = [name for name in layers if name not in (embeddings[0], lstms[0])]
    dense = [*sorted(rest, key=_number), "dense", "dense_1", "dense_2"][:3]
    vectors, recurrent = (
        file.tensors[f"{embeddings[0]}/embeddings"],
        file.tensors[f"{lstms[0]}/recurrent_kernel"],
    )
    units, (vocabulary, width) = recurrent.shape[0], vectors.shape
    first = file.tensors.get(f"{dense[0]}/kernel")
    scores = first.shape[0] if first is not None else 14
    wanted = {
        f"{embeddings[0]}/embeddings": Wanted("word_embedding.weight", (vocabulary, width)),
        # Keras orders the gates as torch does: input, forget, cell, output.
        f"{lstms[0]}/kernel": Wanted("lstm.weight_ih_l0", (4 * units, width), Tensor.t),
        f"{lstms[0]}/recurrent_kernel": Wanted("lstm.weight_hh_l0", (4 * units, units), Tensor.t),
        f"{lstms[0]}/bias": Wanted("lstm.bias_ih_l0", (4 * units,)),
    }
    sizes = ((scores, units), (units, units), (units, vocabulary))
    for name, ours, (inputs, outputs) in zip(dense, ("image", "merged", "output"), sizes, strict=True):
        wanted[f"{name}/kernel"] = Wanted(f"{ours}.weight", (outputs, inputs), Tensor.t)
        wanted[f"{name}/bias"] = Wanted(f"{ours}.bias", (outputs,))
    state = fit(file.tensors, wanted, file.path)
    state["lstm.bias_hh_l0"] = torch.zeros(4 * units)
    return _with_facts(state, file, file.keras)


def _with_facts(state: dict[str, Tensor], file: WeightsFile, facts: KerasFacts) -> ImportedCaptioner:
    """Facts from the model's configuration; without one, the choices of the original system."""
    if facts.is_before(*FIRST_OF_SIGMOIDS) and not facts.layers:
        raise WeightsError(
            f"holds only weights, from Keras {facts.version}, whose LSTM had hard_sigmoid gates by default",
            subject=file.path,
            remedy="save the whole model, which describes its layers",
        )
    if not facts.layers:
        note = f"the file holds only weights: blanks are skipped (mask_zero), the window is {WINDOW} words"
        return ImportedCaptioner(state, True, WINDOW, (note,))
    masked = False
    shapes: list[Any] = [
        config.get("batch_shape") or config.get("batch_input_shape") or () for _, config in facts.layers
    ]
    inputs = [int(shape[1]) for shape in shapes if len(shape) == 2 and shape[1]]
    scores = state["image.weight"].shape[1]
    if scores in inputs:
        inputs.remove(scores)  # what is left is the window, be it as long or not
    for kind, config in facts.layers:
        if kind == "Embedding":
            masked = bool(config.get("mask_zero"))
        gates = (config.get("activation"), config.get("recurrent_activation"))
        if kind == "LSTM" and gates != ("tanh", "sigmoid"):
            raise WeightsError(
                f"its LSTM has the activations {gates}, not tanh and sigmoid",
                subject=file.path,
                remedy="no weights make up for that: train it again with them",
            )
    return ImportedCaptioner(state, masked, inputs[0] if inputs else WINDOW, ())


def arrange(captioner: ImportedCaptioner, words: Sequence[str]) -> tuple[dict[str, Tensor], list[str], bool]:
    """Rows in the order of our tokens.

    Parameters
    ----------
    words : sequence of str
        Words in the order of Keras, from 1 on.

    Returns
    -------
    tuple[dict[str, Tensor], list[str], bool]
        State dict, the words that come after the specials, and whether `<bos>` is a word (`start_word`).
    """
    index = {word: place for place, word in enumerate(words, start=1)}
    start, end = next((pair for pair in START_END if pair[0] in index and pair[1] in index), ("", ""))
    kept = [word for word in words if word not in (start, end)]
    body = [index[word] for word in kept]
    bos, eos = index.get(start, BLANK), index.get(end, BLANK)
    state = dict(captioner.state)
    state["word_embedding.weight"] = state["word_embedding.weight"][[BLANK, bos, eos, BLANK, *body]]
    weight, bias = state["output.weight"], state["output.bias"]
    # Each of Keras' outputs goes to one token; without an end word the blank's goes to <eos>.
    state["output.weight"] = weight[[BLANK, bos, eos, BLANK, *body]].clone()
    state["output.bias"] = bias[[BLANK, bos, eos, BLANK, *body]].clone()
    for token in (3,) if start else (0, 1, 3):
        state["output.weight"][token] = 0
        state["output.bias"][token] = NEVER
    return state, kept, bool(start)


def _number(layer: str) -> int:
    """`dense` is 0, `dense_2` is 2; layers of other names stay in the file's order."""
    digits = layer.rpartition("_")[2]
    return int(digits) if digits.isdigit() else 0
