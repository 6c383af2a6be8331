"""Every registered decoder: one step at a time and teacher forcing are the same model."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch

from radscribe.errors import UsageError
from radscribe.models import DECODERS, Decoder, StudyFeatures
from radscribe.models.content_plan import plan_of
from radscribe.models.decoder import Taught, greedy, join_views
from radscribe.models.encoder import EncoderOutput
from radscribe.models.report_bank import Bank, ReportBank
from radscribe.models.sentence_bank import SentenceBank
from radscribe.models.study_inputs import CELLS
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import Shapes, build_decoder

V, F, C, L = 30, 14, 24, 9


def make(kind: str, **options: object) -> Decoder:
    torch.manual_seed(1)
    decoder = DECODERS[kind](V, findings=F, channels=C, **options).eval()
    if isinstance(decoder, Bank):  # an empty one has nothing to say
        fill(decoder)
    return decoder


def fill(bank: Bank) -> None:
    if isinstance(bank, ReportBank):
        tokens = torch.cat([torch.ones(6, 1, dtype=torch.long), torch.randint(3, V, (6, 5))], 1)
        sides, patterns = torch.eye(6, F), torch.eye(4, F)
        tables = {"frequency": torch.zeros(4), "agreement": 0.1 * torch.rand(6, 4)}
        bank.put(tokens=tokens, asserted=sides, sides=sides, patterns=patterns, **tables)
    else:
        assert isinstance(bank, SentenceBank)
        nothing, sides = torch.zeros(3, F), torch.eye(6, F)
        sentences = torch.cat([torch.randint(3, V, (6, 3)), torch.zeros(3, 3, dtype=torch.long)])
        overlap = torch.eye(9).expand(4, 9, 9).clone()
        bank.put(
            tokens=sentences,
            order=torch.tensor([0.1, 0.3, 0.5, 0.7, 1.2, 1.5, -1.0, 1.0, 9.0]),
            words=torch.tensor([3.0] * 6 + [0.0] * 3),
            asserted=torch.cat([sides, nothing]),
            sides=torch.cat([sides, nothing]),
            denied=torch.cat([sides.flip(1), nothing]),
            placed=torch.zeros(9),
            topics=torch.eye(9),
            patterns=torch.eye(4, F),
            frequency=torch.zeros(4),
            agreement=0.1 * torch.rand(4, 9, 4),
            overlap=overlap,
            lengths=torch.ones(4, 40),
        )
        bank.plan.is_sided.fill_(True)
        bank.denial_points.fill_(1.0)


def features(n: int) -> StudyFeatures:
    """Studies of which the last has fewer cells than the others."""
    torch.manual_seed(2)
    views = torch.ones(n, L, dtype=torch.long)
    views[:, 6:] = 2
    views[-1, 6:] = 0
    return StudyFeatures(torch.rand(n, F), torch.rand(n, C), torch.rand(n, L, C), torch.randn(n, L, F), views)


def one(seen: StudyFeatures, study: int, cells: int) -> StudyFeatures:
    """One study of a batch, alone, with its first `cells` cells."""
    given = (name for name in StudyFeatures._fields if getattr(seen, name) is not None)
    parts = {name: seen.get(name)[study : study + 1] for name in given}
    return StudyFeatures(
        **{name: x[:, :cells] if x.ndim > 2 or name == "views" else x for name, x in parts.items()}
    )


CASES: list[tuple[str, dict[str, object]]] = [(kind, {}) for kind in DECODERS] + [
    ("show-and-tell", {"image_input": "pooled"}),
    ("show-and-tell", {"image_input": "both", "tie_weights": False, "hidden": 48}),
    ("show-and-tell", {"image_at": "every-step", "embedding": 32, "hidden": 32}),
    ("show-attend-tell", {"attend": "maps", "image_input": "probabilities", "hidden": 48}),
    ("show-attend-tell", {"attend": "both", "image_input": "both", "tie_weights": False}),
    ("transformer", {"attend": "maps", "image_input": "probabilities", "embedding": 64, "layers": 2}),
    ("show-and-tell", {"image_input": "plan", "places": 4}),
    ("report-bank", {"places": 4}),
    ("sentence-bank", {"places": 4}),
    ("show-and-tell", {"image_input": "plan+both", "image_at": "start"}),
    ("show-attend-tell", {"image_input": "plan+pooled", "places": 4}),
    ("show-attend-tell-hard", {"image_input": "plan", "places": 4}),
    ("transformer", {"image_input": "plan", "places": 4}),
    ("show-attend-tell", {"places": 3}),
    ("transformer", {"places": 3}),
]
PLANNING = [(kind, options) for kind, options in CASES if "plan" in str(options.get("image_input"))]
ATTENDING = [(kind, options) for kind, options in CASES if kind.startswith(("show-attend", "transformer"))]


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_steps_are_teacher_forcing(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(3)
    tokens = torch.randint(0, V, (3, 7))
    whole = decoder(seen, tokens).log_probabilities
    assert whole.shape == (3, 7, V)
    assert torch.allclose(whole.exp().sum(-1), torch.ones(3, 7), atol=1e-5)
    assert torch.allclose(whole, Decoder.forward(decoder, seen, tokens).log_probabilities, atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_the_image_changes_what_is_said(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(2)
    tokens = torch.randint(0, V, (1, 5)).expand(2, 5).clone()
    tokens[:, 0] = 1  # <bos>
    both = decoder(seen, tokens, sample_rate=1.0).log_probabilities
    assert not torch.allclose(both[0], both[1], atol=1e-4)
    assert len(decoder.init_state(seen)) == len(decoder.states)


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_what_is_fixed_stays(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(2)
    state = decoder.init_state(seen)
    following = decoder.step(torch.tensor([1, 4]), state).state
    moving = len(state) - len(decoder.fixed)
    assert decoder.states[moving:] == decoder.fixed
    for before, after in zip(state[moving:], following[moving:], strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize(("kind", "options"), PLANNING)
@torch.no_grad()
def test_a_decoder_writes_by_the_plan_that_it_is_given(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(2)
    plan = plan_of(decoder)
    assert plan is not None
    tokens = torch.randint(0, V, (2, 5))
    own = decoder(seen, tokens).log_probabilities
    read = decoder(seen._replace(plan=plan(seen)), tokens).log_probabilities
    assert torch.allclose(own, read)  # without one, it is read from the encoder's features
    other = decoder(seen._replace(plan=1 - plan(seen)), tokens).log_probabilities
    assert not torch.allclose(own[:, -1], other[:, -1], atol=1e-4)
    assert plan_of(make(kind)) is None


@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_may_read_its_own_words(kind: str) -> None:
    decoder, seen = make(kind), features(3)
    tokens = torch.randint(0, V, (3, 7))
    tokens[:, 0] = 1  # <bos>
    own = decoder(seen, tokens, sample_rate=1.0).log_probabilities
    given = decoder(seen, tokens).log_probabilities
    assert torch.allclose(own[:, 0], given[:, 0], atol=1e-5)
    assert not torch.allclose(own[:, 1:], given[:, 1:], atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), ATTENDING)
@torch.no_grad()
def test_padding_is_never_looked_at(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(3)
    tokens = torch.randint(0, V, (3, 7))
    together = decoder(seen, tokens)
    assert together.attention.shape == (3, 7, L)
    assert (together.attention[:2] > 0).all()
    assert (together.attention[2, :, 6:] == 0).all()
    assert torch.allclose(together.attention.sum(2), torch.ones(3, 7), atol=1e-5)
    for study, cells in ((0, L), (2, 6)):
        alone = decoder(one(seen, study, cells), tokens[study : study + 1])
        assert torch.allclose(alone.log_probabilities[0], together.log_probabilities[study], atol=1e-5)
        assert torch.allclose(alone.attention[0], together.attention[study, :, :cells], atol=1e-6)


@pytest.mark.parametrize(("kind", "options"), ATTENDING)
@torch.no_grad()
def test_what_stands_in_a_cell_and_its_view_change_what_is_said(
    kind: str, options: dict[str, object]
) -> None:
    decoder, seen = make(kind, **options), features(2)
    tokens = torch.randint(0, V, (2, 5))
    before = decoder(seen, tokens).log_probabilities
    changed = {"views": seen.get("views").clamp(max=1)}
    cells = CELLS[str(options.get("attend", "grid"))]
    changed |= {name: seen.get(name).flip(1) for name in cells}
    for name, value in changed.items():
        after = decoder(seen._replace(**{name: value}), tokens).log_probabilities
        assert not torch.allclose(before[0], after[0], atol=1e-4), name


def test_statistics_of_cells_leave_out_padding() -> None:
    torch.manual_seed(3)
    decoder = make("show-attend-tell").train()
    seen = features(3)
    junk = seen.get("grid").clone()
    junk[2, 6:] = 1000.0
    assert torch.equal(decoder.init_state(seen)[0], decoder.init_state(seen._replace(grid=junk))[0])
    decoder.eval()
    assert torch.equal(decoder.init_state(seen)[0], decoder.init_state(seen._replace(grid=junk))[0])


@pytest.mark.parametrize("kind", [kind for kind in DECODERS if not kind.endswith("bank")])  # not trained
def test_a_decoder_learns_what_two_studies_differ_in(kind: str) -> None:
    decoder = make(kind, dropout=0.0).train()
    seen, tokens = features(4), torch.randint(4, V, (4, 8))
    mask = torch.ones(4, 7, dtype=torch.bool)
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=0.004)
    for _ in range(80):
        taught = decoder(seen, tokens[:, :-1])
        likelihood = taught.log_probabilities.gather(2, tokens[:, 1:, None])[..., 0]
        loss = decoder.extra_loss(taught, likelihood, mask) - likelihood.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    decoder.eval()
    assert torch.equal(decoder(seen, tokens[:, :-1]).log_probabilities.argmax(2), tokens[:, 1:])


def test_doubly_stochastic_attention_is_even_over_cells_and_words() -> None:
    decoder = make("show-attend-tell", doubly_stochastic=2.0)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    even = torch.tensor([[0.25] * 4, [0.5, 0.5, 0.0, 0.0]])[:, None].expand(2, 3, 4)

    def loss(attention: torch.Tensor) -> float:
        return float(decoder.extra_loss(Taught(torch.zeros(2, 3, V), attention), torch.zeros(2, 3), mask))

    assert loss(even) == pytest.approx(0)
    one_cell = even.clone()
    one_cell[0] = torch.tensor([0.97, 0.01, 0.01, 0.01])
    # (1 - 4 * .97)² + 3 (1 - 4 * .01)², a fourth of it, half the studies, λ = 2
    assert loss(one_cell) == pytest.approx(((1 - 3.88) ** 2 + 3 * 0.96**2) / 4)
    padded = even.clone()
    padded[1, 2] = torch.tensor([1.0, 0.0, 0.0, 0.0])  # after the end: it does not count
    assert loss(padded) == pytest.approx(0)


@pytest.mark.parametrize("kind", ["show-attend-tell", "transformer"])
@torch.no_grad()
def test_cells_that_change_places_are_told_apart_by_an_embedding(kind: str) -> None:
    seen, tokens = features(2), torch.randint(0, V, (2, 5))
    mirrored = seen._replace(grid=seen.get("grid")[:, [2, 1, 0, *range(3, L)]])  # in the first image
    for places, alike in ((0, True), (3, False)):
        decoder = make(kind, places=places)
        one, other = (decoder(x, tokens).log_probabilities for x in (seen, mirrored))
        assert torch.allclose(one, other, atol=1e-5) == alike


@torch.no_grad()
def test_greedy_follows_the_likeliest_word_and_pads_with_the_end() -> None:
    decoder, seen = make("show-and-tell"), features(4)
    words = greedy(decoder, seen, bos=1, eos=2, max_length=6)
    state = decoder.init_state(seen)
    token = torch.full((4,), 1)
    for t in range(words.shape[1]):
        log_probabilities, state, *_ = decoder.step(token, state)
        ended = (words[:, :t] == 2).any(1)
        token = log_probabilities.argmax(-1).masked_fill(ended, 2)
        assert torch.equal(words[:, t], token)


def test_views_of_a_study_are_joined() -> None:
    grid = torch.rand(4, C, 2, 3)  # two studies of two views
    maps = torch.rand(4, F, 2, 3)
    output = EncoderOutput(grid, grid.mean((2, 3)), torch.rand(4, F), torch.rand(4, F), maps)
    study = join_views(output, torch.tensor([[1, 2], [1, 1]]))
    assert study.get("grid").shape == (2, 12, C)
    assert torch.equal(study.get("grid")[1, 6 + 4], grid[3, :, 1, 1])  # second view, cell (1, 1)
    assert torch.equal(study.get("maps")[1, 6 + 4], maps[3, :, 1, 1])
    assert study.get("views").tolist() == [[1] * 6 + [2] * 6, [1] * 12]
    assert torch.allclose(study.get("pooled")[0], output.pooled[:2].mean(0))
    assert torch.allclose(study.probabilities[1], output.probabilities[2:].mean(0))


def test_a_caption_must_fit_the_positions() -> None:
    config = DecoderConfig(decoder="transformer", max_length=8, options={"positions": 8})
    with pytest.raises(UsageError, match="max_length 8 needs 9 positions"):
        build_decoder(config, V, Shapes(F, C))
    options: dict[str, int | float | bool | str] = {"positions": 9}
    assert build_decoder(msgspec.structs.replace(config, options=options), V, Shapes(F, C)).positions == 9


def test_wrong_options_are_told() -> None:
    with pytest.raises(UsageError, match="no image input 'sound'"):
        make("show-and-tell", image_input="sound")
    with pytest.raises(UsageError, match="tied weights"):
        make("show-and-tell", hidden=32)
    with pytest.raises(UsageError, match="no place of the image 'end'"):
        make("show-and-tell", image_at="end")
    with pytest.raises(UsageError, match="no cells to attend to 'heart'"):
        make("show-attend-tell", attend="heart")
    with pytest.raises(UsageError, match="operating point"):
        make("show-attend-tell", operating_point=1.0)
    with pytest.raises(UsageError, match="doubly_stochastic"):
        make("show-attend-tell", doubly_stochastic=-1)
    with pytest.raises(UsageError, match="needs 'views'"):
        make("show-attend-tell").init_state(StudyFeatures(torch.rand(2, F)))


@torch.no_grad()
def test_the_operating_point_shifts_what_counts_as_seen() -> None:
    tokens = torch.randint(0, V, (3, 5))
    logits = torch.randn(3, F)
    at_half = make("show-and-tell")(StudyFeatures(torch.sigmoid(logits)), tokens).log_probabilities
    at_fifth = make("show-and-tell", operating_point=0.2)(
        StudyFeatures(torch.sigmoid(logits + math.log(0.2 / 0.8))), tokens
    ).log_probabilities
    assert torch.allclose(at_half, at_fifth, atol=1e-4)
    with pytest.raises(UsageError, match="operating point"):
        make("show-and-tell", operating_point=0.0)


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in ATTENDING}))
def test_attention_learns_to_look_at_the_cell_that_the_next_word_is_of(kind: str) -> None:
    """Cells in a row hold one of 6 things each; the caption names them in order."""
    things, cells = 6, 3
    torch.manual_seed(0)
    decoder = DECODERS[kind](things + 4, findings=things + cells, attend="maps", embedding=32, dropout=0.0)
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=3e-3)

    def batch(n: int) -> tuple[StudyFeatures, torch.Tensor]:
        held = torch.randint(0, things, (n, cells))
        places = torch.eye(cells).expand(n, -1, -1)
        maps = torch.cat([torch.nn.functional.one_hot(held, things).float(), places], dim=2)
        views = torch.ones(n, cells, dtype=torch.long)
        tokens = torch.cat([torch.ones(n, 1, dtype=torch.long), held + 4], dim=1)
        return StudyFeatures(torch.rand(n, things + cells), maps=maps, views=views), tokens

    for _ in range(120):
        seen, tokens = batch(32)
        taught = decoder(seen, tokens[:, :-1])
        likelihood = taught.log_probabilities.gather(2, tokens[:, 1:, None])[..., 0]
        loss = decoder.extra_loss(taught, likelihood, torch.ones_like(likelihood) > 0) - likelihood.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    decoder.eval()
    seen, tokens = batch(50)
    taught = decoder(seen, tokens[:, :-1])
    assert (taught.log_probabilities.argmax(2) == tokens[:, 1:]).float().mean() > 0.95
    assert taught.attention.diagonal(dim1=1, dim2=2).mean() > 0.6  # word t looks at cell t
