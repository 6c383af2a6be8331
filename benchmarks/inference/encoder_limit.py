"""The encoder in float32 and int8, on one thread and on all, against the processor's peak.

    python -m benchmarks.inference.encoder_limit [--bundle B] [--rounds N]

The peak is what onnxruntime reaches in one large matrix product of the same precision, on as many threads, in
the same round. Operations are two for each multiplication of the convolutions and products of the float32
graph. The int8 graph is calibrated on made-up images: it is as fast as a real one, and no more than that.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, shape_inference

from radscribe.bench.measuring import Spread, in_turn
from radscribe.bundle import format as bundle_format
from radscribe.export.int8 import float_convolutions
from radscribe.export.quantise import quantise
from radscribe.runtime.onnx_session import available_cores, open_session

SIDE = 1024  # of the square matrices whose product is the peak
IMAGES = 16  # of a timing
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")


def features() -> str:
    """The vector instructions of this processor, as Linux names them."""
    known = set(Path("/proc/cpuinfo").read_text().split())
    return ", ".join(name for name in FEATURES if name in known) or "none"


def operations(graph: Path, size: int) -> float:
    """Operations for one image: twice the multiplications of convolutions and matrix products."""
    model = onnx.load(str(graph))
    batch, *_, height, width = model.graph.input[0].type.tensor_type.shape.dim
    batch.dim_value, height.dim_value, width.dim_value = 1, size, size
    inferred = shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
    }
    weights = {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    total = 0.0
    for node in inferred.node:
        if node.op_type == "Conv":
            total += float(np.prod(shapes[node.output[0]])) * float(np.prod(weights[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul") and node.input[1] in weights:
            total += float(np.prod(weights[node.input[1]]))
    return 2 * total


def product(folder: Path, int8: bool) -> Path:
    """Write a graph that is one product of square matrices."""
    kind, given = (np.int8, TensorProto.UINT8) if int8 else (np.float32, TensorProto.FLOAT)
    right = np.random.default_rng(0).integers(-100, 100, (SIDE, SIDE)).astype(kind)
    node = helper.make_node("MatMulInteger" if int8 else "MatMul", ["left", "right"], ["out"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("left", given, [SIDE, SIDE])],
        [helper.make_tensor_value_info("out", TensorProto.INT32 if int8 else given, [SIDE, SIDE])],
        [numpy_helper.from_array(right, "right")],
    )
    path = folder / f"product-{'int8' if int8 else 'fp32'}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def encode(session: Any, images: np.ndarray[Any, Any]) -> Callable[[], object]:
    return lambda: [session.run(["probabilities"], {"images": image[None]}) for image in images]


def multiply(session: Any, left: np.ndarray[Any, Any]) -> Callable[[], object]:
    return lambda: session.run(None, {"left": left})


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bundle", help="bundle in float32 (default: the embedded one)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds after one untimed (default: 7)")
    arguments = parser.parse_args(given)
    folder = bundle_format.locate(arguments.bundle)
    spec = bundle_format.describe(folder)
    size = spec.encoder.image_size
    images = np.random.default_rng(0).random((IMAGES, 1, size, size), dtype=np.float32)
    graphs = {"fp32": folder / spec.encoder.file}
    count = operations(graphs["fp32"], size)
    print(f"{spec.encoder.backbone}, {size} px: {count / 1e9:.2f} billion operations per image")
    print(f"{available_cores()} cores with {features()}; onnxruntime {ort.__version__}\n")
    print("| encoder | threads | ms per image | billion operations/s | peak | share of the peak |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        graphs["int8"] = Path(temporary) / "int8.onnx"
        quantise(graphs["fp32"], graphs["int8"], [images], float_convolutions=float_convolutions(spec))
        left = np.random.default_rng(1).integers(0, 200, (SIDE, SIDE))
        for threads in sorted({1, available_cores()}):
            sides: dict[str, Callable[[], object]] = {}
            for name, graph in graphs.items():
                sides[name] = encode(open_session(graph, threads), images)
                peak = open_session(product(Path(temporary), name == "int8"), threads)
                sides[f"{name} peak"] = multiply(
                    peak, left.astype(np.uint8 if name == "int8" else np.float32)
                )
            seconds = in_turn(sides, arguments.rounds)
            for name in graphs:
                rates = [IMAGES * count / s for s in seconds[name]]
                peaks = [2 * SIDE**3 / s for s in seconds[f"{name} peak"]]
                taken = Spread.of(1000 * s / IMAGES for s in seconds[name])
                share = Spread.of(rate / peak for rate, peak in zip(rates, peaks, strict=True))
                print(
                    f"| {name} | {threads} | {taken.median:.1f} ({taken.low:.1f} to {taken.high:.1f}) "
                    f"| {Spread.of(rates).median / 1e9:.0f} | {Spread.of(peaks).median / 1e9:.0f} "
                    f"| {share.median:.2f} ({share.low:.2f} to {share.high:.2f}) |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
