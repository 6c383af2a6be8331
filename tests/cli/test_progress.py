"""Progress: a line every 30 seconds without a terminal, a bar on one."""

from __future__ import annotations

import pytest

from radscribe.cli.progress import Progress, progress


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_every_thirty_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(terminal=False, clock=clock) as shown:
        shown.start("captioning", 500, "studies")
        for _ in range(100):
            clock.now += 1
            shown.advance()
    assert capsys.readouterr().err.splitlines() == [
        "captioning: 6% (30 of 500 studies), 1 studies/s, 0:07:50 left",
        "captioning: 12% (60 of 500 studies), 1 studies/s, 0:07:20 left",
        "captioning: 18% (90 of 500 studies), 1 studies/s, 0:06:50 left",
    ]


def test_a_short_command_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("captioning", 3, "studies") as advance:
        for _ in range(3):
            advance()
    assert capsys.readouterr().err == ""


def test_an_unknown_total_and_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(terminal=False, clock=clock) as shown:
        shown.start("reading")
        clock.now = 40
        shown.advance(1200, note="loss 2.31")
    assert capsys.readouterr().err == "reading: 1,200, 30/s, loss 2.31\n"


def test_what_was_done_before_does_not_count_for_the_speed(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(terminal=False, clock=clock) as shown:
        shown.start("training", 400, "batches", done=200)
        clock.now = 50
        shown.advance(100)
    assert capsys.readouterr().err == "training: 75% (300 of 400 batches), 2 batches/s, 0:00:50 left\n"


def test_a_step_starts_when_it_is_first_named(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(terminal=False, clock=clock) as shown:
        for step in ("reading", "comparing"):
            for _ in range(3):
                clock.now += 20
                shown.tick(step, 10)
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["reading", "comparing"]


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(terminal=True) as shown:
        shown.start("captioning", 5, "studies")
        shown.advance(5)
        shown.say("epoch 1/3")
    told = capsys.readouterr().err
    assert "captioning" in told
    assert "100% (5 of 5 studies)" in told
    assert "epoch 1/3" in told
