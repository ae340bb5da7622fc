"""Lewkowycz et al. (2020): a step size beyond 2/lambda_0 first raises the loss, then lands in a flatter region."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.objective import Objective

LEWKOWYCZ = "Lewkowycz et al. 2020 (arXiv:2003.02218)"
DERIVED = "exact recursion, docs/training_dynamics.md"
SHOWN = (1.5, 2.5, 3.5)  # eta lambda_0 of the trainings in the figure: one lazy, two catapults
CHECKED = (1.0, 1.9, 2.1, 3.0, 3.99)  # further ones that are compared with the recursion
LARGEST = 4.4  # of the step sizes tried on the linear network, as eta lambda_0
LOST = 0.05  # share of the curvature whose loss counts as a catapult
RELU_RANGE = (1.0, 40.0)  # eta lambda_0 tried on the ReLU networks
ENOUGH_STEPS, ENOUGH_UNITS = 60, 64  # smaller ReLU trainings have not settled, or are far from the wide limit


@dataclass
class Probe:
    """Catapult: beyond eta = 2/lambda_0 the loss first explodes, then training lands in a flatter region.

    f = v.u/sqrt(n) on one example: f' = f (1 - eta lam + eta^2 f^2/n), lam' = lam + (eta f^2/n)(eta lam - 4).
    Lazy for eta lam_0 < 2, catapult up to 4, divergent beyond; ReLU networks survive larger steps.
    """

    USES: ClassVar[tuple[str, ...]] = ("task",)
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"steps": 300, "points": 22, "relu_depths": [1], "relu_width": 16, "examples": 20, "relu_steps": 30},
        "paper": {"width": 4096, "steps": 5000, "relu_width": 512, "examples": 256, "relu_steps": 300},
    }

    width: int = 512  # hidden units n of the two-layer linear network
    steps: int = 1000  # steps of the recursion
    points: int = 110  # step sizes of the phase diagram
    relu_depths: Any = field(
        default_factory=lambda: [1, 2, 3]
    )  # hidden layers of the ReLU networks: a number, or a list
    relu_width: int = 128  # units of each of their hidden layers
    examples: int = 64  # they train on the first so many examples of the task
    relu_steps: int = 100  # steps of each of their trainings
    relu_points: int = 14  # step sizes tried on each, before bisection

    def __post_init__(self) -> None:
        """Check the keys; one depth becomes a list of one."""
        lows = {"width": 16, "steps": 100, "points": 10, "relu_width": 1, "examples": 1, "relu_steps": 10}
        for key, low in (lows | {"relu_points": 4}).items():
            check_at_least(f"probe.{key}", getattr(self, key), low)
        depths = self.relu_depths if isinstance(self.relu_depths, list) else [self.relu_depths]
        if any(type(depth) is not int or depth < 1 for depth in depths) or len(set(depths)) < len(depths):
            raise ValueError(
                f"probe.relu_depths must be a positive integer, a list of different ones, or []; got {self.relu_depths}"
            )
        self.relu_depths = sorted(depths)

    def skip(self, cfg: "Config") -> str | None:
        """Refuse another loss than the squared error."""
        if cfg.task.loss != "squares":
            return f"the catapult is about the squared error; take task.loss=squares, not task.loss={cfg.task.loss}"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """The exact model, its training, and the ReLU networks."""
        with record.timed("linear"):
            metrics = self._linear(cfg, record)
        parameters = 2 * self.width
        objective = self._examples(cfg)
        for depth in self.relu_depths:
            with record.timed(f"relu_{depth}"):
                found, size = self._relu(cfg, record, objective, depth)
            metrics, parameters = metrics | found, max(parameters, size)
        shown = min(self.examples, len(objective.inputs))
        return Outcome(metrics, claims(self, metrics, cfg.dtype, f"{cfg.task.words()}, the first {shown}"), parameters)

    def _linear(self, cfg: "Config", record: Record) -> dict[str, float]:
        """Phase diagram and thresholds of the recursion, and how far it is from training the network."""
        from baselines.loss_landscape.catapult import TwoLayerLinear, boundary, orbit, trained

        generator = compute.torch_generator(cfg.seed, "catapult")
        network = TwoLayerLinear(self.width, generator, compute.torch_dtype(cfg)).to(compute.torch_device(cfg))
        state = {name: value.clone() for name, value in network.state_dict().items()}
        one = network.u.new_ones(1)
        output, curvature = network(one).item(), network.curvature()

        deviation = 0.0
        for scaled in (*SHOWN, *CHECKED):
            network.load_state_dict(state)
            lr = scaled / curvature
            found, exact = trained(network, lr, 100), orbit(output, curvature, lr, self.width, 100)
            gaps = np.abs(found.outputs - exact.outputs) / np.maximum(1, np.abs(exact.outputs))
            deviation = max(deviation, float(gaps.max()), float(np.abs(found.curvatures - exact.curvatures).max()))
            if scaled in SHOWN:
                courses = {"loss": found.losses, "exact_loss": exact.losses, "curvature": found.curvatures}
                record.save(**{f"course_{scaled:g}.{name}": values for name, values in courses.items()})

        grid = np.linspace(0.1, LARGEST, self.points)
        diagram = orbit(output, curvature, grid / curvature, self.width, self.steps)
        landed = np.where(diagram.diverged, np.nan, grid / curvature * diagram.curvatures[-1])
        peaks = np.where(diagram.diverged, np.nan, np.where(diagram.diverged, 0, diagram.losses).max(axis=0))
        record.save(**{"map.eta_lambda": grid, "map.landed_eta_lambda": landed, "map.peak_loss": peaks})

        def diverges(scaled: float) -> bool:
            return bool(orbit(output, curvature, scaled / curvature, self.width, self.steps).diverged)

        def flattens(scaled: float) -> bool:
            return bool(orbit(output, curvature, scaled / curvature, self.width, self.steps).flattening >= LOST)

        return {
            "initial_output": output,
            "initial_curvature": curvature,
            "deviation": deviation,
            "divergence": boundary(diverges, 1.0, 8.0),
            "onset": boundary(flattens, 0.5, 3.5, rtol=1e-6),
            "landed_max": float(np.nanmax(landed)),
            "peak_loss_max": float(np.nanmax(peaks)),
            "peak_time_slope": self._peak_time_slope(output, curvature),
        }

    def _peak_time_slope(self, output: float, curvature: float) -> float:
        """Steps to the peak of the loss at eta lam_0 = 3 for each unit of ln n, over the prediction 1 / (2 ln 2)."""
        from baselines.loss_landscape.catapult import orbit

        widths = 2 ** np.arange(9, 46, 3)
        peaks = [orbit(output, curvature, 3 / curvature, int(n), 100).losses.argmax() for n in widths]
        return float(np.polyfit(np.log(widths), peaks, 1)[0] * 2 * math.log(2))

    def _examples(self, cfg: "Config") -> "Objective":
        """The first examples of the task, as rows; the network is put in later."""
        from dataclasses import replace

        objective = cfg.task.build(cfg)
        inputs = objective.inputs[: self.examples].flatten(1)
        return replace(objective, inputs=inputs, targets=objective.targets[: self.examples])

    def _relu(self, cfg: "Config", record: Record, examples: "Objective", depth: int) -> tuple[dict[str, float], int]:
        """Where a ReLU network stops learning, and where it explodes, as eta lam_0; and its size."""
        from dataclasses import replace

        from baselines.loss_landscape.tangent import TangentNetwork, attempt, tangent_curvature

        widths = [examples.inputs.shape[1], *[self.relu_width] * depth, examples.targets.shape[1]]
        generator = compute.torch_generator(cfg.seed, "relu", depth)
        network = TangentNetwork(widths, generator, compute.torch_dtype(cfg)).to(compute.torch_device(cfg))
        objective = replace(examples, model=network)
        curvature = tangent_curvature(objective, compute.numpy_generator(cfg.seed, "relu", depth))
        start = objective.vector()
        grid = np.geomspace(*RELU_RANGE, self.relu_points)
        with record.progress(len(grid), f"ReLU, {depth} hidden layers") as tick:
            attempts = []
            for scaled in grid:
                attempts.append(attempt(objective, start, scaled / curvature, self.relu_steps))
                tick(1, loss=attempts[-1].losses[-1])
        record.save(
            **{
                f"relu_{depth}.eta_lambda": grid,
                f"relu_{depth}.final_loss": np.array(
                    [one.losses[-1] if not one.diverged else np.nan for one in attempts]
                ),
                f"relu_{depth}.peak_loss": np.array(
                    [one.losses.max() if not one.diverged else np.nan for one in attempts]
                ),
                f"relu_{depth}.zero_loss": np.array([attempts[0].zero_loss]),
            }
        )

        def fails(scaled: float) -> bool:
            return attempt(objective, start, scaled / curvature, self.relu_steps).failed

        def diverges(scaled: float) -> bool:
            return attempt(objective, start, scaled / curvature, self.relu_steps).diverged

        edges = {
            f"relu_edge_{depth}": _edge(grid, [one.failed for one in attempts], fails),
            f"relu_divergence_{depth}": _edge(grid, [one.diverged for one in attempts], diverges),
        }
        known = {name: value for name, value in edges.items() if value is not None}
        return known | {f"relu_curvature_{depth}": curvature}, objective.size


def _edge(grid: np.ndarray, beyond: list[bool], again: Callable[[float], bool]) -> float | None:
    """First change from False to True on the grid, narrowed by bisection; None if there is none."""
    from baselines.loss_landscape.catapult import boundary

    for low, high, before, after in zip(grid, grid[1:], beyond, beyond[1:], strict=False):
        if after and not before:
            return boundary(again, float(low), float(high), rtol=0.02)
    return None


def claims(probe: Probe, metrics: dict[str, float], dtype: str, examples: str) -> list[Claim]:
    """What the run says about the predictions."""
    setting = f"two-layer linear network of width {probe.width}, one example"
    found = [
        Claim(
            id="landscape.catapult.exact",
            statement="training the network with torch against the recursion: largest difference of output (relative"
            f" above 1) and curvature in 100 steps at eta lambda_0 from 1 to 3.99 ({setting})",
            predicted=0.0,
            low=None,
            high=1e-9,
            measured=metrics["deviation"] if dtype == "float64" else None,
            source=f"recursion: {LEWKOWYCZ}, two-layer linear model",
        ),
        Claim(
            id="landscape.catapult.divergence",
            statement=f"eta lambda_0 from which training diverges, by bisection ({setting})",
            predicted=4.0,
            low=3.99,
            high=4.01,
            measured=metrics["divergence"],
            source=f"{LEWKOWYCZ}; for every start: {DERIVED}",
        ),
        Claim(
            id="landscape.catapult.onset",
            statement=f"eta lambda_0 from which training loses {LOST:.0%} of its curvature ({setting})",
            predicted=2.0,
            low=1.8,
            high=2 / (1 - LOST),
            measured=metrics["onset"],
            source=f"{LEWKOWYCZ}; band: rounding by n^(-1/2) for |f_0| < 3, and the share itself, {DERIVED}",
        ),
        Claim(
            id="landscape.catapult.landing",
            statement=f"eta lambda at the end, largest of the step sizes that converge ({setting})",
            predicted=None,
            low=0.0,
            high=2.0,
            measured=metrics["landed_max"],
            source=f"{LEWKOWYCZ}; {DERIVED}",
        ),
        Claim(
            id="landscape.catapult.logarithm",
            statement="the peak of the loss comes after a time of the order of ln n: steps for each unit of ln n, from"
            " n = 2^9 to 2^45 at eta lambda_0 = 3, over 1/(2 ln 2) (two-layer linear network, one example)",
            predicted=1.0,
            low=0.9,
            high=1.1,
            measured=metrics["peak_time_slope"],
            source=f"{LEWKOWYCZ}; slope 1/(2 ln(eta lambda_0 - 1)): {DERIVED}",
        ),
    ]
    if 2 in probe.relu_depths:
        settled = probe.relu_steps >= ENOUGH_STEPS and probe.relu_width >= ENOUGH_UNITS
        found.append(
            Claim(
                id="landscape.catapult.relu",
                statement="eta lambda_0 from which a ReLU network learns nothing any more, its loss ending above half"
                f" that of the zero function (two hidden layers of {probe.relu_width}, {examples},"
                f" {probe.relu_steps} steps)",
                predicted=12.0,
                low=6.0,
                high=20.0,
                measured=metrics.get("relu_edge_2") if settled else None,
                source=f"about 12 for ReLU networks: {LEWKOWYCZ}",
            )
        )
    return found
