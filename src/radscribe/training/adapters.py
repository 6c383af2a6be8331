"""Low-rank adapters (Hu et al., LoRA, ICLR 2022) by `peft`, put into a module and merged into its weights.

They exist only during training: a run's weights are merged, and no other module knows of them.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from radscribe.errors import RadscribeError


def train_only(module: nn.Module, frozen: bool, rank: int) -> None:
    """Freeze a module, or train only adapters that are put into it.

    Parameters
    ----------
    frozen : bool
        Whether to train none of its weights.
    rank : int
        Rank of the adapters of every linear layer; 0 for none.

    Raises
    ------
    RadscribeError
        `peft` is missing.
    """
    if frozen:
        module.requires_grad_(False)
    if not rank:
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise RadscribeError(
            "low-rank adapters need peft", remedy='run: pip install ".[train,hf]" in the checkout'
        ) from error
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    module.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names), module)


def merge(module: nn.Module) -> None:
    """Add adapters to the weights that they belong to, and take them out; all weights are as before."""
    for name, part in list(module.named_modules()):
        if not hasattr(part, "get_base_layer"):
            continue
        adapted: Any = part
        adapted.merge(safe_merge=True)
        parent, _, own = name.rpartition(".")
        setattr(module.get_submodule(parent), own, adapted.get_base_layer())
