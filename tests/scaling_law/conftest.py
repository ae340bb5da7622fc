"""One thread: the small fits of these tests lose time to the start and the waiting of more."""

from collections.abc import Iterator

import pytest
import scipy.optimize  # noqa: F401  # the limit reaches loaded libraries only
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
