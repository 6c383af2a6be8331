"""Shards on a cluster of machines: one Ray task per shard, with one core each.

Ray repeats a task whose worker or machine is lost. That each shard has one result does not rest on Ray but on
the files: a shard's file is complete or not there, and if two workers do the same shard, both write the same
bytes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from radscribe.batch.processes import Lost
from radscribe.batch.shard import Counts, Job, worker_of
from radscribe.errors import RadscribeError, UsageError

RETRIES = 20  # times that Ray repeats a task whose worker or machine died
AHEAD = 2  # tasks per core that wait with Ray; the others wait here


def caption_shard(job: Job, shard: int) -> Counts | RadscribeError:
    """Caption a shard in a Ray worker. The worker keeps its engine for the next one."""
    try:
        return worker_of(job).run(shard)
    except RadscribeError as error:  # an exception would be wrapped by Ray
        return error


def run_ray(job: Job, shards: Iterable[int], address: str) -> Iterator[Counts | Lost]:
    """Caption shards on a Ray cluster.

    Parameters
    ----------
    job : Job
        What to do. Its folder, and the source of the plan, must be readable on every machine.
    shards : iterable of int
        The shards.
    address : str
        Address of the cluster, such as ``10.0.0.1:6379`` or ``ray://10.0.0.1:10001``; ``auto`` for the one
        that this machine is part of.

    Yields
    ------
    Counts or Lost
        One per shard, as each is finished.

    Raises
    ------
    UsageError
        There is no cluster at that address.
    RadscribeError
        Ray is not installed, or a worker could not load the bundle, read the plan or write a shard.
    """
    ray = _connected(address)
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(caption_shard)
        cores = int(ray.cluster_resources().get("CPU", 0))
        if not cores:
            raise UsageError(
                "has no core for tasks", subject=f"--ray {address}", remedy="add a node with CPUs"
            )
        rest = iter(shards)
        running: dict[Any, int] = {task.remote(job, n): n for n in islice(rest, AHEAD * cores)}
        while running:
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            shard = running.pop(ready)
            for following in islice(rest, 1):
                running[task.remote(job, following)] = following
            try:
                answer = ray.get(ready)
            except (ray.exceptions.RayTaskError, ray.exceptions.GetTimeoutError) as error:
                raise RadscribeError(
                    f"a worker failed: {str(error).strip().splitlines()[-1]}",
                    subject=f"shard {shard}",
                    remedy="install the same radscribe on every machine",
                ) from error
            except ray.exceptions.RayError:  # the task's worker died at each attempt
                yield Lost(shard)
                continue
            if isinstance(answer, RadscribeError):
                raise answer
            yield answer
    finally:
        ray.shutdown()


def _print_nothing(*arguments: object, **keywords: object) -> None:
    """Stands for Ray's own output."""


def _connected(address: str) -> Any:
    """The module `ray`, connected to a cluster."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or each start prints a notice
    try:
        import ray
    except ImportError as error:
        raise RadscribeError(
            "--ray needs ray", remedy='run: pip install ".[cluster]" in the checkout'
        ) from error
    try:
        if hasattr(ray._private.worker, "print_to_stdstream"):
            # Ray prints each lost worker, which it replaces, whatever `log_to_driver` says.
            ray._private.worker.print_to_stdstream = _print_nothing
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise UsageError(
            "there is no Ray cluster",
            subject=f"--ray {address}",
            remedy="start one with ray start --head, or name the address of its head",
        ) from error
    return ray
