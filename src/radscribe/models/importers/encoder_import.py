"""The result of an importer, and the encoder made from it: head, label order, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from radscribe.errors import UsageError, WeightsError
from radscribe.labels import CHESTXRAY14
from radscribe.models.densenet import DenseNet121
from radscribe.models.encoder import Encoder

HEAD = ("classifier.weight", "classifier.bias")
BUFFERS = ("mean", "std", "calibration_scale", "calibration_shift")
ASSUMED = "the file does not name its 14 findings: the order of ChestX-ray14 is assumed"


@dataclass(frozen=True)
class ImportedEncoder:
    """A DenseNet-121 of somebody else's, by our names.

    Parameters
    ----------
    state : dict of str to Tensor
        `backbone.*`, and `classifier.*` where the file has a head; `mean`, `std` and `calibration_*` where
        they are not the backbone's own.
    findings : tuple of str, optional
        What the head's outputs are called, "" for one that means nothing; None where unknown.
    notes : tuple of str
        What was assumed, or taken otherwise than the file's own software takes it.
    """

    layout: str
    state: dict[str, Tensor]
    findings: tuple[str, ...] | None = None
    input_channels: int = 3
    image_size: int = 224
    final_relu: bool = True
    softmax: bool = False  # the head's outputs are classes of which one is true, not findings
    notes: tuple[str, ...] = field(default=())


@cache
def densenet_shapes(input_channels: int = 3) -> dict[str, tuple[int, ...]]:
    """Shapes of every tensor of `DenseNet121`, without the counters of the batches seen in training."""
    with torch.device("meta"):
        state = DenseNet121(input_channels).state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if not is_counter(name)}


def is_counter(name: str) -> bool:
    """Whether a tensor counts training batches: old checkpoints lack it, and it changes no output."""
    return name.endswith("num_batches_tracked")


def build(
    imported: ImportedEncoder,
    path: Path,
    findings: Sequence[str] | None = None,
    new_head: bool = False,
    image_size: int | None = None,
    final_relu: bool | None = None,
) -> tuple[Encoder, tuple[str, ...]]:
    """The encoder and what its user must know.

    Parameters
    ----------
    findings : sequence of str, optional
        Names of the outputs over the file's own; "" leaves one out.
    new_head : bool
        Instead of the file's head, one that knows nothing yet (every probability is 0.5).
    image_size, final_relu : int or bool, optional
        Values that replace those of the file.

    Raises
    ------
    WeightsError
        No head, or one whose outputs have no names.
    UsageError
        Other names than outputs, or one name twice.
    """
    notes = list(imported.notes)
    state = dict(imported.state)
    if new_head:
        names = tuple(findings or CHESTXRAY14)
        state |= {HEAD[0]: torch.zeros(len(names), DenseNet121.channels), HEAD[1]: torch.zeros(len(names))}
        state = {name: t for name, t in state.items() if not name.startswith("calibration")}
        notes.append("the head is untrained: every probability is 0.5")
    elif HEAD[0] not in state:
        raise WeightsError(
            "has no classifier", subject=path, remedy="give --new-head for one that is not trained"
        )
    elif imported.softmax:
        raise WeightsError(
            "its head is a softmax over classes, not one sigmoid a finding",
            subject=path,
            remedy="give --new-head to leave it out",
        )
    else:
        outputs = len(state[HEAD[0]])
        names = tuple(findings or imported.findings or ())
        if not names and outputs == len(CHESTXRAY14):
            names = CHESTXRAY14
            notes.append(ASSUMED)
        if not names:
            raise WeightsError(
                f"has {outputs} outputs and does not name them",
                subject=path,
                remedy="name them with --findings, or give --new-head to leave its head out",
            )
        if len(names) != outputs:
            raise UsageError(
                f"{len(names)} findings for a head of {outputs} outputs",
                subject=path,
                remedy="name every output; an empty name leaves one out",
            )
    kept = [place for place, name in enumerate(names) if name]
    known = tuple(names[place] for place in kept)
    if not known or len(set(known)) != len(known):
        raise UsageError("findings are named twice, or none is", subject=path, remedy="give each a name")
    for name in (*HEAD, *BUFFERS[2:]):
        if name in state:
            state[name] = state[name][kept]
    options: dict[str, int | bool] = {"input_channels": imported.input_channels}
    options["final_relu"] = imported.final_relu if final_relu is None else final_relu
    encoder = Encoder("densenet121", image_size or imported.image_size, known, backbone_options=options)
    fresh = {k: t for k, t in encoder.state_dict().items() if k in BUFFERS or is_counter(k)}
    encoder.load_state_dict(fresh | state)  # strict: every tensor, or an error
    return encoder.eval(), tuple(notes)
