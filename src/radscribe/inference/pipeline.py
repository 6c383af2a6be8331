"""Two stages over a stream of items: one by one in worker threads, then in batches of ready items.

The first stage (reading, encoding) runs on all cores, each item on its own. The second (search) costs less
for many at once, and runs in the caller's thread while the workers go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

BATCH = 32  # items that go through the second stage at once, unless they are large
AHEAD = 2 * BATCH  # items drawn and not yet in the second stage: while it has a batch, the workers have one
WAITING = 4 * BATCH  # results that may wait for an earlier item, so that a slow one holds up nobody
PATIENCE = 0.1  # seconds after a batch until a smaller one will do

Item = TypeVar("Item")
Half = TypeVar("Half")
Result = TypeVar("Result")


def two_stages(
    items: Iterable[Item],
    each: Callable[[Item], Half],
    together: Callable[[Sequence[Half]], Sequence[Result]],
    *,
    workers: int,
    ordered: bool = True,
    batch: int = BATCH,
) -> Generator[Result, None, None]:
    """`together` of `each` of the items; memory does not grow with their number.

    Items are drawn in the caller's thread, as many ahead of the results as `AHEAD` and `WAITING` allow. When
    drawing one fails, those before it are finished and then that is raised; what `each` or `together` raises
    comes at once. However the iteration ends, it leaves no thread.

    Parameters
    ----------
    each : callable
        Called in one of `workers` threads.
    together : callable
        Called in the caller's thread with `batch` items at most; one result for each, in order.
    ordered : bool
        Results come in the order of the items; else as each is done.
    batch : int
        Items that go through the second stage at once, and half of those that are in memory.
    """
    source, ahead = enumerate(items), max(AHEAD * batch // BATCH, batch + 2 * workers)
    exhausted = False
    failure: Exception | None = None  # of drawing
    places: dict[Future[Half], int] = {}  # what the workers have, or have done
    done: SimpleQueue[Future[Half]] = SimpleQueue()
    ready: list[tuple[int, Half]] = []
    results: dict[int, Result] = {}  # by place
    due = 0  # place of the result that comes next
    last = time.monotonic()  # when a batch ended
    pool = ThreadPoolExecutor(workers, thread_name_prefix="radscribe")
    try:
        while True:
            full = exhausted or len(places) + len(ready) >= ahead or len(results) >= WAITING
            if not full:
                try:
                    place, item = next(source)
                except StopIteration:
                    exhausted = True
                except Exception as error:  # noqa: BLE001 - raised below, when what was drawn is done
                    exhausted, failure = True, error
                else:
                    future = pool.submit(each, item)
                    places[future] = place
                    future.add_done_callback(done.put)
            deliverable = bool(results) and (not ordered or due in results)
            if places:
                patience = max(0.0, last + PATIENCE - time.monotonic()) if ready else None
                try:  # waits only when there is nothing else to do
                    future = done.get(full and not deliverable, patience)
                except Empty:
                    pass
                else:
                    ready.append((places.pop(future), future.result()))
                while not done.empty():  # this thread alone takes from it
                    future = done.get()
                    ready.append((places.pop(future), future.result()))
            late = time.monotonic() > last + PATIENCE
            if len(ready) >= batch or (ready and (late or not places)):
                taken, ready = ready[:batch], ready[batch:]
                drafted = together([half for _, half in taken])
                results |= zip((place for place, _ in taken), drafted, strict=True)
                # From the end: else a longer search would be followed by one of the first item alone.
                last = time.monotonic()
                deliverable = not ordered or due in results
            if deliverable:
                yield results.pop(due if ordered else next(iter(results)))
                due += 1
            elif exhausted and not (places or ready or results):
                break
    finally:
        pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
