r"""Semilinear evolution $u_t = L u + N(u)$ in cosine or sine series, with exponential integrators.

On $[0, \ell]$ the cosines $\cos(k \pi x / \ell)$ belong to even solutions of period $2 \ell$ and the sines to odd ones,
so that symmetry halves the work of a Fourier method. $L$ is diagonal; its stiffness is removed by integrating it
exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct, dst

State = np.ndarray
Step = Callable[[State], State]


@dataclass(frozen=True)
class Series:
    r"""Cosines $\cos(k \pi x / \ell)$, $k = 0, \dots, n$, or sines, $k = 1, \dots, n - 1$.

    Attributes:
        n: number of intervals between the nodes.
        length: $\ell$, half a period.
        odd: sines instead of cosines.
    """

    n: int
    length: float
    odd: bool = False

    @property
    def order(self) -> np.ndarray:
        """The k, [K]."""
        return np.arange(1, self.n) if self.odd else np.arange(self.n + 1)

    @property
    def wavenumbers(self) -> np.ndarray:
        r"""$k \pi / \ell$, [K]."""
        return self.order * np.pi / self.length

    @property
    def nodes(self) -> np.ndarray:
        r"""$x_j = j \ell / n$, [K]."""
        return self.order * self.length / self.n

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Coefficients of the series through values at the nodes, [K], real or complex."""
        if self.odd:
            return np.asarray(dst(values, type=1)) / self.n
        found = np.asarray(dct(values, type=1)) / self.n
        found[[0, -1]] *= 0.5
        return found

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """Values at the nodes, [K]: the inverse of `coefficients`."""
        if self.odd:
            return 0.5 * np.asarray(dst(coefficients, type=1))
        doubled = coefficients.copy()
        doubled[[0, -1]] *= 2.0
        return 0.5 * np.asarray(dct(doubled, type=1))

    def basis(self, x: np.ndarray) -> np.ndarray:
        """The functions of the series at any points x [N], [N, K]."""
        phase = np.outer(x, self.wavenumbers)
        return np.sin(phase) if self.odd else np.cos(phase)


class ETDRK4:
    r"""One step of the fourth-order exponential Runge-Kutta method for $c' = L c + N(c)$ with diagonal $L$.

    With $z = L h$ it needs $\varphi$-functions such as $(e^z - 1) / z$, which lose all digits near $z = 0$; following
    Kassam and Trefethen they are means over a circle of radius 1 around $z$.

    Args:
        linear: diagonal of L, [K], real or complex.
        nonlinear: N, maps [K] to [K].
        h: time step.

    Source: S. M. Cox, P. C. Matthews, J. Comput. Phys. 176 (2002); A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput.
    26 (2005).
    """

    CIRCLE = 32

    def __init__(self, linear: np.ndarray, nonlinear: Callable[[State], State], h: float) -> None:
        self._nonlinear = nonlinear
        z = h * np.asarray(linear)
        circle = np.exp(2j * np.pi * (np.arange(self.CIRCLE) + 0.5) / self.CIRCLE)
        w = z[:, None] + circle  # [K, C]
        e = np.exp(w)

        def mean(samples: np.ndarray) -> np.ndarray:
            found = h * samples.mean(axis=1)
            return found if np.iscomplexobj(z) else found.real

        self._full, self._half = np.exp(z), np.exp(z / 2)
        self._q = mean((np.exp(w / 2) - 1) / w)
        self._f1 = mean((-4 - w + e * (4 - 3 * w + w**2)) / w**3)
        self._f2 = mean((2 + w + e * (w - 2)) / w**3)
        self._f3 = mean((-4 - 3 * w - w**2 + e * (4 - w)) / w**3)

    def __call__(self, state: State) -> State:
        """The state one step later."""
        nonlinear, half, q = self._nonlinear, self._half, self._q
        at_start = nonlinear(state)
        a = half * state + q * at_start
        at_a = nonlinear(a)
        at_b = nonlinear(half * state + q * at_a)
        at_c = nonlinear(half * a + q * (2 * at_b - at_start))
        return np.asarray(self._full * state + self._f1 * at_start + 2 * self._f2 * (at_a + at_b) + self._f3 * at_c)


class SplitStep:
    r"""One step for the Schrödinger equation $i h_t + \frac{1}{2} h_{xx} + |h|^2 h = 0$: fourth order, six stages.

    Both parts have exact flows, $e^{-i k^2 \tau / 2}$ on coefficients and $e^{i |h|^2 \tau}$ on values; their
    alternation conserves the mass. The weights of Blanes and Moan make the error constant far smaller than Yoshida's.

    Args:
        series: a series of cosines.
        h: time step.

    Source: S. Blanes, P. C. Moan, J. Comput. Appl. Math. 142 (2002), the method S6 of order 4.
    """

    A = (0.0792036964311957, 0.353172906049774, -0.0420650803577195)
    B = (0.209515106613362, -0.143851773179818)

    def __init__(self, series: Series, h: float) -> None:
        self._series = series
        a = (*self.A, 1.0 - 2.0 * sum(self.A))
        b = (*self.B, 0.5 - sum(self.B))
        energies = 0.5 * series.wavenumbers**2
        flows = [np.exp(-1j * h * weight * energies) for weight in a]
        self._first = flows[0]
        self._stages = [(1j * h * b[j], flows[i]) for j, i in zip((0, 1, 2, 2, 1, 0), (1, 2, 3, 2, 1, 0), strict=True)]

    def __call__(self, state: State) -> State:
        """The coefficients one step later."""
        series, state = self._series, self._first * state
        for time, flow in self._stages:
            values = series.values(state)
            values *= np.exp(time * (values.real**2 + values.imag**2))
            state = flow * series.coefficients(values)
        return state


def march(step: Step, start: State, steps: int) -> np.ndarray:
    """The states after 0, 1, ..., `steps` steps, [steps + 1, K].

    Raises:
        FloatingPointError: The solution became infinite: too few modes or steps.
    """
    states = np.empty((steps + 1, len(start)), dtype=np.result_type(start, np.float64))
    states[0] = start
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(steps):
            states[i + 1] = step(states[i])
    if not np.isfinite(states[-1]).all():
        raise FloatingPointError(f"the solution is not finite after {steps} steps of {len(start)} modes")
    return states


class Trajectory:
    """A marched solution at any place and time: exact series in space, polynomials of degree 7 between time steps.

    Args:
        basis: maps x [N] to the functions of the expansion, [N, K].
        states: coefficients after each of the equal steps, [M + 1, K].
        final_time: the time of the last one; the first one is at 0.
        linear: diagonal of a purely imaginary L, [K]; then the slow factor of each coefficient is interpolated.

    Raises:
        ValueError: There are fewer than 7 steps.
    """

    DEGREE = 7
    BLOCK = 2_000_000

    def __init__(
        self,
        basis: Callable[[np.ndarray], np.ndarray],
        states: np.ndarray,
        final_time: float,
        linear: np.ndarray | None = None,
    ) -> None:
        if len(states) <= self.DEGREE:
            raise ValueError(f"interpolation needs at least {self.DEGREE} steps; got {len(states) - 1}")
        self._basis, self._states, self._linear = basis, states, linear
        self._step = final_time / (len(states) - 1)

    def at(self, times: np.ndarray) -> np.ndarray:
        """Coefficients at any times [T], [T, K]."""
        found = np.zeros((len(times), self._states.shape[1]), dtype=self._states.dtype)
        for row, time in zip(found, times, strict=True):
            for i, weight in _lagrange(time / self._step, len(self._states), self.DEGREE):
                state = self._states[i]
                if self._linear is not None and weight != 1.0:
                    state = state * np.exp(self._linear * (time - i * self._step))
                row += weight * state
        return found

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values at points [N, 2] with columns x and t, [N]; quick if the points form a grid."""
        x, of_x = np.unique(points[:, 0], return_inverse=True)
        t, of_t = np.unique(points[:, 1], return_inverse=True)
        if len(x) * len(t) <= 2 * len(points):
            return np.asarray((self._basis(x) @ self.at(t).T)[of_x, of_t])
        found = np.empty(len(points), dtype=self._states.dtype)
        order = np.argsort(of_t, kind="stable")
        for block in np.array_split(order, max(1, len(points) * self._states.shape[1] // self.BLOCK)):
            times, row = np.unique(of_t[block], return_inverse=True)
            found[block] = np.einsum("nk,nk->n", self._basis(points[block, 0]), self.at(t[times])[row])
        return found


def _lagrange(position: float, count: int, degree: int) -> Iterator[tuple[int, float]]:
    """Nodes (of 0, ..., count - 1) around a position and their interpolation weights."""
    if abs(position - round(position)) < 1e-9:
        yield min(max(round(position), 0), count - 1), 1.0
        return
    first = min(max(int(np.floor(position)) - degree // 2, 0), count - 1 - degree)
    nodes = np.arange(first, first + degree + 1)
    for node in nodes:
        others = nodes[nodes != node]
        yield int(node), float(np.prod((position - others) / (node - others)))
