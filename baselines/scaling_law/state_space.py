r"""Best approximation of a memory kernel by a linear state-space model, in closed form.

A linear functional of white noise, $y_T = \int_0^\infty \rho(s) \, x_{T-s} \, ds$, is to be computed by a diagonal
linear state-space model with $m$ modes in continuous time, whose kernel is
$\hat\rho(t) = \sum_i c_i e^{-\lambda_i t}$. White noise has no correlations, so the mean squared error is the squared
$L^2$ distance of the kernels. The target is a mixture of exponentials, $\rho(t) = \sum_k a_k e^{-s_k t}$ with many
nodes; the power law is one: $(1+t)^{-q} = \frac{1}{\Gamma(q)} \int_0^\infty s^{q-1} e^{-s} e^{-st} ds$.

For given rates the best $c$ solves a linear system, and what remains is known in closed form. With the Blaschke product
$B(s) = \prod_i \frac{s - \lambda_i}{s + \lambda_i}$ the part of $e^{-st}$ that no $c$ can reach has the inner products
$\frac{B(s) B(s')}{s + s'}$ (Schur complement of a Cauchy matrix), so that

$$ \min_c \lVert \rho - \hat\rho \rVert^2 = \sum_{k,l} a_k a_l \frac{B(s_k) B(s_l)}{s_k + s_l} . $$

This form needs no ill-conditioned Gram matrix: errors of 1e-10 and rates that coincide are no difficulty.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import ellipk, gamma

Array = NDArray[np.float64]

FASTEST = 4.2  # log rate above which exp(-s) leaves no weight: exp(-exp(4.2)) = 1e-29
SPACING = 0.3  # of the nodes in log rate; the trapezoidal error is exp(-pi^2 / 0.3) = 5e-15


class Kernel(NamedTuple):
    """The target kernel, a mixture of exponentials."""

    rates: Array
    """`s_k > 0`, ascending.  Shape [K]."""
    weights: Array
    """`a_k`.  Shape [K]."""

    def at(self, t: Array) -> Array:
        """`rho(t)`, of the shape of `t`."""
        return np.asarray(np.exp(-np.asarray(t)[..., None] * self.rates) @ self.weights)

    @property
    def norm(self) -> float:
        """L2 norm on t >= 0."""
        return float(np.sqrt(self.weights @ _overlaps(self.rates, self.rates) @ self.weights))


def power_law_kernel(q: float, tail: float = 1e-9) -> Kernel:
    """The kernel `(1 + t)^-q`, which forgets as a power law.

    Args:
        q: Above 1/2, so that the kernel has a finite norm.
        tail: L2 norm of what the slowest node leaves out, up to a factor of order one.

    Raises:
        ValueError: If q is too small.
    """
    if not q > 0.5:
        raise ValueError(f"q must be above 0.5, so that (1 + t)^-q has a finite norm; got {q}")
    log_rates = np.arange(np.log(tail) / (q - 0.5), FASTEST, SPACING)
    rates = np.exp(log_rates)
    return Kernel(rates, SPACING * rates**q * np.exp(-rates) / gamma(q))


def cut_power_law_kernel(q: float, horizon: float, nodes: int = 80) -> Kernel:
    r"""The power law that ends at a horizon: rates below `1 / horizon` are left out of the mixture.

    $\rho_T(t) = (1+t)^{-q} \, \Gamma(q, (1+t)/T) / \Gamma(q)$: the power law up to $t \sim T$, exponential beyond.

    Args:
        q: Exponent.
        horizon: T, at least 1.
        nodes: Gauss-Legendre nodes in log rate.
    """
    if not horizon >= 1:
        raise ValueError(f"horizon must be at least 1; got {horizon}")
    rates, widths = _log_nodes(1 / horizon, np.exp(FASTEST), nodes)
    return Kernel(rates, widths * rates**q * np.exp(-rates) / gamma(q))


def exponential_kernel(slowest: float, fastest: float, nodes: int = 40) -> Kernel:
    r"""A kernel that forgets exponentially: all rates between two bounds, equally on a logarithmic scale.

    $\rho(t) = \int_a^b e^{-st} \frac{ds}{s} / \ln\frac{b}{a}$, with $\rho(0) = 1$.

    Args:
        slowest: a > 0.
        fastest: b > a.
        nodes: Gauss-Legendre nodes in log rate.
    """
    if not 0 < slowest < fastest:
        raise ValueError(f"rates must satisfy 0 < slowest < fastest; got {slowest}, {fastest}")
    rates, widths = _log_nodes(slowest, fastest, nodes)
    return Kernel(rates, widths / np.log(fastest / slowest))


def _log_nodes(low: float, high: float, nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights in log rate."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    span = np.log(high / low)
    return low * np.exp(span * (points + 1) / 2), weights * span / 2


def _overlaps(first: Array, second: Array) -> Array:
    """Inner products of exponentials, `1 / (s + s')`.  Shape [K, L]."""
    return np.asarray(1 / (first[:, None] + second[None, :]))


def loss(kernel: Kernel, rates: Array, coefficients: Array) -> float:
    """Mean squared error of any model, `||rho - sum_i c_i exp(-lambda_i t)||^2`; infinite if a rate is not positive."""
    if (rates <= 0).any():
        return float("inf")
    all_rates = np.concatenate([kernel.rates, rates])
    amplitudes = np.concatenate([kernel.weights, -coefficients])
    return float(amplitudes @ _overlaps(all_rates, all_rates) @ amplitudes)


def projected_error(kernel: Kernel, rates: Array) -> float:
    """L2 error of the best model with these rates: the square root of the closed form above."""
    blaschke = ((kernel.rates[:, None] - rates) / (kernel.rates[:, None] + rates)).prod(1)
    left = kernel.weights * blaschke
    return float(np.sqrt(left @ _overlaps(kernel.rates, kernel.rates) @ left))


def best_coefficients(kernel: Kernel, rates: Array) -> Array:
    r"""Coefficients of the best model with these (different) rates.

    The Laplace transform of the projection of $e^{-st}$ equals $\frac{1}{\lambda + s}$ at $\lambda = \lambda_j$, all j,
    which Cauchy's formula solves: $c_i(s) = \frac{2 \lambda_i}{s + \lambda_i}
    \prod_{j \ne i} \frac{(s - \lambda_j)(\lambda_i + \lambda_j)}{(s + \lambda_j)(\lambda_i - \lambda_j)}$.

    Returns:
        `c`.  Shape [m].
    """
    found = np.empty(len(rates))
    for i, rate in enumerate(rates):
        others = np.delete(rates, i)
        ratio = (kernel.rates[:, None] - others) / (kernel.rates[:, None] + others)
        ratio = (ratio * ((rate + others) / (rate - others))).prod(1)
        found[i] = kernel.weights @ (ratio * 2 * rate / (kernel.rates + rate))
    return found


class Fit(NamedTuple):
    """The best model found."""

    rates: Array
    """`lambda_i`, ascending.  Shape [m]."""
    error: float
    """L2 distance of the kernels."""
    agreeing: float
    """Share of the starts that end within 0.1 % of this error."""


def fit(
    kernel: Kernel,
    modes: int,
    generator: np.random.Generator,
    starts: int = 3,
    slowest: float | None = None,
) -> Fit:
    """Rates of the best model by variable projection: c is eliminated, BFGS moves the log rates.

    The first start places the rates by `water_filling`, the others disturb it by a factor of about 1.3.

    Args:
        kernel: Target.
        modes: Number of modes m.
        generator: Draws the disturbances.
        starts: Number of starting points.
        slowest: Lower bound on the rates, if any.

    Raises:
        ValueError: If a number is not positive.
    """
    if modes < 1 or starts < 1 or (slowest is not None and not slowest > 0):
        raise ValueError(f"modes, starts and slowest must be positive; got {modes}, {starts}, {slowest}")
    overlaps = _overlaps(kernel.rates, kernel.rates)
    first = water_filling(kernel, modes)
    found = []
    for index in range(starts):
        start = np.sort(first + 0.3 * (index > 0) * generator.standard_normal(modes))
        options = {"maxiter": 600, "gtol": 1e-5}
        if slowest is None:
            result = minimize(_log_loss, start, (kernel, overlaps), "BFGS", jac=True, options=options)
        else:
            bounds = [(np.log(slowest), FASTEST + 2)] * modes
            options["ftol"] = 1e-10
            start = np.maximum(start, np.log(slowest))
            result = minimize(_log_loss, start, (kernel, overlaps), "L-BFGS-B", True, bounds=bounds, options=options)
        found.append((float(np.exp(result.fun / 2)), np.exp(np.sort(result.x))))
    error, rates = min(found, key=lambda one: one[0])
    return Fit(rates, error, float(np.mean([one[0] < 1.001 * error for one in found])))


def _log_loss(log_rates: Array, kernel: Kernel, overlaps: Array) -> tuple[float, Array]:
    """Log of the projected loss and its gradient in the log rates."""
    s, rates = kernel.rates[:, None], np.exp(log_rates)
    ratio = (s - rates) / (s + rates)  # [K, m]
    ones = np.ones_like(s)
    before = np.cumprod(np.hstack([ones, ratio[:, :-1]]), axis=1)
    after = np.cumprod(np.hstack([ones, ratio[:, :0:-1]]), axis=1)[:, ::-1]
    left = kernel.weights * before[:, -1] * ratio[:, -1]
    carried = overlaps @ left
    value = left @ carried
    slopes = -2 * s * rates / (s + rates) ** 2 * before * after  # d blaschke / d log rate, also where s = rate
    return float(np.log(value)), 2 * (kernel.weights * carried) @ slopes / value


def water_filling(kernel: Kernel, modes: int) -> Array:
    r"""Log rates from the potential theory of large m.

    $\ln |B(s)| = -\sum_i \ln \coth\frac{|x - x_i|}{2}$ with $x = \ln s$. A density $n(x)$ of rates therefore damps the
    mode $s$ by about $e^{-\pi^2 n(x) / 2}$, and the error by its square. The best density makes the damped weights
    equal: $\pi^2 n(x) = \max(\ln w(x) - \ell, 0)$ with $w = \frac{1}{\sqrt s} \frac{da}{dx}$, and the level $\ell$
    follows from $\int n = m$; it is the log error, up to a prefactor.

    Returns:
        Quantiles of the density, ascending.  Shape [m].
    """
    x = np.log(kernel.rates)
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    widths = np.maximum(np.diff(edges), 1e-12)
    height = np.log(np.maximum(np.abs(kernel.weights), 1e-300) / widths) - x / 2

    def excess(level: float) -> float:
        return float(np.clip(height - level, 0, None) @ widths / np.pi**2 - modes)

    level = brentq(excess, height.max() - 10 - 10 * modes / (x[-1] - x[0]) - 10 * np.sqrt(modes), height.max())
    mass = np.cumsum(np.clip(height - level, 0, None) * widths)
    mass = np.concatenate([[0.0], mass / mass[-1]])
    rising = np.concatenate([[True], np.diff(mass) > 0])
    return np.asarray(np.interp((np.arange(modes) + 0.5) / modes, mass[rising], edges[rising]))


def exponential_rate(slowest: float, fastest: float) -> float:
    r"""Decay of the log error per mode for rates in [a, b]: $2 \pi K(k) / K(\sqrt{1 - k^2})$ with $k = a/b$.

    K is the complete elliptic integral of the first kind; the smallest maximum of $|B|$ on [a, b] is Zolotarev's
    problem and decays at half this rate. For b much above a the rate is $\pi^2 / \ln(4b/a)$.
    """
    ratio = slowest / fastest
    return float(2 * np.pi * ellipk(ratio**2) / ellipk(1 - ratio**2))


def power_law_rate(q: float) -> float:
    r"""Limit of the decay of the log error per square root of m for $(1+t)^{-q}$: $\pi \sqrt{2q - 1}$.

    `water_filling` for a weight $s^{q - 1/2}$ on s < 1: a triangle of height $\ell$ and base $\ell / (q - 1/2)$.
    """
    return float(np.pi * np.sqrt(2 * q - 1))


def modes_needed(q: float, error: float, horizon: float) -> float:
    r"""Leading-order number of modes for a power law up to a horizon: the area of `water_filling` between 1/T and 1.

    $m = \frac{1}{\pi^2} \left[ X \ln\frac{1}{\epsilon} - (q - \tfrac12) \frac{X^2}{2} \right]$,
    $X = \min\left(\ln T, \frac{\ln(1/\epsilon)}{q - 1/2}\right)$: m grows like $\ln T$ until
    $T = \epsilon^{-1/(q-1/2)}$, where the tail beyond the horizon is below the error anyway.
    """
    height = np.log(1 / error)
    depth = min(np.log(horizon), height / (q - 0.5))
    return float((depth * height - (q - 0.5) * depth**2 / 2) / np.pi**2)


class Parametrisation(NamedTuple):
    """How a weight w gives a rate."""

    rate: Callable[[Array], Array]
    weight: Callable[[Array], Array]
    """The inverse."""
    slope: Callable[[Array], Array]
    """d rate / d w as a function of w."""


def parametrisations(step: float) -> dict[str, Parametrisation]:
    r"""Direct, exponential, and that of Wang and Li (2023), discrete eigenvalue $1 - 1/(w^2 + 1/2)$.

    Args:
        step: Time step h of the discretisation: the eigenvalue $1 - h \lambda$ gives $\lambda = 1 / (h (w^2 + 1/2))$,
            which is at most 2 / h.
    """
    return {
        "direct": Parametrisation(lambda w: w, lambda rate: rate, np.ones_like),
        "exp": Parametrisation(np.exp, np.log, np.exp),
        "inverse_square": Parametrisation(
            lambda w: 1 / (step * (w**2 + 0.5)),
            lambda rate: np.sqrt(np.maximum(1 / (step * rate) - 0.5, 0)),
            lambda w: -2 * w / (step * (w**2 + 0.5) ** 2),
        ),
    }


def sensitivity(kernel: Kernel, rates: Array, coefficients: Array, slopes: Array) -> float:
    r"""Growth of the loss when every weight moves by independent noise of unit variance, to second order.

    At the best rates the first derivative vanishes, so that only the second ones count:
    $\sum_i f'(w_i)^2 \left[ \frac{c_i^2}{4 \lambda_i^3} + c_i \int_0^\infty (\hat\rho - \rho) \, t^2 e^{-\lambda_i t}
    dt \right]$, from $\int_0^\infty t^2 e^{-2 \lambda t} dt = \frac{1}{4 \lambda^3}$.

    Args:
        kernel: Target.
        rates: Rates of the best model.  Shape [m].
        coefficients: Its coefficients.  Shape [m].
        slopes: Derivatives f' of the rates with respect to the weights.  Shape [m].
    """
    amplitudes = np.concatenate([coefficients, -kernel.weights])
    residual = (2 / (rates[:, None] + np.concatenate([rates, kernel.rates])) ** 3) @ amplitudes
    return float(slopes**2 @ (coefficients**2 / (4 * rates**3) + coefficients * residual))


def disturbed_losses(kernel: Kernel, rates: Array, coefficients: Array) -> Array:
    """Losses of many models that share their coefficients; infinite where a rate is not positive.

    Args:
        kernel: Target.
        rates: Shape [n, m].
        coefficients: Shape [m].

    Returns:
        Shape [n].
    """
    stable = (rates > 0).all(1)
    found = np.full(len(rates), np.inf)
    kept = rates[stable]
    transform = (1 / (kept[..., None] + kernel.rates)) @ kernel.weights  # [n, m]
    model = np.einsum("i,j,nij->n", coefficients, coefficients, 1 / (kept[:, :, None] + kept[:, None, :]))
    found[stable] = kernel.norm**2 - 2 * transform @ coefficients + model
    return found
