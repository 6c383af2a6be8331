"""Captions of a torch decoder, by the search that serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from radscribe.inference.constraints import Claims, of_a_caption
from radscribe.inference.search import Beam, State, Stepped, Strategy, search
from radscribe.models import Decoder, StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer

BATCH = 64  # studies searched at once: cells of all hypotheses are in memory


@torch.no_grad()
def captions(
    decoder: Decoder,
    tokenizer: ReportTokenizer,
    features: StudyFeatures,
    beam: int | Strategy,
    longest: int,
    views: Sequence[Iterable[str]] | None = None,
) -> list[str]:
    """A caption of each study from its features, constrained as in serving.

    Parameters
    ----------
    beam : width of a beam search, or another strategy.
    views : of each study. Without them a caption may claim what it cannot know (`Claims`), as the reports do
        that it is compared with in `docs/figures/iu_benchmark.md`.
    """
    claims, rules = Claims(tokenizer), of_a_caption(tokenizer)
    moving = len(decoder.states) - len(decoder.fixed)

    def step(token: np.ndarray, state: State, fixed: State) -> Stepped:
        log_probabilities, following, attention, _ = decoder.step(
            torch.from_numpy(token), tuple(torch.from_numpy(part) for part in (*state, *fixed))
        )
        looked = None if attention is None else attention.numpy()
        return log_probabilities.numpy(), tuple(part.numpy() for part in following[:moving]), looked

    texts: list[str] = []
    for start in range(0, len(features.probabilities), BATCH):
        rows = slice(start, start + BATCH)
        part = {name: x[rows] for name, x in features._asdict().items() if x is not None}
        state = [x.numpy() for x in decoder.init_state(StudyFeatures(**part))]
        found = search(
            step,
            tuple(state[:moving]),
            tuple(state[moving:]),
            bos=tokenizer.bos,
            eos=tokenizer.eos,
            max_length=longest,
            strategy=Beam(beam) if isinstance(beam, int) else beam,
            constraints=rules if views is None else (*rules, claims.of(views[rows])),
        )
        texts += [tokenizer.decode(hypotheses[0].tokens) for hypotheses in found]
    return texts
