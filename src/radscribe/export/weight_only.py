"""A graph of matrix products → the same with weights in int8; activations stay in float32.

For transformers, whose activations have outliers that a fixed range would crush. The result of a row does not
depend on the other rows: onnxruntime rounds the activations of each row and block apart (`MatMulNBits`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from radscribe.export.quantise import quiet

BITS = 8
BLOCK = 64  # weights that share one scale
ACCURACY = 4  # products of int8, summed in int32
SMALLEST = 1 << 12


def quantise_weights(graph: Path, out: Path, smallest: int = SMALLEST) -> int:
    """Write the graph with the weights of its matrix products in int8.

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
    """Store transposed weights as such: the quantiser sees constants alone."""
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
    """Names of products that are not worth it, or whose other side is no constant matrix."""
    sizes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type == "MatMul"
        and (len(dims := sizes.get(node.input[1], [])) != 2 or int(np.prod(dims)) < smallest)
    ]
