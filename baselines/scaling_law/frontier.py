r"""Compute-optimal training: the best division of a budget among features, data and time.

Two costs of gradient flow, up to a constant: $C = p \, t$ where every step sees fresh data (online, $n = \infty$) and
$C = p \, n \, t$ where every step sees all n data (full batch). The exact theory (`gradient_flow.py`) is minimised
along them. Online flow on drawn features is exact as well: the population loss is quadratic in the weights with the
Hessian $H = A \Lambda A^T / p$, and its eigenbasis gives every time at once, without any data.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from baselines.scaling_law.gradient_flow import predict
from baselines.scaling_law.matching_law import Task
from baselines.scaling_law.spectrum import Spectrum

Array = NDArray[np.float64]


class Frontier(NamedTuple):
    """The optimum at each budget.  Each of shape [C]."""

    compute: Array
    features: Array
    samples: Array
    """Infinite online."""
    time: Array
    test: Array
    gradient: Array
    """Gradient norm delta (not squared)."""


def online(spectrum: Spectrum, task: Task, compute: ArrayLike) -> Frontier:
    """Best number of features at each budget C = p t with fresh data.

    Args:
        spectrum: Modes of the data and of the target.
        task: Its exponents, from which the search starts.
        compute: Budgets, ascending.  Shape [C].
    """
    return _frontier(spectrum, compute, [task.online_parameters])


def full_batch(spectrum: Spectrum, task: Task, compute: ArrayLike) -> Frontier:
    """Best numbers of features and data at each budget C = p n t, without label noise.

    Args: as `online`.
    """
    return _frontier(spectrum, compute, [task.full_batch_size] * 2)


def _frontier(spectrum: Spectrum, compute: ArrayLike, exponents: list[float]) -> Frontier:
    """Follow the optimum: a coarse grid at the first budget, then each from the one before."""
    budgets = np.asarray(compute, dtype=np.float64)
    rows, best = [], np.empty(0)
    for index, budget in enumerate(budgets):

        def place(x: Array, budget: float = budget) -> tuple[float, float, float]:
            p, n = math.exp(x[0]), math.exp(x[1]) if len(x) > 1 else math.inf
            return p, n, budget / p / (n if len(x) > 1 else 1)

        def log_error(x: Array, place: Callable[[Array], tuple[float, float, float]] = place) -> float:
            p, n, t = place(x)
            return math.log(predict(spectrum, n, p, [t]).test[0])

        if index:
            start = best + np.array(exponents) * np.log(budget / budgets[index - 1])
        else:
            guess = np.array(exponents) * np.log(budget)
            steps = product(*[np.log([1 / 4, 1, 4])] * len(exponents))
            start = min((guess + np.array(step) for step in steps), key=log_error)
        best = minimise(log_error, start)
        p, n, t = place(best)
        found = predict(spectrum, n, p, [t])
        rows.append((budget, p, n, t, found.test[0], math.sqrt(found.gradient[0])))
    return Frontier(*np.array(rows).T)


def minimise(
    function: Callable[[Array], float], start: ArrayLike, step: float = 0.05, tolerance: float = 1e-4
) -> Array:
    """Minimum of a smooth function of few variables by Newton's method with central differences.

    Meant for logarithms of errors as functions of logarithms of sizes: all scales are of order one. Where the
    curvature is negative its size is used, and a step is at most 1.5 in any variable, shorter where it would go up.

    Args:
        function: Of a vector.
        start: Shape [d].
        step: Of the differences; the minimum is off by the order of its square.
        tolerance: A step smaller than this ends the search.

    Raises:
        ArithmeticError: If 50 steps do not suffice.
    """
    x = np.array(start, dtype=np.float64)
    units, here = np.eye(len(x)) * step, function(x)
    for _ in range(50):
        up, down = (np.array([function(x + sign * unit) for unit in units]) for sign in (1, -1))
        gradient = (up - down) / (2 * step)
        hessian = np.diag((up + down - 2 * here) / step**2)
        for i, j in zip(*np.tril_indices(len(x), -1), strict=True):
            mixed = function(x + units[i] + units[j]) - up[i] - up[j] + here
            hessian[i, j] = hessian[j, i] = mixed / step**2
        curvature, axes = np.linalg.eigh(hessian)
        move = -axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), 1e-3))
        move *= min(1.0, 1.5 / max(np.abs(move).max(), 1e-300))
        if np.abs(move).max() < tolerance:
            return x + move
        there = function(x + move)
        while there > here and np.abs(move).max() > tolerance:  # a step too long where the curvature changes
            move = move / 4
            there = function(x + move)
        x, here = x + move, there
    raise ArithmeticError(f"no minimum found from {np.asarray(start)}; the last point was {x}")


def lowest(x: ArrayLike, curves: ArrayLike, *others: ArrayLike, half: int = 3) -> tuple[Array, ...]:
    """Minimum of sampled curves: a cubic in (log x, log y) through the points around the lowest one.

    Args:
        x: Positive, ascending.  Shape [X].
        curves: Positive.  Shape [..., X].
        others: Quantities wanted where the curve is lowest; positive, read off their own cubics.  Shapes [..., X].
        half: Points of the window to each side of the lowest.

    Returns:
        Location, height, and the other quantities there.  Shapes [...].

    Raises:
        ValueError: If there are not enough points, or a curve is lowest at its first or last point: then its minimum
            may lie outside.
    """
    log_x, values = np.log(np.asarray(x, dtype=np.float64)), np.asarray(curves, dtype=np.float64)
    width = 2 * half + 1
    if len(log_x) < width or half < 2:
        raise ValueError(f"half must be at least 2 and the curve have 2 half + 1 points; got {half}, {len(log_x)}")
    flat = values.reshape(-1, len(log_x))
    bottom = flat.argmin(1)
    if (bottom == 0).any() or (bottom == len(log_x) - 1).any():
        raise ValueError("a curve is lowest at its first or last point; widen the range of x")
    first = np.clip(bottom - half, 0, len(log_x) - width)
    found = np.empty((2 + len(others), len(flat)))
    inside = np.linspace(-1, 1, 1001)
    for begin in np.unique(first):
        rows, window = np.flatnonzero(first == begin), slice(begin, begin + width)
        middle, radius = log_x[window].mean(), np.ptp(log_x[window]) / 2
        cubic = np.linalg.pinv(np.vander((log_x[window] - middle) / radius, 4))  # [4, width]
        fine = np.log(flat[rows, window]) @ cubic.T @ np.vander(inside, 4).T  # [rows, 1001]
        at = inside[fine.argmin(1)]
        found[0, rows], found[1, rows] = middle + radius * at, fine.min(1)
        for index, other in enumerate(others):
            logs = np.log(np.asarray(other, dtype=np.float64).reshape(-1, len(log_x))[rows, window])
            found[2 + index, rows] = ((logs @ cubic.T) * np.vander(at, 4)).sum(1)
    return tuple(np.exp(row).reshape(values.shape[:-1]) for row in found)


class Projection(NamedTuple):
    """Products over the modes of one draw of p feature vectors, for targets that share the data's spectrum."""

    covariance: Tensor
    """`A Lambda A^T`.  Shape [p, p]."""
    aligned: Tensor
    """`A Lambda W^2 Lambda A^T` of each target: covariance of the gradient at zero.  Shape [S, p, p]."""
    signal_variance: Tensor
    """`sum_k lambda_k w_k^2`.  Shape [S]."""


def draw_features(
    spectra: Sequence[Spectrum], p: int, generator: torch.Generator, device: torch.device, dtype: torch.dtype,
    chunk: int = 2000,
) -> Projection:  # fmt: skip
    """Draw p feature vectors and form their products over the modes.

    Args:
        spectra: One a target, of the same eigenvalues, one row a mode.
        p: Number of features.
        generator: Of the CPU; the numbers are drawn in float64 whatever the device.
        device: Where the products are formed.
        dtype: Of the products.
        chunk: Modes handled at a time.
    """
    eigenvalues, signals = shared_modes(spectra, device, dtype)
    covariance = torch.zeros(p, p, device=device, dtype=dtype)
    aligned = torch.zeros(len(spectra), p, p, device=device, dtype=dtype)
    for lam, power in zip(eigenvalues.split(chunk), signals.split(chunk, 1), strict=True):
        drawn = torch.randn(p, len(lam), generator=generator, dtype=torch.float64).to(device, dtype)  # [p, m]
        scaled = drawn * lam.sqrt()
        covariance.addmm_(scaled, scaled.T)
        for total, strength in zip(aligned, power, strict=True):
            total.addmm_(scaled * strength, scaled.T)
    return Projection(covariance, aligned, signals.sum(1))


def shared_modes(spectra: Sequence[Spectrum], device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Eigenvalues and the signals of all targets.  Shapes [M] and [S, M].

    Raises:
        ValueError: If a spectrum is binned, or the eigenvalues differ.
    """
    first = spectra[0].eigenvalues
    if any(one.is_binned or not np.array_equal(one.eigenvalues, first) for one in spectra):
        raise ValueError("a draw needs spectra of the same eigenvalues, one row a mode")
    signals = torch.from_numpy(np.stack([one.signal for one in spectra]))
    return torch.from_numpy(first).to(device, dtype), signals.to(device, dtype)


def online_flow(projection: Projection, p: int, times: ArrayLike) -> tuple[Array, Array]:
    r"""Test error and squared gradient norm of gradient flow on the population loss, with p of the drawn features.

    With $H = V \mathrm{diag}(e) V^T$ and the gradient at zero $g$, the error is
    $\sum_k \lambda_k w_k^2 - \sum_j \frac{1 - e^{-2 t e_j}}{e_j} (V^T g)_j^2$ and the squared gradient norm
    $\sum_j e^{-2 t e_j} (V^T g)_j^2$. Both are averaged over the signs of the target and over the disjoint blocks of p
    features in the draw.

    Args:
        projection: Of a draw with at least p features.
        p: Number of features.
        times: Times t > 0; `math.inf` is the projection of the target on the features.  Shape [T].

    Returns:
        Two arrays of shape [S, T].
    """
    drawn = len(projection.covariance)
    if not 1 <= p <= drawn:
        raise ValueError(f"p must be from 1 to the {drawn} features drawn; got {p}")
    t = torch.as_tensor(np.asarray(times, dtype=np.float64)).to(projection.covariance)
    found = []
    for begin in range(0, drawn - p + 1, p):
        block = slice(begin, begin + p)
        e, v = torch.linalg.eigh(projection.covariance[block, block] / p)
        e = e.clamp(min=torch.finfo(e.dtype).tiny)
        power = torch.einsum("ij,sik,kj->sj", v, projection.aligned[:, block, block] / p, v)  # [S, p]
        exponent = -2 * t[:, None] * e  # [T, p]
        error = projection.signal_variance[:, None] + (power / e) @ torch.expm1(exponent).T
        found.append(torch.stack([error, power @ torch.exp(exponent).T]))
    test, gradient = torch.stack(found).mean(0).cpu().numpy()
    return test, gradient
