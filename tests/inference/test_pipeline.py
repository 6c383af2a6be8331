"""Two stages: order, batches of what is ready, bounded, and an end that leaves no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from radscribe.inference import pipeline
from radscribe.inference.pipeline import AHEAD, BATCH, two_stages

SOON = 10  # seconds that nothing here takes unless it hangs


def negative(item: int) -> int:
    return -item


def as_they_are(halves: Sequence[int]) -> Sequence[int]:
    return halves


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("radscribe")]


@pytest.mark.parametrize("count", [0, 1, BATCH, 5 * BATCH + 3])
@pytest.mark.parametrize("workers", [1, 3])
def test_results_keep_the_order_of_the_items(count: int, workers: int) -> None:
    got = list(two_stages(range(count), negative, as_they_are, workers=workers))
    assert got == [-item for item in range(count)]


def test_a_batch_is_full_when_there_is_enough_and_never_more() -> None:
    sizes: list[int] = []

    def together(halves: Sequence[int]) -> Sequence[int]:
        sizes.append(len(halves))
        time.sleep(0.02)  # the workers are far ahead
        return halves

    list(two_stages(range(20 * BATCH), negative, together, workers=2))
    assert max(sizes) == BATCH
    assert len(sizes) < 30


def test_what_is_ready_after_a_slow_batch_goes_through_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE", 0.02)
    sizes: list[int] = []

    def each(item: int) -> int:
        time.sleep(0.002)
        return item

    def together(halves: Sequence[int]) -> Sequence[int]:
        sizes.append(len(halves))
        time.sleep(0.05)  # more than the patience
        return halves

    list(two_stages(range(6 * BATCH), each, together, workers=1))
    assert sum(sizes[1:-1]) / len(sizes[1:-1]) > BATCH / 4


def test_a_slow_item_holds_up_nobody_but_its_own_place() -> None:
    go_on = threading.Event()
    searched: list[int] = []

    def each(item: int) -> int:
        if item == 0:
            assert go_on.wait(SOON)
        return item

    def together(halves: Sequence[int]) -> Sequence[int]:
        searched.extend(halves)
        if len(searched) >= 4 * BATCH:
            go_on.set()  # four batches were searched while the first item was still being read
        return halves

    got = list(two_stages(range(6 * BATCH), each, together, workers=2))
    assert got == list(range(6 * BATCH))
    assert searched.index(0) >= 4 * BATCH


def test_unordered_results_come_as_they_are_done() -> None:
    go_on = threading.Event()

    def each(item: int) -> int:
        if item == 0:
            assert go_on.wait(SOON)
        return item

    stream = two_stages(range(4), each, as_they_are, workers=2, ordered=False)
    first = [next(stream) for _ in range(3)]
    go_on.set()
    assert sorted(first) == [1, 2, 3]
    assert list(stream) == [0]


def test_what_is_there_does_not_wait_for_items_that_are_still_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE", 0.0)
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for drawn in range(1, 9):
            yield drawn
            time.sleep(0.03)

    stream = two_stages(items(), negative, as_they_are, workers=1)
    assert next(stream) == -1
    assert drawn <= 3
    stream.close()


def test_a_slow_consumer_and_an_endless_source_stay_bounded() -> None:
    drawn = 0

    def endless() -> Iterator[int]:
        nonlocal drawn
        while True:
            drawn += 1
            yield drawn

    stream = two_stages(endless(), negative, as_they_are, workers=2)
    for taken in range(1, 4 * BATCH):
        next(stream)
        if taken % 16 == 0:
            time.sleep(0.02)
        assert drawn - taken <= AHEAD + 2 * BATCH
    stream.close()


def test_results_that_wait_for_a_slow_item_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "WAITING", 2 * BATCH)
    go_on = threading.Event()
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        while drawn < 40 * BATCH:
            drawn += 1
            yield drawn - 1

    def each(item: int) -> int:
        if item == 0:
            assert go_on.wait(SOON)
        return item

    threading.Timer(0.5, go_on.set).start()
    stream = two_stages(items(), each, as_they_are, workers=2)
    assert next(stream) == 0
    assert drawn <= AHEAD + 4 * BATCH
    stream.close()


def test_leaving_early_does_not_start_what_has_not_begun() -> None:
    begun: list[int] = []
    left, go_on = threading.Event(), threading.Event()

    def each(item: int) -> int:
        begun.append(item)
        if left.is_set():
            assert go_on.wait(SOON)
        return item

    stream = two_stages(range(1000), each, as_they_are, workers=2)
    assert next(stream) == 0
    left.set()
    time.sleep(0.05)  # both workers come to wait
    before = len(begun)
    threading.Timer(0.1, go_on.set).start()
    stream.close()
    assert len(begun) <= before + 2 < 1000


@pytest.mark.parametrize("bad", [0, BATCH + 1, 3 * BATCH])
def test_an_error_in_a_worker_is_raised_and_does_not_hang(bad: int) -> None:
    def each(item: int) -> int:
        if item == bad:
            raise ZeroDivisionError
        return item

    with pytest.raises(ZeroDivisionError):
        list(two_stages(range(100), each, as_they_are, workers=2))


def test_an_error_of_the_second_stage_is_raised() -> None:
    def together(halves: Sequence[int]) -> Sequence[int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(two_stages(range(100), negative, together, workers=2))


def test_an_error_of_the_source_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(BATCH + 2)
        raise ZeroDivisionError

    stream = two_stages(items(), negative, as_they_are, workers=2)
    assert [next(stream) for _ in range(BATCH + 2)] == [-item for item in range(BATCH + 2)]
    with pytest.raises(ZeroDivisionError):
        next(stream)


def test_an_interrupt_ends_the_threads() -> None:
    def together(halves: Sequence[int]) -> Sequence[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(two_stages(range(1000), negative, together, workers=2))
