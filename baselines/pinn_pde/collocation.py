r"""Collocation with a linear basis: Gauss-Newton for the coefficients and for unknowns of the equation.

With $u = \sum_m c_m \phi_m$ every residual is a pointwise formula in derivatives $D_k u$, so that

$$\frac{\partial r_i}{\partial c_m} = \sum_k \frac{\partial r_i}{\partial (D_k u)} \, D_k \phi_m(x_i) :$$

one backward pass for each equation through the formula alone, then products with fixed matrices. Each step solves the
linearised equations by least squares (complete, with singular values below a share of the largest left out); for a
linear equation the first step is the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.linalg import lstsq

from baselines.pinn_pde.jets import JetField, Layout
from baselines.pinn_pde.objective import Block
from baselines.pinn_pde.problem import Observations, PDEProblem
from baselines.pinn_pde.random_features import Basis, Piece, evaluate

LINEAR = 1e-9  # a linear model that predicts the residual to this share of it is exact
HALVINGS = 8  # of a step that raises the residual


@dataclass
class Rows:
    """One block of equations with the features at its points."""

    block: Block
    pieces: list[Piece]
    sigma: float | None = None
    """Standard deviation of the noise, for observations, 0 if they have none; None for equations and conditions."""
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Factor of each equation's rows, [E]; found at the first linearisation."""


@dataclass(frozen=True)
class State:
    """What is fitted."""

    coefficients: np.ndarray  # [M, outputs]
    unknowns: np.ndarray  # [U], divided by their scales

    def moved(self, step: np.ndarray, length: float = 1.0) -> State:
        """State plus a multiple of a step [M * outputs + U]."""
        size = self.coefficients.size
        change = step[:size].reshape(self.coefficients.shape[::-1]).T
        return State(self.coefficients + length * change, self.unknowns + length * step[size:])


@dataclass(frozen=True)
class Step:
    """A least-squares step and what its matrix was like."""

    values: np.ndarray
    rank: int
    condition: float
    """Ratio of extreme singular values of the matrix with columns of unit length."""


class System:
    """The collocation equations of one problem on one set of points.

    Args:
        problem: names, outputs and unknowns.
        features: the basis, the same for every output.
        blocks: equations, conditions and observations; a block's weight multiplies its rows.
        noise: standard deviation of the blocks that are observations. Their rows are divided by it, so that all
            others can be weighted against them.
        exactness: with noisy observations, factor of the rows of every other block.

    Attributes:
        relaxed: further factor of every block but the observations. Equations that hold almost exactly leave
            Gauss-Newton a narrow curved valley; relaxed at first, they let it come near the data.
    """

    def __init__(
        self,
        problem: PDEProblem,
        features: Basis,
        blocks: list[Block],
        noise: dict[str, float] | None = None,
        exactness: float = 1e4,
    ) -> None:
        self.problem, self.features, self.noise = problem, features, noise or {}
        self.names, self.outputs = problem.domain().names, problem.outputs
        self.unknowns = problem.unknowns()
        self.rows = [Rows(b, features.jets(b.points, b.layout.keys), self.noise.get(b.name)) for b in blocks]
        self.smallest = min((r.sigma for r in self.rows if r.sigma), default=0.0)
        self.exactness = exactness if self.smallest else 1.0
        self.relaxed = 1.0
        self.evaluations = 0

    def zero(self) -> State:
        """No solution yet, unknowns at their initial values."""
        start = np.array([u.initial / u.scale for u in self.unknowns])
        return State(np.zeros((self.features.size, len(self.outputs))), start)

    def values(self, state: State) -> dict[str, float]:
        """The unknowns in their own units."""
        return {u.name: float(v) * u.scale for u, v in zip(self.unknowns, state.unknowns, strict=True)}

    def vector(self, state: State) -> np.ndarray:
        """Weighted residuals, [R]; after `linearise` has been called once."""
        return np.concatenate([(self._residual(rows, state) * self._factor(rows)).ravel() for rows in self.rows])

    def linearise(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Weighted residuals [R] and their derivatives [R, M * outputs + U], output by output."""
        vectors, matrices = [], []
        for rows in self.rows:
            residual, matrix = self._linearised(rows, state)  # [n, E], [n, E, P]
            if not rows.scale.size:
                rows.scale = self._scale(rows, matrix)
            factor = self._factor(rows)
            matrix *= factor[:, None]
            vectors.append((residual * factor).ravel())
            matrices.append(matrix.reshape(-1, matrix.shape[2]))
        return np.concatenate(vectors), np.concatenate(matrices)

    def _factor(self, rows: Rows) -> np.ndarray:
        return rows.scale if rows.sigma is not None else rows.scale * self.relaxed

    def _scale(self, rows: Rows, matrix: np.ndarray) -> np.ndarray:
        """Observations in units of their noise; of other rows the mean of the largest entries becomes one."""
        count = matrix.shape[1]
        if rows.sigma:
            return np.full(count, self.smallest / rows.sigma)
        largest = np.abs(matrix).max(axis=2).mean(axis=0)
        return np.asarray(rows.block.weight * self.exactness / np.where(largest > 0, largest, 1.0))

    def _field(self, block: Block, points: np.ndarray, jet: torch.Tensor, unknowns: list[torch.Tensor]) -> JetField:
        values = {u.name: v * u.scale for u, v in zip(self.unknowns, unknowns, strict=True)}
        return JetField(self.names, self.outputs, torch.from_numpy(points), jet, block.layout, values)

    def _residual(self, rows: Rows, state: State) -> np.ndarray:
        block = rows.block
        jet = torch.from_numpy(evaluate(rows.pieces, state.coefficients, len(block.points)))
        with torch.no_grad():
            found = block.rows(self._field(block, block.points, jet, list(torch.from_numpy(state.unknowns)))).numpy()
        self.evaluations += found.size
        return np.asarray(found)

    def _linearised(self, rows: Rows, state: State) -> tuple[np.ndarray, np.ndarray]:
        block, size = rows.block, self.features.size
        points = len(block.points)
        jet = torch.from_numpy(evaluate(rows.pieces, state.coefficients, points)).requires_grad_()
        local = [torch.full((points, 1), v, dtype=torch.float64, requires_grad=True) for v in state.unknowns]
        with torch.enable_grad():
            found = block.rows(self._field(block, block.points, jet, local))  # [n, E]
        self.evaluations += found.numel()
        outputs, count = len(self.outputs), found.shape[1]
        matrix = np.zeros((points, count, size * outputs + len(local)))
        for e in range(count):
            grads = torch.autograd.grad(found[:, e].sum(), [jet, *local], retain_graph=True, allow_unused=True)
            if grads[0] is not None:
                self._chain(rows.pieces, grads[0].numpy(), matrix[:, e])
            for k, grad in enumerate(grads[1:]):
                if grad is not None:
                    matrix[:, e, size * outputs + k] = grad.numpy()[:, 0]
        if block.pairs == 2:
            matrix = matrix[: points // 2] + matrix[points // 2 :]
        return found.detach().numpy(), matrix

    def _chain(self, pieces: list[Piece], slopes: np.ndarray, matrix: np.ndarray) -> None:
        """Add sum_k dr/d(D_k u) D_k phi: slopes [K, N, outputs] into matrix [N, P]."""
        for o in range(slopes.shape[2]):
            for piece in pieces:
                local = slopes[:, piece.points, o, None]  # [K, n, 1]
                used = [k for k in range(len(local)) if np.any(local[k])]
                if used:
                    total = sum(local[k] * piece.jet[k] for k in used)
                    start = o * self.features.size
                    matrix[piece.points, start + piece.columns.start : start + piece.columns.stop] += total

    def is_linear(self, state: State, generator: np.random.Generator) -> bool:
        """Whether the residual is linear in everything fitted, by one random step."""
        r, matrix = self.linearise(state)
        length = np.linalg.norm(matrix, axis=0)  # a product with an output that is still zero has none
        step = generator.standard_normal(matrix.shape[1]) / np.where(length > 0, length, 1.0)
        moved = matrix @ step
        return float(np.linalg.norm(self.vector(state.moved(step)) - r - moved)) <= LINEAR * float(
            np.linalg.norm(moved) + np.linalg.norm(r)
        )

    def at(self, state: State, points: np.ndarray, layout: Layout, chunk: int = 20_000) -> np.ndarray:
        """Derivatives of the outputs anywhere, [K, N, outputs]."""
        parts = [
            evaluate(self.features.jets(part, layout.keys), state.coefficients, len(part))
            for part in (points[start : start + chunk] for start in range(0, max(len(points), 1), chunk))
        ]
        found = np.concatenate(parts, axis=1)
        return found if found.shape[0] == len(layout.keys) else np.zeros((len(layout.keys), *found.shape[1:]))

    def residual(self, state: State, points: np.ndarray, chunk: int = 10_000) -> np.ndarray:
        """Unweighted residuals of the equations anywhere, [N, equations]."""
        block, parts = self.rows[0].block, []
        for start in range(0, len(points), chunk):
            part = points[start : start + chunk]
            jet = torch.from_numpy(self.at(state, part, block.layout))
            with torch.no_grad():
                parts.append(block.rows(self._field(block, part, jet, list(torch.from_numpy(state.unknowns)))).numpy())
        return np.concatenate(parts)


def least_squares(matrix: np.ndarray, target: np.ndarray, cutoff: float) -> Step:
    r"""Minimise $\|A x - b\|$, columns scaled to unit length, without the smallest singular values.

    Args:
        matrix: A [R, P].
        target: b [R].
        cutoff: relative size of singular values that are left out; the basis is close to linearly dependent.
    """
    length = np.linalg.norm(matrix, axis=0)
    length = np.where(length > 0, length, 1.0)
    found, _, rank, size = lstsq(
        matrix / length, target, cond=cutoff, lapack_driver="gelsd", overwrite_a=True, check_finite=False
    )
    return Step(found / length, int(rank), float(size[0] / max(size[-1], 1e-300)))


def gauss_newton(
    system: System,
    state: State,
    iterations: int,
    cutoff: float,
    tolerance: float,
    linear: bool,
    on_step: Callable[[State, float, Step], None],
) -> State:
    """Solve the linearised equations until the steps no longer change the residual.

    With unknowns, each trial is first led back to the equation by a step in the coefficients alone: a joint step leaves
    it by a product of changes, which a large weight of the equation would count against the step.

    Args:
        system: the equations.
        state: where to begin.
        iterations: limit.
        cutoff: of `least_squares`.
        tolerance: ends when a step promises to change the residual by less than this share.
        linear: the first step is the solution.
        on_step: called with the new state, its squared weighted residual and the step.
    """
    r, matrix = system.linearise(state)
    first = float(np.linalg.norm(r))
    for _ in range(iterations):
        step = least_squares(matrix, -r, cutoff)
        before, promised = float(np.linalg.norm(r)), float(np.linalg.norm(matrix @ step.values))
        length, trial, after = 1.0, state, np.inf
        while not after < before and length > 0.5**HALVINGS:
            trial = state.moved(step.values, length)
            if system.unknowns and not linear:
                trial = _corrected(system, trial, cutoff)
            after = float(np.linalg.norm(system.vector(trial)))
            length *= 0.5
        state, after = (trial, after) if after < before else (state, before)
        on_step(state, after**2, step)
        settled = after >= (1.0 - tolerance) * before or (1e9 * after <= first and 2.0 * after > before)
        if linear or settled or promised <= tolerance * before:
            break
        r, matrix = system.linearise(state)
    return state


def _corrected(system: System, state: State, cutoff: float) -> State:
    """One Gauss-Newton step in the coefficients, the unknowns held."""
    r, matrix = system.linearise(state)
    size = state.coefficients.size
    values = least_squares(matrix[:, :size], -r, cutoff).values
    return state.moved(np.concatenate([values, np.zeros(matrix.shape[1] - size)]))


def fit_values(system: System, state: State, known: list[Observations], cutoff: float = 1e-6) -> State:
    """Coefficients whose outputs take known values: a place to begin when the equation is nonlinear.

    Args:
        system: gives the basis.
        state: outputs without known values keep theirs.
        known: values of outputs.
        cutoff: of `least_squares`; large, because the values are only a guess.
    """
    coefficients = state.coefficients.copy()
    for o, output in enumerate(system.outputs):
        own = [data for data in known if data.output == output]
        if own:
            points = np.concatenate([data.points for data in own])
            target = np.concatenate([data.values for data in own])
            matrix = np.zeros((len(points), system.features.size))
            for piece in system.features.jets(points, [()]):
                matrix[piece.points, piece.columns] += piece.jet[0]
            coefficients[:, o] = least_squares(matrix, target[:, 0], cutoff).values
    return State(coefficients, state.unknowns)
