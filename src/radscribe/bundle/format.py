"""`bundle.json`: what a bundle holds, and the check that every file is the one that was written.

A bundle is a folder that captions with only onnxruntime:

| file | what |
|---|---|
| `bundle.json` | this description, with the SHA-256 of every other file |
| `encoder.onnx` | `images` `[N, 1, S, S]` → `probabilities`, `pooled`, `grid` `[N, C, h, w]`, `maps` |
| `decoder_init.onnx` | the study's features, cells of all its views in one row → the decoder's first state |
| `decoder.onnx` | `token` `[N]`, `state_*` → `log_probabilities` `[N, V]`, `next_state_*`, `attention` |
| `tokenizer.json` | the vocabulary, as the `tokenizers` library writes it |
| `sentences.txt` | digests of the sentences that captions may have; not in every bundle |
| `MODEL_CARD.md` | data, terms, recipe and held-out figures |
| `bundle.json.sig` | the signature of `bundle.json`, if the bundle is signed (`signature.py`) |
| `weights.safetensors` | for going on with training; may be left out of a copy that only captions |

Optional in the description: `encoder.precision` (`fp32`, or `int8` by `radscribe export --int8`),
`quantisation` with what int8 cost, and `confidence`, by which captions get theirs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec

from radscribe.bundle import hub, signature
from radscribe.errors import BundleError

FORMAT = 1
DESCRIPTION = "bundle.json"
CARD = "MODEL_CARD.md"
WEIGHTS = "weights.safetensors"
EMBEDDED = Path(__file__).parent / "embedded"
DEFAULT = "iu-nih-3"  # the name of the bundle that ships with the package
Precision = Literal["fp32", "int8"]


class EncoderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an image becomes the encoder's input, and what its outputs mean."""

    backbone: str
    image_size: int
    findings: tuple[str, ...]
    views: tuple[str, ...]  # views that it was trained on: "frontal", "lateral"
    file: str = "encoder.onnx"
    precision: Precision = "fp32"


class DecoderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The decoder: the features that it reads, its state, and the longest caption."""

    kind: str
    inputs: tuple[str, ...]  # names of features: "probabilities", "pooled", "grid", "maps", "views"
    states: tuple[str, ...]  # names of the state tensors, e.g. "h", "c"
    max_length: int
    init_file: str = "decoder_init.onnx"
    step_file: str = "decoder.onnx"
    fixed: tuple[str, ...] = ()  # the last states, which the step reads and does not give back
    appended: tuple[str, ...] = ()  # states of which the step gives the row at the state "position" alone
    operating_point: float = 0.5  # probability from which the decoder takes a finding as seen


class QuantisationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Loss of quality by int8, from captions of the same studies before and after."""

    data: str  # the dataset, as its manifest names it
    part: str
    studies: int
    calibration_images: int  # of the training part, which showed the ranges of activations
    figures: dict[str, tuple[float, float]]  # "auroc", "finding_f1", "cider_d" → in float32, in int8


class ConfidenceSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A logistic regression: from what a caption is like to the probability that its assertions are right."""

    features: tuple[str, ...]  # names in `inference.confidence.FEATURES`
    weights: tuple[float, ...]
    bias: float
    data: str  # the dataset that it was fitted on, as its manifest names it
    part: str
    studies: int
    right: int  # of these studies
    auroc: float  # of right and wrong captions, by cross-fitting over patients, as the next one
    calibration_error: float  # expected, ten bins


class AssessmentSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reliability of captions for one finding, counted on validation studies with a known answer."""

    assessed: bool  # whether captions may assert and deny it
    studies: int = 0  # where it is known whether the finding is there
    positives: int = 0  # where it is there
    asserted: int = 0  # captions that assert it
    asserted_right: int = 0
    denied: int = 0  # captions that deny it
    denied_wrong: int = 0  # although it is there


class BundleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `bundle.json`."""

    format: int
    name: str
    version: str  # of the radscribe that wrote it
    encoder: EncoderSpec
    decoder: DecoderSpec
    files: dict[str, str]  # file name → SHA-256
    tokenizer: str = "tokenizer.json"
    sentences: str = ""  # file of the sentences that captions may have; empty if they may have any
    cautions: tuple[str, ...] = ()  # what every caption of this bundle must be read with
    training: dict[str, Any] = {}
    quantisation: QuantisationSpec | None = None
    confidence: ConfidenceSpec | None = None  # that what a caption asserts is there
    normality: ConfidenceSpec | None = None  # that no finding is there
    assessment: dict[str, AssessmentSpec] = {}  # by finding; empty if it was not measured
    denial_points: dict[str, float] = {}  # by finding: captions do not deny it from this probability on

    @property
    def not_assessed(self) -> tuple[str, ...]:
        """Findings that captions neither assert nor deny, because validation shows that they cannot."""
        return tuple(name for name, one in self.assessment.items() if not one.assessed)

    @property
    def id(self) -> str:
        """Name and a digest of files, confidence, assessment and denial points, but not of cautions."""
        digest = hashlib.sha256("".join(f"{k}:{v};" for k, v in sorted(self.files.items())).encode())
        for part in (self.confidence, self.normality, self.assessment or None, self.denial_points or None):
            if part is not None:
                digest.update(msgspec.json.encode(part))
        return f"{self.name}@{digest.hexdigest()[:12]}"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(bundle: str | Path | None) -> Path:
    """Return the folder of a bundle.

    Parameters
    ----------
    bundle : str or Path, optional
        A folder, the name of an embedded bundle, or `hf:owner/name` or `hf:owner/name@revision` for one on
        the Hugging Face Hub, which is fetched without its weights (default: the embedded bundle).

    Returns
    -------
    Path
        The folder with `bundle.json`.

    Raises
    ------
    BundleError
        There is no such folder or name, or it cannot be fetched.
    """
    if bundle is None:
        return EMBEDDED / DEFAULT
    if str(bundle).startswith(hub.PREFIX):
        return hub.fetch(
            str(bundle),
            DESCRIPTION,
            lambda folder: describe(folder).files.keys() - {WEIGHTS},
            optional=[signature.SIGNATURE],
        )
    if Path(bundle).is_dir():
        return Path(bundle)
    if str(bundle) == Path(bundle).name and (EMBEDDED / str(bundle)).is_dir():
        return EMBEDDED / str(bundle)
    names = ", ".join(sorted(p.name for p in EMBEDDED.iterdir() if p.is_dir())) if EMBEDDED.is_dir() else ""
    raise BundleError(
        "no such bundle",
        subject=bundle,
        remedy=f"give a folder with {DESCRIPTION}, {hub.PREFIX}owner/name, or one of: {names}",
    )


def describe(folder: Path) -> BundleSpec:
    """Read only `bundle.json`.

    Raises
    ------
    BundleError
        It is missing, damaged, of another format, or names a file outside the folder.
    """
    description = folder / DESCRIPTION
    try:
        spec = msgspec.json.decode(description.read_bytes(), type=BundleSpec)
    except FileNotFoundError:
        raise BundleError(
            "is not a bundle: bundle.json is missing", subject=folder, remedy="export one"
        ) from None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleError(
            f"cannot be read: {error}", subject=description, remedy="export it again"
        ) from error
    if spec.format != FORMAT:
        raise BundleError(
            f"has format {spec.format}, and this radscribe reads format {FORMAT}",
            subject=description,
            remedy="update radscribe or export it again",
        )
    needed = {spec.encoder.file, spec.decoder.init_file, spec.decoder.step_file, spec.tokenizer}
    needed |= {spec.sentences} - {""}
    if missing := sorted(needed - spec.files.keys()):
        raise BundleError(
            f"gives no hash for {', '.join(missing)}", subject=description, remedy="export it again"
        )
    for name in spec.files:
        if Path(name).name != name:
            raise BundleError(f"lists '{name}', which is not a plain file name", subject=description)
    return spec


def read(folder: Path) -> BundleSpec:
    """Read `bundle.json` and check the hash of each file that it lists. Only the weights may be absent.

    If the environment names trusted keys, the signature is checked too (`signature.verify`). Bundles that are
    part of the package need none.

    Parameters
    ----------
    folder : Path
        The bundle's folder.

    Returns
    -------
    BundleSpec
        The description.

    Raises
    ------
    BundleError
        A file is missing or altered, or the description is damaged or of another format.
    """
    if not folder.resolve().is_relative_to(EMBEDDED.resolve()):
        signature.verify(folder / DESCRIPTION)
    spec = describe(folder)
    for name, expected in spec.files.items():
        path = folder / name
        if not path.is_file():
            if name == WEIGHTS:
                continue
            raise BundleError("is missing from the bundle", subject=path, remedy="fetch or export it again")
        if sha256(path) != expected:
            raise BundleError(
                "is not the file that was exported: its SHA-256 differs",
                subject=path,
                remedy="delete it, and fetch or export it again",
            )
    return spec


def write(folder: Path, spec: BundleSpec) -> None:
    """Write `bundle.json`, last, so that an unfinished bundle is never taken for a whole one.

    The bundle's files are readable only by their owner, regardless of the umask: a model may repeat what it
    learned from patients' reports.
    """
    text = msgspec.json.format(msgspec.json.encode(spec), indent=2)
    (folder / DESCRIPTION).write_bytes(text + b"\n")
    for name in (DESCRIPTION, *spec.files):
        if (folder / name).is_file():
            (folder / name).chmod(0o600)
