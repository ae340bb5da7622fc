r"""Kernels of the inner product on the sphere: a spectrum in levels, and a test error that falls in stairs.

For $x$ uniform on $S^{d-1}$ the eigenfunctions of a kernel $g(x \cdot x')$ are the spherical harmonics. All
$N_k = \binom{d+k-1}{k} - \binom{d+k-3}{k-2} \approx d^k / k!$ of degree $k$ share one eigenvalue (Funk and Hecke),
$$\lambda_k = \int_{-1}^{1} g(t) \, P_k(t) \, w(t) \, dt, \qquad w(t) \propto (1 - t^2)^{(d-3)/2}, \quad \int w = 1,$$
$P_k$ the Legendre polynomial in $d$ dimensions with $P_k(1) = 1$, a multiple of the Gegenbauer polynomial of index
$(d - 2)/2$.

Regression on $n$ random points needs no test set and no particular target. By the addition theorem
$\sum_m Y_{km}(x) Y_{km}(x') = N_k P_k(x \cdot x')$, means over test points and over all targets of one degree are
traces; by Schur's lemma the mean over training sets is the same for every target of that degree.

References:
    Ghorbani, Mei, Misiakiewicz, Montanari (2021), "Linearized two-layers neural networks in high dimension",
    arXiv:1904.12191 (the staircase).
    Mueller (1966), "Spherical harmonics" (addition theorem, Funk-Hecke formula).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.special import roots_gegenbauer
from torch import Tensor

from baselines.scaling_law.spectrum import Spectrum, Vector

KERNELS: dict[str, Callable[[Vector], Vector]] = {
    "exponential": lambda t: np.exp(2 * (t - 1)),
    "relu": lambda t: (np.sqrt(1 - t * t) + (math.pi - np.arccos(t)) * t) / math.pi,
}
"""Functions `g` of the inner product with g(1) = 1."""


def multiplicity(d: int, k: int) -> int:
    """Number `N_k` of spherical harmonics of degree k on the sphere in d dimensions.

    Args:
        d: Dimension of the space, at least 3.
        k: Degree.
    """
    return math.comb(d + k - 1, k) - (math.comb(d + k - 3, k - 2) if k >= 2 else 0)


def legendre(t: Tensor, d: int, degree: int) -> list[Tensor]:
    r"""`P_0(t), ..., P_degree(t)` in d dimensions, with `P_k(1) = 1`.

    By the recurrence $(k + d - 2) P_{k+1} = (2 k + d - 2) \, t \, P_k - k \, P_{k-1}$.

    Args:
        t: Inner products.  Any shape.
        d: Dimension of the space, at least 3.
        degree: Largest degree.
    """
    polynomials = [torch.ones_like(t), t]
    for k in range(1, degree):
        polynomials.append(((2 * k + d - 2) * t * polynomials[k] - k * polynomials[k - 1]) / (k + d - 2))
    return polynomials[: degree + 1]


def eigenvalues(kernel: str, d: int, degree: int, nodes: int = 400) -> Vector:
    """The eigenvalues of degrees 0 to `degree`, by Gauss-Gegenbauer quadrature.

    Args:
        kernel: A name of `KERNELS`.
        d: Dimension of the space, at least 3.
        degree: Largest degree.
        nodes: Of the quadrature.

    Returns:
        Shape [degree + 1].
    """
    t, w = roots_gegenbauer(nodes, (d - 2) / 2)
    values = KERNELS[kernel](t) * w / w.sum()
    polynomials = legendre(torch.from_numpy(t), d, degree)
    return np.array([values @ p.numpy() for p in polynomials])


def level_spectrum(levels: Vector, d: int, powers: list[float]) -> Spectrum:
    """The levels as a spectrum, one row a degree, with the target spread evenly over each degree.

    Degrees above the last one are left out; degrees whose eigenvalue vanishes are dropped.

    Args:
        levels: Eigenvalues from degree 0 on.  Shape [degree + 1].
        d: Dimension of the space.
        powers: Variance of the target in degrees 1, 2, ...

    Raises:
        ValueError: If the target has power in a degree the kernel does not see.
    """
    counts = np.array([multiplicity(d, k) for k in range(len(levels))], dtype=np.float64)
    signal = np.zeros(len(levels))
    signal[1 : len(powers) + 1] = powers
    seen = levels > 1e-16 * levels.max()
    if (signal[~seen] > 0).any():
        raise ValueError(f"the kernel sees the degrees {np.flatnonzero(seen)} only; the target has others")
    order = np.argsort(-levels[seen], kind="stable")
    return Spectrum(*(values[seen][order] for values in (levels, signal / counts, counts)))


def draw_points(n: int, d: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Uniform points on the sphere.  Shape [n, d].

    Args:
        n: Number of points.
        d: Dimension of the space.
        generator: Of the CPU.
        dtype: Of the points.
    """
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return (x / x.norm(dim=1, keepdim=True)).to(dtype)


def errors_by_degree(x: Tensor, levels: Vector, ridge: float, degrees: int) -> Tensor:
    r"""Test error of regression on the points x for a target of each degree, with variance one.

    With $A = (K + \delta)^{-1}$, $P_k = P_k(X X^T)$ and $M = \sum_k \lambda_k^2 N_k P_k$ the mean over test points and
    over all targets of degree $k$ is $1 - 2 \lambda_k \, \mathrm{tr}(A P_k) + \mathrm{tr}(A M A P_k)$.

    Args:
        x: Training points.  Shape [n, d].
        levels: Eigenvalues from degree 0 on; the kernel is the sum over these degrees.  Shape [degree + 1].
        ridge: `delta > 0`.
        degrees: Largest degree of a target.

    Returns:
        Errors of the degrees 1, ..., degrees.  Shape [degrees].
    """
    d = x.shape[1]
    polynomials = legendre(x @ x.T, d, len(levels) - 1)
    gram = ridge * torch.eye(len(x), dtype=x.dtype, device=x.device)
    overlap = torch.zeros_like(gram)
    for k, (level, p) in enumerate(zip(levels, polynomials, strict=True)):
        gram += level * multiplicity(d, k) * p
        overlap += level**2 * multiplicity(d, k) * p
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    spread = inverse @ overlap @ inverse
    return torch.stack(
        [
            1 - 2 * float(levels[k]) * (inverse * polynomials[k]).sum() + (spread * polynomials[k]).sum()
            for k in range(1, degrees + 1)
        ]
    )
