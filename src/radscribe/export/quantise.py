"""A float encoder's graph → the same in int8: static post-training quantisation (Jacob et al., CVPR 2018).

Activations become uint8 over a range that was seen on radiographs, weights int8 with a scale for each output
channel; onnxruntime runs a convolution between QuantizeLinear and DequantizeLinear as one of integers. Signed
activations are hardly faster than float32: x86 multiplies unsigned by signed bytes. Normalisation, head,
calibration and maps stay in float32, and so do the first convolutions, which amplify what is rounded away
before them. What each choice costs, `python -m benchmarks.inference.int8_choices` prints.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Images = npt.NDArray[np.float32]
FLOAT_CONVOLUTIONS = 7  # of EfficientNet-Lite0: the stem and its first two blocks
METHOD = "MinMax"  # Entropy and Percentile measured no better
OPERATORS = ["Conv", "Clip", "Relu", "Add", "Concat", "MaxPool", "AveragePool"]


def quantise(
    graph: Path,
    out: Path,
    batches: Iterable[Images],
    *,
    float_convolutions: int = FLOAT_CONVOLUTIONS,
    method: str = METHOD,
    signed: bool = False,
) -> None:
    """Write the int8 form of an encoder's graph.

    Parameters
    ----------
    graph : Path
        From `images` to `grid` and what comes of it, as `export.bundle` writes it.
    batches : iterable of Images
        `[N, 1, S, S]` radiographs, to see the ranges of activations; not those that it is measured on.
    float_convolutions : int
        How many of the first ones stay in float32.
    method : str
        Method for the ranges of activations; a name in `CalibrationMethod`.
    signed : bool
        Use int8 activations, to show what they cost.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = Path(folder) / "prepared.onnx"
        # Shapes of all tensors, and what folds into a convolution folded.
        quant_pre_process(str(graph), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(out),
            _Reader(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
            op_types_to_quantize=OPERATORS,
            nodes_to_quantize=_in_the_middle(onnx.load(str(prepared)).graph, float_convolutions),
        )


def _in_the_middle(graph: onnx.GraphProto, float_convolutions: int) -> list[str]:
    """Names of the nodes from the first convolution in int8 to the grid."""
    maker = {output: node for node in graph.node for output in node.output}
    wanted, open_outputs = set[str](), ["grid"]
    while open_outputs:
        node = maker.get(open_outputs.pop())
        if node is not None and node.name not in wanted:
            wanted.add(node.name)
            open_outputs += node.input
    names, convolutions = list[str](), 0
    for node in graph.node:  # in the order of computation
        convolutions += node.op_type == "Conv"
        if convolutions > float_convolutions and node.name in wanted:
            names.append(node.name)
    return names


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, batches: Iterable[Images]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Images] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}


@contextmanager
def quiet() -> Iterator[None]:
    """Without onnxruntime's advice on the root logger and its progress on standard output."""
    loggers = [logging.getLogger(name) for name in (None, "onnxruntime.quantization.matmul_nbits_quantizer")]
    before, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
        loggers[0].handlers[:] = handlers  # a module of onnxruntime adds one when it is imported
