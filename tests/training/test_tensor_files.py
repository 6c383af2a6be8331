"""Files of tensors on a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radscribe.errors import OutputError
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
