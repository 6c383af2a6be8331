"""Train decoders with several settings, and print what their captions agree with on the validation part.

    python -m benchmarks.edition_one.choose MANIFESTS/all ENCODER ANNOTATION OUT

The figures are for choosing `decoder.yaml`; nothing here looks at the test part.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from benchmarks.edition_one.measure import FEWEST, asserted, truth
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.evaluation.agreement import agreement, macro_f1
from radscribe.inference.constraints import Forbid, NoRepeatedTrigram, NotEmpty
from radscribe.inference.search import search
from radscribe.models.decoder import StudyFeatures
from radscribe.training.config import DecoderConfig
from radscribe.training.train_decoder import load_captioner, train_decoder

BALANCES = (0.0, 0.25, 0.5, 0.75)
DROPOUTS = (0.3, 0.5)
HIDDEN = (256,)
BEAMS = (1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("data", "encoder", "annotation", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    manifest = Manifest(arguments.data)
    studies = list(manifest.split("val"))
    table = FeatureTable.load(arguments.data / FILE)
    probabilities = np.stack([table.study(study, "probabilities") for study in studies])
    print(
        "| balance | dropout | hidden | beam | precision | recall | micro-F1 | macro-F1 | silent | distinct |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for balance, dropout, hidden in itertools.product(BALANCES, DROPOUTS, HIDDEN):
        run = arguments.out / f"balance{balance}-dropout{dropout}-hidden{hidden}"
        config = DecoderConfig(
            encoder=str(arguments.encoder),
            weak_reports=str(arguments.annotation),
            balance=balance,
            options={"dropout": dropout, "embedding": hidden, "hidden": hidden},
        )
        if not (run / "decoder.pt").exists():
            train_decoder(arguments.data, run, config, resume=True)
        _, decoder, tokenizer, _ = load_captioner(run)

        def step(
            token: np.ndarray, state: tuple[np.ndarray, ...]
        ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
            with torch.no_grad():
                log_probabilities, following, _ = decoder.step(  # noqa: B023
                    torch.from_numpy(token), tuple(torch.from_numpy(part) for part in state)
                )
            return log_probabilities.numpy(), tuple(part.numpy() for part in following)

        with torch.no_grad():
            state = decoder.init_state(StudyFeatures(torch.from_numpy(probabilities)))
        for beam in BEAMS:
            found = search(
                step,
                tuple(part.numpy() for part in state),
                bos=tokenizer.bos,
                eos=tokenizer.eos,
                max_length=config.max_length,
                beam=beam,
                constraints=(
                    Forbid([tokenizer.pad, tokenizer.bos, tokenizer.unk]),
                    NoRepeatedTrigram(()),
                    NotEmpty(tokenizer.eos),
                ),
            )
            texts = [tokenizer.decode(hypotheses[0].tokens) for hypotheses in found]
            findings = tuple(studies[0].labels)
            said, true = asserted(texts, findings), truth(studies, findings)
            often = true.sum(0) >= FEWEST // 4
            one = agreement(said, true)
            print(
                f"| {balance} | {dropout} | {hidden} | {beam} | {one.precision:.3f} | {one.recall:.3f} "
                f"| {one.f1:.3f} | {macro_f1(said[:, often], true[:, often]):.3f} "
                f"| {(~said.any(1)).mean():.0%} | {len(Counter(texts))} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
