"""What a torch decoder says, searched as in serving."""

from __future__ import annotations

import numpy as np
import torch

from radscribe.inference.constraints import of_a_caption
from radscribe.inference.search import State, search
from radscribe.models import Decoder, StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer


def captions(
    decoder: Decoder, tokenizer: ReportTokenizer, probabilities: torch.Tensor, beam: int, longest: int
) -> list[str]:
    """A caption of each study from its finding probabilities `[N, F]`, constrained as in serving."""

    def step(token: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        with torch.no_grad():
            log_probabilities, following, *_ = decoder.step(
                torch.from_numpy(token), tuple(torch.from_numpy(part) for part in state)
            )
        return log_probabilities.numpy(), tuple(part.numpy() for part in following)

    with torch.no_grad():
        state = decoder.init_state(StudyFeatures(probabilities))
    found = search(
        step,
        tuple(part.numpy() for part in state),
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        max_length=longest,
        beam=beam,
        constraints=of_a_caption(tokenizer),
    )
    return [tokenizer.decode(hypotheses[0].tokens) for hypotheses in found]
