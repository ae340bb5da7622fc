r"""Likelihood of a fitted law, the profile of one parameter, and the likelihood-ratio test of another law.

The Huber loss of the log residuals is a log-likelihood up to its scale: with the density
$p(r) = e^{-\rho_\delta(r)/\tau} / Z(\tau)$ and

$$Z(\tau) = \sqrt{2 \pi \tau}\,\operatorname{erf}\frac{\delta}{\sqrt{2 \tau}}
  + \frac{2 \tau}{\delta} e^{-\delta^2 / 2 \tau}$$

the best law for every $\tau$ is the minimum of the objective $F = \sum_i \rho_\delta(r_i)$, and the log-likelihood
$-F/\tau - n \log Z(\tau)$, maximised over $\tau$, is a decreasing function of $F$ alone. So the profile of E is the
objective minimised over the other four parameters, and its 95 % interval the values at which twice the loss of
log-likelihood stays below the 95 % quantile of $\chi^2_1$, 3.84. For $\delta \to 0$ this is the Laplace likelihood.

A profile interval says how well the table fixes a parameter if the law and the density are right; the bootstrap over
runs assumes neither.

References:
    Besiroglu, Erdil, Barnett, You (2024), "Chinchilla scaling: a replication attempt", arXiv:2404.10102.
    Wilks (1938), "The large-sample distribution of the likelihood ratio", Ann. Math. Statist. 9.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import erf
from scipy.stats import chi2

from baselines.scaling_law.parametric_fit import Array, Fit, LogRuns, ScalingLaw, fit, huber_objective


@dataclass(frozen=True)
class Profile:
    """Objective and likelihood along the values of E, the other parameters at their best."""

    values: Array
    """E in ascending order.  Shape [k]."""
    objective: Array
    """Sum of the Huber losses.  Shape [k]."""
    deficit: Array
    """Twice the log-likelihood lost against the best fit.  Shape [k]."""
    laws: Array
    """Log parameters of the best law at each value.  Shape [k, 5]."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Values at which the deficit passes the chi-square quantile, interpolated; an end that is not reached is nan.

        Args:
            level: Confidence.
        """
        threshold = float(chi2.ppf(level, 1))
        best = int(self.deficit.argmin())
        low = _crossing(self.values[: best + 1][::-1], self.deficit[: best + 1][::-1], threshold)
        return low, _crossing(self.values[best:], self.deficit[best:], threshold)


@dataclass(frozen=True)
class Ratio:
    """A likelihood-ratio test."""

    statistic: float
    """Twice the difference of the log-likelihoods."""
    degrees: int
    """Parameters that were fitted."""

    @property
    def p_value(self) -> float:
        """Probability of a larger statistic if the tested law is true."""
        return float(chi2.sf(self.statistic, self.degrees))


def log_normaliser(tau: float, delta: float) -> float:
    """Logarithm of `Z`, the integral of `exp(-huber(r) / tau)` over all residuals."""
    centre = math.sqrt(2 * math.pi * tau) * float(erf(delta / math.sqrt(2 * tau)))
    return math.log(centre + 2 * tau / delta * math.exp(-(delta**2) / (2 * tau)))


def log_likelihood(objective: float, count: int, delta: float) -> float:
    """Log-likelihood of residuals with this sum of Huber losses, maximised over the scale.

    Args:
        objective: Sum of the Huber losses.
        count: Number of residuals.
        delta: Of the Huber loss.
    """
    mean = objective / count

    def loss(log_tau: float) -> float:
        tau = math.exp(log_tau)
        return mean / tau + log_normaliser(tau, delta)

    centre = math.log(max(mean, 1e-300))  # the best scale is the mean in the Laplace limit, twice it in the normal one
    found = minimize_scalar(loss, bounds=(centre - 4, centre + 4), method="bounded", options={"xatol": 1e-10})
    return -count * float(found.fun)


def profile(runs: LogRuns, best: Fit, values: Array, delta: float) -> Profile:
    """Minimise over the other parameters at each value of E, going outwards from the best fit.

    Args:
        runs: Logarithms of the table.
        best: The fit of all five parameters.
        values: E in ascending order, the best one among them or between them.  Shape [k].
        delta: Of the Huber loss.
    """
    top = log_likelihood(best.objective, len(runs), delta)
    middle = int(np.searchsorted(values, best.law.E))
    laws = np.empty((len(values), 5))
    for outwards in (range(middle, len(values)), range(middle - 1, -1, -1)):
        start = best.law.logs
        for row in outwards:
            laws[row] = start = _at(runs, float(values[row]), start, delta)
    objective = np.array([huber_objective(law, runs, delta)[0] for law in laws])
    deficit = np.array([2 * (top - log_likelihood(value, len(runs), delta)) for value in objective])
    return Profile(values, objective, deficit, laws)


def ratio_test(runs: LogRuns, law: ScalingLaw, best: Fit, delta: float) -> Ratio:
    """Test a given law against the best one, with the Laplace likelihood of the log residuals.

    Besiroglu et al. take a Huber density with a free scale whose bend lies at a thousandth of that scale: the Laplace
    density to all digits that matter. The bend is moved there in steps, from the fit at `delta`.

    Args:
        runs: Logarithms of the table.
        law: The law on trial, with all five parameters given.
        best: The fit at `delta`.
        delta: Of the Huber loss of that fit.
    """
    found = best
    for bend in (delta / 10, delta / 100):
        found = fit(runs, found.law.logs, bend)
    tested = huber_objective(law.logs, runs, bend)[0]
    values = [log_likelihood(objective, len(runs), bend) for objective in (found.objective, tested)]
    return Ratio(2 * (values[0] - values[1]), 5)


def _at(runs: LogRuns, constant: float, start: Array, delta: float) -> Array:
    """Log parameters of the best law with a given E."""
    scale, free = 1 / (len(runs) * delta**2), [0, 1, 3, 4]
    theta = np.array(start)
    theta[2] = math.log(constant)

    def scaled(four: Array) -> tuple[float, Array]:
        theta[free] = four
        value, gradient = huber_objective(theta, runs, delta)
        return scale * value, scale * gradient[free]

    with np.errstate(all="ignore"):
        found = minimize(scaled, theta[free], jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 500})
    theta[free] = found.x
    return theta


def _crossing(values: Array, deficit: Array, threshold: float) -> float:
    """Where a rising curve passes the threshold, linear in its root, which is straight for a parabola."""
    roots, level = np.sqrt(np.maximum(deficit, 0)), math.sqrt(threshold)
    above = np.flatnonzero(roots > level)
    if not len(above) or above[0] == 0:
        return math.nan
    right = int(above[0])
    share = (level - roots[right - 1]) / (roots[right] - roots[right - 1])
    return float(values[right - 1] + share * (values[right] - values[right - 1]))
