"""The random feature method on a problem: one least-squares system, or one for each time window."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from baselines.common.compute import numpy_generator
from baselines.pinn_pde import nodes, windows
from baselines.pinn_pde.collocation import State, Step, System, fit_values, gauss_newton
from baselines.pinn_pde.domain import Disk
from baselines.pinn_pde.inverse import gauss_newton_covariance
from baselines.pinn_pde.jets import JetField, Layout, derivatives_of
from baselines.pinn_pde.method import Case, Solution
from baselines.pinn_pde.network import periods
from baselines.pinn_pde.objective import Block, condition_blocks, observation_block
from baselines.pinn_pde.problem import Condition, Function, Observations, PDEProblem, Periodic
from baselines.pinn_pde.random_features import HoleFeatures, RandomFeatures, Together

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.methods.rfm import Method

RELAXED = (1e-2, 1e-1, 1.0)  # weights of the equation against data, one after the other

EXPLAINED = 2.0  # residual over noise, in mean squares, up to which the fit is believed


class March:
    """All windows of one run.

    Args:
        method: settings.
        case: what is solved.
        cfg: the run's config.
        record: where rows go.
    """

    def __init__(self, method: Method, case: Case, cfg: Config, record: Record) -> None:
        self.method, self.case, self.seed, self.record = method, case, cfg.seed, record
        problem = case.problem
        timed = problem.domain().time
        merged = bool(problem.unknowns() or case.observations)  # all data must be fitted at once
        self.windows = method.windows if timed and not merged else 1
        in_time = method.time_subdomains * (method.windows if merged else 1)
        self.cells = [method.subdomains] * problem.domain().space + [in_time] * timed
        self.ends = windows.edges(problem, self.windows)
        self.solved: list[tuple[System, State]] = []
        self.elapsed, self.evaluations, self.iterations = 0.0, 0, 0
        self.loss, self.condition, self.rank = 0.0, 0.0, 0

    def run(self) -> Solution:
        """Solve all windows."""
        with self.record.progress(self.windows, "windows") as tick:
            for number in range(self.windows):
                begin = time.perf_counter()
                with self.record.timed("training"):
                    self._window(number)
                self.elapsed += time.perf_counter() - begin
                self._row()
                tick(1, loss=self.loss)
        return self._solution()

    def _window(self, number: int) -> None:
        problem, observations = self._problem(number)
        system = self._system(problem, observations, number)
        state = system.zero()
        linear = system.is_linear(state, numpy_generator(self.seed, "probe"))
        if not linear:
            state = fit_values(
                system, state, self._guess(system, problem, observations), 1e-2 if observations else 1e-6
            )

        def on_step(state: State, loss: float, step: Step) -> None:
            self.loss, self.condition = loss, max(self.condition, step.condition)
            self.rank, self.iterations = step.rank, self.iterations + 1

        m = self.method
        for relaxed in RELAXED if observations and not linear else (1.0,):
            system.relaxed = relaxed
            state = gauss_newton(system, state, m.newton_iterations, m.cutoff, m.tolerance, linear, on_step)
        self.evaluations += system.evaluations
        self.solved.append((system, state))

    def _problem(self, number: int) -> tuple[PDEProblem, list[Observations]]:
        whole = self.case.problem
        if self.windows == 1:
            return whole, self.case.observations
        start, end = float(self.ends[number]), float(self.ends[number + 1])
        return windows.Window(whole=whole, start=start, end=end, previous=self._previous()), []

    def _previous(self) -> windows.Derivative | None:
        if not self.solved:
            return None
        system, state = self.solved[-1]

        def derivative(points: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
            layout = Layout.of([key])
            return np.asarray(system.at(state, points, layout)[layout.index(key)])

        return derivative

    def _system(self, problem: PDEProblem, observations: list[Observations], number: int) -> System:
        m, domain, cells = self.method, problem.domain(), self.cells
        circular = periods(problem)
        generator = numpy_generator(self.seed, "features")
        boxed = RandomFeatures(
            domain.low,
            domain.high,
            cells,
            m.features,
            [m.scale] * domain.space + [m.time_scale or m.scale] * domain.time,
            m.activation,
            generator,
            [name in circular for name in domain.names],
            m.overlap,
        )
        holes = [hole for hole in domain.without if isinstance(hole, Disk)] if m.hole_features else []
        around = [HoleFeatures(h.center, h.radius, m.hole_features, m.scale, m.activation, generator) for h in holes]
        features = Together([boxed, *around])
        points, count = numpy_generator(self.seed, "points", number), m.oversampling * m.features
        circle = [name in circular and n == 1 for name, n in zip(domain.names, cells, strict=True)]
        denser = [2 * n if c else n for n, c in zip(cells, circle, strict=True)]  # a circle's features have overtones
        inside = nodes.interior(domain, denser, count, points)
        edge, start = (place(domain, cells, count, points) for place in (nodes.boundary, nodes.initial))

        def equations(f: JetField) -> torch.Tensor:
            return torch.cat([row.expand(len(f[domain.names[0]]), 1) for row in problem.residual(f)], dim=1)

        blocks = [Block("equation", inside, derivatives_of(problem, problem.residual), equations)]
        for condition in problem.conditions():
            if not (isinstance(condition, Periodic) and condition.coordinate in circular):
                blocks += condition_blocks(problem, condition, edge, start)
        for block in blocks[1:]:
            block.weight = m.boundary_weight
        blocks += [observation_block(data) for data in observations]
        return System(problem, features, blocks, {data.name: data.noise for data in observations}, m.exactness)

    def _guess(self, system: System, problem: PDEProblem, observations: list[Observations]) -> list[Observations]:
        """Known values: the observed ones, else the initial ones at all times."""
        found, observed = list(observations), {d.output for d in observations}
        inside = system.rows[0].block.points
        for c in problem.conditions():
            if isinstance(c, Condition) and c.on == "initial" and not c.derivative and c.output not in observed:
                start = inside.copy()
                start[:, -1] = problem.domain().low[-1]
                found.append(Observations(inside, c.value(start), 0.0, c.output))
        return found

    def _predict(self, points: np.ndarray) -> np.ndarray:
        layout = Layout.of([()])
        return self._joined([partial(_values, system, state, layout) for system, state in self.solved], points)

    def _residual(self, points: np.ndarray) -> np.ndarray:
        return self._joined([partial(system.residual, state) for system, state in self.solved], points)

    def _joined(self, parts: list[Function], points: np.ndarray) -> np.ndarray:
        return parts[0](points) if self.windows == 1 else windows.joined(self.ends, parts)(points)

    def _row(self) -> None:
        """History: the state of unsolved windows is that at the end of the last solved one."""
        last = self.ends[len(self.solved)]

        def frozen(points: np.ndarray) -> np.ndarray:
            if self.windows > 1:
                points = points.copy()
                points[:, -1] = np.minimum(points[:, -1], last)
            return self._predict(points)

        system, state = self.solved[-1]
        self.record.log(
            "history",
            iteration=self.iterations,
            elapsed_s=self.elapsed,
            evaluations=self.evaluations,
            loss=self.loss,
            error=self.case.error(frozen),
            **system.values(state),
        )

    def _solution(self) -> Solution:
        system, state = self.solved[-1]
        return Solution(
            predict=self._predict,
            residual=self._residual,
            points=np.concatenate([s.rows[0].block.points for s, _ in self.solved]),
            parameters=sum(c.coefficients.size + c.unknowns.size for _, c in self.solved),
            trained=system.features.size >= 100,
            unknowns=system.values(state),
            standard_errors=self._standard_errors(),
            metrics={
                "loss": self.loss,
                "iterations": float(self.iterations),
                "evaluations": float(self.evaluations),
                "condition": self.condition,
                "rank": float(self.rank),
                "features": float(system.features.size),
            },
        )

    def _standard_errors(self) -> dict[str, float]:
        """Of the unknowns, from noisy data alone; equation and conditions count as exact.

        None where the weighted residual is larger than the noise explains: then the basis does not resolve the
        solution, and the linearisation says nothing about the error.
        """
        system, state = self.solved[-1]
        count = sum(len(rows.block.points) for rows in system.rows if rows.sigma)
        if not system.unknowns or not system.smallest or self.loss > EXPLAINED * count * system.smallest**2:
            return {}
        _, matrix = system.linearise(state)
        chosen = list(range(state.coefficients.size, matrix.shape[1]))
        errors = np.sqrt(np.diag(gauss_newton_covariance(matrix / system.smallest, columns=chosen)))
        return {u.name: float(e) * u.scale for u, e in zip(system.unknowns, errors, strict=True)}


def _values(system: System, state: State, layout: Layout, points: np.ndarray) -> np.ndarray:
    return np.asarray(system.at(state, points, layout)[0])
