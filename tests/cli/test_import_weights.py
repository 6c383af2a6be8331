"""`radscribe import-weights`: a run that training and export take up, or one line and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.imports import published
from radscribe.cli.main import main
from radscribe.export.bundle import _bare_card
from radscribe.labels import CHESTXRAY14
from radscribe.training.decoder_run import keep_encoder, load_captioner
from radscribe.training.encoder_run import load_encoder


def radscribe(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Exit code and standard error."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert not out
    return int(caught.value.code or 0), err


def test_a_checkpoint_and_a_captioner_become_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, encoder = tmp_path / "model.pth.tar", tmp_path / "encoder"
    torch.save(published.old_checkpoint(published.random_encoder(CHESTXRAY14)), checkpoint)
    code, err = radscribe(capsys, "import-weights", checkpoint, "--out", encoder, "--image-size", "64")
    assert code == 0
    assert err.splitlines() == [
        "note: the file does not name its 14 findings: the order of ChestX-ray14 is assumed",
        f"wrote {encoder / 'encoder.pt'}",
    ]
    assert load_encoder(encoder).image_size == 64

    words = tmp_path / "words.json"
    words.write_text(json.dumps({word: place for place, word in enumerate("abcdef", start=1)}))
    model = published.keras_captioner(True, words=6, window=4, embedding=6, units=8)
    captioner, run = published.save_keras(model, tmp_path, ".h5"), tmp_path / "run"
    code, err = radscribe(
        capsys, "import-weights", captioner, "--out", run, "--words", words, "--encoder", encoder
    )
    assert code == 0
    both = load_captioner(run)
    assert both[0].findings == CHESTXRAY14
    assert both[1].inputs == ("probabilities",)
    assert both[3].max_length == 4
    card = _bare_card("mine", run)
    assert "Encoder: imported from `model.pth.tar` (SHA-256 " in card
    assert "Decoder: imported from `model.h5`" in card
    assert "AUROC" not in card

    (run / "encoder" / "validation.json").write_text("{}")  # of an encoder that was there before
    keep_encoder(encoder, run)
    assert not (run / "encoder" / "validation.json").exists()


def test_what_cannot_be_imported_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    torch.save(nn.Linear(1, 1), tmp_path / "module.pt")
    torch.save({"weight": torch.ones(1)}, tmp_path / "other.pt")
    for name, told in (
        ("module.pt", "would run its code"),
        ("other.pt", "no known layout"),
        ("no.h5", "No such"),
    ):
        code, err = radscribe(capsys, "import-weights", tmp_path / name, "--out", out)
        assert code == 1
        assert told in err
        assert len(err.splitlines()) == 1
    encoder = published.random_encoder(CHESTXRAY14)
    torch.save(published.torchvision_state(encoder), tmp_path / "good.pt")
    for options in (["--findings", "a,b"], ["--words", "w.txt"], ["--image-size", "100"]):
        code, err = radscribe(capsys, "import-weights", tmp_path / "good.pt", "--out", out, *options)
        assert code == 2, options
        assert len(err.splitlines()) == 1
    assert not out.exists()


def test_an_import_over_an_older_run_takes_its_place_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, source = tmp_path / "out", tmp_path / "good.pt"
    torch.save(published.torchvision_state(published.random_encoder(CHESTXRAY14)), source)
    out.mkdir()
    (out / "validation.json").write_text("{}")
    names = "Big Heart," + ",".join(f"F{n}" for n in range(13))
    code, _ = radscribe(capsys, "import-weights", source, "--out", out, "--findings", names)
    assert code == 0
    assert load_encoder(out).findings[0] == "Big_Heart"
    assert not (out / "validation.json").exists()
