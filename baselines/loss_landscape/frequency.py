"""Which frequencies are learned first: the spectrum of a network's error, and of Jacobi's iteration beside it.

Two ways to a function `y(x) = sum_k sin(k x)`, k = 1 ... K:

* a network trained on its values. Its error at frequency k is `e_k = |h^_k - y^_k| / |y^_k|` with the discrete Fourier
  coefficients of output and target. Low frequencies come first (Xu et al. 2019, arXiv:1901.06523).
* Jacobi's iteration for `-u'' = f`, whose solution is such a sum. Its error at frequency k shrinks by exactly
  `cos(k pi / (n + 1))` each time: high frequencies come first.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def grid(examples: int) -> np.ndarray:
    """Points of [-pi, pi), equally spaced, on which sin(k x) with k < examples/2 are orthogonal; shape [N]."""
    return -math.pi + 2 * math.pi * np.arange(examples) / examples


def sines(x: np.ndarray, frequencies: int) -> np.ndarray:
    """sin(k x) for k = 1 ... K, shape [K, N]."""
    return np.sin(np.outer(np.arange(1, frequencies + 1), x))


def relative_errors(outputs: np.ndarray, targets: np.ndarray, frequencies: int) -> np.ndarray:
    """e_k = |DFT(outputs - targets)_k| / |DFT(targets)_k| for k = 1 ... K, shape [K].

    Args:
        outputs: Values on `grid`, shape [N].
        targets: The same of the target.
        frequencies: K.
    """
    wanted = slice(1, frequencies + 1)
    return np.abs(np.fft.rfft(outputs - targets)[wanted]) / np.abs(np.fft.rfft(targets)[wanted])


def first_below(errors: np.ndarray, level: float) -> np.ndarray:
    """For each column of a [T, K] array the first row below a level; infinity where there is none."""
    below = errors < level
    return np.where(below.any(axis=0), below.argmax(axis=0).astype(float), np.inf)


def settled(errors: np.ndarray, level: float) -> np.ndarray:
    """For each column of a [T, K] array the first row from which on it stays below a level; infinity if it does not."""
    above = errors >= level
    last = len(errors) - above[::-1].argmax(axis=0)
    found = np.where(above.any(axis=0), last, 0).astype(float)
    return np.where(found < len(errors), found, np.inf)


def inversions(values: Sequence[float] | np.ndarray) -> int:
    """Pairs i < j that are not in increasing order: 0 if the sequence strictly increases, K(K-1)/2 if never.

    Two values that were never reached (infinity) are not in order.
    """
    return sum(not earlier < later for j, later in enumerate(values) for earlier in values[:j])


def tangent_rates(model: nn.Module, inputs: Tensor, modes: Tensor) -> Tensor:
    """How fast the linearised network learns each mode: q_k = s_k' J J' s_k / (N s_k' s_k), shape [K].

    With the loss `1/(2N) |h - y|^2`, gradient flow of the network linearised at its weights reduces the error by
    `-J J'/N` times itself. The quotient of a mode `s_k` is the rate at which it decays at first, mixing left aside
    (Jacot et al. 2018, arXiv:1806.07572).

    Args:
        model: From [N, D] to [N, 1]; J [N, P] is the derivative of its outputs with respect to its parameters.
        inputs: Shape [N, D].
        modes: s_k, shape [K, N].
    """
    parameters = list(model.parameters())
    outputs = model(inputs)[:, 0]
    rates = []
    for mode in modes:
        pulled = torch.autograd.grad(outputs @ mode, parameters, retain_graph=True)  # J' s_k
        rates.append(sum(part.square().sum() for part in pulled) / (len(mode) * mode.square().sum()))
    return torch.stack([torch.as_tensor(rate) for rate in rates])


def jacobi_factors(points: int, frequencies: int) -> np.ndarray:
    """cos(k pi / (n + 1)), k = 1 ... K: eigenvalues of Jacobi's iteration for the Poisson problem, shape [K]."""
    return np.cos(np.arange(1, frequencies + 1) * math.pi / (points + 1))


def jacobi_steps(points: int, frequencies: int, level: float) -> np.ndarray:
    """Predicted iterations until |cos(k pi / (n + 1))|^t is below a level, shape [K]."""
    return np.floor(math.log(level) / np.log(np.abs(jacobi_factors(points, frequencies)))) + 1


def jacobi_errors(points: int, frequencies: int, iterations: int) -> np.ndarray:
    """Relative error of every frequency along Jacobi's iteration, from zero; shape [iterations + 1, K].

    Second differences for `-u'' = f` on (0, pi) with zero ends and n inner points, `u = sum_k sin(k x)` being the
    solution of the discrete problem. `u_i <- (u_{i-1} + u_{i+1} + h^2 f_i) / 2`. The errors are coefficients of the
    discrete sine transform, which diagonalises the iteration.

    Args:
        points: n; the transform needs more points than frequencies.
        frequencies: K.
        iterations: How many.
    """
    x = math.pi * np.arange(1, points + 1) / (points + 1)
    modes = sines(x, frequencies)
    solution = modes.sum(axis=0)
    padded = np.pad(solution, 1)
    scaled_source = 2 * solution - padded[:-2] - padded[2:]  # h^2 f
    u = np.zeros(points + 2)
    norms = np.square(modes).sum(axis=1)
    errors = np.empty((iterations + 1, frequencies))
    for t in range(iterations + 1):
        errors[t] = np.abs(modes @ (u[1:-1] - solution)) / norms
        u[1:-1] = (u[:-2] + u[2:] + scaled_source) / 2
    return errors
