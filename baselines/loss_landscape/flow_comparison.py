"""An optimizer beside its central and its stable flow: what is read off the three curves. No torch, no network."""

from dataclasses import dataclass, field

import numpy as np

CURVES = ("optimizer", "central", "stable")
FLOWS = CURVES[1:]
WINDOW = 51  # steps of the running mean of the loss


@dataclass
class Curve:
    """One of the three curves."""

    losses: list[float] = field(default_factory=list)
    """At every step; of a flow its prediction of the optimizer's mean loss."""
    critical: list[int] = field(default_factory=list)
    """Oscillating directions at every step."""
    steps: list[int] = field(default_factory=list)
    """Where the sharpness was measured."""
    sharpness: list[float] = field(default_factory=list)
    """Over the edge, at `steps`."""
    distances: list[float] = field(default_factory=list)
    """To the optimizer's weights, evenly spaced in time."""


@dataclass
class Comparison:
    """The three curves of a run; "late" means the second half of the steps."""

    curves: dict[str, Curve] = field(default_factory=lambda: {name: Curve() for name in CURVES})

    def smoothed(self, name: str) -> np.ndarray:
        """Running mean of the loss over `WINDOW` steps, or over the whole run if that is shorter."""
        losses = np.array(self.curves[name].losses)
        window = min(WINDOW, len(losses))
        return np.convolve(losses, np.full(window, 1 / window), mode="valid")

    def smoothed_steps(self) -> np.ndarray:
        """The middles of the windows."""
        total = len(self.curves["optimizer"].losses)
        return np.arange(total - min(WINDOW, total) + 1) + (min(WINDOW, total) - 1) / 2

    def loss(self, name: str) -> float:
        """Late mean of the loss."""
        return _late_mean(self.curves[name].losses)

    def loss_error(self, name: str) -> float:
        """Late mean loss of a flow over that of the optimizer, minus one."""
        return self.loss(name) / self.loss("optimizer") - 1

    def loss_share(self) -> float:
        """Error of the central flow's mean loss over that of the stable flow's."""
        return abs(self.loss_error("central")) / abs(self.loss_error("stable"))

    def smoothed_error(self, name: str) -> float:
        """Median relative error of a flow's loss after the crossing, both smoothed."""
        flow, real = self.smoothed(name), self.smoothed("optimizer")
        after = min(int(self.crossing("central") or 0), len(real) - 1)
        return float(np.median(np.abs(flow / real - 1)[after:]))

    def sharpness(self, name: str) -> float:
        """Late mean of sharpness over edge; the last value if there is no late one."""
        curve = self.curves[name]
        late = np.array(curve.steps) >= len(curve.losses) // 2
        return float(np.array(curve.sharpness)[late if late.any() else [-1]].mean())

    def distance(self, name: str) -> float:
        """Late mean distance to the optimizer's weights."""
        return _late_mean(self.curves[name].distances)

    def distance_gain(self) -> float:
        """How many times further away the stable flow is than the central flow."""
        return self.distance("stable") / max(self.distance("central"), 1e-300)

    def crossing(self, name: str) -> int | None:
        """First step at which the sharpness was seen at or above the edge."""
        curve = self.curves[name]
        return next((t for t, s in zip(curve.steps, curve.sharpness, strict=True) if s >= 1), None)

    @property
    def due(self) -> bool:
        """Whether the stable flow passes the edge in the first half: then the optimizer should be at it."""
        step = self.crossing("stable")
        return step is not None and step <= len(self.curves["stable"].losses) / 2

    def metrics(self) -> dict[str, float]:
        """Numbers of the run."""
        found = {f"mean_loss_{name}": self.loss(name) for name in CURVES}
        found |= {f"loss_error_{name}": self.loss_error(name) for name in FLOWS}
        found |= {f"smoothed_error_{name}": self.smoothed_error(name) for name in FLOWS}
        found |= {f"sharpness_{name}": self.sharpness(name) for name in CURVES}
        found |= {f"distance_{name}": self.distance(name) for name in FLOWS}
        critical = self.curves["central"].critical
        found |= {"critical_mean": _late_mean(critical), "critical_most": float(max(critical))}
        if (step := self.crossing("optimizer")) is not None:
            found["crossing_step"] = float(step)
        return found


def _late_mean(values: list[float] | list[int]) -> float:
    return float(np.mean(values[len(values) // 2 :]))
