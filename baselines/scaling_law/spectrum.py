"""Power-law spectra and their effective dimensions.

The model of the data has `M` independent Gaussian modes: mode `k` has variance `lambda_k` and the target puts the
variance `lambda_k w_k^2` on it. Both decay as powers of `k`, which is all a scaling law needs.

Predictions only need sums over modes, and far out in the tail neighbours are alike. A spectrum may therefore hold rows
that stand for several equal modes, their *counts*: ten million modes then cost some hundred rows, and the degenerate
levels of a kernel on the sphere one row each.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Variances of the modes and of the target on them.

    Args:
        eigenvalues: `lambda_k > 0`, in descending order.  Shape [R].
        signal: `lambda_k w_k^2 >= 0`, the variance of the target in each single mode of a row.  Shape [R].
        counts: Number of equal modes a row stands for, not necessarily whole; one each by default.  Shape [R].

    Raises:
        ValueError: If the shapes differ or a value has the wrong sign.
    """

    eigenvalues: Vector
    signal: Vector
    counts: Vector = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.counts.size:
            object.__setattr__(self, "counts", np.ones_like(self.eigenvalues))
        shapes = self.eigenvalues.shape, self.signal.shape, self.counts.shape
        if self.eigenvalues.ndim != 1 or len(set(shapes)) > 1:
            raise ValueError(f"vectors of one length; got {', '.join(map(str, shapes))}")
        if not (self.eigenvalues > 0).all() or not (self.signal >= 0).all() or not (self.counts > 0).all():
            raise ValueError("eigenvalues and counts must be positive and signal variances must not be negative")

    @property
    def modes(self) -> float:
        """Number of modes `M`."""
        return float(self.counts.sum())

    @property
    def trace(self) -> float:
        """`sum_k lambda_k`."""
        return float(self.counts @ self.eigenvalues)

    @property
    def signal_variance(self) -> float:
        """Variance of the noise-free target, `sum_k lambda_k w_k^2`: the error of predicting zero."""
        return float(self.counts @ self.signal)

    @property
    def is_binned(self) -> bool:
        """Whether a row stands for more than one mode, so that the spectrum cannot be drawn from mode by mode."""
        return bool((self.counts != 1).any())

    def effective_dimensions(self, resolution: float) -> tuple[float, float]:
        """Number of modes that a ridge resolves, in its two usual forms: see `effective_dimensions`."""
        return effective_dimensions(self.eigenvalues, resolution, self.counts)


def power_law(modes: int, decay: float, signal_decay: float) -> Spectrum:
    """The spectrum `lambda_k = k^-decay` with the target `lambda_k w_k^2 = k^-signal_decay`.

    In the notation of the literature `decay = b` is the capacity and `(signal_decay - 1) / (2 b)` the source exponent.

    Args:
        modes: Number of modes `M`.
        decay: `b > 1`, so that the kernel has a finite trace.
        signal_decay: `a > 1`, so that the target has a finite variance.

    Raises:
        ValueError: If a value is out of range.
    """
    if modes < 1 or not decay > 1 or not signal_decay > 1:
        raise ValueError(f"modes >= 1, decay > 1 and signal_decay > 1; got {modes}, {decay}, {signal_decay}")
    k = np.arange(1, modes + 1, dtype=np.float64)
    return Spectrum(k**-decay, k**-signal_decay)


def binned_power_law(
    modes: int, decay: float, signal_decay: float, exact: int = 300, per_decade: int = 100
) -> Spectrum:
    """The spectrum of `power_law` with its tail in logarithmic bins, for predictions with millions of modes.

    The first modes stay single. A bin keeps the number of its modes and the sums of their eigenvalues and of their
    signal variances; what it changes is of second order in its relative width.

    Args:
        modes: Number of modes `M`.
        decay: `b > 1`.
        signal_decay: `a > 1`.
        exact: Modes that stay single.
        per_decade: Bins for a factor of ten in `k`.

    Raises:
        ValueError: If a value is out of range.
    """
    if exact < 1 or per_decade < 1:
        raise ValueError(f"exact >= 1 and per_decade >= 1; got {exact}, {per_decade}")
    if modes <= exact:
        return power_law(modes, decay, signal_decay)
    head = power_law(exact, decay, signal_decay)
    bins = int(np.ceil(per_decade * np.log10(modes / exact)))
    edges = np.unique(np.round(np.geomspace(exact, modes, bins + 1))).astype(np.int64)
    counts = np.diff(edges).astype(np.float64)
    sums = [_partial_sums(edges, power) for power in (decay, signal_decay)]
    return Spectrum(
        np.concatenate([head.eigenvalues, sums[0] / counts]),
        np.concatenate([head.signal, sums[1] / counts]),
        np.concatenate([head.counts, counts]),
    )


def effective_dimensions(eigenvalues: Vector, resolution: float, counts: Vector | None = None) -> tuple[float, float]:
    """Number of modes that a ridge resolves, in its two usual forms.

    `df1(g) = sum_k lambda_k / (lambda_k + g)` and `df2(g) = sum_k (lambda_k / (lambda_k + g))^2`.

    Args:
        eigenvalues: `lambda_k`.  Shape [R].
        resolution: `g >= 0`, the eigenvalue at which a mode is half resolved.
        counts: Number of equal modes of each row; None is one each.  Shape [R].

    Returns:
        The pair (df1, df2).
    """
    resolved = eigenvalues / (eigenvalues + resolution)
    weighted = resolved if counts is None else counts * resolved
    return float(weighted.sum()), float(weighted @ resolved)


def _partial_sums(edges: NDArray[np.int64], power: float) -> Vector:
    """`sum_k k^-power` over `edges[i] < k <= edges[i + 1]`, as differences of Hurwitz zeta functions."""
    from scipy.special import zeta

    narrow = np.diff(edges) <= 10_000  # a difference of two nearly equal numbers loses digits: sum directly
    tails = zeta(power, edges + 1.0)
    sums = tails[:-1] - tails[1:]
    for i in np.flatnonzero(narrow):
        sums[i] = (np.arange(edges[i] + 1, edges[i + 1] + 1, dtype=np.float64) ** -power).sum()
    return np.asarray(sums)
