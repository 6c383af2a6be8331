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
from onnx import numpy_helper
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
BITS = 8
BLOCK = 64  # weights that share one scale
ACCURACY = 4  # products of int8, summed in int32
SMALLEST = 1 << 12


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
            nodes_to_quantize=_int8_nodes(onnx.load(str(prepared)).graph, float_convolutions),
        )


def _int8_nodes(graph: onnx.GraphProto, float_convolutions: int) -> list[str]:
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


def quantise_weights(graph: Path, out: Path, smallest: int = SMALLEST) -> int:
    """Write the graph with the weights of its matrix products in int8; activations stay in float32.

    For transformers, whose activations have outliers that a fixed range would crush. The result of a row does
    not depend on the other rows: onnxruntime rounds the activations of each row and block apart
    (`MatMulNBits`).

    Parameters
    ----------
    graph, out : Path
        May be the same file.
    smallest : int
        Number of weights below which a matrix stays in float32.

    Returns
    -------
    int
        How many matrices are in int8.
    """
    model = onnx.load(str(graph))
    _fold_transposes(model.graph)
    small = _small_products(model.graph, smallest)
    with quiet():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantiser = MatMulNBitsQuantizer(
            model,
            bits=BITS,
            block_size=BLOCK,
            is_symmetric=True,
            accuracy_level=ACCURACY,
            nodes_to_exclude=small,
        )
        quantiser.process()
    made: onnx.ModelProto = quantiser.model.model
    onnx.save(made, str(out))
    return sum(node.op_type == "MatMulNBits" for node in made.graph.node)


def _fold_transposes(graph: onnx.GraphProto) -> None:
    """Store transposed weights as such: the quantiser sees only constants."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept: list[onnx.NodeProto] = []
    folded: dict[str, onnx.TensorProto] = {}
    for node in graph.node:
        source = constants.get(node.input[0]) if node.op_type == "Transpose" else None
        if source is None:
            kept.append(node)
            continue
        order = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        array = np.ascontiguousarray(np.transpose(numpy_helper.to_array(source), order))
        folded[node.output[0]] = numpy_helper.from_array(array, node.output[0])
    if not folded:
        return
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(folded.values())
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    unused = [tensor for tensor in graph.initializer if tensor.name not in used]
    for tensor in unused:
        graph.initializer.remove(tensor)


def _small_products(graph: onnx.GraphProto, smallest: int) -> list[str]:
    """Names of products that are not worth it, or whose other side is not a constant matrix."""
    sizes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type == "MatMul"
        and (len(dims := sizes.get(node.input[1], [])) != 2 or int(np.prod(dims)) < smallest)
    ]
