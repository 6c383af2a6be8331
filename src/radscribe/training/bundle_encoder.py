"""The encoder of a bundle, computed by its graph: for bundles without weights, and for int8."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from radscribe.bundle.format import EncoderSpec, read
from radscribe.errors import BundleError
from radscribe.files import sha256_of
from radscribe.models.encoder import Encoder, EncoderOutput
from radscribe.runtime.onnx_session import open_session
from radscribe.training.config import CONFIG

GRAPH = "encoder.onnx"  # in an encoder's folder, instead of weights
SPEC = "encoder.json"


class BundleEncoder(Encoder):
    """Gives features and cannot be trained.

    Parameters
    ----------
    graph : Path
        The encoder's graph.
    spec : EncoderSpec
        Its description in `bundle.json`.

    Raises
    ------
    BundleError
        The graph cannot be run, or lacks an output that decoders read.
    """

    digest: Tensor  # tells the feature cache one graph from another

    def __init__(self, graph: Path, spec: EncoderSpec) -> None:
        nn.Module.__init__(self)
        self.graph, self.spec = graph, spec
        self.backbone_name, self.image_size, self.findings = spec.backbone, spec.image_size, spec.findings
        self._session = open_session(graph)
        self._outputs = [output.name for output in self._session.get_outputs()]
        if missing := sorted({"probabilities", "pooled", "grid", "maps"} - set(self._outputs)):
            raise BundleError(
                f"gives no {', '.join(missing)}",
                subject=graph,
                remedy="export the bundle again with this radscribe",
            )
        self.register_buffer("digest", torch.tensor(list(bytes.fromhex(sha256_of(graph)))))
        grid = self(torch.zeros(1, 1, spec.image_size, spec.image_size)).grid
        self.channels, self.stride = grid.shape[1], spec.image_size // grid.shape[2]

    @property
    def places(self) -> int:
        """Cells of one image's grid."""
        return (self.image_size // self.stride) ** 2

    @property
    def views(self) -> tuple[str, ...]:
        """The kinds of view that it was trained on."""
        return self.spec.views

    def forward(self, images: Tensor) -> EncoderOutput:
        """`images` is float32 `[N, 1, S, S]` in 0..1, bright is dense; each runs alone, as in use."""
        runs = [self._session.run(self._outputs, {"images": image[None].numpy()}) for image in images]
        found = {
            name: torch.cat([torch.from_numpy(value) for value in values])
            for name, *values in zip(self._outputs, *runs, strict=True)
        }
        views = found.get("view_probabilities")
        return EncoderOutput(
            found["grid"],
            found["pooled"],
            torch.logit(found["probabilities"], 1e-6),
            found["probabilities"],
            found["maps"],
            None if views is None else views.clamp_min(1e-6).log(),
        )


def load(folder: Path) -> BundleEncoder:
    """Load the encoder of a bundle, or of a folder that `copy` filled."""
    if (folder / SPEC).is_file():
        return BundleEncoder(
            folder / GRAPH, msgspec.json.decode((folder / SPEC).read_bytes(), type=EncoderSpec)
        )
    spec = read(folder)
    return BundleEncoder(folder / spec.encoder.file, spec.encoder)


def copy(folder: Path, target: Path) -> None:
    """Copy the encoder of a bundle, or of a folder that this filled, into a captioner's run."""
    if (folder / SPEC).is_file():
        for name in (GRAPH, SPEC, CONFIG):
            if (folder / name).resolve() != (target / name).resolve():
                shutil.copyfile(folder / name, target / name)
        return
    spec = read(folder)
    shutil.copyfile(folder / spec.encoder.file, target / GRAPH)
    (target / SPEC).write_bytes(msgspec.json.encode(msgspec.structs.replace(spec.encoder, file=GRAPH)))
    (target / CONFIG).write_bytes(
        msgspec.json.format(msgspec.json.encode(spec.training["encoder"]), indent=2)
    )
