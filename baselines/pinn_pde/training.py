"""Training of a `JetNetwork` with any optimizer: chunks of iterations, between them new points, new weights, a row.

Everything that decides what comes next is in `Training.state()`: stopped and continued equals never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from baselines.pinn_pde import robust, sampling, weighting
from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.objective import Objective
from baselines.pinn_pde.optimizers.lm import LevenbergMarquardt
from baselines.pinn_pde.problem import Function

Row = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and with which points and weights to train."""

    iterations: int
    every: int
    """Iterations between two rows of the history."""
    sampling: str = "fixed"
    weighting: str = "none"
    robust: str = "none"
    """Loss of the observations: `none`, `huber` or `student`."""
    period: int = 500
    """Iterations between two changes of points or weights; a multiple of `every`."""


class Optimizing:
    """An optimizer and how it makes n iterations on an objective.

    Args:
        optimizer: any torch optimizer.
        advance: makes n iterations.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, advance: Callable[[int], None]) -> None:
        self.optimizer, self.advance = optimizer, advance

    @staticmethod
    def by_closure(optimizer: torch.optim.Optimizer, objective: Objective, chunked: bool) -> Optimizing:
        """An optimizer that wants a closure with loss and gradient.

        Args:
            optimizer: holds `objective.parameters()`.
            objective: what is minimised.
            chunked: whether one step makes `max_iter` iterations, as L-BFGS does, or just one, as Adam does.
        """

        def evaluate() -> torch.Tensor:
            optimizer.zero_grad()
            loss = objective.loss()
            loss.backward()
            return loss

        closure = cast(Callable[[], float], evaluate)  # what torch's annotation asks for

        def advance(count: int) -> None:
            if chunked:
                optimizer.param_groups[0]["max_iter"] = count
                optimizer.step(closure)
            else:
                for _ in range(count):
                    optimizer.step(closure)

        return Optimizing(optimizer, advance)


def levenberg_marquardt(objective: Objective, geodesic: bool) -> Optimizing:
    """Levenberg-Marquardt on the residual vector, with the Jacobian of the objective."""
    optimizer = LevenbergMarquardt(objective.parameters(), objective.vector, objective.jacobian, geodesic=geodesic)

    def advance(count: int) -> None:
        optimizer.param_groups[0]["max_iter"] = count
        optimizer.step()

    return Optimizing(optimizer, advance)


def falling_adam(objective: Objective, rate: float, final: float, iterations: int) -> Optimizing:
    """Adam whose learning rate falls exponentially from `rate` to `final * rate` over the iterations."""
    decay = final ** (1.0 / iterations)
    optimizer = torch.optim.Adam(objective.parameters(), lr=rate)
    inner = Optimizing.by_closure(optimizer, objective, chunked=False)

    def advance(count: int) -> None:
        for _ in range(count):
            inner.advance(1)
            optimizer.param_groups[0]["lr"] *= decay

    return Optimizing(optimizer, advance)


class Training:
    """One training on one domain.

    Args:
        objective: what is minimised.
        optimizing: by what.
        plan: how long.
        domain: where new points come from.
        generator: of new points.
        monitor: fresh points [N, d] on which the residual is watched; nothing is decided by it.
        error: error of a prediction, for the history only.
    """

    def __init__(
        self,
        objective: Objective,
        optimizing: Optimizing,
        plan: Plan,
        domain: Box,
        generator: np.random.Generator,
        monitor: np.ndarray,
        error: Callable[[Function], float],
    ) -> None:
        self.objective, self.optimizing, self.plan = objective, optimizing, plan
        self.domain, self.generator, self.monitor, self.error = domain, generator, monitor, error
        self.count = len(objective.equation.points)
        self.weights = weighting.make(plan.weighting, objective)
        self.done, self.elapsed = 0, 0.0

    def run(self, on_row: Callable[[int, Row], None], keep: Callable[[], None]) -> None:
        """Train to the end of the plan.

        Args:
            on_row: called with the iteration and the row after each chunk, and before the first.
            keep: called after each chunk; may store `state()`.
        """
        if self.done == 0:
            on_row(0, self.row())
        while self.done < self.plan.iterations:
            chunk = min(self.plan.every, self.plan.iterations - self.done)
            begin = time.perf_counter()
            if self.done % self.plan.period == 0:
                self.refresh()
            if self.plan.robust != "none":
                self.reweight_observations()
            self.optimizing.advance(chunk)
            self.elapsed += time.perf_counter() - begin
            self.done += chunk
            on_row(self.done, self.row())
            keep()

    def refresh(self) -> None:
        """New points unless training has not begun, then new weights."""
        if self.done and self.plan.sampling != "fixed":
            points = sampling.resample(
                self.plan.sampling,
                self.residual,
                self.objective.equation.points,
                self.domain,
                self.count,
                self.generator,
            )
            self.objective.move_points(points)
        self.weights.update()

    def reweight_observations(self) -> None:
        """One step of iteratively reweighted least squares: outliers lose their weight."""
        for block in self.objective.blocks:
            if block.noise is not None:
                with torch.no_grad():
                    misfit = self.objective.residual(block)
                    sigma = block.noise or robust.median_scale(misfit)
                    block.pointwise = robust.LOSSES[self.plan.robust].weights(misfit / sigma)

    def row(self) -> Row:
        """Loss terms, residual on fresh points, error, unknowns; not counted as work."""
        before = self.objective.evaluations
        terms = self.objective.terms()
        heldout = float(np.mean(np.square(self.residual(self.monitor))))
        self.objective.evaluations = before
        row = {"elapsed_s": self.elapsed, "evaluations": float(before), "loss": sum(terms.values())}
        row |= {f"loss_{name}": value for name, value in terms.items()}
        row |= {"heldout": heldout, "error": self.error(self.objective.network.predict)}
        return row | self.objective.unknowns()

    def residual(self, points: np.ndarray, chunk: int = 10_000) -> np.ndarray:
        """Residuals of the equations anywhere, [N, d] -> [N, equations]."""
        return residual_at(self.objective, points, chunk)

    def state(self) -> dict[str, Any]:
        """Everything the rest of the training depends on, as tensors and plain types."""
        equation = self.objective.equation
        return {
            "parameters": [parameter.detach().clone() for parameter in self.objective.parameters()],
            "optimizer": self.optimizing.optimizer.state_dict(),
            "points": torch.from_numpy(equation.points),
            "weights": self.weights.state(),
            "generator": self.generator.bit_generator.state,
            "done": self.done,
            "elapsed": self.elapsed,
            "evaluations": self.objective.evaluations,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        with torch.no_grad():
            for parameter, value in zip(self.objective.parameters(), state["parameters"], strict=True):
                parameter.copy_(value)
        self.optimizing.optimizer.load_state_dict(state["optimizer"])
        self.objective.move_points(state["points"].numpy())
        self.weights.load(state["weights"])
        self.generator.bit_generator.state = state["generator"]
        self.done, self.elapsed = state["done"], state["elapsed"]
        self.objective.evaluations = state["evaluations"]


def residual_at(objective: Objective, points: np.ndarray, chunk: int = 10_000) -> np.ndarray:
    """Residuals of the equations for the present parameters, [N, d] -> [N, equations], float64."""
    parts, network, layout = [], objective.network, objective.equation.layout
    unknowns = {name: value * objective.scales[name] for name, value in objective.moved.items()}
    with torch.no_grad():
        for start in range(0, len(points), chunk):
            at = network.prepare(points[start : start + chunk], layout)
            rows = objective.equation.rows(network.field(at, network.jet(at), unknowns))
            objective.evaluations += rows.numel()
            parts.append(rows.cpu().double().numpy())
    return np.concatenate(parts)
