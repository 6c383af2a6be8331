"""A pretrained causal language model (GPT-2, OPT) that sees the images of a study as a prefix.

Radford et al., GPT-2, 2019; Zhang et al., OPT, 2022; Mokady et al., ClipCap, 2021. Learned queries look at
the cells of the images, as in Flamingo (Alayrac et al., NeurIPS 2022) and BLIP-2 (Li et al., ICML 2023), so
that the prefix has as many tokens for any number of cells. It passes through the layers before the first
word. Its keys and values precede those of the words. Further context is more tokens of the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.errors import UsageError, WeightsError
from radscribe.models.context import context_reader
from radscribe.models.decoder import Decoder, State, Step, StudyFeatures, Taught
from radscribe.models.study_inputs import StudyReader

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
}
# A network without a checkpoint, for tests.
TINY: Mapping[str, Any] = MappingProxyType(
    {
        "model_type": "gpt2",
        "width": 32,
        "layers": 2,
        "heads": 2,
        "inner": 64,
        "activation": "gelu_new",
        "eps": 1e-5,
        "positions": 1024,
    }
)


def architecture_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shapes a language model, from the `config.json` of its checkpoint.

    Raises
    ------
    UsageError
        It is not a GPT-2 or OPT, or of a variant that is not computed here.
    """
    kind = config.get("model_type")
    refused = ""
    try:
        if kind == "gpt2":
            if config.get("scale_attn_by_inverse_layer_idx") or not config.get("scale_attn_weights", True):
                refused = "attention that is scaled otherwise"
            if not config.get("tie_word_embeddings", True):
                refused = "an output layer of its own"
            found = {
                "width": int(config["n_embd"]),
                "layers": int(config["n_layer"]),
                "heads": int(config["n_head"]),
                "inner": int(config.get("n_inner") or 4 * config["n_embd"]),
                "activation": str(config.get("activation_function", "gelu_new")),
                "eps": float(config.get("layer_norm_epsilon", 1e-5)),
                "positions": int(config["n_positions"]),
            }
        elif kind == "opt":
            if not config.get("do_layer_norm_before", True) or config.get("_remove_final_layer_norm"):
                refused = "layer norms behind the sublayers"
            if config.get("word_embed_proj_dim", config["hidden_size"]) != config["hidden_size"]:
                refused = "a projected word embedding"
            if not (config.get("enable_bias", True) and config.get("tie_word_embeddings", True)):
                refused = "no biases, or its own output layer"
            found = {
                "width": int(config["hidden_size"]),
                "layers": int(config["num_hidden_layers"]),
                "heads": int(config["num_attention_heads"]),
                "inner": int(config["ffn_dim"]),
                "activation": str(config.get("activation_function", "relu")),
                "eps": 1e-5,
                "positions": int(config["max_position_embeddings"]),
            }
        else:
            raise UsageError(f"no language model of kind {kind!r}", remedy="use a GPT-2 or OPT checkpoint")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"config.json of a {kind}: {error!r}", remedy="use another checkpoint") from error
    if found["activation"] not in ACTIVATIONS:
        refused = f"the activation {found['activation']}"
    if refused:
        raise UsageError(f"a {kind} with {refused} is not supported", remedy="use another checkpoint")
    return {"model_type": kind, **found}


class Memory(NamedTuple):
    """Keys and values of tokens, and which of them each query may look at."""

    keys: Tensor  # [N, heads, S, D / heads]
    values: Tensor  # [N, heads, S, D / heads]
    visible: Tensor | None = None  # broadcasts to [N, heads, T, S]; None: all


def look(query: Tensor, memories: Sequence[Memory]) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention over several memories, which are not copied into one.

    Parameters
    ----------
    query : Tensor
        `[N, heads, T, D / heads]`.
    memories : sequence of Memory
        At least one.

    Returns
    -------
    tuple[Tensor, Tensor]
        What was seen `[N, T, D]`, and the mean of the heads' weights `[N, T, S]` over all memories.
    """
    scores: list[Tensor] = []
    for memory in memories:
        score = query @ memory.keys.transpose(2, 3) * query.shape[3] ** -0.5  # [N, heads, T, S]
        if memory.visible is not None:
            score = score.masked_fill(~memory.visible, -torch.inf)
        scores.append(score)
    weights = torch.softmax(torch.cat(scores, dim=3), dim=3)
    seen, start = torch.zeros_like(query), 0
    for memory in memories:
        length = memory.keys.shape[2]
        seen = seen + weights[:, :, :, start : start + length] @ memory.values
        start += length
    return seen.transpose(1, 2).flatten(2), weights.mean(1)


def by_head(x: Tensor, heads: int) -> Tensor:
    """`[N, T, D]` → `[N, heads, T, D / heads]`."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


class Block(nn.Module):
    """Self-attention and an MLP, each behind a layer norm and added to what came in."""

    def __init__(self, architecture: Mapping[str, Any], dropout: float) -> None:
        super().__init__()
        width, inner, eps = architecture["width"], architecture["inner"], architecture["eps"]
        self.heads, self.activation = architecture["heads"], ACTIVATIONS[architecture["activation"]]
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.qkv, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of tokens `[N, T, D]`, each `[N, heads, T, D / heads]`."""
        query, key, value = self.qkv(self.attention_norm(x)).chunk(3, dim=2)
        return by_head(query, self.heads), by_head(key, self.heads), by_head(value, self.heads)

    def forward(self, x: Tensor, query: Tensor, memories: Sequence[Memory]) -> tuple[Tensor, Tensor]:
        """Tokens `[N, T, D]` one layer on, and where they looked `[N, T, S]`."""
        seen, attention = look(query, memories)
        x = x + self.dropout(self.output(seen))
        return x + self.dropout(self.down(self.activation(self.up(self.mlp_norm(x))))), attention


class CausalDecoder(Decoder):
    """Language model with the images as a prefix; its attention is the last layer's, on the cells.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings, channels, places : int
        F and C of the features, and the cells of one image.
    architecture : mapping
        Of the language model, see `architecture_of`.
    attend, image_input, operating_point : str or float
        What is read of a study, see `StudyReader`.
    image_tokens : int
        Q, tokens of the prefix that look at the cells; one more represents the whole study.
    positions : int
        P, tokens of a caption at most, `<bos>` included.
    frozen : bool
        Train only the prefix and the embeddings.
    lora : int
        Rank of the low-rank adapters that are trained instead of the layers' weights; 0 trains the weights.
    """

    positions: int

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        places: int = 0,
        architecture: Mapping[str, Any] = TINY,
        attend: str = "grid",
        image_input: str = "none",
        operating_point: float = 0.5,
        image_tokens: int = 32,
        positions: int = 128,
        dropout: float = 0.1,
        frozen: bool = False,
        lora: int = 0,
        context: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if frozen and lora:
            raise UsageError("frozen and lora exclude each other", remedy="leave one of them out")
        if not 1 < positions <= architecture["positions"]:
            raise UsageError(
                f"{positions} positions, and the language model has {architecture['positions']}",
                remedy="set options.positions lower",
            )
        if image_tokens < 1:
            raise UsageError(f"{image_tokens} image tokens", remedy="use 1 or more")
        width, self.heads = architecture["width"], architecture["heads"]
        self.vocabulary_size, self.positions = vocabulary_size, positions
        self.frozen, self.lora = frozen, lora
        maps = attend != "grid"
        reads = context_reader(context, vocabulary_size, findings, channels, width, maps=maps)
        self.reader = StudyReader(
            findings, channels, width, attend, image_input, operating_point, places, reads
        )
        self.inputs, self.state_width = self.reader.inputs, width
        # Of each layer its own tensors: a step reads them in place and copies none.
        numbers = range(architecture["layers"])
        moving = tuple(f"{part}_{i}" for i in numbers for part in ("keys", "values"))
        self.fixed = (*(f"prefix_{name}" for name in moving), "looked")
        self.states, self.appended = (*moving, "position", *self.fixed), moving
        self.image_queries = nn.Parameter(torch.randn(image_tokens, width) * 0.02)
        self.cell_memory, self.image_output = nn.Linear(width, 2 * width), nn.Linear(width, width)
        # As large as the language model's own tokens are; learned, as their size differs.
        self.prefix_scale = nn.Parameter(torch.tensor(0.1))
        self.word_embedding = nn.Embedding(vocabulary_size, width)
        self.position_embedding = nn.Embedding(positions, width)
        self.layers = nn.ModuleList(Block(architecture, dropout) for _ in numbers)
        self.norm = nn.LayerNorm(width, architecture["eps"])
        self.dropout = nn.Dropout(dropout)
        for weights in (self.word_embedding.weight, self.position_embedding.weight):
            nn.init.normal_(weights, std=0.02)

    def _prefix(self, features: StudyFeatures) -> tuple[list[Memory], Tensor]:
        """The prefix's `1 + Q` tokens in each layer, and where its queries looked `[N, Q, L]`."""
        cells, real, whole = self.reader(features)  # [N, L, D], [N, L], [N, D]
        keys, values = (by_head(part, self.heads) for part in self.cell_memory(cells).chunk(2, dim=2))
        query = self.image_queries.expand(cells.shape[0], -1, -1)  # [N, Q, D]
        of_cells = Memory(keys, values, real.unsqueeze(1).unsqueeze(2))
        seen, looked = look(by_head(query, self.heads), [of_cells])
        tokens = query + self.image_output(seen)
        x = self.prefix_scale * torch.cat([whole.unsqueeze(1), tokens], dim=1)  # [N, 1 + Q, D]
        memories: list[Memory] = []
        for layer in self.layers:
            query, *pair = layer.project(x)  # type: ignore[operator]
            memories.append(Memory(*pair))
            x, _ = layer(x, query, memories[-1:])
        return memories, looked

    def _embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        x: Tensor = self.dropout(self.word_embedding(tokens) + self.position_embedding(positions))
        return x

    def _log_probabilities(self, x: Tensor) -> Tensor:
        return torch.log_softmax(F.linear(self.norm(x), self.word_embedding.weight), dim=-1)

    def init_state(self, features: StudyFeatures) -> State:
        memories, looked = self._prefix(features)
        # Keys of the prefix lie as a product with queries reads them, `[N, heads, D / heads, 1 + Q]`.
        prefix = [
            part for memory in memories for part in (memory.keys.transpose(2, 3).contiguous(), memory.values)
        ]
        n, heads, _, width = memories[0].values.shape
        empty = prefix[0].new_zeros(n, heads, self.positions, width)
        # Each is its own tensor: graphs have no two names for one output.
        moving = [torch.zeros_like(empty) for _ in prefix]
        return (*moving, torch.zeros_like(features.get("views")[:, 0]), *prefix, looked)

    def step(self, token: Tensor, state: State) -> Step:
        stepped = self.extend(token, state)
        count = len(self.appended)
        here = torch.arange(self.positions, device=token.device) == state[count].unsqueeze(1)  # [N, P]
        caches = [
            torch.where(here.unsqueeze(1).unsqueeze(3), new, cache)  # [N, heads, P, D / heads]
            for new, cache in zip(stepped.state[:count], state[:count], strict=True)
        ]
        return stepped._replace(state=(*caches, *stepped.state[count:]))

    def extend(self, token: Tensor, state: State) -> Step:
        count = 2 * len(self.layers)
        moving, position, prefix, looked = state[:count], state[count], state[count + 1 : -1], state[-1]
        # Caches may be shorter than `positions`, as long as they hold the tokens so far.
        places = torch.arange(moving[0].shape[2], device=token.device)
        before = (places < position.unsqueeze(1)).unsqueeze(1).unsqueeze(2)  # [N, 1, 1, P]
        x = self._embed(token.unsqueeze(1), position.unsqueeze(1))  # [N, 1, D]
        following: list[Tensor] = []
        attention = x
        for index, layer in enumerate(self.layers):
            query, key, value = layer.project(x)  # type: ignore[operator]
            keys, values = moving[2 * index : 2 * index + 2]
            of_prefix = prefix[2 * index : 2 * index + 2]
            memories = (
                Memory(of_prefix[0].transpose(2, 3), of_prefix[1]),
                Memory(keys, values, before),
                Memory(key, value),
            )
            x, attention = layer(x, query, memories)
            following += [key, value]
        log_probabilities = self._log_probabilities(x)[:, 0]
        state = (*following, position + 1, *prefix, looked)
        return Step(log_probabilities, state, self._on_cells(attention, looked)[:, 0])

    def _on_cells(self, attention: Tensor, looked: Tensor) -> Tensor:
        """The share of each cell in what tokens saw of the images: `[N, T, S]`, `[N, Q, L]` → `[N, T, L]`."""
        on_queries = attention[:, :, 1 : 1 + looked.shape[1]]  # [N, T, Q]
        return on_queries / on_queries.sum(2, keepdim=True).clamp(min=1e-12) @ looked

    def forward(self, features: StudyFeatures, tokens: Tensor, sample_rate: float = 0.0) -> Taught:
        length = tokens.shape[1]
        self.require_positions(length)
        if sample_rate:
            return super().forward(features, tokens, sample_rate)
        prefix, looked = self._prefix(features)
        places = torch.arange(length, device=tokens.device)
        before = places <= places.unsqueeze(1)  # [T, T]
        x = self._embed(tokens, places.expand_as(tokens))  # [N, T, D]
        attention = x
        for layer, memory in zip(self.layers, prefix, strict=True):
            query, key, value = layer.project(x)  # type: ignore[operator]
            x, attention = layer(x, query, (memory, Memory(key, value, before)))
        count = features.get("views").shape[1]
        return Taught(self._log_probabilities(x), self._on_cells(attention, looked), None, x[:, 0], count)

    @torch.no_grad()
    def take_weights(self, tensors: Mapping[str, Tensor], kind: str, rows: list[int], name: str) -> None:
        """Take a checkpoint's weights.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            As the files name them.
        kind : {"gpt2", "opt"}
            Architecture of the checkpoint.
        rows : list of int
            Row of the checkpoint's embedding for each token, -1 for special tokens.
        name : str
            Name of the checkpoint.

        Raises
        ------
        WeightsError
            A tensor is missing or has another shape.
        """
        arranged = (_of_gpt2 if kind == "gpt2" else _of_opt)(tensors, len(self.layers), name)
        table, places = arranged.pop("word_embedding.weight"), arranged.pop("position_embedding.weight")
        chosen = torch.tensor(rows)
        if len(chosen) != self.vocabulary_size or int(chosen.max()) >= len(table):
            raise WeightsError(
                "its tokenizer has other tokens than its weights", subject=name, remedy="use another one"
            )
        words = table[chosen.clamp(min=0)]
        words[chosen < 0] = table.mean(0)
        arranged |= {"word_embedding.weight": words, "position_embedding.weight": places[: self.positions]}
        ours = ("reader.", "prefix_scale", "image_", "cell_memory.")
        own = {key for key in self.state_dict() if not key.startswith(ours)}
        mine = self.state_dict()
        wrong = sorted(
            key for key in own if key not in arranged or arranged[key].shape != mine[key].shape
        ) or sorted(arranged.keys() - own)
        if wrong:
            raise WeightsError(
                f"does not fit its config.json at {wrong[0]}", subject=name, remedy="use another one"
            )
        self.load_state_dict(mine | arranged)


def _of_gpt2(tensors: Mapping[str, Tensor], layers: int, name: str) -> dict[str, Tensor]:
    """GPT-2's tensors by our names; its linear layers are stored transposed."""
    given = {key.removeprefix("transformer."): tensor for key, tensor in tensors.items()}
    parts = {
        "attention_norm": "ln_1",
        "qkv": "attn.c_attn",
        "output": "attn.c_proj",
        "mlp_norm": "ln_2",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    }
    try:
        found = {
            "word_embedding.weight": given["wte.weight"],
            "position_embedding.weight": given["wpe.weight"],
            "norm.weight": given["ln_f.weight"],
            "norm.bias": given["ln_f.bias"],
        }
        for i in range(layers):
            for ours, theirs in parts.items():
                weight = given[f"h.{i}.{theirs}.weight"]
                found[f"layers.{i}.{ours}.weight"] = weight.T if weight.ndim == 2 else weight
                found[f"layers.{i}.{ours}.bias"] = given[f"h.{i}.{theirs}.bias"]
    except KeyError as error:
        raise WeightsError(
            f"lacks the tensor {error}", subject=name, remedy="use a whole checkpoint of GPT-2"
        ) from error
    return found


def _of_opt(tensors: Mapping[str, Tensor], layers: int, name: str) -> dict[str, Tensor]:
    """OPT's tensors by our names; two rows of its positions are unused."""
    given = {key.removeprefix("model.").removeprefix("decoder."): tensor for key, tensor in tensors.items()}
    parts = {
        "attention_norm": "self_attn_layer_norm",
        "output": "self_attn.out_proj",
        "mlp_norm": "final_layer_norm",
        "up": "fc1",
        "down": "fc2",
    }
    try:
        found = {
            "word_embedding.weight": given["embed_tokens.weight"],
            "position_embedding.weight": given["embed_positions.weight"][2:],
            "norm.weight": given["final_layer_norm.weight"],
            "norm.bias": given["final_layer_norm.bias"],
        }
        for i in range(layers):
            for end in ("weight", "bias"):
                found[f"layers.{i}.qkv.{end}"] = torch.cat(
                    [given[f"layers.{i}.self_attn.{part}_proj.{end}"] for part in "qkv"]
                )
                for ours, theirs in parts.items():
                    found[f"layers.{i}.{ours}.{end}"] = given[f"layers.{i}.{theirs}.{end}"]
    except KeyError as error:
        raise WeightsError(
            f"lacks the tensor {error}", subject=name, remedy="use a whole checkpoint of OPT"
        ) from error
    return found
