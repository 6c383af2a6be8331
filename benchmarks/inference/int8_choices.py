"""Cost of each choice in quantisation: convolutions that stay in float32, and the method for ranges.

    python -m benchmarks.inference.int8_choices DATA [--bundle B]

Error is the root mean square of the difference of the findings' logits to float32, on the validation part; it
tells choices apart that AUROC on a few hundred images does not. `int8.py` says how throughput is timed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.inference.int8 import ratios
from radscribe.bundle.format import BundleSpec, locate, read
from radscribe.data.manifest import Manifest
from radscribe.evaluation.metrics.base import Floats
from radscribe.export.int8 import IMAGES, calibration_images
from radscribe.export.quantise import FLOAT_CONVOLUTIONS, METHOD, Images, quantise
from radscribe.inference.inputs import as_study
from radscribe.inference.prepare import Preparer
from radscribe.runtime.onnx_session import open_session

BATCH = 8
ROUNDS = 10
ROWS, CELLS = 24, 100
CHOICES = (
    *((count, METHOD, IMAGES, False) for count in (0, 1, 2, 3, 4, FLOAT_CONVOLUTIONS, 10, 16)),
    *((FLOAT_CONVOLUTIONS, method, IMAGES, False) for method in ("Entropy", "Percentile")),
    *((FLOAT_CONVOLUTIONS, METHOD, images, False) for images in (16, 256)),
    (FLOAT_CONVOLUTIONS, METHOD, IMAGES, True),
)


def batches(images: Sequence[Images]) -> list[Images]:
    return [np.stack(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]


def logits(graph: Path, images: Sequence[Images]) -> Floats:
    """`[N, F]`."""
    session = open_session(graph)
    p = np.concatenate([session.run(["probabilities"], {"images": batch})[0] for batch in batches(images)])
    p = p.astype(np.float64)
    return np.asarray(np.log(p / (1 - p)))


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle")
    arguments = parser.parse_args(given)
    manifest, bundle = Manifest(arguments.data), locate(arguments.bundle)
    spec = read(bundle)
    graph = bundle / spec.encoder.file
    prepare = Preparer(spec.encoder.image_size, spec.encoder.views)
    studies = (prepare(as_study(study)) for study in manifest.split("val"))
    validation = [image for study in studies for image in study.images]
    true, one = logits(graph, validation), np.stack(validation[:BATCH])
    print("| first convolutions in fp32 | ranges by | images | activations | error | throughput over fp32 |")
    print("|---:|---|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "int8.onnx"
        for count, method, images, signed in CHOICES:
            seen = batches(list(calibration_images(spec, manifest, images)))
            quantise(graph, out, seen, float_convolutions=count, method=method, signed=signed)
            error = np.sqrt(((logits(out, validation) - true) ** 2).mean())
            before, after = (open_session(path, 1) for path in (graph, out))
            ask = ["probabilities"], {"images": one}
            _, ratio, _ = ratios(partial(before.run, *ask), partial(after.run, *ask), ROUNDS)
            kind = "int8" if signed else "uint8"
            print(f"| {count} | {method} | {images} | {kind} | {error:.3f} | {ratio:.2f} |", flush=True)
    print_decoder(bundle, spec)


def print_decoder(bundle: Path, spec: BundleSpec) -> None:
    """One step of the decoder with weights in int8, of eight studies with a beam of 3."""
    graph = bundle / spec.decoder.step_file
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "decoder.onnx"
        quantize_dynamic(str(graph), str(out), per_channel=True, weight_type=QuantType.QInt8)
        before, after = (open_session(path, 1) for path in (graph, out))
        generator = np.random.default_rng(0)
        feed: dict[str, Any] = {}
        for given in before.get_inputs():
            shape = [ROWS, *(size if isinstance(size, int) else CELLS for size in given.shape[1:])]
            kind = {"tensor(int64)": np.int64, "tensor(bool)": np.bool_}.get(given.type)
            feed[given.name] = (
                np.ones(shape, kind) if kind else generator.normal(size=shape).astype(np.float32)
            )
        names = ["log_probabilities"]
        _, ratio, _ = ratios(
            lambda: [before.run(names, feed) for _ in range(50)],
            lambda: [after.run(names, feed) for _ in range(50)],
            ROUNDS,
        )
        error = np.abs(before.run(names, feed)[0] - after.run(names, feed)[0]).max()
        sizes = [path.stat().st_size / 2**20 for path in (graph, out)]
    print(
        f"\nA step of the decoder with int8 weights: {ratio:.2f} times as fast, {sizes[0]:.1f} to "
        f"{sizes[1]:.1f} MiB, log-probabilities of random states off by at most {error:.3f}."
    )


if __name__ == "__main__":
    main()
