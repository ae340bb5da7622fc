"""Independent trainings side by side, each in a thread of its own.

The operations of small networks are too short to be shared between processor cores: two threads inside one training
gain little. Two trainings at once do gain, because torch lets go of Python's lock while it computes. Every
training uses one core, so its result does not depend on how many run beside it.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


def side_by_side(
    jobs: Iterable[Job], work: Callable[[Job, Event], Result], threads: int
) -> Iterator[tuple[Job, Result]]:
    """Do jobs in several threads, one core each.

    Args:
        jobs: In the order in which they start; the longest first keeps all threads busy to the end.
        work: Does a job. It should look at the event from time to time, and return early once it is set: somebody has
            interrupted, or another job has failed.
        threads: How many at a time.

    Yields:
        Each job with its result, as it ends.

    Raises:
        Exception: What the first failing job raised; jobs that have not begun are dropped.
    """
    stop = Event()
    outside = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        futures = {pool.submit(work, job, stop): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(outside)
