"""Every decoder's graphs compute what torch computes, for other numbers of studies and cells than traced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radscribe.bundle.format import BundleSpec, DecoderSpec, EncoderSpec
from radscribe.errors import BundleError
from radscribe.export import bundle as export
from radscribe.inference import sessions
from radscribe.inference.sessions import DecoderSession
from radscribe.models import DECODERS, Decoder
from radscribe.models.encoder import Encoder
from radscribe.runtime.onnx_session import open_session


def spec_of(decoder: Decoder) -> DecoderSpec:
    return DecoderSpec(
        "any", decoder.inputs, decoder.states, 5, fixed=decoder.fixed, appended=decoder.appended
    )


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


@torch.no_grad()
@pytest.mark.parametrize("block", [1, 2, 16])
def test_a_language_model_gives_only_new_keys_and_the_session_keeps_them(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "CACHE_BLOCK", block)  # caches grow by as many positions
    encoder = Encoder("efficientnet-lite0", 32, ("Mass", "Nodule"))
    decoder = DECODERS["causal-lm"](9, findings=2, channels=encoder.channels)
    kind = spec_of(decoder)
    export._export_decoder(decoder, encoder, tmp_path, kind)
    given = {x.name: x.shape for x in open_session(tmp_path / kind.step_file).get_outputs()}
    assert kind.appended
    assert all(given[f"next_state_{name}"][2] == 1 for name in kind.appended)
    size = EncoderSpec("any", 32, encoder.findings, ("frontal",))
    session = DecoderSession(tmp_path, BundleSpec(1, "any", "0", size, kind, {}))
    features = export._made_up_features(decoder.inputs, 2, 6, 2, encoder.channels)
    expected = decoder.init_state(export.named_features(decoder.inputs, features))
    state, fixed = session.init_state(
        dict(zip(decoder.inputs, (part.numpy() for part in features), strict=True))
    )
    rows = torch.tensor([1, 0, 1])
    for words in ([3, 4], [5, 6, 7], [8, 3, 4]):
        said, state, _ = session.step(np.array(words), state, fixed)
        stepped = decoder.step(torch.tensor(words), expected)
        expected = stepped.state
        assert np.allclose(said, stepped.log_probabilities, atol=1e-4)
        if len(words) == 2:  # one hypothesis goes on twice
            expected = tuple(part[rows] for part in expected)
            state, fixed = (tuple(part.take(rows, axis=0) for part in parts) for parts in (state, fixed))
