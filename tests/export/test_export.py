"""Every decoder's graphs compute what torch computes, for other numbers of studies and cells than traced."""

from __future__ import annotations

from pathlib import Path

import pytest

from radscribe.bundle.format import DecoderSpec
from radscribe.errors import BundleError
from radscribe.export import bundle as export
from radscribe.models import DECODERS, Decoder
from radscribe.models.encoder import Encoder
from radscribe.runtime.onnx_session import open_session


def spec_of(decoder: Decoder) -> DecoderSpec:
    return DecoderSpec("any", decoder.inputs, decoder.states, 5, fixed=decoder.fixed)


@pytest.mark.parametrize("kind", DECODERS)
def test_graphs_are_free_in_studies_and_cells(kind: str, tmp_path: Path) -> None:
    encoder = Encoder("efficientnet-lite0", 32, ("Mass", "Nodule"))
    small = {"embedding": 32, "layers": 2} if kind == "transformer" else {}
    decoder = DECODERS[kind](9, findings=2, channels=encoder.channels, **small)
    spec = spec_of(decoder)
    export._export_decoder(decoder, encoder, tmp_path, spec)  # compares, and raises where they differ
    first = open_session(tmp_path / spec.init_file)
    assert [x.name for x in first.get_inputs()] == list(decoder.inputs)
    for given in first.get_inputs():
        assert given.shape[0] == "batch"
        assert (given.shape[1] == "cells") == (given.name in ("grid", "maps", "views"))
    step = open_session(tmp_path / spec.step_file)
    assert [x.name for x in step.get_inputs()] == ["token", *(f"state_{name}" for name in decoder.states)]
    given_back = {x.name for x in step.get_outputs()}
    assert given_back - {"attention"} == {
        "log_probabilities",
        *(f"next_state_{name}" for name in decoder.states if name not in decoder.fixed),
    }
    assert ("attention" in given_back) == ("views" in decoder.inputs)


def test_a_graph_that_computes_something_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder("efficientnet-lite0", 32, ("Mass", "Nodule"))
    decoder = DECODERS["show-and-tell"](9, findings=2)
    monkeypatch.setattr(export, "TOLERANCE", -1.0)  # no difference is small enough
    with pytest.raises(BundleError, match="differs from torch"):
        export._export_decoder(decoder, encoder, tmp_path, spec_of(decoder))
