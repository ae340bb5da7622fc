r"""Random-feature ridge regression on drawn data and features, with everything integrated that can be.

Given the data $\Psi$ [n, M] and the features $A$ [p, M], the test error is a quadratic form in the target $w$ and in
the label noise. Its mean over test points is a sum over modes, its mean over the label noise is a trace, and its mean
over the signs of the $w_k$ is a trace too. (The model is symmetric under $\psi_k \to -\psi_k$, so the sign of a $w_k$
does not matter, and averaging over it takes away fluctuation without moving the mean.) What is left random is
$(\Psi, A)$ alone: the reported error of a draw is a conditional expectation, not a sample.

All products with the M modes are formed once for the largest n and p; smaller sizes are blocks of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.scaling_law.spectrum import Spectrum


class Moments(NamedTuple):
    """Products over the modes of one draw of n data and p features."""

    features: Tensor
    """`Psi A^T`, the features of the data before the division by sqrt(p).  Shape [n, p]."""
    covariance: Tensor
    """`A Lambda A^T`, their population covariance.  Shape [p, p]."""
    labels: Tensor
    """`Psi W^2 Psi^T`, covariance of the noise-free labels over the signs of the target.  Shape [n, n]."""
    overlap: Tensor
    """`Psi W^2 Lambda A^T`, covariance of the labels with the target's projections.  Shape [n, p]."""
    signal_variance: float
    """`sum_k lambda_k w_k^2`."""


@dataclass(frozen=True)
class Sampled:
    """Errors of drawn regressions for several ridges, averaged over label noise, test points and target signs."""

    bias: Tensor
    """Test error without label noise.  Shape [R]."""
    variance: Tensor
    """Test error that one unit of label-noise variance adds.  Shape [R]."""
    train_bias: Tensor
    """Train error without label noise.  Shape [R]."""
    train_variance: Tensor
    """Train error that one unit of label-noise variance adds.  Shape [R]."""


def draw(
    spectrum: Spectrum, n: int, p: int, generator: torch.Generator, device: torch.device, dtype: torch.dtype,
    chunk: int = 1000,
) -> Moments:  # fmt: skip
    """Draw n data and p feature vectors and form their products over the modes.

    The numbers are drawn on the CPU in float64 whatever the device, so that every device sees the same draw.

    Args:
        spectrum: Modes of the data and of the target.
        n: Number of data.
        p: Number of features.
        generator: Of the CPU; the stream of this draw.
        device: Where the products are formed.
        dtype: Of the products.
        chunk: Modes handled at a time, which bounds the memory.

    Raises:
        ValueError: If rows of the spectrum stand for several modes.
    """
    if spectrum.is_binned:
        raise ValueError("a draw needs every mode; a spectrum with counts serves predictions only")
    features = torch.zeros(n, p, device=device, dtype=dtype)
    covariance = torch.zeros(p, p, device=device, dtype=dtype)
    labels = torch.zeros(n, n, device=device, dtype=dtype)
    overlap = torch.zeros(n, p, device=device, dtype=dtype)
    eigenvalues = torch.from_numpy(spectrum.eigenvalues)
    signal = torch.from_numpy(spectrum.signal)
    for start in range(0, len(spectrum.eigenvalues), chunk):
        lam = eigenvalues[start : start + chunk].to(device, dtype)  # [m]
        power = signal[start : start + chunk].to(device, dtype)  # [m]
        g = torch.randn(n, len(lam), generator=generator, dtype=torch.float64).to(device, dtype)  # [n, m]
        a = torch.randn(p, len(lam), generator=generator, dtype=torch.float64).to(device, dtype)  # [p, m]
        scaled = a * lam.sqrt()
        targets = g * power.sqrt()
        features.addmm_(g, scaled.T)
        covariance.addmm_(scaled, scaled.T)
        labels.addmm_(targets, targets.T)
        overlap.addmm_(g * power, scaled.T)
    return Moments(features, covariance, labels, overlap, spectrum.signal_variance)


def errors(moments: Moments, n: int, p: int, ridges: Tensor) -> Sampled:
    """Errors with n data and p features, averaged over all disjoint blocks of that size in a draw.

    A draw of 400 data and 400 features holds eight independent draws of 50 and 50.

    Args:
        moments: Of a draw with at least n data and p features.
        n: Number of data.
        p: Number of features.
        ridges: Ridges `rho > 0`.  Shape [R].
    """
    per_block = [_block_errors(block, ridges) for block in blocks(moments, n, p)]
    stacked = [torch.stack(values).mean(0) for values in zip(*per_block, strict=True)]
    return Sampled(*stacked)


def blocks(moments: Moments, n: int, p: int) -> Iterator[Moments]:
    """The disjoint draws of n data and p features that a larger draw contains, with features divided by sqrt(p)."""
    drawn_n, drawn_p = moments.features.shape
    for index in range(min(drawn_n // n, drawn_p // p)):
        rows = slice(index * n, (index + 1) * n)
        columns = slice(index * p, (index + 1) * p)
        yield Moments(
            moments.features[rows, columns] / p**0.5,
            moments.covariance[columns, columns] / p,
            moments.labels[rows, rows],
            moments.overlap[rows, columns] / p**0.5,
            moments.signal_variance,
        )


def _block_errors(block: Moments, ridges: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Exact conditional expectations for one draw and all ridges from one eigendecomposition.

    With the smaller Gram matrix's eigenvalues $e_i$, the solution operator is $Q = V \, \mathrm{diag}(g) \, U^T$ of
    shape [p, n], $g_i = 1/(e_i + \rho)$, where $U$ or $V$ is orthonormal and the other one is its image under $Z$: no
    division by small singular values. Draws and blocks are done one by one: on a CPU, batches were not faster.
    """
    z = block.features  # [n, p]
    n, p = z.shape
    if p <= n:
        e, v = torch.linalg.eigh(z.T @ z)
        u = z @ v
    else:
        e, u = torch.linalg.eigh(z @ z.T)
        v = z.T @ u
    g = 1 / (e.clamp(min=0) + ridges[:, None])  # [R, r]
    h = v.T @ block.covariance @ v  # [r, r]
    y = u.T @ block.labels @ u  # [r, r]
    cross = (u * (block.overlap @ v)).sum(0)  # [r]
    norms = (u * u).sum(0)  # [r]; the columns of u are orthogonal
    bias = block.signal_variance - 2 * g @ cross + torch.einsum("ri,ij,rj->r", g, h * y, g)
    variance = g**2 @ (h.diagonal() * norms)
    if p <= n:
        shrink = 2 * g - g**2 * e
        train_bias = (block.labels.trace() - shrink @ y.diagonal()) / n
        train_variance = (n - shrink @ norms) / n
    else:
        shrink = (ridges[:, None] * g) ** 2
        train_bias = shrink @ y.diagonal() / n
        train_variance = shrink.sum(1) / n
    return bias, variance, train_bias, train_variance
