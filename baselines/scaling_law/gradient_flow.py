r"""Gradient flow on random features: errors and gradient norm in the limit of large n and p, at every time.

The model is that of `ridge.py`: data $\psi \sim N(0, \mathrm{diag}\,\lambda)$, labels $y = w \cdot \psi + \varepsilon$
with noise variance $\sigma^2$, features $\phi = A \psi / \sqrt p$ with a $p \times M$ matrix $A$ of standard normal
entries. The weights $a$ start at zero and follow gradient flow on $\frac{1}{2n} \lVert Z a - y \rVert^2$, where the
rows of $Z$ are the features of the $n$ data.

In the Laplace variable $s$ the two sizes enter through one number $\kappa(s)$, an effective ridge:
$$s = \kappa \, R_1 R_3, \quad R_1 = 1 - df_1(\kappa)/n, \quad R_3 = 1 - df_1(\kappa)/p, \quad
  df_1 = \sum_k \tfrac{\lambda_k}{\lambda_k + \kappa} .$$
The quantities at time t are double inverse Laplace transforms of two-point functions $C(s, s')$, which solve two linear
equations for each pair. The derivation is in docs/scaling_law.md.

References:
    Bordelon, Atanasov, Pehlevan (2024), "A dynamical model of neural scaling laws", arXiv:2402.01092 (the mean-field
    equations of the model; the closed form in kappa and the gradient norm are derived here).
    Weideman, Trefethen (2007), "Parabolic and hyperbolic contours for computing the Bromwich integral".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from baselines.scaling_law.spectrum import Spectrum

Vector = NDArray[np.float64]
Complex = NDArray[np.complex128]

STEPS_PER_E_FOLD = 4
"""Of the continuation of kappa; an eighth of it still gave the same digits for power laws."""
NEWTON = 30
"""Most Newton iterations in a step; two or three are usual."""


class FlowErrors(NamedTuple):
    """What gradient flow has reached at each time.  Each of shape [T]."""

    test: Vector
    """Mean squared test error against the noise-free target; a noisy test label adds the noise variance to it."""
    train: Vector
    """Mean squared error on the training labels."""
    gradient: Vector
    r"""Squared gradient norm, $\lVert Z^T (Z a - y) / n \rVert^2 = \delta^2$."""


def predict(
    spectrum: Spectrum, n: float, p: float, times: ArrayLike, noise: float = 0.0, nodes: int = 24
) -> FlowErrors:
    """Test error, train error and squared gradient norm of gradient flow from zero weights.

    Args:
        spectrum: Modes of the data and of the target.
        n: Number of data; `math.inf` is the population loss, on which label noise has no effect but its floor.
        p: Number of random features; `math.inf` is the kernel itself.
        times: Times t > 0 in any order; gradient descent with step eta is at t = eta * steps.  Shape [T].
        noise: Variance of the label noise.
        nodes: Points of the contour; the error of the inversion is about e^-nodes until rounding, 1e-13 times the
            value at t = 0, takes over.

    Raises:
        ValueError: If a size, a time, the noise or the number of nodes is out of range.
    """
    if not noise >= 0:
        raise ValueError(f"the noise variance must not be negative; got {noise}")
    signal, unit_noise = components(spectrum, n, p, times, nodes)
    sums = (clean + noise * added for clean, added in zip(signal, unit_noise, strict=True))
    return FlowErrors(*(np.maximum(total, 0.0) for total in sums))  # what has converged to zero, rounding may miss


def components(
    spectrum: Spectrum, n: float, p: float, times: ArrayLike, nodes: int = 24
) -> tuple[FlowErrors, FlowErrors]:
    """The errors without label noise, and what one unit of label-noise variance adds to each.

    Args and errors: as `predict`.
    """
    t = np.asarray(times, dtype=np.float64)
    if not (n > 0 and p > 0):
        raise ValueError(f"n and p must be positive; got {n} and {p}")
    if t.ndim != 1 or not ((t > 0) & np.isfinite(t)).all():
        raise ValueError(f"times must be a vector of positive numbers; got {times!r}")
    if nodes < 4 or nodes % 2:
        raise ValueError(f"nodes must be even and at least 4; got {nodes}")
    unique, back = np.unique(t, return_inverse=True)
    upper, weights = contour(nodes)
    kappa = resolutions(spectrum, n, p, upper, unique)
    found = np.empty((2, 3, len(unique)))
    for index, time in enumerate(unique):
        found[..., index] = _inverted(spectrum, n, p, upper / time, weights / time, kappa[index])
    return FlowErrors(*found[0][:, back]), FlowErrors(*found[1][:, back])


def contour(nodes: int) -> tuple[Complex, Complex]:
    r"""Points and weights of the inverse Laplace transform at t = 1, upper half of the complex plane.

    The parabola $s(\theta) = Q (0.1309 - 0.1194 \theta^2 + 0.25 i \theta)$ with its $Q$ points
    $\theta_j = (2j + 1 - Q) \pi / Q$ (Weideman and Trefethen 2007); $f(1) \approx 2 \, \mathrm{Re} \sum_j w_j F(s_j)$
    over the upper half if $F(\bar s) = \overline{F(s)}$. At time t the points and the weights are these divided by t.

    Args:
        nodes: Q, even.
    """
    theta = (2 * np.arange(nodes // 2, nodes) + 1 - nodes) * np.pi / nodes  # [Q/2]; the positive ones
    s = nodes * (0.1309 - 0.1194 * theta**2 + 0.25j * theta)
    slope = nodes * (-0.2388 * theta + 0.25j)
    return s, np.exp(s) * slope / (1j * nodes)


def resolutions(spectrum: Spectrum, n: float, p: float, rays: Complex, times: Vector) -> Complex:
    r"""The effective ridge $\kappa(s)$ at $s = $ ray / time, by continuation from large $|s|$.

    Where $|s|$ is large, $\kappa \approx s$. On each ray $|s|$ falls in small steps; a step follows the tangent and is
    corrected by Newton's method. The points of all times lie on the same rays, so one path serves them all.

    Args:
        spectrum: Modes; their target plays no part.
        n: Number of data.
        p: Number of features.
        rays: Points for t = 1.  Shape [J].
        times: Ascending.  Shape [T].

    Returns:
        Shape [T, J].

    Raises:
        ArithmeticError: If Newton's method does not converge.
    """
    start = min(float(times[0]), float(np.abs(rays).min()) / (100 * spectrum.trace))
    steps = int(np.ceil(np.log(times[-1] / start) * STEPS_PER_E_FOLD)) + 1
    path = np.union1d(np.geomspace(start, times[-1], steps), times)
    found = np.empty((len(times), len(rays)), dtype=np.complex128)
    kappa, slope, row = rays / path[0], np.ones(len(rays), dtype=np.complex128), 0
    for index, tau in enumerate(path):
        if index:
            kappa = kappa * (path[index - 1] / tau) ** slope
        kappa, slope = _newton(spectrum, n, p, rays / tau, kappa)
        if row < len(times) and tau == times[row]:
            found[row] = kappa
            row += 1
    return found


def _newton(spectrum: Spectrum, n: float, p: float, s: Complex, kappa: Complex) -> tuple[Complex, Complex]:
    """Solve for kappa from a near value; also d log kappa / d log s.  Shapes [J]."""
    for _ in range(NEWTON):
        r1, r3, slope = _factors(spectrum, n, p, kappa)
        step = (s - kappa * r1 * r3) / slope
        kappa = kappa + step
        if np.all(np.abs(step) <= 1e-9 * np.abs(kappa)):  # Newton squares it: the next step would be rounding
            return kappa, s / (kappa * slope)
    raise ArithmeticError(f"no effective ridge found for n = {n}, p = {p} at |s| = {np.abs(s).min():.3g}")


def _factors(spectrum: Spectrum, n: float, p: float, kappa: Complex) -> tuple[Complex, Complex, Complex]:
    """R1, R3 and the derivative of kappa R1 R3.  Shapes [J]."""
    resolved = spectrum.eigenvalues / (spectrum.eigenvalues + kappa[:, None])  # [J, K]
    df1 = resolved @ spectrum.counts
    change = df1 - (resolved * resolved) @ spectrum.counts  # -kappa d df1 / d kappa
    r1, r3 = 1 - df1 * (1 / n), 1 - df1 * (1 / p)
    return r1, r3, r1 * r3 + change * (r3 * (1 / n) + r1 * (1 / p))


def _inverted(spectrum: Spectrum, n: float, p: float, s: Complex, weights: Complex, kappa: Complex) -> Vector:
    """Test error, train error and squared gradient norm at one time: signal and unit noise.  Shape [2, 3]."""
    both = np.concatenate([s, s.conj()])  # s' runs over the whole contour, s over its upper half
    whole = np.concatenate([weights, weights.conj()])
    two_point = _two_point(spectrum, n, p, both, np.concatenate([kappa, kappa.conj()]), len(s))
    return np.asarray(2 * np.einsum("abjk,j,k->ab", two_point, weights, whole, optimize=True).real)


def _two_point(spectrum: Spectrum, n: float, p: float, s: Complex, kappa: Complex, rows: int) -> Complex:
    """The functions C0, C1 and C3 of all pairs (s, s'), for the signal and for unit noise.

    Args:
        spectrum: Modes.
        n: Number of data.
        p: Number of features.
        s: Points.  Shape [Q].
        kappa: Effective ridges there.  Shape [Q].
        rows: The pairs (s, s') have s among the first `rows` points.

    Returns:
        Shape [2, 3, rows, Q].
    """
    lam, signal, counts = spectrum.eigenvalues, spectrum.signal, spectrum.counts
    r1, r3, _ = _factors(spectrum, n, p, kappa)
    r1 = np.where(abs(r1) < abs(r3), s / (kappa * r3), r1)  # of two equal forms the one without cancellation
    h = kappa[:, None] / (s[:, None] * (lam + kappa[:, None]))  # [Q, K]
    per_mode = counts * np.stack([signal, lam, lam * lam, lam * signal])  # [4, K]
    sw, s1, s2, s2w = (per_mode[:, None] * h[:rows]) @ h.T  # each [rows, Q]
    pair = s[:rows, None] * s  # s s'
    r1_pair, r = r1[:rows, None] * r1, pair / (kappa[:rows, None] * kappa)  # r = R1 R1' R3 R3'
    a, b, c, d = r * s2 * (1 / n), s1 * (1 / p), r * pair * s1 * (1 / n), r * s2 * (1 / p)
    determinant = (1 - a) * (1 - d) - b * c
    clean = ((1 - d) * sw + b * r * s2w) / determinant
    noisy = (a * (1 - d) + b * c) / (determinant * pair)
    return np.stack(
        [
            np.stack([clean, r1_pair * clean, ((1 - a) * r * s2w + c * sw) / determinant]),
            np.stack([noisy, r1_pair * (1 - d) / (determinant * pair), c / (determinant * pair)]),
        ]
    )
