"""Cohen et al. (2024): at the edge of stability training follows a flow of its own, the central flow."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least, check_choice
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record
from baselines.loss_landscape.flow_comparison import CURVES, FLOWS, Comparison

if TYPE_CHECKING:
    from baselines.loss_landscape.central_flow import Reading
    from baselines.loss_landscape.config import Config

SOURCE = "central flow: Cohen et al. 2024 (arXiv:2410.24206); docs/training_dynamics.md"
STEP_SIZES = {"gd": 0.5, "rmsprop": 5e-4}
BANDS = {"gd": (0.98, 1.05), "rmsprop": (0.95, 1.12)}  # of the sharpness of the optimizer
NAMES = {"gd": "gradient descent", "rmsprop": "RMSprop"}
SMOOTH = ("tanh", "gelu", "silu", "softplus")
ENOUGH_STEPS = 500  # in a shorter run the second half is not yet at the edge: its claims are not measured


@dataclass
class Probe:
    """Central flow: the smooth curve that training at the edge of stability oscillates around.

    Three curves from the same weights: gradient descent or RMSprop itself; the central flow, which
    predicts the time average of its weights, sharpness and loss; the stable flow (gradient flow), which does not know
    about oscillations. The sharpness is the largest eigenvalue of P^-1 H, with P = 1/eta for gradient descent; 2 is
    the edge of stability. The optimizer group is not read: `probe.rule` says which of the two.
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"steps": 30, "warmup": 5},
        "paper": {"steps": 3000, "refresh": 2},
    }

    rule: str = "gd"  # gd (gradient descent) or rmsprop
    lr: float = 0.0  # step size eta; 0 takes 0.5 for gd and 0.0005 for rmsprop
    beta2: float = 0.99  # memory of the mean squared gradient, for rmsprop
    eps: float = 1e-8  # added to the root of the mean squared gradient as eps^2 inside it, for rmsprop
    steps: int = 800  # optimizer steps, and the length of the flows
    warmup: int = 20  # optimizer steps before the three curves part
    every: int = 10  # steps between two measurements of the sharpness
    refresh: int = 5  # steps between two computations of the oscillation, at the edge

    def __post_init__(self) -> None:
        """Check the keys."""
        check_choice("probe.rule", self.rule, tuple(STEP_SIZES))
        for key in ("steps", "every", "refresh"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        for key in ("lr", "eps", "warmup"):
            check_at_least(f"probe.{key}", getattr(self, key), 0)
        if not 0 < self.beta2 < 1:
            raise ValueError(f"probe.beta2 must be between 0 and 1; got {self.beta2}")

    def skip(self, cfg: "Config") -> str | None:
        """The flow needs third derivatives."""
        activation = getattr(cfg.network, "activation", "tanh")
        if activation not in SMOOTH:
            return f"central_flow needs third derivatives; take network.activation={'|'.join(SMOOTH)}, not {activation}"
        if getattr(cfg.network, "batch_norm", False):
            return "central_flow has not been tested with batch norm; take network.batch_norm=false"
        return None

    @property
    def step_size(self) -> float:
        """The step size eta."""
        return self.lr or STEP_SIZES[self.rule]

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Run the three curves side by side."""
        from baselines.loss_landscape.central_flow import Flow, Rule, initial, trajectory

        objective = cfg.task.build(cfg)
        rule = Rule(self.step_size) if self.rule == "gd" else Rule(self.step_size, self.beta2, self.eps)
        start = initial(objective, rule, self.warmup)
        rngs = {name: compute.numpy_generator(cfg.seed, "lanczos", name) for name in CURVES}
        flow = partial(Flow, objective, rule, start, every=self.every, refresh=self.refresh)
        runs = {
            "optimizer": trajectory(objective, rule, start, self.steps, every=self.every, rng=rngs["optimizer"]),
            "central": flow(rng=rngs["central"]).run(self.steps),
            "stable": flow(rng=rngs["stable"], central=False).run(self.steps),
        }
        found = Comparison()
        try:
            with record.progress(self.steps, "training") as tick:
                for step in range(self.steps + 1):
                    self._log(record, found, dict(_next(runs, record)))
                    tick(int(step > 0), loss=found.curves["optimizer"].losses[-1])
        except FloatingPointError as problem:
            raise Diverged(str(problem)) from problem
        record.save(**{"smoothed.step": found.smoothed_steps(), "smoothed.loss": found.smoothed("optimizer")})
        setting = f"eta = {self.step_size:g}, {self.steps} steps, {cfg.task.describe(cfg)}"
        measured = found if self.steps >= ENOUGH_STEPS and found.due else None
        return Outcome(
            found.metrics() | {"step_size": self.step_size}, claims(self.rule, setting, measured), objective.size
        )

    def _log(self, record: Record, found: Comparison, readings: "dict[str, Reading]") -> None:
        """Log one step of the three curves."""
        real = readings["optimizer"].w
        for name, reading in readings.items():
            step, curve = reading.step, found.curves[name]
            curve.losses.append(reading.loss)
            curve.critical.append(reading.critical)
            record.log(f"{name}_loss", step=step, loss=reading.loss)
            if reading.sharpness is not None:
                curve.steps.append(step)
                curve.sharpness.append(reading.sharpness / 2)
                record.log(name, step=step, sharpness_over_edge=reading.sharpness / 2)
            if name in FLOWS and step % self.every == 0:
                curve.distances.append(float((reading.w - real).norm()))
                record.log(f"{name}_distance", step=step, distance=curve.distances[-1])
            if name == "central":
                record.log("critical", step=step, directions=reading.critical)


def _next(runs: "dict[str, Iterator[Reading]]", record: Record) -> "Iterator[tuple[str, Reading]]":
    """The next reading of each curve, its time charged to it."""
    for name, run in runs.items():
        with record.timed(name):
            reading = next(run)
        yield name, reading


def claims(rule: str, setting: str, found: Comparison | None) -> list[Claim]:
    """What the three curves say about the predictions; nothing is measured without a comparison."""

    def claim(what: str, text: str, value: float | None, band: tuple[float | None, float | None]) -> Claim:
        return Claim(
            id=f"landscape.central_flow.{rule}.{what}",
            statement=f"{NAMES[rule]}, second half: {text} ({setting})",
            predicted={"loss": 0.0, "sharpness": 1.0, "flow_sharpness": 1.0}.get(what),
            low=band[0],
            high=band[1],
            measured=value,
            source=SOURCE,
        )

    return [
        claim(
            "loss",
            "mean of L(w) + tr X along the central flow over the mean training loss, minus 1",
            found.loss_error("central") if found else None,
            (-0.03, 0.03),
        ),
        claim(
            "stable_loss",
            "error of the central flow's mean loss over that of the stable flow's, which is 5 times further off",
            found.loss_share() if found else None,
            (None, 0.2),
        ),
        claim(
            "sharpness", "mean sharpness over its edge", found.sharpness("optimizer") if found else None, BANDS[rule]
        ),
        claim(
            "flow_sharpness",
            "mean sharpness of the central flow over its edge",
            found.sharpness("central") if found else None,
            (0.98, 1.02),
        ),
        claim(
            "distance",
            "distance of the weights to those of the stable flow over that to the central flow",
            found.distance_gain() if found else None,
            (4.0, None),
        ),
    ]
