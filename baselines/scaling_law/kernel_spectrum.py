r"""Learning curves of kernel regression on real data, predicted from the spectrum of one pool of data.

A pool of $N$ data gives one $N \times N$ kernel matrix $K = N U \Lambda U^T$ and the coefficients
$c = U^T y / \sqrt N$ of the target. A regression learns from $n$ data drawn from the pool without replacement,
$f = K_{\cdot S} (K_{SS} + \delta)^{-1} y_S$, and is tested on the $N - n$ others.

Two predictions are made here without any regression:

* `predict` uses the eigenvalues and the squared coefficients alone. It takes the eigenvectors to be spread evenly over
  the pool. For $N \to \infty$ it is the theory of `ridge.predict`; for $n \to N$ it is generalised cross-validation.
* `predict_resolved` keeps what each datum of the pool contributes. For $n = N - 1$ it is the exact leave-one-out error.

References:
    Simon, Karkada, Ghosh, Belkin (2023), "More is better", arXiv:2311.14646 (infinite pool).
    Golub, Heath, Wahba (1979), Technometrics 21, 215 (generalised cross-validation).
"""

import math

import torch
from scipy.optimize import brentq
from torch import Tensor

from baselines.scaling_law.spectrum import Spectrum

MOST_STEPS, TOLERANCE = 60, 1e-9  # of Newton's method


def pool_spectrum(gram: Tensor, targets: Tensor) -> Spectrum:
    r"""Spectrum and target of a pool: $\lambda$ = eigenvalues / N, signal = $\sum_c (U^T y_c)^2 / N$.

    Args:
        gram: Kernel matrix `K` of the pool.  Shape [N, N].
        targets: Targets `y`; the errors of several outputs are added.  Shape [N, outputs].
    """
    values, vectors = torch.linalg.eigh(gram)
    coefficients = (vectors.T @ targets).square().sum(1) / len(gram)  # [N]
    # Rounding makes eigenvalues near zero negative; a mode that small is never learned.
    floor = float(values[-1]) * 1e-15
    eigenvalues = values.clamp(min=floor).flip(0) / len(gram)
    return Spectrum(eigenvalues.double().cpu().numpy(), coefficients.flip(0).double().cpu().numpy())


def predict(spectrum: Spectrum, pool: float, n: float, ridge: float, p: float = math.inf) -> float:
    r"""Error of regression with n data of a pool on the rest of the pool, from the spectrum of the pool.

    With $z = df_1(\gamma)$, $q = df_2(\gamma)$, the resolution $\gamma$ solves
    $$\gamma \Big(1 - \frac z p\Big) (n - z) = \delta \Big(1 - \frac z N\Big), \qquad \kappa = \gamma (1 - z / p),$$
    and with $u = \frac{q (p - 2 z) + z^2}{p - q}$ the error is
    $$E = \frac{\sum_k \Big[\frac{\gamma}{\lambda_k + \gamma} - \frac{\kappa \lambda_k p}
      {(\lambda_k + \gamma)^2 (p - q)}\Big] c_k^2}
      {1 - \frac{2 z - u}{N} - \frac N n \Big(\frac u N - \frac{z^2}{N^2}\Big)} .$$

    Args:
        spectrum: Of the pool.
        pool: `N`, number of data in the pool; `math.inf` is an infinite population, as in `ridge.predict`.
        n: Number of training data, below N.
        ridge: `delta > 0`, added to the eigenvalues of the n x n kernel matrix.
        p: Number of random features whose mean kernel this is; `math.inf` is kernel regression.

    Raises:
        ValueError: If a size or the ridge is out of range.
    """
    if not 0 < n < pool or not ridge > 0 or not p > 0:
        raise ValueError(f"0 < n < pool, ridge > 0 and p > 0; got n {n}, pool {pool}, ridge {ridge}, p {p}")
    gamma = _resolution(spectrum, pool, n, ridge, p)
    z, q = spectrum.effective_dimensions(gamma)
    unused = 1 - q / p
    u = (q * (1 - 2 * z / p) + z * z / p) / unused
    mixing = gamma * (z - q) / p / unused
    weights = (gamma**2 + mixing * spectrum.eigenvalues) / (spectrum.eigenvalues + gamma) ** 2
    denominator = 1 - (2 * z - u) / pool - (u - z * z / pool) / n
    return float(weights @ (spectrum.counts * spectrum.signal)) / denominator


def _resolution(spectrum: Spectrum, pool: float, n: float, ridge: float, p: float) -> float:
    """The one root `gamma` of the fixed-point equation, whose left side over the right one grows with gamma."""
    smaller = min(n, p)

    def excess(log_gamma: float) -> float:
        gamma = math.exp(log_gamma)
        z, _ = spectrum.effective_dimensions(gamma)
        left = gamma * max(1 - z / p, 0.0) * max(n - z, 0.0) / (1 - z / pool)
        return math.log(left / ridge) if left > 0 else -1e3

    # Where gamma reaches this, at most half of the data and of the features are in use.
    high = math.log(2 * spectrum.trace / smaller + 4 * ridge / n)
    low = min(math.log(float(spectrum.eigenvalues.min())), math.log(ridge / n)) - 2
    return math.exp(float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14, maxiter=500)))


def predict_resolved(
    gram: Tensor, targets: Tensor, n: int, ridge: float, p: float = math.inf, spectrum: Spectrum | None = None
) -> float:
    r"""Error of regression with n data of a pool on the rest, from the kernel matrix of the pool datum by datum.

    A datum of the pool is in the training set with probability $t = n / N$. The average of the masked resolvent is the
    resolvent of an effective ridge for each datum; p random features shrink the kernel by a factor $s$:
    $$G = (s K + \mathrm{diag}(\omega))^{-1}, \qquad \omega_i = \delta + \frac{1 - t}{G_{ii}}, \qquad
      \frac 1 s = 1 + \frac 1 p \mathrm{tr}(K G) .$$
    With $v = \mathrm{diag}(G K G)$ and $\beta = \frac{s^2}{p - s^2 \, \mathrm{tr}(K G K G)}$ the error is
    $$E = \frac{\sum_i \dot\omega_i (G y)_i^2 + \beta \, (v \cdot \dot\omega) \, y^T G K G y}{N (1 - t)}, \qquad
      \Big[\mathrm{diag}\Big(\frac{G_{ii}^2}{1 - t}\Big) - G \circ G - \beta v v^T\Big] \dot\omega = t \mathbf 1 .$$
    Data that the others explain badly have a large $1 / G_{ii}$; a spectrum alone cannot know them.

    Args:
        gram: Kernel matrix of the pool.  Shape [N, N].
        targets: Targets; the errors of several outputs are added.  Shape [N, outputs].
        n: Number of training data, below N.
        ridge: `delta > 0`.
        p: Number of random features whose mean kernel this is; `math.inf` is kernel regression.
        spectrum: Of the pool, if known; the start of Newton's method, found here if not given.

    Raises:
        ValueError: If n, the ridge or p is out of range.
        ArithmeticError: If the fixed point is not reached.
    """
    pool = len(gram)
    if not 0 < n < pool or not ridge > 0 or not p > 0:
        raise ValueError(f"0 < n < {pool}, ridge > 0 and p > 0; got n {n}, ridge {ridge}, p {p}")
    gram, targets = gram.double(), targets.double()
    t = n / pool
    start = spectrum or pool_spectrum(gram, targets)
    gamma = _resolution(start, pool, n, ridge, p)
    s = 1 - start.effective_dimensions(gamma)[0] / p
    omega = torch.full((pool,), pool * gamma * s, dtype=gram.dtype, device=gram.device)
    for _ in range(MOST_STEPS):
        resolvent = torch.cholesky_inverse(torch.linalg.cholesky(s * gram + omega.diag()))  # [N, N]
        diagonal = resolvent.diagonal()
        stiffness = (diagonal.square() / (1 - t)).diag() - resolvent.square()
        product = gram @ resolvent if p < math.inf else torch.zeros_like(gram)
        v = (resolvent * product.T).sum(1)  # [N]
        trace, square = float(product.trace()), float((product * product.T).sum())
        wrong = (omega - ridge) * diagonal - (1 - t)  # [N]
        wrong_s = s * (1 + trace / p) - 1
        if max(float(wrong.abs().max()), abs(wrong_s)) < TOLERANCE:
            beta = s**2 / (p - s**2 * square) if p < math.inf else 0.0
            rates = torch.linalg.solve(stiffness - beta * torch.outer(v, v), torch.full_like(omega, t))
            misfit = resolvent @ targets  # [N, outputs]
            shrunk = beta * float(v @ rates) * float((misfit * (gram @ misfit)).sum())
            return (float(rates @ misfit.square().sum(1)) + shrunk) / (pool * (1 - t))
        # Newton's step in omega at fixed s, and how it moves with s; then the step in s.
        scale = diagonal / (1 - t)
        step, tilt = torch.linalg.solve(stiffness, torch.stack([wrong * scale, v], dim=1)).unbind(1)
        slope = 1 + trace / p - s / p * (square + float(v @ tilt))
        step_s = (wrong_s + s / p * float(v @ step)) / slope
        # Below the ridge an effective ridge has no meaning: halve the way there instead.
        omega = torch.maximum(omega - step - step_s * tilt, (omega + ridge) / 2)
        s = min(max(s - step_s, s / 2), 1.0)
    raise ArithmeticError(f"no fixed point after {MOST_STEPS} Newton steps; a larger ridge than {ridge:g} is easier")


def regression_errors(inner: Tensor, outer: Tensor, train: Tensor, test: Tensor, ridges: list[float]) -> Tensor:
    """Test errors of kernel regression, one for each ridge.

    Args:
        inner: Kernel between training data.  Shape [n, n].
        outer: Kernel between test and training data.  Shape [m, n].
        train: Training targets.  Shape [n, outputs].
        test: Test targets; squared errors of several outputs are added.  Shape [m, outputs].
        ridges: `delta` of each regression.

    Returns:
        Mean squared errors.  Shape [ridges].
    """
    eye = torch.eye(len(inner), dtype=inner.dtype, device=inner.device)
    weights = [torch.cholesky_solve(train, torch.linalg.cholesky(inner + ridge * eye)) for ridge in ridges]
    return torch.stack([(outer @ w - test).square().sum(1).mean() for w in weights])


def split(pool: int, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Row numbers of n random training data and of all others.

    Args:
        pool: Number of data.
        n: Number of training data.
        generator: Of the CPU.
    """
    order = torch.randperm(pool, generator=generator)
    return order[:n], order[n:]
