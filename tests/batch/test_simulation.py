"""The simulated run obeys what must hold of any run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cluster.simulation import Assumptions, Measured, simulate

MEASURED = Measured("a machine", 16, [0.2, 0.3, 0.4], load=1.0, plan=0.0)
IDEAL = Assumptions(
    images=102_400, shard=1024, hours_between_failures=1e9, spread=0.0, storage=1e15, replacement=0.0
)


def test_without_failures_and_limits_the_cores_share_the_work() -> None:
    one, ten = simulate(1, MEASURED, IDEAL), simulate(10, MEASURED, IDEAL)
    assert one.hours * 3600 == pytest.approx(102_400 / 16 * 0.3, rel=0.02)
    assert ten.hours == pytest.approx(one.hours / 10, rel=0.05)
    assert one.limit == "cores"
    assert one.dollars_per_million == pytest.approx(one.hours * 0.04 / 102_400 * 1e6)


def test_what_is_scarce_is_the_limit() -> None:
    assert simulate(10, MEASURED, replace(IDEAL, storage=1e8)).limit == "storage"
    assert simulate(99, MEASURED, IDEAL).limit == "the last shards"
    failing = simulate(4, MEASURED, replace(IDEAL, hours_between_failures=0.05, replacement=60.0))
    assert failing.failures > 5
    assert failing.limit == "failures"
    assert failing.hours > simulate(4, MEASURED, IDEAL).hours
    assert simulate(10, replace(MEASURED, plan=0.01), IDEAL).limit == "planning"
