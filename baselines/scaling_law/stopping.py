r"""Early stopping with label noise: the time, and the gradient norm, beyond which training makes the test error worse.

Kernel gradient flow on n noisy labels ($p = \infty$) resolves $k^* = t^{1/b}$ modes. The bias $k^{*-(a-1)}$ falls with
time, the variance $\sigma^2 k^*/n$ rises: they balance at $k^* = n^{1/a}$. With it $t^* = n^{b/a}$, the excess error
$n^{-(a-1)/a}$ and the learning quality $\delta^* = n^{-(a+b-1)/(2a)}$ follow (derivation: docs/scaling_law.md).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from baselines.scaling_law.frontier import minimise, shared_modes
from baselines.scaling_law.gradient_flow import predict
from baselines.scaling_law.matching_law import Task
from baselines.scaling_law.spectrum import Spectrum

Array = NDArray[np.float64]


class Stopping(NamedTuple):
    """The best moment to stop for each number of data.  Each of shape [N]."""

    samples: Array
    time: Array
    excess: Array
    """Test error there, above the noise."""
    gradient: Array
    """Gradient norm delta there (not squared)."""


def optimal(spectrum: Spectrum, task: Task, samples: ArrayLike, noise: float) -> Stopping:
    """Minimise the exact test error of kernel gradient flow over time.

    Args:
        spectrum: Modes of the data and of the target.
        task: Its exponents, from which the search starts.
        samples: Numbers of data, ascending.  Shape [N].
        noise: Variance of the label noise.

    Raises:
        ValueError: If there is no noise: then there is nothing to stop for.
    """
    if not noise > 0:
        raise ValueError(f"the noise variance must be positive; got {noise}")
    sizes = np.asarray(samples, dtype=np.float64)
    rows, best = [], np.empty(0)
    for index, n in enumerate(sizes):

        def log_error(x: Array, n: float = n) -> float:
            return math.log(predict(spectrum, n, math.inf, np.exp(x), noise).test[0])

        if index:
            start = best + task.stopping_time * np.log(n / sizes[index - 1])
        else:
            grid = np.geomspace(1, 100 * n**task.decay, 40) / spectrum.eigenvalues[0]
            start = np.log(grid[[predict(spectrum, n, math.inf, grid, noise).test.argmin()]])
        best = minimise(log_error, start)
        found = predict(spectrum, n, math.inf, np.exp(best), noise)
        rows.append((n, math.exp(best[0]), found.test[0], math.sqrt(found.gradient[0])))
    return Stopping(*np.array(rows).T)


class Gram(NamedTuple):
    """Products over the modes of one draw of n data, for targets that share the data's spectrum."""

    kernel: Tensor
    """`Psi Psi^T`.  Shape [n, n]."""
    population: Tensor
    """`Psi Lambda Psi^T`.  Shape [n, n]."""
    labels: Tensor
    """`Psi W^2 Psi^T` of each target: covariance of the noise-free labels over its signs.  Shape [S, n, n]."""
    overlap: Tensor
    """`Psi W^2 Lambda Psi^T` of each target.  Shape [S, n, n]."""
    signal_variance: Tensor
    """`sum_k lambda_k w_k^2`.  Shape [S]."""


class KernelFlow(NamedTuple):
    """Test error and squared gradient norm of kernel gradient flow: without noise, and for one unit of its variance."""

    test: Array
    """Shape [S, T]."""
    gradient: Array
    """Shape [S, T]."""
    test_noise: Array
    """Shape [T]."""
    gradient_noise: Array
    """Shape [T]."""


def draw_data(
    spectra: Sequence[Spectrum], n: int, generator: torch.Generator, device: torch.device, dtype: torch.dtype,
    chunk: int = 2000,
) -> Gram:  # fmt: skip
    """Draw n data and form their products over the modes.

    Args:
        spectra: One a target, of the same eigenvalues, one row a mode.
        n: Number of data.
        generator: Of the CPU; the numbers are drawn in float64 whatever the device.
        device: Where the products are formed.
        dtype: Of the products.
        chunk: Modes handled at a time.
    """
    eigenvalues, signals = shared_modes(spectra, device, dtype)
    kernel, population = (torch.zeros(n, n, device=device, dtype=dtype) for _ in range(2))
    labels, overlap = (torch.zeros(len(spectra), n, n, device=device, dtype=dtype) for _ in range(2))
    for lam, power in zip(eigenvalues.split(chunk), signals.split(chunk, 1), strict=True):
        drawn = torch.randn(n, len(lam), generator=generator, dtype=torch.float64).to(device, dtype)  # [n, m]
        psi = drawn * lam.sqrt()
        kernel.addmm_(psi, psi.T)
        population.addmm_(psi * lam, psi.T)
        for total, mixed, strength in zip(labels, overlap, power, strict=True):
            scaled = drawn * strength
            total.addmm_(scaled, drawn.T)
            mixed.addmm_(scaled * lam, drawn.T)
    return Gram(kernel, population, labels, overlap, signals.sum(1))


def kernel_flow(gram: Gram, times: ArrayLike) -> KernelFlow:
    r"""Gradient flow on $\frac{1}{2n} \lVert f - y \rVert^2$ in the kernel's feature space, from $f = 0$.

    With $K / n = U \mathrm{diag}(e) U^T$ the learned function is $\sum_i c_i \, k(\cdot, x_i)$,
    $c = U \, \mathrm{diag}(g) \, U^T y$, $g_j = (1 - e^{-t e_j}) / (n e_j)$: no time steps. Everything is averaged over
    test points, label noise and the signs of the target, as in `simulate.py`.

    Args:
        gram: A draw.
        times: Times t > 0; `math.inf` is the interpolating solution.  Shape [T].
    """
    n = len(gram.kernel)
    t = torch.as_tensor(np.asarray(times, dtype=np.float64)).to(gram.kernel)
    e, u = torch.linalg.eigh(gram.kernel / n)
    e = e.clamp(min=torch.finfo(e.dtype).tiny)
    exponent = -t[:, None] * e  # [T, n]
    g, left = -torch.expm1(exponent) / (n * e), torch.exp(2 * exponent)
    population = u.T @ gram.population @ u  # [n, n]
    test, gradient = [], []
    for labels, overlap, variance in zip(gram.labels, gram.overlap, gram.signal_variance, strict=True):
        y = u.T @ labels @ u  # [n, n]
        cross = (u * (overlap @ u)).sum(0)  # [n]
        test.append(variance - 2 * g @ cross + ((g @ (population * y)) * g).sum(1))
        gradient.append(left @ (e * y.diagonal()) / n)
    found = torch.stack(test), torch.stack(gradient), g**2 @ population.diagonal(), left @ e / n
    return KernelFlow(*(one.cpu().numpy() for one in found))
