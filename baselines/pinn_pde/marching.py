"""A training from start to end: one network, or one for each time window, with checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from baselines.common.compute import numpy_generator, torch_device, torch_dtype, torch_generator
from baselines.pinn_pde import windows
from baselines.pinn_pde.laplace import standard_errors
from baselines.pinn_pde.method import Case, Solution
from baselines.pinn_pde.network import JetNetwork
from baselines.pinn_pde.objective import Objective
from baselines.pinn_pde.problem import Function, Observations, PDEProblem
from baselines.pinn_pde.training import Plan, Row, Training, residual_at

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.methods._network import NetworkMethod

CHECKPOINT_S = 20.0  # seconds between two checkpoints
MONITORED = 2000  # fresh points on which the residual is watched while training


class March:
    """The windows of one run in turn; a run without windows has one.

    Args:
        method: settings.
        case: what is solved.
        cfg: the run's config.
        record: where rows and checkpoints go.
        series: name of the rows.
    """

    def __init__(self, method: NetworkMethod, case: Case, cfg: Config, record: Record, series: str = "history") -> None:
        self.method, self.case, self.cfg, self.record, self.series = method, case, cfg, record, series
        self.ends = windows.edges(case.problem, method.windows)
        self.finished: list[Objective] = []
        self.elapsed, self.evaluations, self.loss = 0.0, 0.0, 0.0  # of the finished windows; last loss

    def run(self) -> Solution:
        """Train; a checkpoint of this very run is taken up."""
        kept = self.record.kept() if self.method.CHECKPOINTS else None
        with self.record.progress(self.method.iterations * self.method.windows, "training") as tick:
            for number in range(self.method.windows):
                with self.record.timed("data"):
                    training = self._training(number)
                if kept is not None and number <= kept["window"]:
                    self._resume(number, training, kept, tick)
                if kept is None or number >= kept["window"]:
                    self._train(number, training, tick)
                self.finished.append(training.objective)
        return self._solution()

    def _training(self, number: int) -> Training:
        """Network, points and optimizer of one window."""
        m, whole, seed = self.method, self.case.problem, self.cfg.seed
        problem, observations = self._window(number)
        network = JetNetwork(
            problem,
            [m.width] * m.depth,
            m.activation,
            hard=m.hard,
            fourier=m.fourier,
            fourier_scale=m.fourier_scale,
            generator=torch_generator(seed, "network"),
            dtype=torch_dtype(self.cfg),
            device=torch_device(self.cfg),
        )
        domain, points = problem.domain(), numpy_generator(seed, "points", number)
        none = np.empty((0, len(domain.names)))
        objective = m.objective(
            problem,
            network,
            domain.sample(m.points or whole.num_domain, points),
            domain.sample_boundary(whole.num_boundary, points) if domain.space else none,
            domain.sample_initial(whole.num_initial, points) if domain.time else none,
            observations,
        )
        if self.finished:  # the next window begins as the last one ended
            with torch.no_grad():
                for ours, theirs in zip(objective.parameters(), self.finished[-1].parameters(), strict=True):
                    ours.copy_(theirs)
        plan = Plan(
            iterations=m.iterations,
            every=m.every,
            sampling=m.sampling,
            weighting=m.weighting,
            robust=m.robust,
            period=m.period,
        )
        monitor = domain.sample(min(MONITORED, self.cfg.heldout_points), numpy_generator(seed, "monitor", number))
        return Training(objective, m.optimizing(objective), plan, domain, points, monitor, self._error)

    def _window(self, number: int) -> tuple[PDEProblem, list[Observations]]:
        whole, observations = self.case.problem, self.case.observations
        if self.method.windows == 1:
            return whole, observations
        start, end = float(self.ends[number]), float(self.ends[number + 1])
        previous = self.finished[-1].network.derivative if self.finished else None
        problem = windows.Window(
            num_domain=whole.num_domain,
            num_boundary=whole.num_boundary,
            num_initial=whole.num_initial,
            whole=whole,
            start=start,
            end=end,
            previous=previous,
        )
        return problem, windows.within(observations, start, end, number == self.method.windows - 1)

    def _error(self, predict: Function) -> float:
        """Error of the finished windows and the one in training, which answers for all later times."""
        return self.case.error(self._joined([*(o.network.predict for o in self.finished), predict]))

    def _joined(self, parts: Sequence[Function]) -> Function:
        return parts[0] if self.method.windows == 1 else windows.joined(self.ends, parts)

    def _resume(self, number: int, training: Training, kept: dict[str, Any], tick: Callable[..., None]) -> None:
        """Put back a finished window, or the one in which the run stopped."""
        if number == kept["window"]:
            training.load(kept["training"])
            self.elapsed, self.evaluations = kept["elapsed"], kept["evaluations"]
            tick(training.done)
            return
        with torch.no_grad():
            for parameter, value in zip(training.objective.parameters(), kept["parts"][number], strict=True):
                parameter.copy_(value)
        training.objective.move_points(kept["points"][number].numpy())
        tick(self.method.iterations)

    def _train(self, number: int, training: Training, tick: Callable[..., None]) -> None:
        before, saved, earlier = training.done, time.monotonic(), training.elapsed

        def on_row(iteration: int, row: Row) -> None:
            nonlocal before
            self.loss = row["loss"]
            row["elapsed_s"] += self.elapsed
            row["evaluations"] += self.evaluations
            self.record.log(self.series, iteration=iteration + number * self.method.iterations, **row)
            tick(iteration - before, loss=row["loss"], error=row["error"])
            before = iteration

        def keep() -> None:
            nonlocal saved
            if self.method.CHECKPOINTS and time.monotonic() - saved > CHECKPOINT_S:
                self.record.keep(self._state(number, training))
                saved = time.monotonic()

        training.run(on_row, keep)
        self.record.cost["training_s"] = self.record.cost.get("training_s", 0.0) + training.elapsed - earlier
        self.elapsed += training.elapsed
        self.evaluations += training.objective.evaluations

    def _state(self, number: int, training: Training) -> dict[str, Any]:
        return {
            "window": number,
            "parts": [[p.detach().clone() for p in o.parameters()] for o in self.finished],
            "points": [torch.from_numpy(o.equation.points) for o in self.finished],
            "training": training.state(),
            "elapsed": self.elapsed,
            "evaluations": self.evaluations,
        }

    def _solution(self) -> Solution:
        last = self.finished[-1]
        return Solution(
            predict=self._joined([o.network.predict for o in self.finished]),
            residual=self._joined([partial(residual_at, o) for o in self.finished]),
            points=np.concatenate([o.equation.points for o in self.finished]),
            parameters=sum(parameter.numel() for o in self.finished for parameter in o.parameters()),
            trained=self.method.iterations >= self.method.TRAINED,
            unknowns=last.unknowns(),
            standard_errors=standard_errors(last),
            metrics={
                "loss": self.loss,
                "iterations": float(self.method.iterations * self.method.windows),
                "evaluations": float(self.evaluations),
            },
        )
