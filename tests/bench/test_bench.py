"""`radscribe bench`: every measurement of the registry, the paired timer, and the command."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.inference import scaling
from benchmarks.inference.decoding import captions
from radscribe import phantom
from radscribe.bench import setting as settings
from radscribe.bench.cold_start import cost
from radscribe.bench.measuring import Goal, Result, Spread, exponent, in_turn, ratio
from radscribe.bench.run import MEASUREMENTS, bench, chosen
from radscribe.bench.setting import Scale, Setting, machine, prepare
from radscribe.cli.bench import command
from radscribe.cli.main import main
from radscribe.errors import RadscribeError, UsageError
from radscribe.inference.sessions import DecoderSession
from radscribe.text.tokenizer import ReportTokenizer

TINY = Scale(images=1, studies=2, rounds=1, starts=1)
TINY_SIZES = scaling.Sizes(widths=(3,), batches=(1, 2), lengths=(2, 4), growth=(1, 2, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One radiograph, and a file that is none."""
    folder = tmp_path_factory.mktemp("radiographs")
    phantom.save(phantom.draw(1), folder / "chest.png")
    (folder / "broken.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def setting(folder: Path) -> Iterator[Setting]:
    with prepare(None, "iu-nih-3", folder, TINY) as setting:
        yield setting


@pytest.mark.parametrize("name", [*MEASUREMENTS, *scaling.MEASUREMENTS])
def test_every_measurement_gives_finite_figures_of_its_name(name: str, setting: Setting) -> None:
    results = list(
        MEASUREMENTS[name](setting)
        if name in MEASUREMENTS
        else scaling.MEASUREMENTS[name](setting, TINY_SIZES)
    )
    assert results
    for result in results:
        assert result.name.partition(".")[0] == name
        if result.spread is None:  # only what a system need not tell
            assert result.unit == "MB"
            continue
        spread = result.spread
        assert all(math.isfinite(x) for x in (spread.low, spread.median, spread.high))
        assert spread.low <= spread.median <= spread.high
        assert result.name == "growth.memory" or spread.median > 0 or "exponent" in result.name


def test_only_files_that_get_a_caption_are_measured(setting: Setting, tmp_path: Path) -> None:
    assert [file.name for file in setting.files] == ["chest.png"]
    with pytest.raises(UsageError, match="holds no image that gets a caption"):
        settings.captioned_files(tmp_path, 1, setting.bundle.captioner)


def test_decoded_images_are_what_the_encoder_takes(setting: Setting) -> None:
    tensors = settings.encoder_inputs(settings.repeated(setting.files, 3), 64)
    assert tensors.shape == (3, 1, 64, 64)
    assert tensors.dtype.name == "float32"
    assert (tensors[0] == tensors[2]).all()


def test_two_sleeps_have_the_ratio_of_their_lengths_and_take_turns() -> None:
    calls: list[str] = []

    def side(name: str, seconds: float) -> None:
        calls.append(name)
        sleep(seconds)

    seconds = in_turn({"long": lambda: side("long", 0.06), "short": lambda: side("short", 0.02)}, rounds=5)
    assert ratio(seconds["long"], seconds["short"]).median == pytest.approx(3, rel=0.35)
    warm, pairs = calls[:2], calls[2:]
    assert warm == ["long", "short"]
    assert pairs == ["long", "short", "short", "long"] * 2 + ["long", "short"]


def test_ratios_and_exponents_are_of_each_round_by_itself() -> None:
    assert ratio([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == Spread(2.0, 1.0, 3.0)
    # The second round is ten times slower throughout, and quadratic as the first one is.
    quadratic = {size: [size**2 * 1e-3, size**2 * 1e-2] for size in (1, 10, 100)}
    grown = exponent(quadratic)
    assert grown.low == pytest.approx(2)
    assert grown.high == pytest.approx(2)


def test_a_goal_is_met_or_missed_and_said() -> None:
    result = Result("x", "what", Spread(0.9, 0.8, 1.0), goal=Goal(0.9, at_least=True))
    assert result.met is True
    assert "goal ≥ 0.9: met" in result.row()
    missed = replace(result, goal=Goal(0.5, at_least=False))
    assert missed.met is False
    assert "goal ≤ 0.5: MISSED" in missed.row()
    unknown = replace(result, spread=None)
    assert unknown.met is None
    assert "unknown" in unknown.row()
    assert unknown.to_dict()["value"] is None


def test_a_process_costs_its_own_memory_and_not_its_parents() -> None:
    held = bytearray(200 * 2**20)  # Linux counts what a parent had resident when it started a child
    held[::4096] = b"x" * len(held[::4096])
    figures = cost([sys.executable, "-c", "pass"])
    assert figures["seconds"] > 0
    assert figures["peak_mb"] is None or figures["peak_mb"] < 100
    if (resident := scaling.resident_mb()) is not None:
        assert 200 < resident <= (scaling.peak_mb() or 0)
    with pytest.raises(RadscribeError, match="failed with exit code 3: sorry"):
        cost([sys.executable, "-c", "import sys; print('sorry', file=sys.stderr); sys.exit(3)"])


@pytest.mark.parametrize("beam", [1, 3])
def test_captions_of_a_given_length_have_it(setting: Setting, beam: int) -> None:
    folder, spec = setting.bundle.folder, setting.bundle.spec
    decoder, tokenizer = DecoderSession(folder, spec), ReportTokenizer.load(folder / spec.tokenizer)
    found_in = len(spec.encoder.findings)
    made_up: dict[str, np.ndarray] = {
        "probabilities": np.full((2, found_in), 0.1, np.float32),
        "maps": np.zeros((2, 64, found_in), np.float32),
        "views": np.ones((2, 64), np.int64),
    }
    features = {name: made_up[name] for name in spec.decoder.inputs}
    for length in (2, 60):  # shorter and longer than what it says of itself
        found = captions(decoder, tokenizer, features, shortest=length, longest=length, beam=beam)
        assert [len(best.tokens) for best in found] == [length, length]


def test_the_machine_is_told() -> None:
    told = machine()
    assert told["processor"]
    assert 1 <= told["cores"] <= told["cores_of_machine"]


def test_only_what_is_named_runs() -> None:
    assert chosen(["cold-start", "end-to-end"], against=False) == ["end-to-end", "cold-start"]
    assert chosen([], against=False) == [name for name in MEASUREMENTS if name != "against"]
    assert chosen([], against=True) == list(MEASUREMENTS)
    with pytest.raises(UsageError, match="no measurement 'speed'; choose from end-to-end, against"):
        chosen(["speed"], against=False)
    with pytest.raises(UsageError, match="--against BUNDLE"):
        chosen(["against"], against=False)


def test_json_is_one_object_and_the_table_has_a_line_a_result(folder: Path) -> None:
    said: list[str] = []
    bench(None, None, folder, ["end-to-end"], True, said.append, TINY)
    (text,) = said
    told = json.loads(text)
    assert {"machine", "versions", "images", "results"} <= set(told)
    assert told["versions"]["bundle"].startswith("iu-nih-3@")
    assert told["images"].startswith("1 file of 512 x 512 (PNG)")
    names = ["end-to-end", "end-to-end.batched", "end-to-end.rate"]
    assert [result["name"] for result in told["results"]] == names
    assert set(told["results"][0]) == {"name", "meaning", "value", "low", "high", "unit", "goal", "met"}
    said.clear()
    bench(None, None, folder, ["end-to-end"], False, said.append, TINY)
    assert [line.split()[0] for line in said if line.startswith("end-to-end")] == names


@pytest.mark.parametrize("option", ["--bundle", "--against"])
def test_a_wrong_bundle_is_one_line(folder: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", option, "nowhere", "--images", str(folder), "--only", "cold-start"])
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.out == ""
    assert told.err.startswith("radscribe: nowhere: no such bundle; ")
    assert told.err.count("\n") == 1


def test_help_names_every_measurement() -> None:
    told = CliRunner().invoke(command, ["--help"]).output
    assert all(f"\n  {name} " in told for name in MEASUREMENTS)


def test_phantoms_are_drawn_where_no_folder_is_named(tmp_path: Path) -> None:
    (file,) = settings.draw_phantoms(tmp_path, 1)
    assert settings.encoder_inputs([file], settings.SIDE).shape == (1, 1, settings.SIDE, settings.SIDE)
