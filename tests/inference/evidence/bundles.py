"""A bundle whose decoder attends and one whose decoder does not: untrained, of two by two cells an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from radscribe.export.bundle import export
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.models import DECODERS
from radscribe.models.decoder import join_views
from radscribe.models.encoder import Encoder
from radscribe.text.context import INDICATION_TOKENS, REPORT_TOKENS
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig, EncoderConfig, save
from radscribe.training.decoder_run import SHAPES, WEIGHTS, Shapes

SIZE = 64
FINDINGS = ("Mass", "Pleural_Thickening")
WORDS = "the heart is normal in size . there is a large mass . the lungs are clear ."
OPTIONS: dict[str, dict[str, int | float | bool | str]] = {
    "show-attend-tell": {"attend": "both", "image_input": "probabilities"},
    "show-and-tell": {"image_input": "both"},
}


def bundle_of(kind: str, folder: Path, context: tuple[Any, ...] = ()) -> Path:
    run, options = folder / "run", OPTIONS[kind]
    torch.manual_seed(0)
    (run / "encoder").mkdir(parents=True)
    encoder = Encoder("efficientnet-lite0", SIZE, FINDINGS)
    save(EncoderConfig(image_size=SIZE, findings=FINDINGS), run / "encoder" / "config.json")
    tokenizer = ReportTokenizer.train([WORDS], min_frequency=1)
    tokenizer.save(run / "tokenizer.json")
    shapes = Shapes(len(FINDINGS), encoder.channels, (SIZE // 32) ** 2)
    (run / SHAPES).write_bytes(msgspec.json.encode(shapes))
    config = DecoderConfig(decoder=kind, options=options, max_length=12, context=context)
    save(config, run / "config.json")
    given = msgspec.structs.asdict(shapes)
    lengths = given if kind == "show-attend-tell" else {k: n for k, n in given.items() if k != "places"}
    decoder = DECODERS[kind](len(tokenizer), **lengths, **options, context=context)
    for parameter in decoder.parameters():  # far from even, so that captions and attention differ
        torch.nn.init.normal_(parameter, std=0.35)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0  # statistics are those of the pictures
    pictures = torch.stack([torch.from_numpy(picture(seed).pixels)[None] for seed in range(16)])
    with torch.no_grad():
        encoder.train()(pictures)
        seen = join_views(encoder.eval()(pictures), torch.ones(16, 1, dtype=torch.long))
        earlier: dict[str, Any] = {
            f"prior_{name}": x.flip(0) for name, x in seen._asdict().items() if x is not None
        }
        words = torch.randint(4, len(tokenizer), (16, REPORT_TOKENS))
        there = torch.ones(16, dtype=torch.long)
        texts = {"indication": words[:, :INDICATION_TOKENS], "prior_report": words, "prior_given": there}
        decoder.init_state(seen._replace(**earlier, **texts) if context else seen)
        encoder.calibration_scale.copy_(torch.tensor([2.0, 0.5]))
        encoder.calibration_shift.copy_(torch.tensor([-1.0, 0.3]))
    torch.save(encoder.state_dict(), run / "encoder" / "encoder.pt")
    torch.save(decoder.state_dict(), run / WEIGHTS)
    bundle = folder / "bundle"
    export(run, bundle)
    return bundle


def picture(seed: int, view: str = "PA", height: int = SIZE, width: int = SIZE) -> Radiograph:
    """Noise that stands for a radiograph."""
    pixels = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    return Radiograph(pixels, view, Provenance(path=f"{seed}.png"))  # type: ignore[arg-type]
