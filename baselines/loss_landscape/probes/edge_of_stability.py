"""Cohen et al. (2021): full-batch gradient descent sharpens until it is just unstable, and stays there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record
from baselines.loss_landscape.trajectory import Trajectory, rising_quarters, rising_share

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config

COHEN = "Cohen et al. 2021 (arXiv:2103.00065), abstract and Figure 1"
MOST_EIGENVALUES = 50  # Lanczos is for a few; the whole spectrum of a small network is cheaper dense
ENOUGH_STEPS = 1000  # a shorter run is over before the sharpness has settled: its claims are not measured


@dataclass
class Probe:
    """Edge of stability: the sharpness rises to 2/eta, and there it stays.

    The sharpness is the largest eigenvalue of the Hessian of the training loss. A control
    run with a step size too small to reach its own edge shows where the sharpness would have gone.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"steps": 100, "control_steps": 100},
        "paper": {"steps": 5000, "control_steps": 10000},
    }

    steps: int = 2000  # optimizer steps for each step size
    every: int = 10  # steps between two measurements of the sharpness
    eigenvalues: int = 1  # how many of the largest Hessian eigenvalues to track
    tol: float = 1e-3  # residual of an eigenpair, relative to the eigenvalue; its error is about tol^2
    control: float = 0.4  # step size of the control run over the smallest of the others; 0 leaves it out
    control_steps: int = 4000  # steps of the control run

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("steps", "every", "eigenvalues", "control_steps"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        if self.eigenvalues > MOST_EIGENVALUES:
            raise ValueError(f"probe.eigenvalues must be at most {MOST_EIGENVALUES}; got {self.eigenvalues}")
        if not 0 < self.tol < 1:
            raise ValueError(f"probe.tol must be between 0 and 1; got {self.tol}")
        if not 0 <= self.control < 1:
            raise ValueError(f"probe.control must be 0 (no control run) or a fraction below 1; got {self.control}")

    def skip(self, cfg: "Config") -> str | None:
        """Refuse a tolerance that single precision cannot reach."""
        if cfg.dtype == "float32" and self.tol < 2e-5:
            return f"probe.tol={self.tol} is out of reach of dtype=float32; take 2e-5 or more, or dtype=float64"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train once for each step size, then the control, all from the same initial weights."""
        optimizer = cfg.optimizer
        levels = optimizer.levels()
        planned = [(f"edge_{level:g}", level, self.steps, self.every) for level in levels]
        if self.control:
            every = max(1, round(self.every / self.control))  # the same spacing in training time
            planned.append(("control", max(levels) / self.control, self.control_steps, every))
        runs = []
        with record.progress(sum(steps for _, _, steps, _ in planned), "training") as tick:
            for name, level, steps, every in planned:
                one = Trajectory(name, level, optimizer.learning_rate(level))
                with record.timed(name):
                    self._train(cfg, record, one, steps, every, tick)
                runs.append(one)
        # Only now, so that the curves of the step sizes that did not diverge are kept too.
        if failures := [f"{optimizer.EDGE} = {one.level:g}: {one.failure}" for one in runs if one.failure]:
            raise Diverged("; ".join(failures))
        edges = runs[: len(levels)]
        control = runs[-1] if self.control else None
        claims = Claims(self, optimizer, edges, control, cfg.task.describe()).all()
        return Outcome(_metrics(edges, control), claims, cfg.task.build(cfg).size)

    def _train(
        self, cfg: "Config", record: Record, one: Trajectory, steps: int, every: int, tick: Callable[..., None]
    ) -> None:
        """Train with one step size, logging; stops where the loss stops being finite."""
        from baselines.loss_landscape.descent import descend

        objective = cfg.task.build(cfg)
        optimizer = cfg.optimizer.build(objective.parameters, one.lr)
        rng = compute.numpy_generator(cfg.seed, "lanczos")
        states = descend(objective, optimizer, steps, every=every, k=self.eigenvalues, tol=self.tol, rng=rng)
        try:
            for state in states:
                one.losses.append(state.loss)
                record.log(f"{one.name}_loss", step=state.step, loss=state.loss)
                tick(int(state.step > 0))
                if state.top is None:
                    continue
                sharpness, *others = (float(value) for value in state.top.values)
                one.steps.append(state.step)
                one.sharpness.append(sharpness)
                one.products.append(state.top.products)
                named = {f"eigenvalue_{i}": value for i, value in enumerate(others, start=2)}
                record.log(one.name, step=state.step, time=one.lr * state.step, sharpness=sharpness, **named)
                tick(0, loss=state.loss, sharpness=sharpness)
        except FloatingPointError as problem:
            one.failure = str(problem)


def _metrics(edges: list[Trajectory], control: Trajectory | None) -> dict[str, float]:
    """Numbers of a run; the name ends in the level they belong to."""
    found: dict[str, float] = {}
    for one in edges:
        level = f"{one.level:g}"
        found[f"hover_ratio_{level}"] = float(one.ratios.mean())
        found[f"hover_min_{level}"] = float(one.ratios.min())
        found[f"hover_max_{level}"] = float(one.ratios.max())
        if one.crossing_step is not None:
            found[f"crossing_step_{level}"] = one.crossing_step
            found[f"rising_share_{level}"] = rising_share(one.losses_after())
        found[f"final_loss_{level}"] = one.losses[-1]
        found[f"hvp_per_measurement_{level}"] = float(np.mean(one.products))
    found["start_sharpness"] = edges[0].sharpness[0]
    if control:
        found["control_sharpness"] = control.sharpness[-1]
    return found


@dataclass
class Claims:
    """What the runs of the probe say about the predictions."""

    probe: Probe
    optimizer: Any
    edges: list[Trajectory]
    control: Trajectory | None
    setting: str

    def all(self) -> list[Claim]:
        """Every claim, in the order of the story."""
        claims = [self.quadratic()]
        claims += [self.hover(one) for one in self.edges]
        if self.control:
            claims += [self.arrival(one, self.control) for one in self.edges]
            claims += [self.sharpening(self.control)]
        return claims + self.losses()

    @property
    def prefix(self) -> str:
        """Start of the claims' names, with the optimizer's name on the command line."""
        return f"landscape.{type(self.optimizer).__module__.rpartition('.')[2]}"

    @property
    def settled(self) -> bool:
        """Whether the runs are long enough for claims about what happens in the end."""
        return self.probe.steps >= ENOUGH_STEPS

    def quadratic(self) -> Claim:
        """The formula behind the edge, against running the optimizer on a quadratic."""
        from baselines.loss_landscape import thresholds

        ratios = []
        for level in self.optimizer.levels():
            lr = self.optimizer.learning_rate(level)
            predicted = self.optimizer.threshold(lr)
            found = thresholds.measured(partial(self.optimizer.build, lr=lr), predicted / 2, predicted * 2)
            ratios.append(found / predicted)
        return Claim(
            id=f"{self.prefix}.quadratic",
            statement=f"on a quadratic {self.optimizer.NAME} starts to diverge at the curvature {self.optimizer.EDGE}"
            " (found by bisection, divided by the formula)",
            predicted=1.0,
            low=1 - 1e-9,
            high=1 + 1e-9,
            measured=max(ratios, key=lambda ratio: abs(ratio - 1)),
            source="linear stability of the step, docs/loss_landscape.md",
        )

    def hover(self, one: Trajectory) -> Claim:
        """Measured if the edge is reached, or by the control should be, in the first half of the run."""
        arrivals = [one.reaches(one.level), self.control.reaches(one.level) if self.control else None]
        early = [time for time in arrivals if time is not None and time < self.probe.steps * one.lr / 2]
        due = bool(early) or one.sharpness[0] >= one.level
        return Claim(
            id=f"{self.prefix}.hover.{one.level:g}",
            statement=f"{self.optimizer.EDGE} = {one.level:g}: mean of sharpness / {one.level:g}"
            f" in the second half of {self.probe.steps} steps ({self.setting})",
            predicted=1.0,
            low=0.98,
            high=1.05,
            measured=float(one.ratios.mean()) if due and self.settled else None,
            source=f"the edge of stability: {COHEN}",
        )

    def arrival(self, one: Trajectory, control: Trajectory) -> Claim:
        """Below its edge a run follows gradient flow, so the control tells when it arrives there."""
        reached, predicted = one.reaches(one.level), control.reaches(one.level)
        return Claim(
            id=f"{self.prefix}.arrival.{one.level:g}",
            statement=f"{self.optimizer.EDGE} = {one.level:g}: training time eta*step at which the sharpness reaches"
            f" {one.level:g}, divided by that of the control ({self.optimizer.EDGE} = {control.level:g};"
            f" {self.setting})",
            predicted=1.0,
            low=0.9,
            high=1.15,
            measured=reached / predicted if self.settled and reached and predicted else None,
            source=f"gradient descent follows gradient flow up to the edge: {COHEN}",
        )

    def sharpening(self, control: Trajectory) -> Claim:
        """The step size is what stops the sharpness: with a smaller one the same network goes on."""
        top = max(one.level for one in self.edges)
        return Claim(
            id=f"{self.prefix}.sharpening",
            statement=f"the control ({self.optimizer.EDGE} = {control.level:g}) sharpens past every edge above:"
            f" its sharpness after {self.probe.control_steps} steps / {top:g} ({self.setting})",
            predicted=None,
            low=1.0,
            high=None,
            measured=control.sharpness[-1] / top if self.probe.control_steps >= ENOUGH_STEPS else None,
            source=f"progressive sharpening: {COHEN}",
        )

    def losses(self) -> list[Claim]:
        """The loss falls at every step below the edge; at the edge only over long times."""
        everyone = [*self.edges, *([self.control] if self.control else [])]
        stable = max(rising_share(one.losses_before()) for one in everyone)
        curves = [one.losses_after() for one in self.edges if len(one.losses_after()) >= ENOUGH_STEPS / 4]
        measured = self.settled and bool(curves)
        return [
            Claim(
                id=f"{self.prefix}.stable",
                statement="below the edge no step raises the loss: share of rising steps, largest of all runs"
                f" ({self.setting})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=stable if self.settled else None,
                source="descent lemma, docs/loss_landscape.md",
            ),
            Claim(
                id=f"{self.prefix}.not_monotone",
                statement="at the edge many steps raise the loss: share of rising steps, smallest of the step sizes"
                f" ({self.setting})",
                predicted=None,
                low=0.01,
                high=None,
                measured=min(map(rising_share, curves)) if measured else None,
                source=f"non-monotone over short times: {COHEN}",
            ),
            Claim(
                id=f"{self.prefix}.long_run",
                statement="yet the loss falls over long times: quarters of the time at the edge with a higher mean loss"
                f" than the quarter before, largest number of the step sizes ({self.setting})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=float(max(map(rising_quarters, curves))) if measured else None,
                source=f"decreases over long times: {COHEN}",
            ),
        ]
