"""Same input, same output: each import against the network that the file was made from.

    python -m benchmarks.imports.parity

Keras networks are computed by Keras. Weights are drawn at random (`published`): no weights are shipped.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.imports import published
from radscribe.labels import CHESTXRAY14
from radscribe.models import StudyFeatures
from radscribe.models.encoder import EncoderOutput
from radscribe.models.importers.torchxrayvision import FINDINGS
from radscribe.training.decoder_run import load_decoder
from radscribe.training.encoder_run import load_encoder
from radscribe.training.import_weights import CaptionerOptions, EncoderOptions, import_weights

GOAL = 1e-4
CAPTION = 124  # words: the whole window


@torch.no_grad()
def imported(path: Path, grey: torch.Tensor, options: EncoderOptions | None = None) -> EncoderOutput:
    """Output of the imported encoder."""
    import_weights(path, path.with_suffix(".run"), options or EncoderOptions(), CaptionerOptions())
    output: EncoderOutput = load_encoder(path.with_suffix(".run"))(grey)
    return output


def tell(what: str, theirs: object, ours: object) -> None:
    """One line of the table."""
    worst = float(np.abs(np.asarray(theirs) - np.asarray(ours)).max())
    print(f"| {what} | {worst:.1e} | {'yes' if worst <= GOAL else 'NO'} |")


def keras_encoders(folder: Path, grey: torch.Tensor) -> None:
    model = published.keras_chexnet()
    answer = published.keras_answer(model, grey)
    for ending in (".h5", ".weights.h5", ".keras"):
        path = published.save_keras(model, folder, ending)
        tell(f"Keras CheXNet `{ending}`: 14 probabilities", answer, imported(path, grey).probabilities)
    path = published.save_keras(published.nested(model), folder, ".keras")
    tell("the same, nested in a Sequential", answer, imported(path, grey).probabilities)
    headless = published.without_top(model)
    path = published.save_keras(headless, folder, ".weights.h5")
    pooled = imported(path, grey, EncoderOptions(new_head=True)).pooled
    tell("Keras without top: pooled vector", published.keras_answer(headless, grey), pooled)
    answer = published.keras_answer(published.without_final_relu(model), grey)
    path = published.save_keras2(model, folder / "old.h5", "2.1.4")
    tell("weights of Keras 2.1.4 (no last ReLU)", answer, imported(path, grey).probabilities)


@torch.no_grad()
def torch_encoders(folder: Path, grey: torch.Tensor) -> None:
    encoder = published.random_encoder(CHESTXRAY14)
    answer = encoder(grey).probabilities
    torch.save(published.old_checkpoint(encoder), folder / "model.pth.tar")
    tell("old `model.pth.tar`", answer, imported(folder / "model.pth.tar", grey).probabilities)
    torch.save(published.torchvision_state(encoder), folder / "torchvision.pth")
    tell("torchvision state dict", answer, imported(folder / "torchvision.pth", grey).probabilities)
    save_file(published.torchvision_state(encoder), folder / "model.safetensors")
    tell("safetensors", answer, imported(folder / "model.safetensors", grey).probabilities)
    encoder = published.random_encoder(FINDINGS, input_channels=1)
    thresholds = published.torchxrayvision_answer(encoder, grey)[0].sigmoid().mean(0)
    torch.save(published.torchxrayvision_state(encoder, thresholds), folder / "xrv.pt")
    output = imported(folder / "xrv.pt", grey)
    logits, bent = published.torchxrayvision_answer(encoder, grey, thresholds)
    tell("torchxrayvision: 18 logits", logits, output.logits)
    same = float(((bent > 0.5) == (output.probabilities > 0.5)).float().mean())
    print(f"| torchxrayvision: the same side of 0.5 | {same:.0%} | {'yes' if same == 1 else 'NO'} |")


@torch.no_grad()
def captioners(folder: Path) -> None:
    generator = np.random.default_rng(0)
    scores, caption = generator.random(14).astype(np.float32), generator.integers(1, 542, CAPTION).tolist()
    words = folder / "words.txt"
    words.write_text("\n".join(f"w{n}" for n in range(1, 542)))
    for masked in (True, False):
        model = published.keras_captioner(masked)
        answers = published.captioner_answers(model, scores, caption, window=124)
        path = published.save_keras(model, folder, ".h5")
        import_weights(path, folder / "captioner", EncoderOptions(), CaptionerOptions(words))
        decoder, tokenizer, _ = load_decoder(folder / "captioner")
        ids = torch.tensor([[tokenizer.bos, *(n + 3 for n in caption)]])
        said = decoder(StudyFeatures(torch.tensor(scores)[None]), ids).log_probabilities[0].exp()
        ours = torch.cat([said[:, [tokenizer.eos]], said[:, 4:]], dim=1)
        kind = "blanks skipped" if masked else "blanks read"
        tell(
            f"Keras captioner, {kind}: 542 probabilities after each of {CAPTION + 1} prefixes", answers, ours
        )


def main() -> None:
    logging.disable(logging.WARNING)  # Keras deplores its own .h5
    grey = published.images()
    print(f"| file | largest difference | within {GOAL:.0e} |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        keras_encoders(Path(folder), grey)
        torch_encoders(Path(folder), grey)
        captioners(Path(folder))


if __name__ == "__main__":
    main()
