"""Tiny random checkpoints in the Hub's layout, of every architecture that radscribe reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

_VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
_CONVNEXT = {"num_stages": 2, "hidden_sizes": [12, 16], "depths": [1, 1], "image_size": 64}
BACKBONES: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViTModel", {**_VIT, "image_size": 64, "patch_size": 16}),
    "deit": ("DeiTModel", {**_VIT, "image_size": 64, "patch_size": 16}),
    "dinov2": ("Dinov2Model", {**_VIT, "mlp_ratio": 2, "image_size": 70, "patch_size": 14}),
    "dinov2_with_registers": (
        "Dinov2WithRegistersModel",
        {**_VIT, "mlp_ratio": 2, "image_size": 70, "patch_size": 14, "num_register_tokens": 3},
    ),
    "dinov3_vit": (
        "DINOv3ViTModel",
        {**_VIT, "image_size": 64, "patch_size": 16, "num_register_tokens": 2},
    ),
    "swin": (
        "SwinModel",
        {
            "embed_dim": 12,
            "depths": [1, 2],
            "num_heads": [2, 2],
            "window_size": 4,
            "image_size": 64,
            "patch_size": 4,
        },
    ),
    "convnext": ("ConvNextModel", {**_CONVNEXT}),
    "convnextv2": ("ConvNextV2Model", {**_CONVNEXT}),
}
STRIDES = {"dinov2": 14, "dinov2_with_registers": 14, "swin": 8, "convnext": 8, "convnextv2": 8}


def write_backbone(kind: str, folder: Path, **changes: Any) -> Any:
    """Write the checkpoint of a backbone, and return its network of transformers."""
    import transformers

    name, settings = BACKBONES[kind]
    model_class = getattr(transformers, name)
    torch.manual_seed(0)
    network = model_class(model_class.config_class(**{**settings, **changes})).eval()
    with torch.no_grad():  # what is 0 at first would hide mistakes
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    network.save_pretrained(folder)
    channels = network.config.num_channels
    processor = {
        "do_normalize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "image_mean": [0.53, 0.54, 0.55][:channels],
        "image_std": [0.23, 0.24, 0.25][:channels],
        "size": {"height": network.config.image_size, "width": network.config.image_size},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return network


TEXTS = (
    "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax.",
    "There is a small right-sided pleural effusion. The heart is enlarged.",
    "Mild cardiomegaly. Left basilar atelectasis (PA view). No acute disease.",
)


def write_language_model(kind: str, folder: Path, texts: Sequence[str] = TEXTS) -> Any:
    """Write the checkpoint of a GPT-2 or OPT with a tokenizer of its own, and return its network."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f" {text}" for text in texts], trainer)
    if kind == "gpt2":
        tokenizer.save(str(folder / "tokenizer.json"))
    else:  # as older checkpoints have it
        tokenizer.model.save(str(folder))
    size = tokenizer.get_vocab_size()
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0
        )
        network: Any = transformers.GPT2LMHeadModel(config)
    else:
        settings = transformers.OPTConfig(
            vocab_size=size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            ffn_dim=48,
            max_position_embeddings=64,
            word_embed_proj_dim=32,
        )
        network = transformers.OPTForCausalLM(settings)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    network.eval().save_pretrained(folder)
    return network
