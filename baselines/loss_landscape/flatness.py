"""Comparing the sharpness of trainings: at equal training loss, and over a map of hyper-parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Training:
    """One training: its loss at every step, its sharpness at some."""

    losses: list[float] = field(default_factory=list)
    """Before each step; of the full batch, or of the step's mini-batch."""
    steps: list[int] = field(default_factory=list)
    """Where the sharpness was measured, ascending."""
    sharpness: list[float] = field(default_factory=list)
    """Largest Hessian eigenvalue of the full-batch loss."""
    accuracy: float = float("nan")
    """Share of right answers on held-out examples at the end; NaN without such examples."""
    diverged: bool = False

    @property
    def settled(self) -> float:
        """Mean sharpness of the measurements in the second half; NaN for a diverged training."""
        late = np.array(self.steps) >= (len(self.losses) - 1) / 2
        return float("nan") if self.diverged else float(np.array(self.sharpness)[late].mean())

    def reaches(self, level: float) -> bool:
        """Whether a measured sharpness is at least `level`."""
        return not self.diverged and max(self.sharpness) >= level

    def smooth(self, window: int) -> np.ndarray:
        """Mean loss of the last `window` steps, shape [T]; of those there are, in the beginning."""
        sums = np.cumsum([0.0, *self.losses])
        ends = np.arange(1, len(self.losses) + 1)
        begins = np.maximum(ends - window, 0)
        return np.asarray((sums[ends] - sums[begins]) / (ends - begins))

    def arrival(self, loss: float, window: int) -> int | None:
        """First step whose smoothed loss is at most `loss`."""
        found = np.flatnonzero(self.smooth(window) <= loss)
        return int(found[0]) if len(found) else None

    def sharpness_at(self, loss: float, window: int) -> float | None:
        """Mean sharpness within `window` steps of the arrival at a loss; None if it is not reached or not measured.

        A mean, since at the edge of stability the sharpness swings around its level.
        """
        arrival = self.arrival(loss, window)
        if arrival is None:
            return None
        near = np.abs(np.array(self.steps) - arrival) <= window
        return float(np.array(self.sharpness)[near].mean()) if near.any() else None


def common_loss(trainings: Sequence[Training], window: int) -> float:
    """The smallest smoothed loss that every one of some trainings reaches.

    A low loss at a high sharpness and a high loss at a low one are no contradiction: sharpness falls and rises along
    training, so two methods are compared where they have learnt equally much.
    """
    return max(float(one.smooth(window).min()) for one in trainings)


def log_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of ln y against ln x by least squares.

    Raises:
        ValueError: Without two different abscissas.
    """
    if len(set(x)) < 2:
        raise ValueError(f"a slope needs two different abscissas; got {list(x)}")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
