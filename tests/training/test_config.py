"""Configuration: defaults, a file over them, settings over that, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from radscribe.errors import UsageError
from radscribe.training.config import DecoderConfig, EncoderConfig, load, save


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


@pytest.mark.parametrize("setting", ["epoch=3", "epochs=many", "epochs", "epochs.x=1", "batch_size=[1]"])
def test_what_is_wrong_is_one_line(setting: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(EncoderConfig, None, [setting])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("a: [1")
    with pytest.raises(UsageError, match=r"bad.yaml"):
        load(EncoderConfig, file)
