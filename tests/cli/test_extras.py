"""What a command says it needs is what its extra installs."""

from __future__ import annotations

import importlib.util

import pytest

from radscribe.cli.options import require_extra
from radscribe.errors import RadscribeError


@pytest.mark.parametrize("module", ["torch", "onnx", "onnxscript", "safetensors"])
def test_a_module_of_the_extra_that_is_missing_is_told(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else found(name))
    with pytest.raises(RadscribeError, match=rf"needs {module}; run: pip install"):
        require_extra("train")
