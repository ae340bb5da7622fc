"""What the methods that train the project's own network have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.method import Case, Solution
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing

ACTIVATIONS = ("tanh", "sin")
SAMPLINGS = ("fixed", "uniform", "rar", "rad")
WEIGHTINGS = ("none", "gradnorm", "ntk", "adaptive", "causal")
ROBUST = ("none", "huber", "student")
CHOICES = (("activation", ACTIVATIONS), ("sampling", SAMPLINGS), ("weighting", WEIGHTINGS), ("robust", ROBUST))


@dataclass
class NetworkMethod:
    """A tanh network with conditions built in; points, weights and time windows are choices of their own."""

    CHECKPOINTS: ClassVar[bool] = True  # whether an interrupted run goes on where it stopped
    TRAINED: ClassVar[int] = 200  # iterations below which no statement is made about accuracy

    depth: int = 3  # hidden layers
    width: int = 20  # neurons in each
    activation: str = "tanh"  # tanh or sin
    hard: bool = True  # build initial and boundary values and periodicity into the network where the problem can
    fourier: int = 0  # random Fourier features as inputs; 0 for the coordinates themselves
    fourier_scale: float = 1.0  # standard deviation of their frequencies, in half periods over the domain
    points: int = 0  # collocation points, in each window; 0 takes the problem's own number
    sampling: str = "fixed"  # where the points go while training: fixed, uniform, rar or rad
    weighting: str = "none"  # weights of the loss terms: none, gradnorm, ntk, adaptive or causal
    period: int = 500  # iterations between two changes of points and weights
    robust: str = "none"  # loss of the observations: none (squares), huber or student, which gross errors do not spoil
    windows: int = 1  # time windows, trained one after the other
    iterations: int = 1000  # of the optimizer, in each window
    every: int = 50  # iterations between two rows of the history; divides period

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        for key in ("depth", "width", "period", "windows", "iterations", "every"):
            if getattr(self, key) < 1:
                raise ValueError(f"method.{key} must be at least 1; got {getattr(self, key)}")
        for key in ("fourier", "points", "fourier_scale"):
            if getattr(self, key) < 0:
                raise ValueError(f"method.{key} must not be negative; got {getattr(self, key)}")
        for key, allowed in CHOICES:
            if getattr(self, key) not in allowed:
                raise ValueError(f"method.{key} must be one of {', '.join(allowed)}; got {getattr(self, key)!r}")
        if self.period % self.every:
            raise ValueError(f"method.every must divide method.period; got {self.every} and {self.period}")

    def skip(self, cfg: Any) -> str | None:
        """Windows and causal weights need time."""
        if cfg.problem.domain().time:
            return None
        if self.windows > 1:
            return f"problem={cfg.problem.name} has no time: method.windows must be 1"
        if self.weighting == "causal":
            return f"problem={cfg.problem.name} has no time: method.weighting=causal has no meaning"
        return None

    def objective(self, *args: Any) -> Objective:
        """What is minimised, from the arguments of `Objective`."""
        from baselines.pinn_pde.objective import Objective

        return Objective(*args)

    def optimizing(self, objective: Objective) -> Optimizing:
        """The optimizer of this method on an objective."""
        raise NotImplementedError

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Train one network a window, log the history, return the last state of each."""
        with record.timed("setup"):
            from baselines.pinn_pde.marching import March
        return March(self, case, cfg, record).run()
