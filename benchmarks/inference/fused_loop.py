"""Greedy search as one ONNX `Loop` graph beside the loop in Python, over the embedded decoder, in one run.

    python -m benchmarks.inference.fused_loop

Both say the same tokens: from `<bos>` on the likeliest that is a word, at first no end. The loop in Python
does that with the constraints of `words.py`, and once more with all that hold in serving, which the graph
lacks. Times are of the thread's processor, the median of the rounds, taken in turn; the encoder's time,
beside which they count, is that of one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import BundleSpec
from radscribe.inference.constraints import Claims, Constraint, of_a_caption
from radscribe.inference.search import Greedy, search
from radscribe.inference.sessions import DecoderSession, EncoderSession
from radscribe.text.tokenizer import ReportTokenizer

ROUNDS, STUDIES = 15, 64
LOOP = "loop_"  # before the names of what the loop carries


def fused(
    step: onnx.ModelProto, states: tuple[str, ...], forbidden: npt.NDArray[np.bool_], eos: int
) -> bytes:
    """The first state → `tokens` `[T, N]` and `log_probabilities` `[T, N]`, both of no sense after an end.

    Parameters
    ----------
    step : the graph `decoder.onnx`, its weights in it.
    forbidden : `[2, V]` at the first token, and at all others.
    """
    node, value = helper.make_node, helper.make_tensor_value_info
    integer, real, boolean = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL
    penalty = np.where(forbidden, -np.inf, 0).astype(np.float32)
    constants = {"penalty": penalty, "eos": np.array(eos), "last": np.array(1), "axis": np.array([1])}
    carried = [f"state_{name}" for name in states]
    body = [
        node("Min", ["iteration", "last"], ["row"]),
        node("Gather", ["penalty", "row"], ["now"]),
        *step.graph.node,
        node("Add", ["log_probabilities", "now"], ["allowed"]),
        node("ArgMax", ["allowed"], ["next_token"], axis=1, keepdims=0),  # the lower one of equals
        node("Unsqueeze", ["next_token", "axis"], ["place"]),
        node("GatherElements", ["log_probabilities", "place"], ["chosen"], axis=1),
        node("Squeeze", ["chosen", "axis"], ["said_log_probability"]),
        node("Identity", ["next_token"], ["said"]),
        node("Equal", ["next_token", "eos"], ["ends"]),
        node("Or", ["over", "ends"], ["next_over"]),
        node("Cast", ["next_over"], ["over_number"], to=integer),
        node("ReduceMin", ["over_number"], ["all_over"], keepdims=0),
        node("Cast", ["all_over"], ["all_over_boolean"], to=boolean),
        node("Not", ["all_over_boolean"], ["next_going"]),
    ]
    inputs = [value("iteration", integer, []), value("going", boolean, []), value("token", integer, ["n"])]
    inputs += [value("over", boolean, ["n"]), *(value(name, real, ["n", None]) for name in carried)]
    outputs = [value("next_going", boolean, []), value("next_token", integer, ["n"])]
    outputs += [value("next_over", boolean, ["n"])]
    outputs += [value(f"next_{name}", real, ["n", None]) for name in carried]
    outputs += [value("said", integer, ["n"]), value("said_log_probability", real, ["n"])]
    results = ["last_token", "last_over", *(f"last_{name}" for name in carried), "tokens", "taken"]
    loop = node(
        "Loop",
        ["most", "start", "bos", "none_over", *(LOOP + name for name in carried)],
        results,
        body=helper.make_graph(body, "body", inputs, outputs),
    )
    weights = [numpy_helper.from_array(x, name) for name, x in constants.items()]
    weights += [numpy_helper.from_array(np.array(True), "start"), *step.graph.initializer]
    graph = helper.make_graph(
        [loop],
        "greedy",
        [value("most", integer, []), value("bos", integer, ["n"]), value("none_over", boolean, ["n"])]
        + [value(LOOP + name, real, ["n", None]) for name in carried],
        [value("tokens", integer, ["t", "n"]), value("taken", real, ["t", "n"])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=step.opset_import, ir_version=step.ir_version)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


class FusedGreedy:
    """The fused graph of a bundle."""

    def __init__(self, folder: Path, spec: BundleSpec, words: ReportTokenizer) -> None:
        forbidden = np.zeros((2, len(words)), dtype=bool)
        marks = [i for i, token in enumerate(words.tokens()) if "xxx" in token]
        forbidden[:, [words.pad, words.bos, words.unk, *marks]] = True
        forbidden[0, words.eos] = True
        model = fused(onnx.load(folder / spec.decoder.step_file), spec.decoder.states, forbidden, words.eos)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._names = [f"{LOOP}state_{name}" for name in spec.decoder.states]
        self._most, self._words = np.array(spec.decoder.max_length), words

    def __call__(self, state: tuple[npt.NDArray[np.float32], ...]) -> list[tuple[int, ...]]:
        """Tokens of each study from its first state, cut before the end."""
        n, eos = len(state[0]), self._words.eos
        feed = {"most": self._most, "bos": np.full(n, self._words.bos), "none_over": np.zeros(n, bool)}
        tokens, _ = self._session.run(
            ["tokens", "taken"], {**feed, **dict(zip(self._names, state, strict=True))}
        )
        return [tuple(row[: row.index(eos)] if eos in row else row) for row in tokens.T.tolist()]


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def main() -> None:
    folder = bundle_format.locate(None)
    spec = bundle_format.read(folder)
    words = ReportTokenizer.load(folder / spec.tokenizer)
    decoder, graph = DecoderSession(folder, spec), FusedGreedy(folder, spec, words)
    rules, claims = of_a_caption(words), Claims(words)
    bare = tuple(rule for rule in rules if type(rule).__module__.endswith(".words"))
    probabilities = (np.random.default_rng(0).random((STUDIES, 14)) ** 3).astype(np.float32)
    image = np.random.default_rng(0).random((8, 1, *[spec.encoder.image_size] * 2), dtype=np.float32)
    encoder = EncoderSession(folder, spec)
    encoding = statistics.median(seconds(lambda: encoder(image)) / 8 for _ in range(5))

    def in_python(batch: int, constraints: tuple[Constraint, ...]) -> list[tuple[int, ...]]:
        found = [
            search(
                decoder.step,
                *decoder.init_state({"probabilities": probabilities[start : start + batch]}),
                strategy=Greedy(),
                bos=words.bos,
                eos=words.eos,
                max_length=spec.decoder.max_length,
                constraints=constraints or (*rules, claims.of([["PA"]] * batch)),
            )
            for start in range(0, STUDIES, batch)
        ]
        return [hypotheses[0].tokens for batch_found in found for hypotheses in batch_found]

    def in_graph(batch: int) -> list[tuple[int, ...]]:
        states = [
            decoder.init_state({"probabilities": probabilities[start : start + batch]})[0]
            for start in range(0, STUDIES, batch)
        ]
        return [tokens for state in states for tokens in graph(state)]

    print(f"encoder: {encoding * 1e3:.1f} ms of one thread per image")
    print(
        "| studies at once | loop in Python, ms per study | with all constraints | fused, ms per study "
        "| fused to Python | what fusing saves of encoder and greedy search |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    for batch in (1, 8, 32):
        same = sum(a == b for a, b in zip(in_python(batch, bare), in_graph(batch), strict=True))
        ways = (partial(in_python, batch, bare), partial(in_python, batch, ()), partial(in_graph, batch))
        times = [[seconds(way) / STUDIES for way in ways] for _ in range(ROUNDS)]
        python, whole, one = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"| {batch} | {python * 1e3:.2f} | {whole * 1e3:.2f} | {one * 1e3:.2f} | {one / python:.2f} "
            f"| {(python - one) / (encoding + python):.1%} |"
        )
        if same != STUDIES:
            raise SystemExit(f"only {same} of {STUDIES} captions are the same")


if __name__ == "__main__":
    main()
