"""What is read off curves of curvature and loss. Works on stored numbers: no torch, no network."""

from dataclasses import dataclass, field

import numpy as np

ROUNDING = 1e-12  # relative; some thousand times the precision of float64


@dataclass
class Trajectory:
    """One training run: the loss at the iterates, the curvature and its predicted value where they were measured."""

    name: str
    value: float
    """The setting that is compared: 2/eta, a step size, a batch size."""
    lr: float
    """Step size eta."""
    steps: list[int] = field(default_factory=list)
    """Where the curvature was measured."""
    sharpness: list[float] = field(default_factory=list)
    """Largest eigenvalue of the Hessian, preconditioned for an adaptive optimizer."""
    edges: list[float] = field(default_factory=list)
    """Curvature at which the optimizer loses stability, at the same steps."""
    products: list[int] = field(default_factory=list)
    """Hessian-vector products of each measurement."""
    losses: list[float] = field(default_factory=list)
    batch_steps: list[int] = field(default_factory=list)
    """Where the batch sharpness was measured."""
    batch_sharpness: list[float] = field(default_factory=list)
    flow_distance: list[float] = field(default_factory=list)
    """Distance to gradient flow at the first of `steps`."""
    failure: str = ""
    """Why the run stopped early, if it did."""

    @property
    def edge(self) -> float:
        """The predicted curvature, if it is constant; its first value otherwise."""
        return self.edges[0]

    @property
    def all_ratios(self) -> np.ndarray:
        """Curvature over its predicted value at every measurement."""
        return np.array(self.sharpness) / np.array(self.edges)

    @property
    def ratios(self) -> np.ndarray:
        """Curvature over its predicted value in the second half of the measurements."""
        return self.all_ratios[len(self.sharpness) // 2 :]

    def reaches(self, level: float) -> float | None:
        """Training time eta * step at which the sharpness first rises to a level; None if it starts above."""
        return crossing(self.lr * np.array(self.steps), np.array(self.sharpness), level)

    @property
    def crossing_step(self) -> float | None:
        """Step at which the curvature first rises to this run's own edge."""
        return crossing(np.array(self.steps), self.all_ratios, 1.0)

    @property
    def starts_beyond(self) -> bool:
        """Whether the first measured curvature is not below the edge."""
        return bool(self.all_ratios[0] >= 1)

    @property
    def sharpness_eta_half(self) -> float:
        """Mean of sharpness * eta / 2 in the second half: over 2/eta, whatever the edge is."""
        return float(np.mean(self.sharpness[len(self.sharpness) // 2 :])) * self.lr / 2

    @property
    def batch_ratio(self) -> float:
        """Mean of batch sharpness * eta / 2 in the second half."""
        return float(np.mean(self.batch_sharpness[len(self.batch_sharpness) // 2 :])) * self.lr / 2

    @property
    def distance_before(self) -> float | None:
        """Mean distance to gradient flow from the first step to the arrival; None unless it arrives beside the flow."""
        step = self.crossing_step
        steps = np.array(self.steps[: len(self.flow_distance)])
        if step is None or not len(steps) or step >= steps[-1]:
            return None
        before = np.array(self.flow_distance)[(steps > 0) & (steps <= step)]
        return float(before.mean()) if before.size and before.mean() > 0 else None

    def losses_before(self) -> np.ndarray:
        """Losses up to the edge: all of them if it is never reached, none if the run starts beyond it."""
        if self.starts_beyond:
            return np.array([])
        step = self.crossing_step
        return np.array(self.losses if step is None else self.losses[: int(step) + 1])

    def losses_after(self) -> np.ndarray:
        """Losses from the arrival at the edge on; none if it is never reached."""
        step = self.crossing_step
        return np.array([] if step is None else self.losses[int(step) :])


def crossing(times: np.ndarray, values: np.ndarray, level: float) -> float | None:
    """First time at which a curve that starts below a level rises to it, interpolated linearly.

    Args:
        times: [n], increasing.
        values: [n].
        level: The level.

    Returns:
        The time, or None if the curve starts at or above the level or never reaches it.
    """
    above = np.flatnonzero(values >= level)
    if above.size == 0 or above[0] == 0:
        return None
    i = above[0]
    share = (level - values[i - 1]) / (values[i] - values[i - 1])
    return float(times[i - 1] + share * (times[i] - times[i - 1]))


def rising_share(losses: np.ndarray) -> float:
    """Share of the steps at which the loss rises; 0 without any step.

    A rise within rounding does not count: at a minimum the computed loss flickers in its last digits.

    Args:
        losses: [n + 1], the loss at n + 1 successive iterates, not negative.
    """
    return float(np.mean(losses[1:] > (1 + ROUNDING) * losses[:-1])) if len(losses) > 1 else 0.0


def rising_quarters(losses: np.ndarray) -> int:
    """How many quarters of a curve have a higher mean than the quarter before: 0 to 3.

    Args:
        losses: [n], n at least 4.
    """
    means = [part.mean() for part in np.array_split(losses, 4)]
    return int(np.sum(np.diff(means) > 0))
