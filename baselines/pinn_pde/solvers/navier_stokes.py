"""Incompressible Navier-Stokes equations in a rectangle: Chebyshev collocation for velocity and pressure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from baselines.pinn_pde.solvers.chebyshev import derivative, interpolation, nodes

Function = Callable[[np.ndarray], np.ndarray]
COARSE = 16  # degree at which a steady solution is first found


@dataclass(frozen=True)
class Lift:
    """A known field that solves the Stokes equations and carries a singularity of the flow."""

    values: Function
    """Points [N, 2] to velocity and pressure, [N, 3]."""
    gradients: Function
    """Points [N, 2] to u_x, u_y, v_x, v_y, [N, 4]."""


@dataclass(frozen=True)
class Flow:
    """A computed flow."""

    predict: Function
    """Points [N, 2], or [N, 3] with the time last, to u, v and p, [N, 3]."""
    degrees_of_freedom: int
    iterations: int
    """Newton steps on the last grid, or time steps."""
    update: float
    """Size of the last Newton step; 0 for a flow in time."""


class Grid:
    r"""Velocities of degree n and pressures of degree n - 2, all equations at the inner Chebyshev points.

    Pressures live on the inner points alone: they need no boundary condition, and no spurious pressure is left but the
    constant. Unknowns are the inner values of u, v and p, and one number s: the continuity equation reads
    $\nabla \cdot u = s$, which restores the rank that the constant pressure costs, and p = 0 at one point closes the
    system.

    Source: C. Bernardi, Y. Maday, Spectral methods, Handbook of Numerical Analysis V (1997), section 24.
    """

    def __init__(self, n: int, low: tuple[float, float], high: tuple[float, float], pin: tuple[float, float]) -> None:
        self.n, self.m = n, (n - 1) ** 2
        self.x, self.y = nodes(n, low[0], high[0]), nodes(n, low[1], high[1])
        self.points = np.stack([a.ravel() for a in np.meshgrid(self.x, self.y, indexing="ij")], axis=1)
        self.inner = self.points.reshape(n + 1, n + 1, 2)[1:-1, 1:-1].reshape(-1, 2)
        self.dx, self.dy = derivative(self.x), derivative(self.y)
        self.dxx, self.dyy = self.dx @ self.dx, self.dy @ self.dy
        unit = nodes(n)[1:-1]
        self.weights = (-1.0) ** np.arange(n - 1) * (1.0 - unit**2)  # barycentric, of the inner points
        self.px, self.py = (self._pressure_derivative(z[1:-1]) for z in (self.x, self.y))
        self.pinned = self.pressure_row(np.array([pin]))

    def _pressure_derivative(self, x: np.ndarray) -> np.ndarray:
        difference = x[:, None] - x[None, :]
        np.fill_diagonal(difference, 1.0)
        matrix = (self.weights[None, :] / self.weights[:, None]) / difference
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, -matrix.sum(axis=1))
        return np.asarray(matrix)

    def pressure_row(self, points: np.ndarray) -> np.ndarray:
        """Matrix from inner pressures to values at points, [N, m]."""
        row = interpolation(self.x[1:-1], points[:, 0], self.weights)
        column = interpolation(self.y[1:-1], points[:, 1], self.weights)
        return np.asarray((row[:, :, None] * column[:, None, :]).reshape(len(points), -1))

    def derivatives(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u_x, u_y and the Laplacian at the inner points of values on the whole grid [n + 1, n + 1], each [m]."""
        i = np.s_[1:-1]
        u_x, u_y = (self.dx @ u)[i, i], (u @ self.dy.T)[i, i]
        return u_x.ravel(), u_y.ravel(), (self.dxx @ u + u @ self.dyy.T)[i, i].ravel()

    def matrix(self, nu: float, rate: float, u: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        r"""Linearised equations $(r + \bar u \cdot \nabla - \nu \Delta) u + u \cdot \nabla \bar u + \nabla p$.

        Args:
            nu: viscosity.
            rate: r, of a time step.
            u: the flow linearised about, [m, 2].
            slopes: its u_x, u_y, v_x, v_y, [m, 4].

        Returns:
            [3 m + 1, 3 m + 1].
        """
        m, eye, i = self.m, np.eye(self.n - 1), np.s_[1:-1]
        dx, dy = np.kron(self.dx[i, i], eye), np.kron(eye, self.dy[i, i])
        common = -nu * (np.kron(self.dxx[i, i], eye) + np.kron(eye, self.dyy[i, i])) + rate * np.eye(m)
        common += u[:, :1] * dx + u[:, 1:] * dy
        a = np.zeros((3 * m + 1, 3 * m + 1))
        a[:m, :m], a[m : 2 * m, m : 2 * m] = common, common
        diagonal = np.arange(m)
        for row, column, k in ((0, 0, 0), (0, m, 1), (m, 0, 2), (m, m, 3)):
            a[row + diagonal, column + diagonal] += slopes[:, k]
        a[:m, 2 * m : -1], a[m : 2 * m, 2 * m : -1] = np.kron(self.px, eye), np.kron(eye, self.py)
        a[2 * m : -1, :m], a[2 * m : -1, m : 2 * m] = dx, dy
        a[2 * m : -1, -1] = -1.0
        a[-1, 2 * m : -1] = self.pinned[0]
        return a

    def pressure_gradient(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both components at the inner points, each [m]."""
        q = p.reshape(self.n - 1, self.n - 1)
        return (self.px @ q).ravel(), (q @ self.py.T).ravel()

    def evaluate(self, u: np.ndarray, v: np.ndarray, p: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Velocity and pressure at points [N, 2], [N, 3]."""
        row, column = interpolation(self.x, points[:, 0]), interpolation(self.y, points[:, 1])
        found = [np.einsum("pi,pi->p", row @ values, column) for values in (u, v)]
        row = interpolation(self.x[1:-1], points[:, 0], self.weights)
        column = interpolation(self.y[1:-1], points[:, 1], self.weights)
        q = p.reshape(self.n - 1, self.n - 1)
        return np.stack([*found, np.einsum("pi,pi->p", row @ q, column)], axis=1)


def steady(
    n: int,
    nu: float,
    low: tuple[float, float],
    high: tuple[float, float],
    velocity: Function,
    pin: tuple[float, float],
    lift: Lift | None = None,
) -> Flow:
    r"""Steady flow $(u \cdot \nabla) u - \nu \Delta u + \nabla p = 0$, $\nabla \cdot u = 0$ velocity given on the edge.

    Newton's method on a coarse grid from the Stokes flow; on the grid asked for one factorisation at the interpolated
    coarse flow serves all steps, which still gain the factor that separates the two flows.

    Args:
        n: degree, at least 4.
        nu: viscosity.
        low: lower left corner.
        high: upper right corner.
        velocity: prescribed values on the edge, points [N, 2] to [N, 2]; used there only.
        pin: where the pressure is zero.
        lift: a singular Stokes flow to be split off.

    Returns:
        The flow.

    Raises:
        ArithmeticError: Newton's method did not converge.
    """
    start: Function | None = None
    for degree in (COARSE, n) if n > COARSE else (n,):
        grid = Grid(degree, low, high, pin)
        found = _newton(grid, nu, *_edge(grid, velocity, lift), pin, lift, start, chord=degree > COARSE)
        start = _evaluator(grid, found[0], found[1], found[2], None)
    u, v, p, iterations, update = found
    return Flow(_evaluator(grid, u, v, p, lift), 3 * grid.m, iterations, update)


def _newton(
    grid: Grid,
    nu: float,
    u: np.ndarray,
    v: np.ndarray,
    pin: tuple[float, float],
    lift: Lift | None,
    start: Function | None,
    chord: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, float]:
    """Newton's method from the Stokes flow, or from a given one, perhaps with one factorisation for all steps."""
    from scipy.linalg import lu_factor, lu_solve

    m, i = grid.m, np.s_[1:-1]
    none = np.zeros((m, 2)), np.zeros((m, 4))
    known, slopes = (lift.values(grid.inner)[:, :2], lift.gradients(grid.inner)) if lift else none
    height = lift.values(np.array([pin]))[0, 2] if lift else 0.0
    x = np.zeros(3 * m + 1)
    if start:
        x[:-1] = start(grid.inner).T.ravel()
    factors = None
    for iteration in range(1, 41):
        u[i, i], v[i, i] = x[: 2 * m].reshape(2, grid.n - 1, grid.n - 1)
        (u_x, u_y, u_lap), (v_x, v_y, v_lap) = grid.derivatives(u), grid.derivatives(v)
        if start is None and iteration == 1:
            total, slope = none  # the Stokes flow
        else:
            total = known + np.stack([u[i, i].ravel(), v[i, i].ravel()], axis=1)
            slope = slopes + np.stack([u_x, u_y, v_x, v_y], axis=1)
        p_x, p_y = grid.pressure_gradient(x[2 * m : -1])
        momentum = [
            (total * slope[:, :2]).sum(axis=1) - nu * u_lap + p_x,
            (total * slope[:, 2:]).sum(axis=1) - nu * v_lap + p_y,
        ]
        right = np.concatenate([*momentum, u_x + v_y - x[-1], grid.pinned @ x[2 * m : -1] + height])
        if factors is None or not chord:
            factors = lu_factor(grid.matrix(nu, 0.0, total, slope), overwrite_a=True)
        step = lu_solve(factors, right)
        x -= step
        update = float(np.abs(step[: 2 * m]).max())
        if update < 1e-12:
            u[i, i], v[i, i] = x[: 2 * m].reshape(2, grid.n - 1, grid.n - 1)
            return u, v, x[2 * m : -1], iteration, update
    raise ArithmeticError(f"Newton's method did not converge on degree {grid.n}: last step {update:.1e}")


def _edge(grid: Grid, velocity: Function, lift: Lift | None) -> tuple[np.ndarray, np.ndarray]:
    """Prescribed velocities on the edge of the grid, less the known field; zero inside; each [n + 1, n + 1]."""
    values = velocity(grid.points) - (lift.values(grid.points)[:, :2] if lift else 0.0)
    u, v = (np.array(values[:, k]).reshape(grid.n + 1, grid.n + 1) for k in (0, 1))
    u[1:-1, 1:-1] = v[1:-1, 1:-1] = 0.0
    return u, v


def _evaluator(grid: Grid, u: np.ndarray, v: np.ndarray, p: np.ndarray, lift: Lift | None) -> Function:
    u, v = u.copy(), v.copy()
    return lambda points: grid.evaluate(u, v, p, points) + (lift.values(points) if lift else 0.0)


def unsteady(
    n: int,
    steps: int,
    nu: float,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    velocity: Function,
    pin: tuple[float, float],
) -> Flow:
    r"""Flow in time from a given velocity, with velocities on the edge: backward differences of second order.

    $$\frac{3 u^{k+1} - 4 u^k + u^{k-1}}{2 h} + 2 c^k - c^{k-1} - \nu \Delta u^{k+1} + \nabla p^{k+1} = 0,
      \qquad c = (u \cdot \nabla) u,$$

    started by a step of first order, extrapolated from its two halves. One factorisation serves all later steps.
    Between the times values are those of the cubic polynomial through the four nearest; the first pressure is
    extrapolated.

    Args:
        n: degree in space.
        steps: of time, at least 4.
        nu: viscosity.
        low: lower corner and earliest time.
        high: upper corner and latest time.
        velocity: points [N, 3] to [N, 2]; used at the earliest time and on the edge only.
        pin: where the pressure is zero.

    Returns:
        The flow.

    Raises:
        ValueError: Too few steps for the interpolation in time.
    """
    from scipy.linalg import lu_factor, lu_solve

    if steps < 4:
        raise ValueError(f"give at least 4 time steps; got {steps}")
    grid = Grid(n, low[:2], high[:2], pin)
    m, i = grid.m, np.s_[1:-1]
    times = np.linspace(low[2], high[2], steps + 1)
    h = times[1] - times[0]
    still = np.zeros((m, 2)), np.zeros((m, 4))
    factors = {r: lu_factor(grid.matrix(nu, r / h, *still), overwrite_a=True) for r in (1.0, 1.5, 2.0)}

    def prescribed(t: float) -> np.ndarray:
        at = np.column_stack([grid.points, np.full(len(grid.points), t)])
        return np.array(velocity(at).T.reshape(2, n + 1, n + 1))

    def convection(u: np.ndarray) -> np.ndarray:
        inner = u[:, i, i].reshape(2, m)
        return np.stack([inner[0] * s[0] + inner[1] * s[1] for s in map(grid.derivatives, u)])

    def implicit(rate: float, known: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Velocity and pressure with (rate / h - nu Laplace) u + grad p = known, div u = 0."""
        new = prescribed(t)
        new[:, i, i] = 0.0
        (u_x, _, u_lap), (_, v_y, v_lap) = map(grid.derivatives, new)
        right = np.concatenate([known[0] + nu * u_lap, known[1] + nu * v_lap, -u_x - v_y, [0.0]])
        found = lu_solve(factors[rate], right)
        new[:, i, i] = found[: 2 * m].reshape(2, n - 1, n - 1)
        return new, found[2 * m : -1]

    def forward(u: np.ndarray, rate: float, t: float) -> tuple[np.ndarray, np.ndarray]:
        return implicit(rate, rate / h * u[:, i, i].reshape(2, m) - convection(u), t)

    fields = [prescribed(times[0])]
    whole = forward(fields[0], 1.0, times[1])
    halves = forward(forward(fields[0], 2.0, 0.5 * (times[0] + times[1]))[0], 2.0, times[1])
    fields.append(2.0 * halves[0] - whole[0])
    pressures = [np.zeros(m), 2.0 * halves[1] - whole[1]]
    past = convection(fields[0])
    for t in times[2:]:
        now = convection(fields[-1])
        known = (4.0 * fields[-1] - fields[-2])[:, i, i].reshape(2, m) / (2.0 * h) - 2.0 * now + past
        new, pressure = implicit(1.5, known, t)
        fields.append(new)
        pressures.append(pressure)
        past = now
    pressures[0] = 3.0 * pressures[1] - 3.0 * pressures[2] + pressures[3]
    shaped = np.stack(pressures).reshape(-1, n - 1, n - 1)
    return Flow(_in_time(grid, times, np.stack(fields), shaped), 3 * m * steps, steps, 0.0)


def _in_time(grid: Grid, times: np.ndarray, fields: np.ndarray, pressures: np.ndarray) -> Function:
    """Interpolation in space and time: points [N, 3] to [N, 3]."""

    def predict(points: np.ndarray) -> np.ndarray:
        found = np.empty((len(points), 3))
        for t in np.unique(points[:, 2]):
            first = int(np.clip(np.searchsorted(times, t) - 2, 0, len(times) - 4))
            near = np.s_[first : first + 4]
            others = [np.delete(times[near], k) for k in range(4)]
            weights = [np.prod((t - o) / (times[first + k] - o)) for k, o in enumerate(others)]
            u, v = np.tensordot(weights, fields[near], axes=1)
            at = points[:, 2] == t
            found[at] = grid.evaluate(u, v, np.tensordot(weights, pressures[near], axes=1).ravel(), points[at, :2])
        return found

    return predict
