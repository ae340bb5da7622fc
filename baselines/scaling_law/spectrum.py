"""Power-law spectra and their effective dimensions.

The model of the data has `M` independent Gaussian modes: mode `k` has variance `lambda_k` and the target puts the
variance `lambda_k w_k^2` on it. Both decay as powers of `k`, which is all a scaling law needs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Variances of the modes and of the target on them.

    Args:
        eigenvalues: `lambda_k > 0`, in descending order.  Shape [M].
        signal: `lambda_k w_k^2 >= 0`, the variance of the target in each mode.  Shape [M].

    Raises:
        ValueError: If the shapes differ or a value has the wrong sign.
    """

    eigenvalues: Vector
    signal: Vector

    def __post_init__(self) -> None:
        if self.eigenvalues.ndim != 1 or self.eigenvalues.shape != self.signal.shape:
            raise ValueError(f"two vectors of one length; got {self.eigenvalues.shape} and {self.signal.shape}")
        if not (self.eigenvalues > 0).all() or not (self.signal >= 0).all():
            raise ValueError("eigenvalues must be positive and signal variances must not be negative")

    @property
    def modes(self) -> int:
        """Number of modes `M`."""
        return len(self.eigenvalues)

    @property
    def signal_variance(self) -> float:
        """Variance of the noise-free target, `sum_k lambda_k w_k^2`: the error of predicting zero."""
        return float(self.signal.sum())


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


def effective_dimensions(eigenvalues: Vector, resolution: float) -> tuple[float, float]:
    """Number of modes that a ridge resolves, in its two usual forms.

    `df1(g) = sum_k lambda_k / (lambda_k + g)` and `df2(g) = sum_k (lambda_k / (lambda_k + g))^2`.

    Args:
        eigenvalues: `lambda_k`.  Shape [M].
        resolution: `g >= 0`, the eigenvalue at which a mode is half resolved.

    Returns:
        The pair (df1, df2).
    """
    resolved = eigenvalues / (eigenvalues + resolution)
    return float(resolved.sum()), float(resolved @ resolved)
