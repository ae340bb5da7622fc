"""Reference solutions with a stated error bar.

A reference is only as good as its error bar: a score below three times that bar says how close two approximations are,
not how accurate either of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Points = np.ndarray
ROUNDING = 1e-15  # bar of a closed form in double precision
FLOOR_FACTOR = 3.0  # a score below FLOOR_FACTOR * Reference.error is "at the reference's floor"


@dataclass(frozen=True)
class Reference:
    """A solution to compare with.

    Attributes:
        values: maps points [N, d] to the solution [N, number of outputs], float64.
        error: bar on its own relative L2 error (rounding for a closed form, quadrature error otherwise).
        name: how it was obtained, in words for a table.
    """

    values: Callable[[Points], np.ndarray]
    error: float
    name: str

    def at_floor(self, score: float) -> bool:
        """Whether a relative L2 score is too small for this reference to judge."""
        return score < FLOOR_FACTOR * self.error


def cole_hopf(points: Points, nu: float, refine: int = 1) -> np.ndarray:
    r"""Viscous Burgers solution for $u(x, 0) = -\sin \pi x$ on the line, hence also for $u(\pm 1, t) = 0$.

    With $u = -2 \nu \phi_x / \phi$ the equation $u_t + u u_x = \nu u_{xx}$ becomes the heat equation for $\phi$, and

    $$u(x, t) = \frac{\int -\sin(\pi y) w(y) dy}{\int w(y) dy}, \qquad
      w(y) = \exp\Big(-\frac{(x - y)^2}{4 \nu t} - \frac{\cos \pi y}{2 \pi \nu}\Big).$$

    In $z = (y - x) / \sqrt{4 \nu t}$ the exponent is $-z^2$ plus a term that varies by at most $1 / (\pi \nu)$, so that
    $|z| \le \sqrt{1 / (\pi \nu) + 40}$ loses less than $e^{-40}$. The integrand is entire and the trapezoidal rule
    converges like $\exp(-2 \pi^2 s^2 / h^2)$, $s$ the width of the narrowest peak. The weights are positive: no
    cancellation, and $|u| \le 1$ holds for the computed values too. The largest exponent is subtracted first, because
    $w$ itself spans $e^{\pm 1 / (2 \pi \nu)}$.

    Args:
        points: [N, 2], columns x and t >= 0.
        nu: viscosity > 0.
        refine: divides the step of the trapezoidal rule (2 shows how far the result has converged).

    Returns:
        u, shape [N, 1].

    Raises:
        ValueError: nu is not positive, or a time is negative.

    Source: E. Hopf, Comm. Pure Appl. Math. 3 (1950); J. D. Cole, Quart. Appl. Math. 9 (1951).
    """
    if nu <= 0 or np.any(points[:, 1] < 0):
        raise ValueError("the Cole-Hopf solution needs nu > 0 and t >= 0")
    x, t = points[:, :1].astype(np.float64), points[:, 1:2].astype(np.float64)  # [N, 1]
    half_width = np.sqrt(1.0 / (np.pi * nu) + 40.0)
    latest = float(t.max(initial=0.0))
    narrowest = 1.0 / np.sqrt(2.0 + 2.0 * np.pi * latest)  # e^{-z^2} sharpened by the cosine: curvature 2 + 2 pi t
    twelfth_harmonic = 24.0 * np.pi * np.sqrt(nu * latest)  # of the cosine, in z: what limits the rule for large nu
    step = min(0.5 * narrowest, 2.0 * np.pi / (12.0 + twelfth_harmonic))
    steps = int(np.ceil(half_width / step)) * refine
    z = np.linspace(-half_width, half_width, 2 * steps + 1)  # [Q]

    u = np.empty_like(x)
    for block in np.array_split(np.arange(len(x)), max(1, len(x) * len(z) // 2_000_000)):
        y = x[block] + np.sqrt(4.0 * nu * t[block]) * z  # [B, Q]
        exponent = -(z**2) - np.cos(np.pi * y) / (2.0 * np.pi * nu)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        u[block] = -(np.sin(np.pi * y) * weight).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    return u


def cole_hopf_error(points: Points, nu: float) -> float:
    """Error bar of `cole_hopf` on these points: change on halving the step, plus rounding of the exponent.

    Args:
        points: [N, 2], columns x and t.
        nu: viscosity.

    Returns:
        Bar on the relative L2 error.
    """
    fine = cole_hopf(points, nu, refine=2)
    change = float(np.linalg.norm(cole_hopf(points, nu) - fine) / np.linalg.norm(fine))
    rounding = float(np.finfo(np.float64).eps) * (1.0 / (np.pi * nu) + 40.0)  # exponent of that size, in a mean
    return change + rounding
