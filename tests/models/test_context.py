"""The context of a study in every decoder that reads one: it changes what is said, and absent it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radscribe.bundle.format import DecoderSpec
from radscribe.errors import UsageError
from radscribe.export.bundle import _export_decoder
from radscribe.labels import CHANGES
from radscribe.models import DECODERS, Decoder, StudyFeatures
from radscribe.models.course import Course
from radscribe.models.encoder import Encoder
from radscribe.runtime.onnx_session import open_session
from radscribe.text.context import INDICATION_TOKENS, REPORT_TOKENS
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import Shapes, build_decoder

V, F, C, L, P = 30, 4, 6, 8, 5
BOTH = ("indication", "prior")
CASES: list[tuple[str, dict[str, object]]] = [
    ("show-and-tell", {}),
    ("show-and-tell", {"image_at": "every-step", "image_input": "plan", "places": 4}),
    ("show-attend-tell", {}),
    ("show-attend-tell", {"attend": "both", "places": 4, "image_input": "both"}),
    ("show-attend-tell-hard", {"attend": "maps"}),
    ("transformer", {"embedding": 32, "layers": 2}),
    ("transformer", {"embedding": 32, "layers": 1, "attend": "maps", "places": 4}),
    ("causal-lm", {}),
]
EMPTY = {
    "indication": torch.zeros(2, INDICATION_TOKENS, dtype=torch.long),
    "prior_given": torch.zeros(2, dtype=torch.long),
    "prior_report": torch.zeros(2, REPORT_TOKENS, dtype=torch.long),
    "prior_views": torch.zeros(2, P, dtype=torch.long),
}
CAPTION = torch.tensor([[1, 5, 9, 7], [1, 8, 6, 5]])


def make(kind: str, options: dict[str, object], context: tuple[str, ...] = BOTH) -> Decoder:
    torch.manual_seed(1)
    return DECODERS[kind](V, findings=F, channels=C, context=context, **options).eval()


def features(**changed: torch.Tensor) -> StudyFeatures:
    torch.manual_seed(2)
    given = {
        "probabilities": torch.rand(2, F),
        "pooled": torch.rand(2, C),
        "grid": torch.rand(2, L, C),
        "maps": torch.randn(2, L, F),
        "views": torch.ones(2, L, dtype=torch.long),
        "indication": torch.randint(3, V, (2, INDICATION_TOKENS)),
        "prior_given": torch.ones(2, dtype=torch.long),
        "prior_report": torch.randint(3, V, (2, REPORT_TOKENS)),
        "prior_probabilities": torch.rand(2, F),
        "prior_pooled": torch.rand(2, C),
        "prior_grid": torch.rand(2, P, C),
        "prior_maps": torch.randn(2, P, F),
        "prior_views": torch.ones(2, P, dtype=torch.long),
    }
    return StudyFeatures(**{**given, **changed})


def said(decoder: Decoder, seen: StudyFeatures) -> torch.Tensor:
    with torch.no_grad():
        log_probabilities: torch.Tensor = decoder(seen, CAPTION).log_probabilities
    return log_probabilities


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_without_context_a_decoder_says_what_it_says_if_it_reads_none(
    kind: str, options: dict[str, object]
) -> None:
    with_context, without = make(kind, options), make(kind, options, ())
    weights = with_context.state_dict()
    without.load_state_dict({name: weights[name] for name in without.state_dict()})
    assert torch.allclose(
        said(with_context, features(**EMPTY)), said(without, features()), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("part", ["indication", "prior_report", "prior_given", "prior_probabilities"])
def test_each_part_changes_what_is_said(kind: str, options: dict[str, object], part: str) -> None:
    decoder, seen = make(kind, options), features()
    other = seen.get(part).flip(0) if part != "prior_given" else torch.tensor([0, 1])
    assert not torch.allclose(said(decoder, seen)[0], said(decoder, features(**{part: other}))[0], atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_steps_are_teacher_forcing_with_context(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, options), features(prior_given=torch.tensor([1, 0]))
    state, taught = decoder.init_state(seen), said(decoder, seen)
    for t in range(CAPTION.shape[1]):
        step = decoder.step(CAPTION[:, t], state)
        state = step.state
        assert torch.allclose(step.log_probabilities, taught[:, t], atol=1e-5)


# Bundles of the other decoders are exported in tests/inference/test_context.py.
@pytest.mark.parametrize(("kind", "context"), [("show-and-tell", ("indication",)), ("transformer", BOTH)])
def test_graphs_read_the_context(kind: str, context: tuple[str, ...], tmp_path: Path) -> None:
    encoder = Encoder("efficientnet-lite0", 32, ("Mass", "Nodule"))
    small = {"embedding": 32, "layers": 1} if kind == "transformer" else {}
    decoder = DECODERS[kind](9, findings=2, channels=encoder.channels, context=context, **small)
    spec = DecoderSpec("any", decoder.inputs, decoder.states, 5, fixed=decoder.fixed)
    _export_decoder(decoder, encoder, tmp_path, spec)  # compares with and without context
    shapes = {x.name: x.shape for x in open_session(tmp_path / spec.init_file).get_inputs()}
    assert list(shapes) == list(decoder.inputs)
    assert shapes["indication"] == ["batch", INDICATION_TOKENS]
    assert ("prior_given" in shapes) == ("prior" in context)
    cells = [shapes[name][1] for name in ("prior_grid", "prior_maps", "prior_views") if name in shapes]
    assert set(cells) <= {"prior_cells"}
    assert bool(cells) == ("prior" in context and "views" in shapes)


def test_attention_on_the_context_is_not_spread_evenly() -> None:
    decoder, seen = make("show-attend-tell", {}), features()
    taught = decoder(seen, CAPTION)
    assert (taught.cells, taught.attention.shape[2]) == (L, L + INDICATION_TOKENS + REPORT_TOKENS + P)
    mask = torch.ones(2, CAPTION.shape[1], dtype=torch.bool)
    less = taught._replace(attention=taught.attention[:, :, :L], cells=None)
    nothing = torch.zeros(2, CAPTION.shape[1])
    assert torch.equal(decoder.extra_loss(taught, nothing, mask), decoder.extra_loss(less, nothing, mask))


def test_training_learns_nothing_of_an_absent_prior() -> None:
    decoder = make("show-attend-tell", {}).train()
    decoder(features(**EMPTY), CAPTION).log_probabilities.sum().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in decoder.parameters())


def test_a_decoder_that_reads_no_context_is_told() -> None:
    config = DecoderConfig(decoder="report-bank", context=("indication",))
    with pytest.raises(UsageError, match="decoder report-bank reads no indication"):
        build_decoder(config, V, Shapes(F, C))


@pytest.mark.parametrize("maps", [False, True])
@torch.no_grad()
def test_the_course_of_exchanged_studies_is_the_opposite(maps: bool) -> None:
    course = Course(F, C, maps=maps).eval()
    seen = features()
    exchanged = features(
        **{name: seen.get(f"prior_{name}") for name in ("probabilities", "pooled", "maps", "views")},
        **{f"prior_{name}": seen.get(name) for name in ("probabilities", "pooled", "maps", "views")},
    )
    ahead, back = (course.logits(each, course.compare(each)) for each in (seen, exchanged))
    assert torch.allclose(ahead[..., 1 + CHANGES.index("larger")], back[..., 1 + CHANGES.index("smaller")])
    assert torch.allclose(ahead[..., 1 + CHANGES.index("appeared")], back[..., 1 + CHANGES.index("resolved")])
    assert torch.allclose(ahead[..., 0], back[..., 0])
    assert not torch.allclose(ahead, back)
