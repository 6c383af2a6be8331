"""A package of somebody else brings parts of every kind through entry points, and they work like ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PARTS = '''
import numpy as np
import torch
from torch import nn

from radscribe.evaluation.metrics.base import mean_of
from radscribe.models.importers.encoder_import import ImportedEncoder
from radscribe.models.show_and_tell import ShowAndTell
from radscribe.training.objectives.cross_entropy import CrossEntropy

SHOUTS = mean_of("shouts", lambda corpus: np.array([float("!" in words) for words in corpus.captions]))


class Decoder(ShowAndTell):
    """A decoder of another package."""


class Objective(CrossEntropy):
    """An objective of another package."""


class Backbone(nn.Module):
    """One convolution."""

    channels, stride, mean, std = 4, 16, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 16, stride=16)

    def forward(self, images):
        return self.convolution(images)


def importer(file):
    return ImportedEncoder("tiny", file.tensors) if "tiny.weight" in file.tensors else None
'''
ENTRY_POINTS = """
[radscribe.decoders]
tiny-decoder = tiny_parts:Decoder
[radscribe.backbones]
tiny-backbone = tiny_parts:Backbone
[radscribe.metrics]
shouts = tiny_parts:SHOUTS
[radscribe.objectives]
tiny-objective = tiny_parts:Objective
[radscribe.importers]
Tiny weights = tiny_parts:importer
broken = nowhere:importer
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip installs it."""
    folder = tmp_path_factory.mktemp("site")
    information = folder / "tiny_parts-1.0.dist-info"
    information.mkdir()
    (folder / "tiny_parts.py").write_text(PARTS)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-parts\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def run(site: Path, code: str) -> str:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_metric_is_scored_beside_ours(site: Path) -> None:
    code = (
        "from radscribe.evaluation.metrics.base import Corpus\n"
        "from radscribe.evaluation.metrics.registry import score\n"
        "found = score(Corpus([('clear', '!'), ('clear',)], [[('clear',)], [('clear',)]]))\n"
        "print(found['shouts'], found['exact_match'])"
    )
    assert run(site, code) == "0.5 0.5"


def test_a_backbone_carries_an_encoder(site: Path) -> None:
    code = (
        "import torch\n"
        "from radscribe.models.encoder import Encoder\n"
        "encoder = Encoder('tiny-backbone', image_size=64)\n"
        "output = encoder(torch.rand(2, 1, 64, 64))\n"
        "print(tuple(output.grid.shape), tuple(output.probabilities.shape), encoder.places)"
    )
    assert run(site, code) == "(2, 4, 4, 4) (2, 14) 16"


def test_a_decoder_and_an_objective_can_be_named_in_a_configuration(site: Path) -> None:
    code = (
        "from radscribe.models import DECODERS\n"
        "from radscribe.training.config import DecoderConfig, load\n"
        "from radscribe.training.objectives import OBJECTIVES\n"
        "config = load(DecoderConfig, None, ['decoder=tiny-decoder', 'objective=tiny-objective'])\n"
        "print(DECODERS[config.decoder].__name__, OBJECTIVES[config.objective].__name__)"
    )
    assert run(site, code) == "Decoder Objective"


def test_an_importer_recognises_its_file_and_a_broken_one_is_named(site: Path) -> None:
    code = (
        "import torch\n"
        "from pathlib import Path\n"
        "from radscribe.errors import RadscribeError\n"
        "from radscribe.models.importers import recognise\n"
        "from radscribe.models.importers.weights_file import WeightsFile\n"
        "print(recognise(WeightsFile(Path('x.pt'), {'tiny.weight': torch.ones(1)})).layout)\n"
        "try:\n"
        "    recognise(WeightsFile(Path('x.pt'), {'other': torch.ones(1)}))\n"
        "except RadscribeError as error:\n"
        "    print(error)"
    )
    layout, error = run(site, code).splitlines()
    assert layout == "tiny"
    assert "the importer 'broken' cannot be imported from nowhere:importer" in error
    assert "uninstall the package" in error
