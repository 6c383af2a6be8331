"""Configuration: defaults, a file over them, settings over that, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from radscribe.cli.main import radscribe as command_line
from radscribe.errors import UsageError
from radscribe.training.config import DecoderConfig, EncoderConfig, RunConfig, keys, load, save
from radscribe.training.decoder_run import Shapes, build_decoder


def test_settings_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("epochs: 3\nbatch_size: 8\nfindings: [Mass, Nodule]\n")
    config = load(EncoderConfig, file, ["batch_size=4", "pretrained=false"])
    assert (config.epochs, config.batch_size, config.pretrained) == (3, 4, False)
    assert config.findings == ("Mass", "Nodule")
    assert config.image_size == EncoderConfig().image_size


def test_a_dot_enters_a_table() -> None:
    assert load(DecoderConfig, None, ["options.hidden=64"]).options == {"hidden": 64}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    config = load(DecoderConfig, None, ["epochs=2", "options.tie_weights=false"])
    save(config, tmp_path / "config.json")
    assert load(DecoderConfig, tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("learnin_rate=1", "unknown key 'learnin_rate'; did you mean 'learning_rate'?"),
        ("epochs=0", "epochs is wrong: Expected `int` >= 1"),
        ("learning_rate=-1e-3", "learning_rate is wrong: Expected `float` > 0.0"),
        ("learning_rate=.nan", "learning_rate is wrong"),
        ("epochs=many", "epochs is wrong: Expected `int`, got `str`"),
        ("precision=fp8", "precision is wrong: Invalid enum value 'fp8'"),
        ("mode=[", "--set mode=[: is not YAML"),
    ],
)
def test_a_wrong_key_or_value_is_named(setting: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(DecoderConfig, None, [setting])
    assert str(caught.value).startswith(said)


def test_an_option_that_a_decoder_does_not_have_is_named() -> None:
    config = load(DecoderConfig, None, ["options.hiden=8"])
    with pytest.raises(UsageError, match="unknown key 'hiden'; did you mean 'hidden'"):
        build_decoder(config, 10, Shapes(14, 8))


@pytest.mark.parametrize("text", [b"a: [1", b"- epochs", b"\xff\xfe\x00", b"epochs"])
def test_a_file_that_holds_no_keys_is_one_line(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=r"bad\.yaml") as caught:
        load(EncoderConfig, file)
    assert "\n" not in str(caught.value)


def test_powers_of_ten_are_numbers() -> None:
    config = load(DecoderConfig, None, ["learning_rate=1e-3", "options.dropout=1e-1", "target=impression"])
    assert (config.learning_rate, config.options["dropout"], config.target) == (1e-3, 0.1, "impression")


def test_a_run_that_goes_on_starts_from_its_own_configuration(tmp_path: Path) -> None:
    save(load(DecoderConfig, None, ["epochs=2", "options.hidden=8", "seed=3"]), tmp_path / "config.json")
    settings = ["epochs=4", "options.embedding=8"]
    config = load(DecoderConfig, None, settings, base=tmp_path / "config.json")
    assert (config.epochs, config.seed, config.options) == (4, 3, {"hidden": 8, "embedding": 8})


@pytest.mark.parametrize(
    ("command", "kind"),
    [("train", DecoderConfig), ("train-encoder", EncoderConfig)],
    ids=["train", "encoder"],
)
def test_help_tells_every_key_with_its_default_and_meaning(command: str, kind: type[RunConfig]) -> None:
    text = " ".join(CliRunner().invoke(command_line, [command, "--help"], terminal_width=400).output.split())
    for key in keys(kind):
        assert key.meaning
        assert f"{key.name} {key.meaning} ({key.type}) [{key.default}]" in text
    assert {key.name for key in keys(kind)} == set(kind.__struct_fields__)


@pytest.mark.parametrize("setting", ["epoch=3", "epochs=many", "epochs", "epochs.x=1", "batch_size=[1]"])
def test_what_is_wrong_is_one_line(setting: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(EncoderConfig, None, [setting])
    assert "\n" not in str(caught.value)
