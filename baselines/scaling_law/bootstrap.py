"""Bootstrap over runs: refit resampled tables to see how well a table fixes a law."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def resamples(rows: int, count: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Row numbers of tables drawn with replacement, each as long as the original.

    Args:
        rows: Length of the table.
        count: Number of tables.
        generator: Draws them.

    Yields:
        Row numbers.  Shape [rows].
    """
    for _ in range(count):
        yield generator.integers(0, rows, rows)


def interval(values: Array, level: float) -> tuple[float, float]:
    """Central percentile interval.

    Args:
        values: Bootstrap replications.  Shape [n].
        level: Probability inside, for example 0.95.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level}")
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
