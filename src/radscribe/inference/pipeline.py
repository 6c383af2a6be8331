"""Two stages over a stream of items: one by one in worker threads, then together in batches of what is ready.

The first stage (reading, encoding) runs on all cores, each item on its own. The second (search) costs less
for many at once, and runs in the caller's thread while the workers go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

BATCH = 16  # items that go through the second stage at once
AHEAD = 2 * BATCH  # items drawn and not yet in the second stage: while it has a batch, the workers have one
WAITING = 256  # results that may wait for an earlier item, so that a slow one holds up nobody
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
    together : called in the caller's thread with `BATCH` items at most; one result for each, in order.
    ordered : results come in the order of the items; else as they are done.
    """
    source, ahead = enumerate(items), max(AHEAD, BATCH + 2 * workers)
    exhausted = False
    failure: BaseException | None = None  # of drawing
    done: SimpleQueue[tuple[int, Future[Half]]] = SimpleQueue()
    working = 0  # items that the workers have, or that lie in `done`
    ready: list[tuple[int, Half]] = []
    results: dict[int, Result] = {}  # by place, as they were done
    due = 0  # place of the result that comes next
    last = time.monotonic()  # when a batch was begun
    pool = ThreadPoolExecutor(workers, thread_name_prefix="radscribe")
    try:
        while True:
            full = exhausted or working + len(ready) >= ahead or len(results) >= WAITING
            if not full:
                try:
                    place, item = next(source)
                except StopIteration:
                    exhausted = True
                except Exception as error:  # noqa: BLE001 - raised below, when what was drawn is done
                    exhausted, failure = True, error
                else:
                    working += 1
                    future = pool.submit(each, item)
                    future.add_done_callback(lambda future, place=place: done.put((place, future)))
            deliverable = bool(results) and (not ordered or due in results)
            if working:
                patience = max(0.0, last + PATIENCE - time.monotonic()) if ready else None
                try:  # waits only when nothing else can be done
                    place, future = done.get(full and not deliverable, patience)
                except Empty:
                    pass
                else:
                    working -= 1
                    ready.append((place, future.result()))
            late = time.monotonic() > last + PATIENCE
            if len(ready) >= BATCH or (ready and (late or not working)):
                places, halves = zip(*ready[:BATCH], strict=True)
                del ready[:BATCH]
                last = time.monotonic()
                results.update(zip(places, together(halves), strict=True))
                deliverable = not ordered or due in results
            if deliverable:
                yield results.pop(due if ordered else next(iter(results)))
                due += 1
            elif exhausted and not (working or ready or results):
                break
    finally:
        pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
