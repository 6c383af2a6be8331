"""Files of tensors on a full disk, and the folders that a run may take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radscribe.errors import OutputError, UsageError
from radscribe.training.config import EncoderConfig
from radscribe.training.engine.folder import begin
from radscribe.training.tensor_files import save_tensors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"weights\.pt: .*(full|space)"):
        save_tensors({"a": torch.zeros(100_000)}, path)
    assert not path.is_symlink()


def test_tensors_come_back(tmp_path: Path) -> None:
    save_tensors({"a": torch.arange(5)}, tmp_path / "weights.pt")
    assert torch.load(tmp_path / "weights.pt", weights_only=True)["a"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("config", [None, "{}", '{"model_type": "bert"}', "not JSON"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, config: str | None) -> None:
    (tmp_path / "README.md").write_text("mine")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(UsageError, match="exists and holds no run; choose another --out"):
        begin(tmp_path, EncoderConfig(), resume=False)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_run_that_was_stopped_before_its_first_epoch_starts_again(tmp_path: Path) -> None:
    assert begin(tmp_path / "run", EncoderConfig(), resume=False)
    assert begin(tmp_path / "run", EncoderConfig(), resume=False)
