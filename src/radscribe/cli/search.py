"""Options of the search for captions, and the strategy that they select."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from radscribe.errors import UsageError
from radscribe.inference.options import DEFAULTS

if TYPE_CHECKING:
    from radscribe.inference.search import Strategy


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the search; `strategy` reads them."""
    for option in (
        click.option(
            "--seed", type=int, help="Seed of --sample; the same seed draws the same captions.  [default: 0]"
        ),
        click.option(
            "--top-p",
            type=float,
            metavar="P",
            help="With --sample: draw from the fewest tokens whose probabilities add up to P.  [default: 1]",
        ),
        click.option(
            "--top-k",
            type=int,
            metavar="K",
            help="With --sample: draw from the K most probable tokens.  [default: all]",
        ),
        click.option(
            "--temperature",
            type=float,
            metavar="T",
            help="With --sample: divide the log-probabilities by T; below 1 is more cautious.  [default: 1]",
        ),
        click.option("--sample", is_flag=True, help="Draw --n-best captions at random instead of searching."),
        click.option(
            "--diversity",
            type=float,
            metavar="NATS",
            help="With --diverse: penalty for a token that an earlier group chose.  [default: 0.5]",
        ),
        click.option(
            "--diverse",
            type=int,
            metavar="GROUPS",
            help="Split the beam into this many groups that avoid each other's words.",
        ),
        click.option(
            "--length-penalty",
            type=float,
            metavar="A",
            help="Rank captions with the length penalty of Wu et al. (2016), exponent A.  [default: by the "
            "mean log-probability per token]",
        ),
        click.option(
            "--beam",
            type=click.IntRange(min=1),
            help=f"Width of the beam search; 1 is greedy search.  [default: {DEFAULTS.beam}]",
        ),
    ):
        command = option(command)
    return command


def strategy(
    *,
    n_best: int,
    beam: int | None,
    length_penalty: float | None,
    diverse: int | None,
    diversity: float | None,
    sample: bool,
    **sampling: float | None,
) -> Strategy:
    """The strategy that the options name.

    Raises
    ------
    UsageError
        Options that do not go together, or a value that makes no sense.
    """
    from radscribe.inference.search import Beam, DiverseBeam, LengthPenalty, Mean, Sample

    drawn = {name: value for name, value in sampling.items() if value is not None}
    if sample:
        searched = {"--beam": beam, "--length-penalty": length_penalty, "--diverse": diverse}
        for name, value in {**searched, "--diversity": diversity}.items():
            if value is not None:
                raise UsageError(f"{name} does not go with --sample", remedy="leave one of them out")
        return Sample(n_best, **drawn)  # type: ignore[arg-type]
    for name in drawn:
        raise UsageError(f"--{name.replace('_', '-')} is for sampling", remedy="add --sample")
    if diversity is not None and diverse is None:
        raise UsageError("--diversity is for groups of a beam", remedy="add --diverse GROUPS")
    width = beam or DEFAULTS.beam
    if n_best > width:
        raise UsageError(f"--n-best {n_best} is more than --beam {width}", remedy="raise --beam")
    rank = Mean() if length_penalty is None else LengthPenalty(length_penalty)
    if diverse is None:
        return Beam(width, rank)
    return DiverseBeam(width, diverse, 0.5 if diversity is None else diversity, rank)
