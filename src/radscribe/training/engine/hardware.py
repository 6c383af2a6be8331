"""Where a run computes, and in which precision."""

from __future__ import annotations

from typing import Any

import torch

from radscribe.errors import UsageError
from radscribe.training.config import RunConfig
from radscribe.training.engine.batches import LEAST

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def trainer_options(config: RunConfig) -> dict[str, Any]:
    """What Lightning's trainer is told of devices.

    Raises
    ------
    UsageError : there are fewer GPUs than asked for, or they cannot compute in that precision.
    """
    gpus = torch.cuda.device_count()
    if gpus and config.devices > gpus:
        raise UsageError(f"devices={config.devices}: there are {gpus} GPUs", remedy=f"set devices={gpus}")
    if config.precision == "fp16" and not gpus:
        raise UsageError("precision=fp16 needs a GPU", remedy="set precision=bf16 or precision=fp32")
    if config.precision == "bf16" and gpus and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError("this GPU cannot compute in bf16", remedy="set precision=fp16 or precision=fp32")
    if config.batch_size < LEAST * config.devices:
        raise UsageError(
            f"batch_size={config.batch_size} is too small for devices={config.devices}",
            remedy=f"a batch is shared by all devices: set batch_size={LEAST * config.devices} or more",
        )
    several = config.devices > 1 or config.strategy == "ddp"
    return {
        "accelerator": "gpu" if gpus else "cpu",
        "devices": config.devices,
        "strategy": "ddp" if several else "auto",
        "precision": PRECISIONS[config.precision],
        "use_distributed_sampler": False,  # `batches.Batches` shares them out
        "sync_batchnorm": bool(several and gpus),
    }
