"""What each choice of the quantisation costs: which convolutions stay in float32, and how ranges are taken.

    python -m benchmarks.inference.int8_choices DATA [--bundle B]

Error is the root mean square of the difference of the findings' logits to float32, on the validation part; it
tells choices apart that AUROC on a few hundred images does not. `int8.py` says how throughput is timed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.inference.int8 import ratios, run
from radscribe.bundle.format import locate, read
from radscribe.bundle.quantise import FLOAT_CONVOLUTIONS, METHOD, Images, quantise
from radscribe.data.manifest import Manifest
from radscribe.evaluation.metric import Floats
from radscribe.imaging.onnx_session import open_session
from radscribe.inference.prepare import Preparer
from radscribe.posttraining.captioned_part import images_of
from radscribe.posttraining.int8 import IMAGES, calibration_images

BATCH = 8
ROUNDS = 10
CHOICES = (
    *((count, METHOD, IMAGES) for count in (0, 1, 2, 3, 4, FLOAT_CONVOLUTIONS, 10, 16)),
    *((FLOAT_CONVOLUTIONS, method, IMAGES) for method in ("Entropy", "Percentile")),
    *((FLOAT_CONVOLUTIONS, METHOD, images) for images in (16, 256)),
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
    studies = (prepare(images_of(study, manifest.root)) for study in manifest.split("val"))
    validation = [image for study in studies for image in study.images]
    true, one = logits(graph, validation), np.stack(validation[:BATCH])
    print("| first convolutions in fp32 | ranges by | images | error | throughput over fp32 |")
    print("|---:|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "int8.onnx"
        for count, method, images in CHOICES:
            seen = batches(list(calibration_images(spec, manifest, images)))
            quantise(graph, out, seen, float_convolutions=count, method=method)
            error = np.sqrt(((logits(out, validation) - true) ** 2).mean())
            before, after = (open_session(path, 1) for path in (graph, out))
            _, ratio, _ = ratios(run(before, one), run(after, one), ROUNDS)
            print(f"| {count} | {method} | {images} | {error:.3f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
