"""Hard attention: what is drawn, what it is rewarded by, and that nothing is drawn afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from radscribe.errors import UsageError
from radscribe.models.decoder import StudyFeatures, Taught
from radscribe.models.show_attend_tell_hard import ShowAttendTellHard

V, F, L, N, T = 20, 14, 6, 400, 3


def make(**options: Any) -> ShowAttendTellHard:
    torch.manual_seed(1)
    return ShowAttendTellHard(V, findings=F, attend="maps", dropout=0.0, attention=16, **options)


def features(n: int) -> StudyFeatures:
    views = torch.ones(n, L, dtype=torch.long)
    views[:, 4:] = 0
    return StudyFeatures(torch.rand(n, F), maps=torch.randn(n, L, F), views=views)


@torch.no_grad()
def test_half_of_the_studies_draw_a_cell_for_every_word_and_never_padding() -> None:
    decoder, tokens = make().train(), torch.randint(0, V, (N, T))
    taught = decoder(features(N), tokens)
    assert taught.chosen is not None
    drew = taught.chosen >= 0
    assert (drew.all(1) == drew.any(1)).all()  # a study draws for all words or for none
    assert 0.4 < drew[:, 0].float().mean() < 0.6
    assert set(taught.chosen[drew].tolist()) == {0, 1, 2, 3}


@torch.no_grad()
def test_a_study_that_draws_sees_that_cell_alone() -> None:
    decoder = make().train()
    state = decoder.init_state(features(N))
    attention, context, chosen = decoder.look(state[0], state)
    assert chosen is not None
    cells, draws = state[2], state[-1]
    for study in range(20):
        expected = cells[study, chosen[study]] if draws[study] else attention[study] @ cells[study]
        assert torch.allclose(context[study], expected, atol=1e-5)


@torch.no_grad()
def test_nothing_is_drawn_after_training() -> None:
    decoder, seen, tokens = make().eval(), features(3), torch.randint(0, V, (3, T))
    first, second = decoder(seen, tokens), decoder(seen, tokens)
    assert first.chosen is None
    assert torch.equal(first.log_probabilities, second.log_probabilities)


def attention_and_loss(
    decoder: ShowAttendTellHard, likelihood: float, chosen: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of the loss in the attention's logits, one study of two words, and the loss."""
    logits = torch.zeros(1, 2, 4, requires_grad=True)
    taught = Taught(torch.zeros(1, 2, V), logits.softmax(2), torch.tensor([[chosen, chosen]]))
    loss = decoder.extra_loss(taught, torch.full((1, 2), likelihood), torch.ones(1, 2, dtype=torch.bool))
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    return logits.grad, loss.detach()


def test_a_cell_drawn_before_likelier_words_than_usual_becomes_likelier() -> None:
    decoder = make(reinforce=2.0, entropy=0.0).eval()
    decoder.baseline.fill_(-3.0)
    better, loss = attention_and_loss(decoder, likelihood=-1.0)
    assert (better[..., 1] < 0).all()  # descent raises it
    assert float(loss) == pytest.approx(-2.0 * 2.0 * torch.tensor(0.25).log().item())
    worse, _ = attention_and_loss(decoder, likelihood=-5.0)
    assert torch.allclose(worse, -better)
    expected, _ = attention_and_loss(decoder, likelihood=-1.0, chosen=-1)
    assert not expected.any()  # its gradient flows through the context instead


def test_the_baseline_moves_by_a_tenth_and_in_training_alone() -> None:
    decoder = make(entropy=0.0)
    for expected in (-0.4, -0.76):
        attention_and_loss(decoder.train(), likelihood=-4.0)
        assert float(decoder.baseline) == pytest.approx(expected)
    attention_and_loss(decoder.eval(), likelihood=-4.0)
    attention_and_loss(decoder.train(), likelihood=-4.0, chosen=-1)
    assert float(decoder.baseline) == pytest.approx(-0.76)
    assert "baseline" in decoder.state_dict()


def test_entropy_is_rewarded() -> None:
    decoder = make(reinforce=0.0, entropy=0.5).eval()
    _, loss = attention_and_loss(decoder, likelihood=-1.0)
    assert float(loss) == pytest.approx(-0.5 * torch.tensor(4.0).log().item())


def test_negative_weights_are_told() -> None:
    with pytest.raises(UsageError, match="0 or more"):
        make(reinforce=-1.0)
    with pytest.raises(TypeError, match="depth"):
        make(depth=3)
