r"""Deterministic equivalent of random-feature ridge regression: the errors of the limit of large n and p.

The model. A datum has independent Gaussian modes $\psi_k$ of variance $\lambda_k$; its label is
$y = \sum_k w_k \psi_k + \varepsilon$ with noise variance $\sigma^2$. The features are $\phi = A \psi / \sqrt p$ with a
$p \times M$ matrix $A$ of standard normal entries, and the weights minimise
$\sum_{i \le n} (a \cdot \phi_i - y_i)^2 + \rho \lVert a \rVert^2$.

For large $n$ and $p$ the errors stop fluctuating and depend on two numbers only: $\gamma$, the eigenvalue down to
which the features *and* the data resolve the modes, and $\kappa \le \gamma$, the effective ridge of the data.

References:
    Simon, Karkada, Ghosh, Belkin (2023), "More is better", arXiv:2311.14646.
    Defilippis, Loureiro, Misiakiewicz (2024), "Dimension-free deterministic equivalents and scaling laws for random
    feature regression", arXiv:2405.15699.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq

from baselines.scaling_law.spectrum import Spectrum


@dataclass(frozen=True)
class FixedPoint:
    """Solution of `n = df1(gamma) + ridge / kappa` and `p = df1(gamma) + p kappa / gamma`."""

    kappa: float
    """Effective ridge of the finite data set."""
    gamma: float
    """Eigenvalue at which a mode is half resolved."""
    df1: float
    """`sum_k lambda_k / (lambda_k + gamma)`, the number of modes resolved."""
    df2: float
    """`sum_k (lambda_k / (lambda_k + gamma))^2`."""


@dataclass(frozen=True)
class Errors:
    """Predicted mean squared errors.

    The test error is measured against the noise-free target; a noisy test label adds the noise variance to it.
    """

    bias: float
    """Test error without label noise."""
    variance: float
    """Test error that one unit of label-noise variance adds."""
    train_factor: float
    """Train error divided by the test error on noisy labels, `(ridge / (n kappa))^2`."""

    def test(self, noise: float) -> float:
        """Test error against the noise-free target at label-noise variance `noise`."""
        return self.bias + noise * self.variance

    def train(self, noise: float) -> float:
        """Mean squared error on the training labels at label-noise variance `noise`."""
        return self.train_factor * (self.test(noise) + noise)


def solve(spectrum: Spectrum, n: float, p: float, ridge: float) -> FixedPoint:
    r"""Solve the fixed-point equations by one bracketed root search.

    Eliminating $\kappa = \gamma (1 - df_1(\gamma)/p)$ leaves
    $\gamma \, (1 - df_1(\gamma)/p) \, (n - df_1(\gamma)) = \rho$, whose left side grows with $\gamma$, from zero
    where $df_1(\gamma) = \min(n, p)$.

    Args:
        spectrum: Modes of the data; its signal does not matter here.
        n: Number of data.
        p: Number of random features; `math.inf` is kernel ridge regression.
        ridge: `rho`, added to the eigenvalues of the n x n kernel matrix; zero is the minimum-norm solution.

    Raises:
        ValueError: If a size is not positive, the ridge is negative, or there is no finite solution: without a ridge
            n and p must differ and the smaller one must be below M.
    """
    smaller = min(n, p)
    if not smaller > 0 or not math.isfinite(n) or not ridge >= 0:
        raise ValueError(f"n > 0, p > 0 and ridge >= 0; got {n}, {p}, {ridge}")
    modes, trace = spectrum.modes, spectrum.trace
    if ridge == 0 and (n == p or smaller >= modes):
        raise ValueError(f"without a ridge n and p must differ, the smaller below {modes:g}; got {n}, {p}")
    low = math.log(ridge / n) if ridge > 0 else -math.inf
    if smaller < modes:

        def unresolved(log_gamma: float) -> float:
            return smaller - spectrum.effective_dimensions(math.exp(log_gamma))[0]

        bottom = math.log(float(spectrum.eigenvalues.min()) * (modes - smaller) / smaller)
        low = max(low, _root(unresolved, bottom, math.log(trace / smaller)))
    log_gamma = low
    if ridge > 0:

        def excess(log_gamma: float) -> float:
            gamma = math.exp(log_gamma)
            df1, _ = spectrum.effective_dimensions(gamma)
            left = gamma * max(1 - df1 / p, 0.0) * max(n - df1, 0.0)
            return math.log(left / ridge) if left > 0 else -1e3

        # From here on both brackets are above half of their limits, and gamma n / 4 is above the ridge.
        log_gamma = _root(excess, low, math.log(2 * trace / smaller + 4 * ridge / n))
    gamma = math.exp(log_gamma)
    df1, df2 = spectrum.effective_dimensions(gamma)
    # Of the two expressions for kappa, the one without cancellation.
    kappa = ridge / (n - df1) if p <= n else gamma * (1 - df1 / p)
    return FixedPoint(kappa, gamma, df1, df2)


def predict(spectrum: Spectrum, n: float, p: float, ridge: float) -> Errors:
    r"""Test and train error of random-feature ridge regression in the limit of large n and p.

    With $z = df_1(\gamma)$, $q = df_2(\gamma)$ and
    $\Upsilon = \frac{q (p - 2 z) + z^2}{n (p - q)}$ (Simon et al.), the test error is
    $$\frac{1}{1 - \Upsilon} \sum_k \left[\frac{\gamma}{\lambda_k + \gamma}
      - \frac{\kappa \lambda_k p}{(\lambda_k + \gamma)^2 (p - q)}\right] \lambda_k w_k^2
      + \frac{\Upsilon}{1 - \Upsilon} \sigma^2 .$$
    The bracket is evaluated in the form $\frac{\gamma^2 + \gamma \lambda_k (z - q)/(p - q)}{(\lambda_k + \gamma)^2}$, a
    sum of positive terms that follows from $\kappa = \gamma (1 - z/p)$.

    Args:
        spectrum: Modes of the data and of the target.
        n: Number of data.
        p: Number of random features; `math.inf` is kernel ridge regression.
        ridge: `rho >= 0`.

    Raises:
        ValueError: As `solve`.
    """
    point = solve(spectrum, n, p, ridge)
    gamma, z, q = point.gamma, point.df1, point.df2
    unused = 1 - q / p
    upsilon = (q * (1 - 2 * z / p) + z * z / p) / (n * unused)
    mixing = gamma * (z - q) / p / unused
    weights = (gamma**2 + mixing * spectrum.eigenvalues) / (spectrum.eigenvalues + gamma) ** 2
    train_root = (n - z) / n if p <= n else ridge / (n * point.kappa)
    return Errors(
        float((spectrum.counts * weights) @ spectrum.signal) / (1 - upsilon), upsilon / (1 - upsilon), train_root**2
    )


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Root of an increasing function; the ends are stretched a little, because they may be the root itself."""
    return float(brentq(function, low - 1e-9, high + 1e-9, xtol=1e-14, rtol=1e-15, maxiter=500))
