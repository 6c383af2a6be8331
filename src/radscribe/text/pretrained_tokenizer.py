"""The byte-level tokenizer of a pretrained language model, reduced to the tokens that reports use.

GPT-2's 50,257 tokens are those of the web; reports of the chest need a few thousand. A smaller vocabulary
makes the output layer and the tables of the constraints small. A token is kept with the tokens that it is
merged from, so that texts are cut as before, and every byte is kept, so that no text is unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from radscribe.errors import WeightsError
from radscribe.text.tokenizer import SECTIONS, SPECIALS, ReportTokenizer, spaced_for_pieces


def reduced(
    folder: Path,
    texts: Iterable[str],
    vocabulary_size: int,
    min_frequency: int = 1,
    sections: bool = False,
) -> tuple[ReportTokenizer, list[int]]:
    """Read a checkpoint's tokenizer and keep what texts need.

    Parameters
    ----------
    folder : Path
        Of the checkpoint; with `tokenizer.json`, or `vocab.json` and `merges.txt`.
    texts : iterable of str
        Reports of only the training part.
    vocabulary_size : int
        Largest number of tokens. The bytes and special tokens are always kept.
    min_frequency : int
        Smallest number of times that a token occurs in the texts.
    sections : bool
        Add the tokens of `SECTIONS`.

    Returns
    -------
    tuple[ReportTokenizer, list[int]]
        The tokenizer, and the checkpoint's id of each of its tokens, -1 for the special ones.

    Raises
    ------
    WeightsError
        The tokenizer is missing or is not a byte-level BPE.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary, merges = _read(folder)
    made_of = {first + second: (first, second) for first, second in merges}
    whole = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(whole.encode(spaced_for_pieces(text), add_special_tokens=False).tokens)
    alphabet = [token for token in pre_tokenizers.ByteLevel.alphabet() if token in vocabulary]
    kept = set(alphabet)
    specials = [*SPECIALS, *(SECTIONS if sections else ())]
    for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        needed = _with_parts(token, made_of) - kept
        if count >= min_frequency and len(kept) + len(needed) + len(specials) <= vocabulary_size:
            kept |= needed
    ordered = sorted(kept, key=vocabulary.__getitem__)
    ids = {token: place for place, token in enumerate((*specials, *ordered))}
    model = models.BPE(
        vocab=ids,
        merges=[(a, b) for a, b in merges if a in kept and b in kept and a + b in kept],
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return ReportTokenizer(tokenizer), [-1] * len(specials) + [vocabulary[token] for token in ordered]


def _with_parts(token: str, made_of: dict[str, tuple[str, str]]) -> set[str]:
    """The token, and all tokens that it is merged from."""
    parts, waiting = set[str](), [token]
    while waiting:
        part = waiting.pop()
        if part not in parts:
            parts.add(part)
            waiting += made_of.get(part, ())
    return parts


def _read(folder: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE."""
    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            table = json.loads(path.read_text(encoding="utf-8"))
            model = table["model"]
            before = json.dumps(table.get("pre_tokenizer"))
            if model.get("type", "BPE") != "BPE" or "ByteLevel" not in before or model.get("byte_fallback"):
                raise WeightsError(
                    "is not a byte-level BPE, as GPT-2 and OPT have it",
                    subject=path,
                    remedy="use another one",
                )
            pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
            return dict(model["vocab"]), [(a, b) for a, b in pairs]
        path = folder / "vocab.json"
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
        path = folder / "merges.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
        return vocabulary, [(a, b) for a, b in pairs]
    except FileNotFoundError:
        raise WeightsError(
            "has no tokenizer.json, and no vocab.json with merges.txt",
            subject=folder,
            remedy="use a checkpoint with its tokenizer",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"is not a tokenizer ({error!r})", subject=path, remedy="fetch it again"
        ) from error
