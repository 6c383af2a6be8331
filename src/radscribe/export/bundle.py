"""A captioner's run → a bundle: graphs, tokenizer, card; each graph is tried against torch."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radscribe._version import __version__
from radscribe.bundle.format import CARD, WEIGHTS, BundleSpec, DecoderSpec, EncoderSpec, sha256, write
from radscribe.errors import BundleError, UsageError
from radscribe.labels import COURSE, VIEW_KINDS
from radscribe.models.course import course_of
from radscribe.models.decoder import Decoder, State, StudyFeatures
from radscribe.models.encoder import Encoder
from radscribe.text.context import INDICATION_TOKENS, REPORT_TOKENS
from radscribe.text.known_sentences import FILE as SENTENCES
from radscribe.training.bundle_encoder import BundleEncoder
from radscribe.training.checkpoint import portable_name
from radscribe.training.config import CONFIG
from radscribe.training.decoder_run import ENCODER, IMPORT, load_captioner
from radscribe.training.decoder_run import WEIGHTS as DECODER_WEIGHTS
from radscribe.training.encoder_run import WEIGHTS as ENCODER_WEIGHTS

TOLERANCE = 1e-4  # of every output, onnxruntime against torch
OPSET = 18
POSITIONS = "positions"  # of a cache of keys or values
OF_PRIOR = ("prior_grid", "prior_maps", "prior_views")  # cells of the earlier study
NAMES_FILES = (
    "encoder",
    "weak_reports",
    "teacher",
    "cache",
    "init_from",
    "reviews",
    "word_vectors",
)  # keys of configurations


class _EncoderGraph(nn.Module):
    """The encoder's outputs without the raw logits; `view_probabilities` if it has a view head."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.encoder(images)
        views = [] if output.view_logits is None else [output.view_logits.softmax(-1)]
        return (output.grid, output.pooled, output.probabilities, output.maps, *views)


class _InitGraph(nn.Module):
    """Features → the first state, and what became of each finding if the decoder compares two studies."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *features: Tensor) -> tuple[Tensor, ...]:
        named = named_features(self.decoder.inputs, features)
        state, course = self.decoder.init_state(named), course_of(self.decoder)
        return state if course is None else (*state, course.probabilities(named))


class _StepGraph(nn.Module):
    """Token and state → log-probabilities, the next state without its fixed parts, and attention if any."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.table: Tensor | None = None
        if type(decoder).step_after is not Decoder.step_after:
            # The part of a step that depends only on the token is computed once, for every token.
            with torch.no_grad():
                self.table = decoder.read(torch.arange(decoder.vocabulary_size))  # [V, K]

    def forward(self, token: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        if self.table is None:
            stepped = self.decoder.extend(token, state)
        else:
            stepped = self.decoder.step_after(self.table[token], state)
        log_probabilities, following, attention, _ = stepped
        moving = following[: len(following) - len(self.decoder.fixed)]
        return (log_probabilities, *moving, *([] if attention is None else [attention]))


def named_features(names: Sequence[str], values: Sequence[Tensor]) -> StudyFeatures:
    """Features by name; probabilities that the decoder does not read are left empty."""
    given = dict(zip(names, values, strict=True))
    given.setdefault("probabilities", values[0].new_zeros((values[0].shape[0], 0)))
    return StudyFeatures(**given)


def export(
    run: Path,
    out: Path,
    name: str | None = None,
    card: Path | None = None,
    weights: bool = True,
    cautions: Sequence[str] = (),
) -> BundleSpec:
    """Write the bundle of a run.

    Parameters
    ----------
    card : Path, optional
        The model card; without one, a card that says that nothing was measured.
    cautions : sequence of str
        What every caption of this bundle must be read with.
    weights : bool
        Add `weights.safetensors`, from which training can continue, unless the encoder is a bundle's graph.

    Raises
    ------
    DataError
        The run is not finished.
    UsageError
        The run is an encoder's.
    BundleError
        A graph does not compute what torch computes.
    """
    if (run / ENCODER_WEIGHTS).is_file() and not (run / DECODER_WEIGHTS).is_file():
        raise UsageError(
            "is the run of an encoder, which writes no captions",
            subject=run,
            remedy=f"train a captioner on it with radscribe train --set encoder={run}, and export that",
        )
    encoder, decoder, tokenizer, config = load_captioner(run)
    out.mkdir(parents=True, exist_ok=True)
    spec_encoder = EncoderSpec(
        backbone=portable_name(encoder.backbone_name),
        image_size=encoder.image_size,
        findings=tuple(encoder.findings),
        views=encoder.views,
        precision=encoder.spec.precision if isinstance(encoder, BundleEncoder) else "fp32",
    )
    spec_decoder = DecoderSpec(
        kind=portable_name(config.decoder),
        inputs=decoder.inputs,
        states=decoder.states,
        max_length=config.max_length,
        fixed=decoder.fixed,
        appended=decoder.appended,
        operating_point=float(config.options.get("operating_point", 0.5)),
    )
    if isinstance(encoder, BundleEncoder):
        shutil.copyfile(encoder.graph, out / spec_encoder.file)
    else:
        _export_encoder(encoder, out / spec_encoder.file)
    _export_decoder(decoder, encoder, out, spec_decoder)
    tokenizer.save(out / "tokenizer.json")
    if card is None:
        (out / CARD).write_text(_bare_card(name or out.name, run), encoding="utf-8")
    elif card.resolve() != (out / CARD).resolve():
        shutil.copyfile(card, out / CARD)
    files = [spec_encoder.file, spec_decoder.init_file, spec_decoder.step_file, "tokenizer.json", CARD]
    if (run / SENTENCES).is_file():
        shutil.copyfile(run / SENTENCES, out / SENTENCES)
        files.append(SENTENCES)
    if weights and not isinstance(encoder, BundleEncoder):
        from safetensors.torch import save_model

        both = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
        save_model(both, str(out / WEIGHTS))
        files.append(WEIGHTS)
    spec = BundleSpec(
        format=1,
        name=name or out.name,
        version=__version__,
        encoder=spec_encoder,
        decoder=spec_decoder,
        sentences=SENTENCES if SENTENCES in files else "",
        cautions=tuple(cautions),
        files={file: sha256(out / file) for file in files},
        training={
            stage: _portable(json.loads((folder / CONFIG).read_text()))
            for stage, folder in (("encoder", run / "encoder"), ("decoder", run))
        },
    )
    write(out, spec)
    return spec


def _export_encoder(encoder: Encoder, path: Path) -> None:
    size = encoder.image_size
    graph = _EncoderGraph(encoder.eval())
    outputs = ["grid", "pooled", "probabilities", "maps"]
    outputs += ["view_probabilities"] if len(encoder.views) > 1 else []
    images = torch.rand(3, 1, size, size)
    _to_onnx(graph, (images[:2],), [(images,)], path, ["images"], outputs)


def _export_decoder(decoder: Decoder, encoder: Encoder, out: Path, spec: DecoderSpec) -> None:
    """Both graphs, traced with 2 studies of 6 cells, and compared with 3 studies of 8 cells, and 1 of 1."""
    decoder.eval()
    findings, channels = len(encoder.findings), encoder.channels
    traced, *others = (
        _made_up_features(spec.inputs, n, cells, findings, channels) for n, cells in ((2, 6), (3, 8), (1, 1))
    )
    names = [f"state_{name}" for name in spec.states]
    begun = [*names, *([] if course_of(decoder) is None else [COURSE])]
    _to_onnx(_InitGraph(decoder), traced, others, out / spec.init_file, list(spec.inputs), begun)
    with torch.no_grad():
        state, *states = (
            _after_a_word(decoder, decoder.init_state(named_features(spec.inputs, x)))
            for x in (traced, *others)
        )
        attends = decoder.step(torch.tensor([1, 5]), state).attention is not None
    following = [f"next_{name}" for name in names[: len(names) - len(spec.fixed)]]
    outputs = ["log_probabilities", *following, *(["attention"] if attends else [])]
    # Caches may be as long as the caption so far; one position less than `state` has.
    caches = [spec.states.index(name) for name in spec.appended]
    states = [
        tuple(part[:, :, :-1] if place in caches else part for place, part in enumerate(other))
        for other in states
    ]
    compared = [(torch.arange(1, 1 + other[0].shape[0]), *other) for other in states]
    inputs = (torch.tensor([1, 5]), *state)
    read, step = ["token", *names], _StepGraph(decoder)
    _to_onnx(step, inputs, compared, out / spec.step_file, read, outputs, [names[i] for i in caches])


def _after_a_word(decoder: Decoder, state: State) -> State:
    """The state after one word. The first one may hold zeros, or one tensor twice, which a tracer merges."""
    words = torch.arange(1, 1 + len(state[0]))
    return tuple(part.clone() for part in decoder.step(words, state).state)


def _made_up_features(
    names: Sequence[str], n: int, cells: int, findings: int, channels: int
) -> tuple[Tensor, ...]:
    """Features of `n` studies of two views, the last of which lacks some cells of the second."""
    views = torch.ones(n, cells, dtype=torch.long)
    views[:, cells // 2 :] = VIEW_KINDS.index("lateral")
    views[-1, 1:][-2:] = VIEW_KINDS.index("padding")
    made: dict[str, Tensor] = {
        "probabilities": torch.rand(n, findings),
        "pooled": torch.rand(n, channels),
        "grid": torch.rand(n, cells, channels),
        "maps": torch.randn(n, cells, findings),
        "views": views,
        **_made_up_context(n, cells, findings, channels),
    }
    return tuple(made[name] for name in names)


def _made_up_context(n: int, cells: int, findings: int, channels: int) -> dict[str, Tensor]:
    """The context of `n` studies, of which the last has none; two cells fewer of the earlier study."""
    earlier = max(cells - 2, 1)
    given = (torch.arange(n) < max(n - 1, 1)).long()
    texts = {"indication": INDICATION_TOKENS, "prior_report": REPORT_TOKENS}
    words = {
        name: torch.arange(3, 3 + n * length).reshape(n, length) % 5 * given[:, None]
        for name, length in texts.items()
    }
    return {
        **words,
        "prior_given": given,
        "prior_probabilities": torch.rand(n, findings),
        "prior_pooled": torch.rand(n, channels),
        "prior_grid": torch.rand(n, earlier, channels),
        "prior_maps": torch.randn(n, earlier, findings),
        "prior_views": given[:, None].expand(n, earlier).clone(),
    }


def _to_onnx(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    others: Sequence[tuple[Tensor, ...]],
    path: Path,
    names: list[str],
    outputs: list[str],
    appended: Sequence[str] = (),
) -> None:
    """Export, free in every dimension in which the others differ from `inputs`, and compare on the others."""
    free = {name: torch.export.Dim(name) for name in ("batch", "cells", "prior_cells", POSITIONS)}
    of_name = dict.fromkeys(OF_PRIOR, "prior_cells") | dict.fromkeys(appended, POSITIONS)
    shapes: Any = tuple(
        {
            dimension: free["batch" if not dimension else of_name.get(name, "cells")]
            for dimension in range(x.ndim)
            if x.shape[dimension] != y.shape[dimension]
        }
        for name, x, y in zip(names, inputs, others[0], strict=True)
    )
    if isinstance(module, _InitGraph):
        shapes = (shapes,)
    elif isinstance(module, _StepGraph):
        shapes = (shapes[0], shapes[1:])
    with _quiet_torch():
        program = torch.onnx.export(
            module,
            inputs,
            input_names=names,
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)
    for other in others:
        _compare(module, other, path, names)


@contextmanager
def _quiet_torch() -> Iterator[None]:
    """Silence the exporter's warnings and log lines, which are about torch's own parts."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


@torch.no_grad()
def _compare(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, names: list[str]) -> None:
    import onnxruntime as ort

    expected = module(*inputs)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    for a, b in zip(expected, got, strict=True):
        worst = float(np.abs(a.numpy().astype(np.float64) - b).max())
        if not worst <= TOLERANCE:
            raise BundleError(f"differs from torch by {worst:.1e}", subject=path, remedy="report this")


def _portable(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the folders of the machine that trained."""
    portable = {k: Path(value).name if k in NAMES_FILES and value else value for k, value in config.items()}
    return {k: portable_name(v) if k in ("backbone", "decoder") else v for k, v in portable.items()}


def _bare_card(name: str, run: Path) -> str:
    card = (
        f"# {name}\n\nDrafts for research: not verified, not for diagnosis. "
        "**Nothing was measured on held-out data.**\n"
    )
    for part, folder in (("Encoder", run / ENCODER), ("Decoder", run)):
        if (folder / IMPORT).is_file():
            source = json.loads((folder / IMPORT).read_text())
            notes = "".join(f" {note[0].upper()}{note[1:]}." for note in source["notes"])
            card += f"\n{part}: imported from `{source['file']}` (SHA-256 {source['sha256']}).{notes}\n"
    if (run / ENCODER / "validation.json").is_file():
        validation = json.loads((run / ENCODER / "validation.json").read_text())
        rows = "\n".join(f"| {finding} | {value:.3f} |" for finding, value in validation["auroc"].items())
        card += (
            f"\nValidation AUROC, {validation['images']} images:\n\n| finding | AUROC |\n|---|---|\n{rows}\n"
        )
    return card
