"""Two stages over a stream of items: one by one in worker threads, then together in batches of what is ready.

The first stage (reading, encoding) runs on all cores, each item on its own. The second (search) costs less
for many at once, and takes its turn in one of the same threads, so that there are never more than cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

BATCH = 16  # items that go through the second stage at once
AHEAD = 3 * BATCH  # items under way: a batch in the second stage, one that waits for it, one in the first
WAITING = 4 * BATCH  # results that may wait for an earlier item, so that a slow one holds up nobody
PATIENCE = 0.1  # seconds between batches after which a smaller one will do

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
) -> Generator[Result, None, None]:
    """`together` of `each` of the items; memory does not grow with their number.

    Items are drawn in the caller's thread, as many ahead of the results as `AHEAD` and `WAITING` allow. When
    drawing one fails, those before it are finished and then that is raised; what `each` or `together` raises
    comes at once. However the iteration ends, it leaves no thread.

    Parameters
    ----------
    each : called in one of `workers` threads.
    together : called in a worker too, with `BATCH` items at most; one result for each, in order.
    ordered : results come in the order of the items; else as they are done.
    """
    source, ahead = enumerate(items), max(AHEAD, 2 * BATCH + 2 * workers)
    exhausted = False
    failure: Exception | None = None  # of drawing
    first: dict[Future[Half], int] = {}  # places of what is in the first stage, or has left it
    second: dict[Future[Sequence[Result]], tuple[int, ...]] = {}  # places of what is in the second
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    ready: list[tuple[int, Half]] = []
    under_way = 0  # items drawn, without those in `results`
    results: dict[int, Result] = {}  # by place
    due = 0  # place of the result that comes next
    last = time.monotonic()  # when a batch was begun
    pool = ThreadPoolExecutor(workers, thread_name_prefix="radscribe")
    try:
        while True:
            full = exhausted or under_way >= ahead or len(results) >= WAITING
            if not full:
                try:
                    place, item = next(source)
                except StopIteration:
                    exhausted = True
                except Exception as error:  # noqa: BLE001 - raised below, when what was drawn is done
                    exhausted, failure = True, error
                else:
                    future = pool.submit(each, item)
                    first[future] = place
                    under_way += 1
                    future.add_done_callback(done.put)
            deliverable = bool(results) and (not ordered or due in results)
            if first or second:
                patience = max(0.0, last + PATIENCE - time.monotonic()) if ready else None
                try:  # waits only when there is nothing else to do
                    left = done.get(full and not deliverable, patience)
                except Empty:
                    pass
                else:
                    if left in first:
                        ready.append((first.pop(left), left.result()))
                    else:
                        finished = second.pop(left)
                        under_way -= len(finished)
                        results.update(zip(finished, left.result(), strict=True))
                        deliverable = not ordered or due in results
            late = time.monotonic() > last + PATIENCE
            if len(ready) >= BATCH or (ready and (late or not first)):
                last = time.monotonic()
                places, halves = zip(*ready[:BATCH], strict=True)
                del ready[:BATCH]
                batch = pool.submit(together, halves)
                second[batch] = places
                batch.add_done_callback(done.put)
            if deliverable:
                yield results.pop(due if ordered else next(iter(results)))
                due += 1
            elif exhausted and not (first or second or ready or results):
                break
    finally:
        pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
