"""Batch captioning on a Ray cluster of two nodes on loopback, with workers killed at random."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from benchmarks.cluster.kills import Progress, killing, losing
from benchmarks.cluster.nodes import ray_nodes
from radscribe.batch.plan import PLAN
from radscribe.batch.run import Batch
from radscribe.batch.shard import Counts
from radscribe.errors import UsageError
from tests.batch.conftest import files, request

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs ray, which the extra cluster installs"
)


def test_killed_workers_lose_no_study_and_change_no_byte(
    scans: Path, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ray_nodes(2) as cluster:
        batch = Batch(request(scans, tmp_path / "out"))
        killed: list[float] = []
        with killing(cluster, (0.0, 0.0), random.Random(0), killed, Progress(batch)):
            outcomes = list(batch.run(1, ray=cluster.address))
    assert killed
    assert capfd.readouterr() == ("", "")  # nothing of Ray's own
    assert all(isinstance(outcome, Counts) for outcome in outcomes)
    assert len(outcomes) == batch.terms.shards
    made, expected = files(tmp_path / "out"), files(whole)
    assert made.keys() == expected.keys()
    assert all(content == expected[name] for name, content in made.items() if name != PLAN)


def test_the_loss_of_a_node_loses_no_study(scans: Path, whole: Path, tmp_path: Path) -> None:
    with ray_nodes(2) as cluster:
        batch = Batch(request(scans, tmp_path / "out"))
        lost: list[int] = []
        with losing(cluster, (0.25,), lost, Progress(batch)):
            outcomes = list(batch.run(1, ray=cluster.address))
    assert lost == [1]
    assert all(isinstance(outcome, Counts) for outcome in outcomes)
    assert {n: c for n, c in files(tmp_path / "out").items() if n != PLAN} == {
        n: c for n, c in files(whole).items() if n != PLAN
    }


def test_a_cluster_that_is_not_there_is_told(scans: Path, tmp_path: Path) -> None:
    batch = Batch(request(scans, tmp_path / "out"))
    with pytest.raises(UsageError, match=r"--ray auto: there is no Ray cluster; start one with ray start"):
        list(batch.run(1, ray="auto"))
