"""The Keras merge captioner imported: the same probabilities of the next word after every prefix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.imports import published
from radscribe.bundle.format import DecoderSpec
from radscribe.errors import RadscribeError, UsageError, WeightsError
from radscribe.export.bundle import _export_decoder
from radscribe.models import DECODERS, Decoder, Encoder, StudyFeatures
from radscribe.models.importers import keras_merge
from radscribe.models.importers.reading import read_weights_file
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import load_decoder
from radscribe.training.import_weights import (
    CaptionerOptions,
    EncoderOptions,
    import_weights,
    read_words,
)

WORDS = 541  # as in the original system, whose other sizes are the builder's defaults
WINDOW = 124


def vocabulary(folder: Path, words: list[str]) -> Path:
    path = folder / "words.txt"
    path.write_text("\n".join(words) + "\n")
    return path


def imported(path: Path, words: list[str]) -> tuple[Decoder, ReportTokenizer, DecoderConfig]:
    out = path.parent / "run"
    import_weights(path, out, EncoderOptions(), CaptionerOptions(vocabulary(path.parent, words)))
    return load_decoder(out)


@torch.no_grad()
def probabilities(decoder: Decoder, scores: published.Array, tokens: list[int]) -> Tensor:
    """`[T, V]` of what follows each token."""
    seen = StudyFeatures(torch.from_numpy(scores)[None])
    said: Tensor = decoder(seen, torch.tensor([tokens])).log_probabilities[0].exp()
    return said


@pytest.mark.parametrize("masked", [True, False])
def test_the_original_captioner_says_the_same_words(tmp_path: Path, masked: bool) -> None:
    model = published.keras_captioner(masked)
    generator = np.random.default_rng(0)
    scores = generator.random(14).astype(np.float32)
    caption = generator.integers(1, WORDS + 1, WINDOW if masked else 12).tolist()
    answers = published.captioner_answers(model, scores, caption, WINDOW)
    words = [f"word{n}." for n in range(1, WORDS + 1)]  # the original's words keep their full stops
    for ending in (".h5", ".keras", *([".weights.h5"] if masked else [])):
        decoder, tokenizer, config = imported(published.save_keras(model, tmp_path, ending), words)
        tokens = [tokenizer.bos, *tokenizer.encode(" ".join(words[n - 1] for n in caption))]
        said = probabilities(decoder, scores, tokens)
        ours = torch.cat([said[:, [tokenizer.eos]], said[:, 4:]], dim=1).numpy()  # the blank is the end
        assert ours.shape == answers.shape
        assert np.abs(ours - answers).max() < 1e-6  # where the greatest is about 0.02
        assert float(said[:, [tokenizer.pad, tokenizer.bos, tokenizer.unk]].max()) == 0.0
        assert config.max_length == WINDOW
    assert np.abs(answers[1] - answers[0]).max() > 1e-4  # the words matter


def test_start_and_end_words_are_bos_and_eos(tmp_path: Path) -> None:
    words = ["startseq", "lungs", "clear", "endseq", "heart"]
    sizes = {"scores": 5, "window": 9, "embedding": 6, "units": 8}
    for masked in (True, False):
        model = published.keras_captioner(masked, words=len(words), **sizes)
        scores = np.linspace(0, 1, 5, dtype=np.float32)
        answers = published.captioner_answers(model, scores, [1, 2, 3], window=9)
        decoder, tokenizer, _ = imported(published.save_keras(model, tmp_path, ".h5"), words)
        said = probabilities(decoder, scores, [tokenizer.bos, *tokenizer.encode("lungs clear")]).numpy()
        assert tokenizer.tokens()[4:] == ["lungs", "clear", "heart"]
        order = [0, 1, 4, 2, 3, 5]  # blank, startseq, endseq, then the others
        assert np.abs(said[:, [0, 1, 2, 4, 5, 6]] - answers[1:, order]).max() < 1e-6


def test_the_padded_decoder_forgets_what_leaves_its_window(tmp_path: Path) -> None:
    model = published.keras_captioner(False, words=6, scores=5, window=4, embedding=6, units=8)
    scores, caption = np.linspace(0, 1, 5, dtype=np.float32), [1, 2, 3, 4, 5, 6, 1]
    answers = published.captioner_answers(model, scores, caption, window=4)
    decoder, tokenizer, _ = imported(published.save_keras(model, tmp_path, ".h5"), list("abcdef"))
    said = probabilities(decoder, scores, [tokenizer.bos, *(n + 3 for n in caption)]).numpy()
    assert np.abs(said[:, [2, *range(4, 10)]] - answers).max() < 1e-6


def test_a_captioner_needs_its_words_and_no_options_of_encoders(tmp_path: Path) -> None:
    model = published.keras_captioner(True, words=6, scores=5, window=4, embedding=6, units=8)
    path, out = published.save_keras(model, tmp_path, ".h5"), tmp_path / "out"
    with pytest.raises(UsageError, match="a captioner of 6 words and does not hold them"):
        import_weights(path, out, EncoderOptions(), CaptionerOptions())
    words = vocabulary(tmp_path, list("abcde"))
    with pytest.raises(UsageError, match="has 5 words, and the captioner 6"):
        import_weights(path, out, EncoderOptions(), CaptionerOptions(words))
    with pytest.raises(UsageError, match="is a captioner; leave out --findings"):
        import_weights(path, out, EncoderOptions(new_head=True), CaptionerOptions(words))
    assert not out.exists()


def test_the_state_of_training_is_no_tensor_too_many(tmp_path: Path) -> None:
    model = published.keras_captioner(True, words=6, scores=5, window=4, embedding=6, units=8)
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    model.fit([np.ones((2, 5)), np.ones((2, 4))], np.eye(7)[:2], verbose=0)
    for ending in (".h5", ".weights.h5", ".keras"):
        assert keras_merge.read(read_weights_file(published.save_keras(model, tmp_path, ending))) is not None


def test_an_lstm_of_other_gates_is_refused(tmp_path: Path) -> None:
    model = published.keras_captioner(True, words=6, scores=5, window=4, embedding=6, units=8)
    file = read_weights_file(published.save_keras(model, tmp_path, ".h5"))
    assert file.keras is not None
    layers = tuple(
        (kind, config | {"recurrent_activation": "hard_sigmoid"} if kind == "LSTM" else config)
        for kind, config in file.keras.layers
    )
    with pytest.raises(WeightsError, match="hard_sigmoid"):
        keras_merge.read(file._replace(keras=file.keras._replace(layers=layers)))
    extra = file.tensors | {"dense_99/kernel": torch.ones(2, 2)}
    with pytest.raises(WeightsError, match="1 tensors unknown: dense_99/kernel"):
        keras_merge.read(file._replace(tensors=extra))


def test_vocabularies_of_every_form_are_read(tmp_path: Path) -> None:
    forms = {
        "a.json": '{"no": 2, "lungs": 1, "2d": 3}',
        "b.json": '{"1": "lungs", "3": "2d", "2": "no"}',
        "c.json": '["lungs", "no", "2d"]',
        "d.txt": "lungs\nno\n2d\n",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert read_words(tmp_path / name) == ["lungs", "no", "2d"], name
    for content in (b'{"a": 1, "b": 3}', b'{"a": ', b'{"a": "b"}', b"\x80\x04\x95"):
        name = "wrong"
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError):
            read_words(tmp_path / name)
    with pytest.raises(RadscribeError, match="no vocabulary"):
        ReportTokenizer.of_words(["a", "a"])
    assert ReportTokenizer.of_words(["no", "disease."]).decode([4, 5]) == "No disease."


@pytest.mark.parametrize(("kind", "options"), [("merge", {}), ("merge-padded", {"window": 6})])
def test_both_decoders_become_graphs_that_compute_the_same(
    tmp_path: Path, kind: str, options: dict[str, int]
) -> None:
    torch.manual_seed(0)
    decoder = DECODERS[kind](20, findings=14, embedding=8, hidden=12, **options)
    encoder = Encoder("efficientnet-lite0", 32)
    spec = DecoderSpec(kind, decoder.inputs, decoder.states, max_length=9)
    _export_decoder(decoder, encoder, tmp_path, spec)  # raises where the graph differs from torch
    assert (tmp_path / spec.step_file).is_file()
