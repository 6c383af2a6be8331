"""Fixtures for every test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from radscribe.inference.captioner import Captioner

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of inputs that once went wrong; the test skips where there is none."""
    if not (folder := SHARED_DATA.with_name("cases")).is_dir():
        pytest.skip("needs the inputs in ../shared/cases, which are not on this machine")
    return folder


@pytest.fixture(scope="session")
def captioner() -> Captioner:
    """The embedded bundle, loaded once."""
    import radscribe

    return radscribe.load()
