"""The device of a run, and the processes of a run on several devices."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple, NoReturn, TypeVar

import torch
from torch import Tensor, distributed, nn

from radscribe.errors import RadscribeError, UsageError
from radscribe.training.config import RunConfig

Item = TypeVar("Item")
RANK, PORT = "RADSCRIBE_RANK", "RADSCRIBE_PORT"  # environment of the processes that a run starts
LEAST = 2  # studies per training batch and process: the variance of one is undefined
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Launched(NamedTuple):
    """This process's place among those that torchrun or Slurm started."""

    rank: int
    world: int  # number of processes
    local_rank: int  # among the processes on this machine


def launched() -> Launched | None:
    """Return this process's place if a launcher such as torchrun started it; its environment says so."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    if any(name not in os.environ for name in names):
        return None
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return Launched(rank, world, int(os.environ.get("LOCAL_RANK", 0))) if world > 1 else None


def is_main() -> bool:
    """Return whether this process writes files and messages."""
    place = launched()
    return (place.rank if place else int(os.environ.get(RANK, 0))) == 0


def rank_and_count() -> tuple[int, int]:
    """Return this process's rank and the number of processes that train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def leave() -> NoReturn:
    """End a process that is not the main one, when its part is done.

    It does not take its process group apart: now and then torch aborts a process that does, and a launcher
    then counts the run as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def gathered(items: Iterable[Item]) -> list[Item]:
    """Return the items of all processes, in each process."""
    _, count = rank_and_count()
    own = list(items)
    if count == 1:
        return own
    parts: list[list[Item]] = [[] for _ in range(count)]
    distributed.all_gather_object(parts, own)
    return list(chain.from_iterable(parts))


def require_devices(config: RunConfig) -> None:
    """Check that the machine can do what a configuration asks for.

    Raises
    ------
    UsageError
        If there are too few GPUs, they cannot compute in that precision, or a batch is too small to share.
    """
    gpus = torch.cuda.device_count()
    place = launched()
    if place and config.devices not in (1, place.world):
        raise UsageError(
            f"devices={config.devices}, but the launcher started {place.world} processes",
            remedy="leave --devices out",
        )
    if not place and gpus and config.devices > gpus:
        raise UsageError(f"devices={config.devices}, but there are {gpus} GPUs", remedy=f"set devices={gpus}")
    if config.precision == "fp16" and not gpus:
        raise UsageError("precision=fp16 needs a GPU", remedy="set precision=bf16 or precision=fp32")
    if config.precision == "bf16" and gpus and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError("this GPU cannot compute in bf16", remedy="set precision=fp16 or precision=fp32")
    devices = place.world if place else config.devices
    if config.batch_size < LEAST * devices:
        raise UsageError(
            f"batch_size={config.batch_size} is too small for devices={devices}",
            remedy=f"a batch is shared by all devices: set batch_size={LEAST * devices} or more",
        )


def device() -> torch.device:
    """Return the device that this process computes on."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place = launched()
    return torch.device("cuda", place.local_rank if place else rank_and_count()[0])


@contextmanager
def joined(config: RunConfig) -> Iterator[None]:
    """Let several processes train together.

    A launcher such as torchrun has started them, on one machine or several. Otherwise, if `config.devices` is
    more than 1, the command runs once more in each of the others.

    Raises
    ------
    RadscribeError
        If another process failed.
    """
    if place := launched():
        with _among(place):
            yield
        return
    if config.devices == 1:
        yield
        return
    port = os.environ.get(PORT) or str(_free_port())
    rank = int(os.environ.get(RANK, 0))
    others: list[subprocess.Popen[bytes]] = []
    if RANK not in os.environ:
        for other in range(1, config.devices):
            environment = {**os.environ, RANK: str(other), PORT: port}
            others.append(subprocess.Popen(_command(), env=environment))
    try:
        distributed.init_process_group(
            "nccl" if torch.cuda.is_available() else "gloo",
            init_method=f"tcp://127.0.0.1:{port}",
            rank=rank,
            world_size=config.devices,
        )
        yield
        codes = [process.wait() for process in others]
        if any(codes):
            raise RadscribeError("another process of the run failed", remedy="see its message above")
    finally:
        for process in others:
            if process.poll() is None:
                process.terminate()
        if distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def _among(place: Launched) -> Iterator[None]:
    """Join the processes of a launcher."""
    try:
        distributed.init_process_group(
            "nccl" if torch.cuda.is_available() else "gloo", rank=place.rank, world_size=place.world
        )
        yield
    except (distributed.DistError, RuntimeError) as error:
        if not any(word in str(error) for word in ("peer", "Gloo", "gloo", "NCCL", "store")):
            raise
        raise RadscribeError(
            "another process of the run was lost", remedy="start all of them again with --resume"
        ) from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def share_gradients(module: nn.Module) -> None:
    """Replace each gradient by its mean over all processes."""
    _, count = rank_and_count()
    if count == 1:
        return
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([_gradient(p).flatten() for p in parameters])
    distributed.all_reduce(flat)
    start = 0
    for parameter in parameters:
        gradient = _gradient(parameter)
        gradient.copy_((flat[start : start + gradient.numel()] / count).view_as(gradient))
        start += gradient.numel()


def share_buffers(module: nn.Module) -> None:
    """Replace running statistics by their mean over all processes."""
    _, count = rank_and_count()
    if count > 1:
        for buffer in module.buffers():
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer.div_(count)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def to_device(value: Any, target: torch.device) -> Any:
    """Move the tensors of nested values to a device."""
    if isinstance(value, Tensor):
        return value.to(target, non_blocking=True)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_device(part, target) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(to_device(part, target) for part in value)
    return value


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _command() -> list[str]:
    """This process's own command line."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    script = ["-m", spec.name.removesuffix(".__main__")] if spec is not None else [sys.argv[0]]
    return [sys.executable, *script, *sys.argv[1:]]
