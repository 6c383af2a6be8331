"""How well maps point at findings, beside places that look at no pixel: one table.

    python -m benchmarks.evidence.pointing_game --phantoms DATA --phantom-bundle BUNDLE \
        [--grad-cam BUNDLE] [--jsrt FOLDER] [--jsrt-run RUN] [--read-at 448]

Phantoms: the test part of `radscribe prepare phantom`, whose boxes are known; class activation maps of every
finding that was drawn, and the attention (of `--grad-cam`'s bundle: the Grad-CAM) of the words that assert
it. Fixed places come from the train part. JSRT: the Cardiomegaly map of the embedded bundle on 240 frontals
against the masks of the heart, enlarged or not; fixed places come from the other 239 images. `--read-at`
shows the same encoders images of another size than they learned from; that of the phantoms comes from its
bundle's weights, that of the embedded bundle from its run.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import radscribe
from benchmarks.evidence.game import Case, Elsewhere, Floats, Mask, header, line, play
from benchmarks.phantom_training.attention import Box, asserting, boxes, covered
from radscribe.data.manifest import Manifest
from radscribe.export.restore import restore
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.inference.caption import Caption
from radscribe.inference.captioner import Captioner
from radscribe.inference.evidence import ImageEvidence
from radscribe.models.encoder import Encoder
from radscribe.models.grad_cam import GradCam
from radscribe.training.encoder_run import load_encoder

RASTER = 36  # cells a side, of fixed places
HEART = 1  # in JSRT's masks


class Phantoms:
    """The test part, and where findings are in the train part."""

    def __init__(self, data: Path) -> None:
        manifest = Manifest(data)
        drawn = boxes(manifest)
        self.paths = [manifest.root / study.images[0].path for study in manifest.split("test")]
        self.drawn = {manifest.root / image: findings for image, findings in drawn.items()}
        sums: dict[str, Floats] = defaultdict(lambda: np.zeros((RASTER, RASTER)))
        for study in manifest.split("train"):
            for finding, of_finding in drawn.get(study.images[0].path, {}).items():
                sums[finding] += covered(of_finding, RASTER, RASTER)
        self.elsewhere = {finding: Elsewhere.of(total) for finding, total in sums.items()}

    def play(self, evidence: ImageEvidence, of: str | int, finding: str) -> Case:
        mask = filled(self.drawn[Path(evidence.file)][finding], evidence.height, evidence.width)
        return play(evidence, of, finding, mask, self.elsewhere[finding])

    def findings(self, evidence: ImageEvidence) -> Iterator[Case]:
        for finding in self.drawn.get(Path(evidence.file), {}):
            yield self.play(evidence, finding, finding)

    def words(self, caption: Caption) -> Iterator[Case]:
        """The mean map of the words that assert a finding, where it is asserted and there."""
        for evidence in caption.evidence:
            assert evidence.words is not None
            for finding in self.drawn.get(Path(evidence.file), {}):
                naming = asserting(caption, finding)
                if naming and evidence.words[naming].sum():
                    mean = evidence.words[naming].mean(0, keepdims=True)
                    yield self.play(replace(evidence, words=mean), 0, finding)


def filled(drawn: list[Box], height: int, width: int) -> Mask:
    mask = np.zeros((height, width), dtype=bool)
    for left, top, right, bottom in drawn:
        rows = slice(round(top * height), round(bottom * height))
        mask[rows, round(left * width) : round(right * width)] = True
    return mask


@torch.no_grad()
def read_at(encoder: Encoder, paths: list[Path], size: int) -> Iterator[ImageEvidence]:
    """Class activation maps of images shown at another size."""
    for path in paths:
        pixels = read(path).pixels
        images = torch.tensor(resize(pixels, size, size))[None, None]
        maps = encoder(images).maps[0].numpy()  # [F, h, w]
        of_findings = dict(zip(encoder.findings, maps, strict=True))
        height, width = pixels.shape
        yield ImageEvidence(str(path), "frontal", height, width, of_findings, None, 1.0, "cam")


class Hearts:
    """JSRT's frontals with their hearts; fixed places of each are those of the others."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted((folder / "images").iterdir())
        files = {path.stem: path for path in (folder / "masks").iterdir()}
        self._masks = {str(path): np.asarray(Image.open(files[path.stem])) == HEART for path in self.paths}
        self._sum = np.sum(list(self._masks.values()), axis=0, dtype=np.float64)

    def play(self, evidence: ImageEvidence) -> Case:
        mask = self._masks[evidence.file]
        return play(evidence, "Cardiomegaly", "Cardiomegaly", mask, Elsewhere.of(self._sum - mask))


def print_rows(name: str, cases: list[Case]) -> None:
    findings = sorted({case.finding for case in cases})
    if len(findings) > 1:
        for finding in findings:
            print(line(name, finding, [case for case in cases if case.finding == finding]))
        print(line(name, "all", cases))
    else:
        print(line(name, findings[0], cases))


def evidence_of(captions: list[Caption]) -> list[ImageEvidence]:
    return [evidence for caption in captions for evidence in caption.evidence]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--phantoms", type=Path)
    parser.add_argument("--phantom-bundle", type=Path, help="learned from these phantoms; attends")
    parser.add_argument("--grad-cam", type=Path, help="bundle with weights whose decoder does not attend")
    parser.add_argument("--jsrt", type=Path, help="folder with images/ and masks/")
    parser.add_argument("--jsrt-run", type=Path, help="run of the embedded bundle, for --read-at")
    parser.add_argument("--read-at", type=int, nargs="*", default=[], help="pixels a side")
    given = parser.parse_args()
    print(header(), flush=True)
    if given.phantoms:
        phantoms = Phantoms(given.phantoms)
        captions = list(radscribe.load(given.phantom_bundle).stream(phantoms.paths, evidence=True))
        print_rows("phantoms, CAM", [c for e in evidence_of(captions) for c in phantoms.findings(e)])
        print_rows("phantoms, attention of words", [c for k in captions for c in phantoms.words(k)])
        if given.grad_cam:
            captioner = Captioner(given.grad_cam, explain=GradCam(*restore(given.grad_cam)))
            told = captioner.stream(phantoms.paths, evidence=True)
            print_rows("phantoms, Grad-CAM of words", [c for k in told for c in phantoms.words(k)])
        for size in given.read_at:
            encoder = restore(given.phantom_bundle)[0]
            maps = read_at(encoder, phantoms.paths, size)
            cases = [case for evidence in maps for case in phantoms.findings(evidence)]
            print(line(f"phantoms, CAM, read at {size}, learned at {encoder.image_size}", "all", cases))
    if given.jsrt:
        hearts = Hearts(given.jsrt)
        captions = list(radscribe.load().stream(hearts.paths, evidence=True, force=True))
        print_rows("JSRT hearts, CAM", [hearts.play(evidence) for evidence in evidence_of(captions)])
        most = max(caption.findings["Cardiomegaly"] for caption in captions)
        print(f"JSRT: Cardiomegaly has a probability of at most {most:.2f}", file=sys.stderr)
        for size in given.read_at if given.jsrt_run else []:
            encoder = load_encoder(given.jsrt_run / "encoder")
            cases = [hearts.play(evidence) for evidence in read_at(encoder, hearts.paths, size)]
            print_rows(f"JSRT hearts, CAM, read at {size}, learned at {encoder.image_size}", cases)


if __name__ == "__main__":
    main()
