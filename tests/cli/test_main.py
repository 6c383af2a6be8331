"""What all commands do alike: one line for each problem, exit codes, signals, pipes, hints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from radscribe import phantom
from radscribe.cli import main as main_module
from radscribe.cli.main import COMMANDS, main

RUN = [sys.executable, "-m", "radscribe"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *map(str, arguments)], capture_output=True, text=True, check=False)


def ends(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["captoin"], "no such command 'captoin'; did you mean 'caption'?; see radscribe --help"),
        (["train-encodr", "--data", "x"], "no such command 'train-encodr'; did you mean 'train-encoder'?"),
        (["caption", "a.png", "--n-bset", "3"], "no such option '--n-bset'. Did you mean '--n-best'?"),
        (["caption"], "missing argument 'PATH...'; see radscribe caption --help"),
        (["caption", "a.png", "--beam", "many"], "invalid value for '--beam': 'many' is not a valid integer"),
    ],
)
def test_wrong_use_is_one_line_with_a_hint(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    code, told = ends(capsys, *arguments)
    assert code == 2
    assert told.startswith(f"radscribe: {line}")
    assert len(told.splitlines()) == 1


def test_an_unknown_command_without_a_neighbour_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = ends(capsys, "xyzzy")
    assert code == 2
    assert all(name in told for name in COMMANDS)


def test_python_m_radscribe() -> None:
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("radscribe, version")
    assert run("--help").stdout.startswith("Usage: radscribe [OPTIONS] COMMAND")


def test_a_bug_is_one_line_and_a_traceback_only_on_demand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(context: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(main_module.radscribe, "invoke", broken)
    monkeypatch.delenv("RADSCRIBE_DEBUG", raising=False)
    code, told = ends(capsys, "caption")
    assert code == 1
    assert (
        told == f"radscribe: internal error at {_here()}; set RADSCRIBE_DEBUG=1 and report what it prints\n"
    )
    monkeypatch.setenv("RADSCRIBE_DEBUG", "1")
    _, told = ends(capsys, "caption")
    assert "Traceback" in told
    assert "IndexError: list index out of range" in told


def _here() -> str:
    source = Path(main_module.__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(source, 1) if "radscribe.invoke(" in text)
    return f"cli/main.py:{line}"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "the memory is used up; use smaller batches, fewer threads or a larger machine"),
        (PermissionError(13, "Permission denied", "out/x"), "out/x: permission denied; "),
        (OSError(28, "No space left on device"), "standard output: the disk is full; "),
    ],
)
def test_errors_of_the_system_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def fail(context: object) -> None:
        raise error

    monkeypatch.setattr(main_module.radscribe, "invoke", fail)
    monkeypatch.setattr(main_module, "_discard", lambda stream: None)
    code, told = ends(capsys, "caption")
    assert code == 1
    assert told.startswith(f"radscribe: {line}")
    assert len(told.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*RUN, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("radscribe: standard output: the disk is full")
    assert len(result.stderr.splitlines()) == 1


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "reports.txt").write_text("No effusion. Mild cardiomegaly.\n" * 5_000)
    command = [*RUN, "label", str(tmp_path / "reports.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_one_line(tmp_path: Path, number: signal.Signals) -> None:
    phantom.save(phantom.draw(1, (), size=256), tmp_path / "chest.png")
    for number_of_film in range(400):  # a path that is given twice is one study
        os.link(tmp_path / "chest.png", tmp_path / f"{number_of_film}.png")
    command = [*RUN, "caption", str(tmp_path)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup the tests ignore signals
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it is at work
        process.send_signal(number)
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(30) == 130
    assert told == "radscribe: interrupted\n"


def test_an_ignored_signal_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from radscribe.cli.main import _signals\n"
        "with _signals(): print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"


def test_the_overview_groups_every_command() -> None:
    overview = run("--help").stdout
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in overview
        assert summary in overview


def test_what_a_library_makes_of_an_interruption_is_still_one() -> None:
    """onnxruntime raises an error of its own when a signal comes while it loads a model."""
    code = (
        "import os, signal, time, click\n"
        "from radscribe.cli import main as module\n"
        "@click.command()\n"
        "def command():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)\n"
        "    except KeyboardInterrupt as error:\n"
        "        raise RuntimeError('a library') from error\n"
        "module.radscribe.add_command(command, 'label')\n"
        "module.LazyGroup.get_command = lambda self, ctx, name: command\n"
        "module.main(['label'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "radscribe: interrupted\n")


def test_a_signal_within_a_callback_is_not_lost() -> None:
    code = (
        "import os, signal, time, click, weakref\n"
        "from radscribe.cli import main as module\n"
        "class Thing: pass\n"
        "@click.command()\n"
        "def command():\n"
        "    thing = Thing()\n"
        "    held = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))\n"
        "    del thing\n"
        "    time.sleep(5)\n"
        "module.radscribe.add_command(command, 'label')\n"
        "module.LazyGroup.get_command = lambda self, ctx, name: command\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "module.main(['label'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "radscribe: interrupted\n")
