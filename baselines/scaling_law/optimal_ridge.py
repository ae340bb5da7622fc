"""The ridge that makes the predicted test error smallest.

With the best ridge for each size the error never grows with data or features (Simon et al. 2023, arXiv:2311.14646):
double descent is what a ridge that is too small looks like.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from baselines.scaling_law.ridge import predict
from baselines.scaling_law.spectrum import Spectrum


class Optimum(NamedTuple):
    """The best ridge and what it gives."""

    ridge: float
    test: float
    """Test error against the noise-free target."""


def optimal_ridge(spectrum: Spectrum, n: float, p: float, noise: float) -> Optimum:
    """Minimise the predicted test error over the ridge.

    Args:
        spectrum: Modes of the data and of the target.
        n: Number of data.
        p: Number of random features; `math.inf` is kernel ridge regression.
        noise: Variance of the label noise, positive: without noise the best ridge may be none.

    Raises:
        ValueError: If the noise is not positive.
    """
    if not noise > 0:
        raise ValueError(f"the noise variance must be positive; got {noise}")

    def log_error(log_ridge: float) -> float:
        return math.log(predict(spectrum, n, p, math.exp(log_ridge)).test(noise))

    top = math.log(10 * n * spectrum.trace)  # beyond it everything is shrunk to zero
    grid = np.linspace(top - math.log(1e10), top, 47)
    best = int(np.argmin([log_error(value) for value in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(log_error, bounds=ends, method="bounded", options={"xatol": 1e-5})
    return Optimum(math.exp(float(found.x)), math.exp(float(found.fun)))
