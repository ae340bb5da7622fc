"""Cohen et al. (2021): training sharpens the landscape until the optimizer is just unstable, and stays there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record
from baselines.loss_landscape.edge_claims import Claims
from baselines.loss_landscape.trajectory import Trajectory, rising_share

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.gradient_flow import FlowState
    from baselines.loss_landscape.objective import Objective

MOST_EIGENVALUES = 50  # Lanczos is for a few; the whole spectrum of a small network is cheaper dense
BATCH_EVERY = 10  # measurements of the sharpness between two of the batch sharpness


@dataclass
class Probe:
    """Edge of stability: the sharpness rises to where the optimizer loses stability, and there it stays.

    The sharpness is the largest eigenvalue of the Hessian of the training loss, for an adaptive optimizer that of
    P^-1 H. With gradient descent a control run with a step size too small to reach its own edge shows where the
    sharpness would have gone, and gradient flow runs beside the largest step size.
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network", "optimizer")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"steps": 100, "control_steps": 100, "flow_steps": 30},
        "paper": {"steps": 5000, "control_steps": 10000},
    }

    steps: int = 2000  # optimizer steps for each setting
    every: int = 10  # steps between two measurements of the sharpness
    eigenvalues: int = 1  # how many of the largest Hessian eigenvalues to track
    tol: float = 1e-3  # residual of an eigenpair, relative to the eigenvalue; its error is about tol^2
    control: float = 0.4  # gd: step size of the control run over the smallest of the others; 0 leaves it out
    control_steps: int = 4000  # steps of the control run
    flow_steps: int = 500  # gd: steps of the largest step size beside which gradient flow runs; 0 leaves it out
    flow_alpha: float = 1.0  # step of the Runge-Kutta method times sharpness; stable below 2.78
    batches: int = 32  # sgd: mini-batches in an estimate of the batch sharpness

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("steps", "every", "eigenvalues", "control_steps", "batches"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        check_at_least("probe.flow_steps", self.flow_steps, 0)
        if self.eigenvalues > MOST_EIGENVALUES:
            raise ValueError(f"probe.eigenvalues must be at most {MOST_EIGENVALUES}; got {self.eigenvalues}")
        if not 0 < self.tol < 1:
            raise ValueError(f"probe.tol must be between 0 and 1; got {self.tol}")
        if not 0 <= self.control < 1:
            raise ValueError(f"probe.control must be 0 (no control run) or a fraction below 1; got {self.control}")
        if not 0 < self.flow_alpha < 2.78:
            raise ValueError(f"probe.flow_alpha must be above 0 and below 2.78; got {self.flow_alpha}")

    def skip(self, cfg: "Config") -> str | None:
        """Refuse a tolerance that single precision cannot reach."""
        if cfg.dtype == "float32" and self.tol < 2e-5:
            return f"probe.tol={self.tol} is out of reach of dtype=float32; take 2e-5 or more, or dtype=float64"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train once for each setting, then the control, all from the same initial weights."""
        optimizer = cfg.optimizer
        values = optimizer.settings()
        planned = [(f"edge_{value:g}", value, self.steps, self.every) for value in values]
        if self.control and optimizer.FOLLOWS_FLOW:
            every = max(1, round(self.every / self.control))  # the same spacing in training time
            planned.append(("control", max(values) / self.control, self.control_steps, every))
        runs = []
        with record.progress(sum(steps for _, _, steps, _ in planned), "training") as tick:
            for name, value, steps, every in planned:
                one = Trajectory(name, value, optimizer.learning_rate(value))
                beside_flow = optimizer.FOLLOWS_FLOW and value == min(values) and name != "control"
                with record.timed(name):
                    self._train(cfg, record, one, steps, every, beside_flow, tick)
                runs.append(one)
        # Only now, so that the curves of the settings that did not diverge are kept too.
        if failures := [f"{optimizer.SYMBOL} = {one.value:g}: {one.failure}" for one in runs if one.failure]:
            raise Diverged("; ".join(failures))
        edges = runs[: len(values)]
        control = runs[-1] if len(runs) > len(values) else None
        squares = cfg.task.loss == "squares"
        claims = Claims(self, optimizer, edges, control, cfg.task.describe(cfg), squares).all()
        return Outcome(_metrics(edges, control), claims, cfg.task.build(cfg).size)

    def _train(
        self,
        cfg: "Config",
        record: Record,
        one: Trajectory,
        steps: int,
        every: int,
        beside_flow: bool,
        tick: Callable[..., None],
    ) -> None:
        """Train with one setting, logging; stops where the loss stops being finite."""
        from baselines.loss_landscape.descent import descend
        from baselines.loss_landscape.preconditioner import preconditioner
        from baselines.loss_landscape.train import minibatches

        objective = cfg.task.build(cfg)
        batch = cfg.optimizer.batch_size(one.value)
        order = compute.torch_generator(cfg.seed, "batches", batch)
        states = descend(
            objective,
            cfg.optimizer.build(objective.parameters, one.lr),
            steps,
            every=every,
            k=self.eigenvalues,
            tol=self.tol,
            rng=compute.numpy_generator(cfg.seed, "lanczos"),
            preconditioner=preconditioner if cfg.optimizer.ADAPTIVE else None,
            batches=minibatches(len(objective.inputs), batch, order) if batch else None,
        )
        flow = self._flow(cfg, one.lr, every) if beside_flow else iter(())
        try:
            for state in states:
                tick(int(state.step > 0))
                if not batch or state.step % every == 0:
                    one.losses.append(state.loss)
                    seconds = {"gradient_s": state.gradient_s, "curvature_s": state.curvature_s}
                    record.log(f"{one.name}_loss", step=state.step, loss=state.loss, **seconds)
                if state.top is None or state.gradient_norm is None:
                    continue
                sharpness, *others = (float(value) for value in state.top.values)
                edge = cfg.optimizer.edge(one.lr, state.gradient_norm)
                one.steps.append(state.step)
                one.sharpness.append(sharpness)
                one.edges.append(edge)
                one.products.append(state.top.products)
                named = {f"eigenvalue_{i}": value for i, value in enumerate(others, start=2)}
                record.log(
                    one.name, step=state.step, time=one.lr * state.step, sharpness=sharpness, edge=edge,
                    gradient_norm=state.gradient_norm, **named,
                )  # fmt: skip
                tick(0, loss=state.loss, sharpness=sharpness)
                if batch and state.step % (BATCH_EVERY * every) == 0:
                    self._batch_sharpness(cfg, record, one, objective, batch, state.step)
                for point in () if one.starts_beyond else _next(flow):
                    distance = float((objective.vector() - point.vector).norm())
                    one.flow_distance.append(distance)
                    record.log(
                        "flow", step=state.step, time=point.time, distance=distance, sharpness=point.sharpness,
                        loss=point.loss,
                    )  # fmt: skip
        except FloatingPointError as problem:
            one.failure = str(problem)

    def _flow(self, cfg: "Config", lr: float, every: int) -> "Iterator[FlowState]":
        """Gradient flow at the times of the measurements, advanced only when asked for the next."""
        from baselines.loss_landscape.gradient_flow import gradient_flow

        times = [lr * step for step in range(0, min(self.flow_steps, self.steps) + 1, every)] if self.flow_steps else []
        rng = compute.numpy_generator(cfg.seed, "flow")
        return gradient_flow(cfg.task.build(cfg), times, alpha=self.flow_alpha, tol=self.tol, rng=rng)

    def _batch_sharpness(
        self, cfg: "Config", record: Record, one: Trajectory, objective: "Objective", batch: int, step: int
    ) -> None:
        """Over fresh mini-batches of the size of the training."""
        from baselines.loss_landscape.batch_sharpness import batch_sharpness
        from baselines.loss_landscape.train import minibatches

        generator = compute.torch_generator(cfg.seed, "batch sharpness", batch, step)
        rows = minibatches(len(objective.inputs), batch, generator)
        value = batch_sharpness(objective, (next(rows) for _ in range(self.batches)))
        one.batch_steps.append(step)
        one.batch_sharpness.append(value)
        record.log(f"{one.name}_batch", step=step, batch_sharpness=value)


def _next(flow: "Iterator[FlowState]") -> "Iterator[FlowState]":
    """The next point of the flow, if there is one."""
    point = next(flow, None)
    if point is not None:
        yield point


def _metrics(edges: list[Trajectory], control: Trajectory | None) -> dict[str, float]:
    """Numbers of a run; the name ends in the setting they belong to."""
    found: dict[str, float] = {}
    for one in edges:
        value = f"{one.value:g}"
        found[f"hover_ratio_{value}"] = float(one.ratios.mean())
        found[f"hover_min_{value}"] = float(one.ratios.min())
        found[f"hover_max_{value}"] = float(one.ratios.max())
        if one.crossing_step is not None:
            found[f"crossing_step_{value}"] = one.crossing_step
            if not one.batch_sharpness:  # with mini-batches the loss is known at the measurements only
                found[f"rising_share_{value}"] = rising_share(one.losses_after())
        found[f"final_loss_{value}"] = one.losses[-1]
        found[f"hvp_per_measurement_{value}"] = float(np.mean(one.products))
        found[f"sharpness_eta_half_{value}"] = one.sharpness_eta_half
        if one.batch_sharpness:
            found[f"batch_ratio_{value}"] = one.batch_ratio
        if one.flow_distance:
            found["flow_distance_end"] = one.flow_distance[-1]
            if one.distance_before is not None:
                found["flow_distance_before"] = one.distance_before
    found["start_sharpness"] = edges[0].sharpness[0]
    if control:
        found["control_sharpness"] = control.sharpness[-1]
    return found
