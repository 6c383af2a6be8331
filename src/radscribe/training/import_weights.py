"""Published weights as a run: what `train-encoder` or `train` would have left, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from torch import Tensor

from radscribe.errors import UsageError
from radscribe.models.importers import recognise
from radscribe.models.importers.encoder_import import ImportedEncoder, build
from radscribe.models.importers.keras_merge import ImportedCaptioner, arrange
from radscribe.models.importers.reading import read_weights_file
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import CONFIG, DecoderConfig, EncoderConfig, RunConfig, save
from radscribe.training.decoder_run import IMPORT, SHAPES, WEIGHTS, Shapes, build_decoder, keep_encoder
from radscribe.training.encoder_run import load_encoder
from radscribe.training.tensor_files import save_tensors


class EncoderOptions(msgspec.Struct, frozen=True):
    """Options for an encoder's file; None and empty leave the choice to the file."""

    findings: tuple[str, ...] = ()
    new_head: bool = False
    image_size: int | None = None
    final_relu: bool | None = None


class CaptionerOptions(msgspec.Struct, frozen=True):
    """Options for a captioner's file."""

    words: Path | None = None  # its vocabulary
    encoder: Path | None = None  # the run of the encoder whose probabilities it reads
    max_length: int | None = None


def import_weights(
    path: Path, out: Path, encoder: EncoderOptions, captioner: CaptionerOptions
) -> tuple[Path, tuple[str, ...]]:
    """Read a file and write its run; nothing is written where anything is wrong.

    Returns
    -------
    tuple[Path, tuple[str, ...]]
        The path of the weights, and what the user must know.

    Raises
    ------
    WeightsError
        The file is damaged, of no known layout, or does not fit whole.
    UsageError
        An option that the file has no use for, or one that it needs and lacks.
    """
    imported = recognise(read_weights_file(path))
    if isinstance(imported, ImportedEncoder):
        if captioner != CaptionerOptions():
            raise UsageError(
                "is an encoder", subject=path, remedy="leave out --words, --encoder, --max-length"
            )
        return _encoder_run(imported, path, out, encoder)
    if encoder != EncoderOptions():
        raise UsageError(
            "is a captioner",
            subject=path,
            remedy="leave out --findings, --new-head, --image-size, --final-relu",
        )
    return _captioner_run(imported, path, out, captioner)


def _encoder_run(
    imported: ImportedEncoder, path: Path, out: Path, options: EncoderOptions
) -> tuple[Path, tuple[str, ...]]:
    encoder, notes = build(
        imported, path, options.findings, options.new_head, options.image_size, options.final_relu
    )
    config = EncoderConfig(
        backbone=encoder.backbone_name,
        backbone_options=encoder.backbone_options,
        pretrained=False,
        image_size=encoder.image_size,
        findings=encoder.findings,
    )
    return _write(out, config, "encoder.pt", encoder.state_dict(), path, notes), notes


def _captioner_run(
    imported: ImportedCaptioner, path: Path, out: Path, options: CaptionerOptions
) -> tuple[Path, tuple[str, ...]]:
    if options.words is None:
        raise UsageError(
            f"is a captioner of {imported.words} words and does not hold them",
            subject=path,
            remedy="give --words FILE: JSON of word and number, or one word per line",
        )
    words = read_words(options.words)
    if len(words) != imported.words:
        raise UsageError(
            f"has {len(words)} words, and the captioner {imported.words}",
            subject=options.words,
            remedy="give the vocabulary that it was trained with",
        )
    notes = list(imported.notes)
    if options.encoder is not None:
        findings = load_encoder(options.encoder).findings
        if len(findings) != imported.scores:
            raise UsageError(
                f"gives {len(findings)} probabilities, and the captioner reads {imported.scores}",
                subject=options.encoder,
                remedy="give the encoder that it was trained on",
            )
        notes.append(f"its scores have no names: they are taken to be {', '.join(findings)}")
    state, kept, start_word = arrange(imported, words)
    if not start_word:
        notes.append("it knows no end word: a caption ends at the blank, or at max_length words")
    tokenizer = ReportTokenizer.of_words(kept)
    embedding, hidden = state["word_embedding.weight"].shape[1], state["merged.weight"].shape[0]
    settings: dict[str, int | float | bool | str] = {
        "embedding": embedding,
        "hidden": hidden,
        "start_word": start_word,
    }
    if not imported.masked:
        settings["window"] = imported.window
    config = DecoderConfig(
        encoder=str(options.encoder or ""),
        decoder="merge" if imported.masked else "merge-padded",
        options=settings,
        max_length=options.max_length or imported.window,
    )
    shapes = Shapes(imported.scores, 0)
    build_decoder(config, len(tokenizer), shapes).load_state_dict(state)  # strict
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(out / "tokenizer.json")
    (out / SHAPES).write_bytes(msgspec.json.encode(shapes))
    if options.encoder is not None:
        keep_encoder(options.encoder, out)
    return _write(out, config, WEIGHTS, state, path, tuple(notes)), tuple(notes)


def read_words(path: Path) -> list[str]:
    """A vocabulary in the order of its numbers, which begin at 1.

    Parameters
    ----------
    path : Path
        JSON of `{word: number}`, `{number: word}` or a list; else text, one word per line.

    Raises
    ------
    UsageError
        Neither of them, or numbers that are not 1 to their count.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"is not text ({error})",
            subject=path,
            remedy="write a pickle of words as JSON: json.dump(words, file)",
        ) from error
    if text.lstrip()[:1] not in ("{", "["):
        return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
    try:
        table = json.loads(text)
        if isinstance(table, list):
            return [str(word) for word in table]
        pairs = [
            (int(n), str(w)) if str(n).isdigit() and not str(w).isdigit() else (int(w), str(n))
            for n, w in table.items()
        ]
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"is no JSON of words ({error})", subject=path, remedy="give {word: number}"
        ) from error
    pairs.sort()
    if [number for number, _ in pairs] != list(range(1, len(pairs) + 1)):
        raise UsageError(
            f"numbers its {len(pairs)} words otherwise than from 1 to {len(pairs)}",
            subject=path,
            remedy="give {word: number} as it was trained with",
        )
    return [word for _, word in pairs]


def _write(
    out: Path, config: RunConfig, name: str, state: dict[str, Tensor], path: Path, notes: Sequence[str]
) -> Path:
    """Configuration, weights, and where they came from."""
    out.mkdir(parents=True, exist_ok=True)
    save(config, out / CONFIG)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    source = {"file": path.name, "sha256": digest, "notes": list(notes)}
    (out / "validation.json").unlink(missing_ok=True)  # of the run that was here before
    (out / IMPORT).write_text(json.dumps(source, indent=2) + "\n")
    save_tensors(state, out / name)
    return out / name
