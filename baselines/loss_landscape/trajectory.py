"""What is read off curves of sharpness and loss. Works on stored numbers: no torch, no network."""

from dataclasses import dataclass, field

import numpy as np

ROUNDING = 1e-12  # relative; some thousand times the precision of float64


@dataclass
class Trajectory:
    """One training run: the loss at every iterate, the sharpness where it was measured."""

    name: str
    level: float
    """Curvature at which the optimizer loses stability: the predicted sharpness."""
    lr: float
    """Step size eta."""
    steps: list[int] = field(default_factory=list)
    """Where the sharpness was measured."""
    sharpness: list[float] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    """Hessian-vector products of each measurement."""
    losses: list[float] = field(default_factory=list)
    failure: str = ""
    """Why the run stopped early, if it did."""

    def reaches(self, level: float) -> float | None:
        """Training time eta * step at which the sharpness first rises to a level; None if it starts above."""
        return crossing(self.lr * np.array(self.steps), np.array(self.sharpness), level)

    @property
    def crossing_step(self) -> float | None:
        """Step at which the sharpness first rises to this run's own edge."""
        return crossing(np.array(self.steps), np.array(self.sharpness), self.level)

    @property
    def ratios(self) -> np.ndarray:
        """Sharpness over its predicted value in the second half of the measurements."""
        return np.array(self.sharpness[len(self.sharpness) // 2 :]) / self.level

    def losses_before(self) -> np.ndarray:
        """Losses up to the edge: all of them if it is never reached, none if the run starts beyond it."""
        if self.sharpness[0] >= self.level:
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
