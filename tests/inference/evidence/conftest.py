"""Bundles for every test of evidence; each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inference.evidence.bundles import bundle_of


@pytest.fixture(scope="session")
def attending_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its decoder attends, to the grid and to maps."""
    return bundle_of("show-attend-tell", tmp_path_factory.mktemp("attending"))


@pytest.fixture(scope="session")
def telling_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its decoder does not attend."""
    return bundle_of("show-and-tell", tmp_path_factory.mktemp("telling"))
