"""Search drives real decoders: every registered one beside torch, and the embedded one in batches."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch

from radscribe.bundle import format as bundle_format
from radscribe.inference.constraints import Claims, Forbid, NotEmpty, of_a_caption
from radscribe.inference.search import (
    Beam,
    DiverseBeam,
    Greedy,
    LengthPenalty,
    Sample,
    State,
    Stepped,
    Strategy,
    score,
    search,
)
from radscribe.inference.sessions import DecoderSession
from radscribe.models import DECODERS, Decoder, StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer

V, F, C, L = 24, 5, 12, 4
PAD, BOS, EOS, LONGEST = 0, 1, 2, 9
STRATEGIES: list[Strategy] = [
    Greedy(),
    Beam(3),
    Beam(4, LengthPenalty(0.9)),
    DiverseBeam(4, groups=2),
    Sample(2, temperature=1.3, top_k=20, top_p=0.95, seed=4),
]


def torch_step(decoder: Decoder, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
    out = decoder.step(torch.from_numpy(token), tuple(torch.from_numpy(x) for x in (*state, *fixed)))
    moving = out.state[: len(decoder.states) - len(decoder.fixed)]
    attention = None if out.attention is None else out.attention.numpy()
    return out.log_probabilities.numpy(), tuple(x.numpy() for x in moving), attention


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize("kind", DECODERS)
@torch.no_grad()
def test_log_probabilities_are_those_of_teacher_forcing(kind: str, strategy: Strategy) -> None:
    torch.manual_seed(0)
    decoder = DECODERS[kind](V, findings=F, channels=C).eval()
    for parameter in decoder.parameters():  # far from even, so that captions differ
        torch.nn.init.normal_(parameter, std=0.3)
    seen = StudyFeatures(
        torch.rand(3, F), torch.rand(3, C), torch.rand(3, L, C), torch.randn(3, L, F), torch.ones(3, L).long()
    )
    state = [x.numpy() for x in decoder.init_state(seen)]
    moving = len(decoder.states) - len(decoder.fixed)
    found = search(
        partial(torch_step, decoder),
        tuple(state[:moving]),
        tuple(state[moving:]),
        strategy=strategy,
        bos=BOS,
        eos=EOS,
        max_length=LONGEST,
        constraints=(Forbid([PAD, BOS]), NotEmpty(EOS)),
    )
    for study, hypotheses in enumerate(found):
        given = {name: value for name, value in seen._asdict().items() if value is not None}
        alone = StudyFeatures(**{name: value[study : study + 1] for name, value in given.items()})
        for h in hypotheses:
            path = (BOS, *h.tokens, EOS)
            taught = decoder(alone, torch.tensor([path[:-1]]))
            expected = [float(row[b]) for row, b in zip(taught.log_probabilities[0], path[1:], strict=True)]
            assert h.log_probabilities == pytest.approx(expected, abs=1e-4)
            assert h.log_probability == pytest.approx(sum(expected), abs=1e-3)
            if taught.attention is not None:
                assert h.attention is not None
                np.testing.assert_allclose(h.attention, taught.attention[0][:-1].numpy(), atol=1e-4)
    best = [hypotheses[0] for hypotheses in found]
    given_captions = score(
        partial(torch_step, decoder),
        tuple(state[:moving]),
        tuple(state[moving:]),
        [h.tokens for h in best],
        bos=BOS,
        eos=EOS,
    )
    for h, same in zip(best, given_captions, strict=True):
        assert same.tokens == h.tokens
        assert same.log_probabilities == pytest.approx(h.log_probabilities, abs=1e-4)
        if h.attention is not None:
            assert same.attention is not None
            np.testing.assert_allclose(same.attention, h.attention, atol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_500_studies_get_the_same_captions_alone_and_in_batches(strategy: Strategy) -> None:
    folder = bundle_format.locate(None)
    spec = bundle_format.read(folder)
    decoder, words = DecoderSession(folder, spec), ReportTokenizer.load(folder / spec.tokenizer)
    claims, rules = Claims(words), of_a_caption(words)
    generator = np.random.default_rng(7)
    found_in = len(spec.encoder.findings)
    made_up: dict[str, np.ndarray] = {
        "probabilities": (generator.random((500, found_in)) ** 3).astype(np.float32),
        "maps": generator.standard_normal((500, 64, found_in)).astype(np.float32),
        "views": np.ones((500, 64), np.int64),
    }
    features = {name: made_up[name] for name in spec.decoder.inputs}
    lateral = generator.random(500) < 0.3

    def captions(start: int, stop: int) -> list[list[tuple[tuple[int, ...], float]]]:
        views = [["PA", "lateral"] if other else ["PA"] for other in lateral[start:stop]]
        found = search(
            decoder.step,
            *decoder.init_state({name: rows[start:stop] for name, rows in features.items()}),
            strategy=strategy,
            bos=words.bos,
            eos=words.eos,
            max_length=14,
            constraints=(*rules, claims.of(views)),
        )
        return [[(h.tokens, h.log_probability) for h in hypotheses] for hypotheses in found]

    alone = [captions(study, study + 1)[0] for study in range(500)]
    edges = [0, *sorted(generator.choice(np.arange(1, 500), size=20, replace=False).tolist()), 500]
    together = [one for start, stop in pairwise(edges) for one in captions(start, stop)]
    for one, same in zip(alone, together, strict=True):
        assert [tokens for tokens, _ in one] == [tokens for tokens, _ in same]
        assert [p for _, p in one] == pytest.approx([p for _, p in same], abs=1e-4)
    assert len({tokens for (tokens, _), *_ in alone}) > 40
