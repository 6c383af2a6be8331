"""A bundle whose decoder attends: untrained, from a run made by hand to captions of several views."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch

import radscribe
from radscribe.bundle.export import export
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.inference.captioner import Captioner
from radscribe.models import DECODERS
from radscribe.models.captioner import join_views
from radscribe.models.encoder import Encoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig, EncoderConfig, save
from radscribe.training.decoder_run import SHAPES, WEIGHTS, Shapes

SIZE = 64  # two by two cells
WORDS = "the heart is normal in size . there is a large mass . the lungs are clear ."
KIND = "show-attend-tell"
OPTIONS: dict[str, int | float | bool | str] = {"attend": "both", "image_input": "probabilities"}


@pytest.fixture(scope="module")
def attending(tmp_path_factory: pytest.TempPathFactory) -> Captioner:
    run = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    (run / "encoder").mkdir()
    encoder = Encoder("efficientnet-lite0", SIZE, ("Mass", "Nodule"))
    save(EncoderConfig(image_size=SIZE, findings=encoder.findings), run / "encoder" / "config.json")
    (run / "encoder" / "validation.json").write_text('{"auroc": {}, "images": 0}')
    tokenizer = ReportTokenizer.train([WORDS], min_frequency=1)
    tokenizer.save(run / "tokenizer.json")
    shapes = Shapes(len(encoder.findings), encoder.channels, (encoder.image_size // 32) ** 2)
    (run / SHAPES).write_bytes(msgspec.json.encode(shapes))
    save(DecoderConfig(decoder=KIND, options=OPTIONS, max_length=12), run / "config.json")
    decoder = DECODERS[KIND](len(tokenizer), **msgspec.structs.asdict(shapes), **OPTIONS)
    for parameter in decoder.parameters():  # far from even, so that captions and attention differ
        torch.nn.init.normal_(parameter, std=0.4)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0  # statistics are those of the pictures
    pictures = torch.stack([torch.from_numpy(picture(seed, "PA").pixels)[None] for seed in range(16)])
    with torch.no_grad():
        encoder.train()(pictures)
        decoder.init_state(join_views(encoder.eval()(pictures), torch.ones(16, 1, dtype=torch.long)))
    torch.save(encoder.state_dict(), run / "encoder" / "encoder.pt")
    torch.save(decoder.state_dict(), run / WEIGHTS)
    bundle = tmp_path_factory.mktemp("bundle")
    export(run, bundle, weights=False)
    return radscribe.load(bundle)


def picture(seed: int, view: str) -> Radiograph:
    pixels = np.random.default_rng(seed).random((SIZE, SIZE), dtype=np.float32)
    return Radiograph(pixels, view, Provenance(path=f"{seed}.png"))  # type: ignore[arg-type]


def test_a_caption_says_where_each_word_looked(attending: Captioner) -> None:
    caption = attending.caption([picture(1, "PA"), picture(2, "lateral")], force=True)
    assert caption.attention is not None
    assert caption.attention.shape == (len(caption.tokens), 8)
    np.testing.assert_allclose(caption.attention.sum(1), 1, atol=1e-5)
    assert [(g.file, g.view, g.height, g.width) for g in caption.grids] == [
        ("1.png", "PA", 2, 2),
        ("2.png", "lateral", 2, 2),
    ]


def test_a_study_is_captioned_alike_alone_and_beside_one_of_more_views(attending: Captioner) -> None:
    studies = [
        [picture(1, "PA"), picture(2, "lateral")],
        [picture(3, "AP")],
        [picture(4, "PA"), picture(5, "PA"), picture(6, "lateral")],
    ]
    together = list(attending.stream(studies, beam=3, force=True))
    for study, caption in zip(studies, together, strict=True):
        alone = attending.caption(study, beam=3, force=True)
        assert alone.text == caption.text
        assert alone.log_probability == pytest.approx(caption.log_probability, rel=1e-4)
        assert alone.grids == caption.grids
        assert alone.attention is not None
        assert caption.attention is not None
        np.testing.assert_allclose(alone.attention, caption.attention, atol=1e-3)
        assert np.ptp(alone.attention) > 0.01


def test_the_view_counts(attending: Captioner) -> None:
    pixels = picture(7, "PA").pixels
    as_frontal, as_lateral = (
        attending.caption(Radiograph(pixels, view), force=True) for view in ("AP", "lateral")
    )
    assert as_frontal.log_probability != pytest.approx(as_lateral.log_probability, abs=1e-4)


def test_a_decoder_that_does_not_attend_looks_nowhere(captioner: Captioner) -> None:
    caption = captioner.caption(picture(1, "PA"), force=True)
    assert caption.attention is None
    assert caption.grids == ()
