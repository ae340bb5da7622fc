"""What a problem is: a domain, a residual, conditions, a reference, and perhaps unknowns with observations.

Nothing here knows how a problem is solved. DeepXDE, a classical solver or a random-feature method each turn the same
`PDEProblem` into their own form; this module needs numpy only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

if TYPE_CHECKING:
    from baselines.common.claims import Claim
    from baselines.pinn_pde.references import Reference

Array = Any  # numpy array or torch tensor
Function = Callable[[np.ndarray], np.ndarray]  # points [N, d] -> values [N, 1] (or [N, outputs])


class Field(Protocol):
    """The solution at N points as a residual sees it: `u_xx = field("u", "x", "x")` reads like the equation."""

    @property
    def xp(self) -> ModuleType:
        """The module torch or numpy: `xp.sin` and `xp.exp` for source terms, in the arithmetic of the solver."""

    def __getitem__(self, coordinate: str) -> Array:
        """Values of a coordinate, [N, 1]."""

    def __call__(self, output: str, *inputs: str) -> Array:
        """An output or its derivative with respect to the named inputs in turn, [N, 1]."""

    def unknown(self, name: str) -> Array:
        """Current value of an unknown parameter, a scalar."""


@dataclass(frozen=True)
class Box:
    """An axis-parallel domain; with `time=True` the last coordinate is time.

    Then the face at the earliest time carries the initial condition and the one at the latest carries none.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    time: bool = False

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points, [count, d]."""
        return generator.uniform(self.low, self.high, size=(count, len(self.names)))

    def axes(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """Equidistant values along each coordinate, ends included."""
        return [np.linspace(a, b, n) for a, b, n in zip(self.low, self.high, shape, strict=True)]

    def grid(self, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor grid of `axes`, [product of shape, d], last coordinate fastest."""
        return np.stack([axis.ravel() for axis in np.meshgrid(*self.axes(shape), indexing="ij")], axis=1)


@dataclass(frozen=True)
class Condition:
    """A value prescribed on a part of the boundary: `output = value` there."""

    name: str
    on: str
    """`boundary` (spatial) or `initial` (earliest time)."""
    value: Function
    output: str = "u"
    weight: float = 1.0
    """Factor of its mean square in the loss."""


@dataclass(frozen=True)
class Observations:
    """Noisy point measurements of one output."""

    points: np.ndarray  # [M, d]
    values: np.ndarray  # [M, 1]
    noise: float
    """Standard deviation of the noise."""
    output: str = "u"
    weight: float = 1.0
    name: str = "observations"

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.points), 1):  # numpy and DeepXDE would broadcast [M] to [M, M]
            raise ValueError(f"values must be one column, ({len(self.points)}, 1); got {self.values.shape}")


@dataclass(frozen=True)
class Unknown:
    """A parameter of the equation that is to be recovered."""

    name: str
    true: float
    initial: float


@dataclass(frozen=True)
class Evaluation:
    """A finished solution on the evaluation grid, for what is specific to a problem."""

    axes: list[np.ndarray]
    reference: np.ndarray  # [*grid, outputs]
    prediction: np.ndarray  # [*grid, outputs]
    predict: Function
    """The solution anywhere, [N, d] -> [N, outputs]."""
    unknowns: dict[str, float]
    """Recovered parameters."""
    observations: Observations | None


@dataclass(frozen=True)
class Setting:
    """Conditions of a run under which a claim is made or left unmeasured."""

    trained: bool
    """False if the method ran too briefly for a statement about its accuracy."""
    dtype: str
    """`float32` or `float64`."""


@dataclass
class PDEProblem(ABC):
    """Base of every problem. Fields are configuration keys; the rest describes the mathematics."""

    outputs: ClassVar[tuple[str, ...]] = ("u",)
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    """Points per coordinate on which the solution is compared with the reference."""

    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 80  # points on the spatial boundary
    num_initial: int = 0  # points at the initial time

    def __post_init__(self) -> None:
        """Check the sampling sizes.

        Raises:
            ValueError: If there is nothing to train on.
        """
        if self.num_domain < 1 or self.num_boundary < 1 or self.num_initial < 0:
            raise ValueError(
                "num_domain and num_boundary must be at least 1 and num_initial at least 0; got "
                f"{self.num_domain}, {self.num_boundary}, {self.num_initial}"
            )

    @property
    def name(self) -> str:
        """The option's name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def domain(self) -> Box:
        """Where the equation holds."""

    def smallest_scale(self) -> float:
        """Length below which the solution is smooth, to compare with the spacing of the points."""
        return 1.0

    def spacing(self) -> float:
        """Mean distance of neighbouring collocation points, (volume / number)^(1 / dimension)."""
        domain = self.domain()
        volume = np.prod(np.subtract(domain.high, domain.low))
        return float((volume / self.num_domain) ** (1.0 / len(domain.names)))

    @abstractmethod
    def residual(self, field: Field) -> list[Array]:
        """Left side minus right side of each equation, each [N, 1]."""

    @abstractmethod
    def conditions(self) -> list[Condition]:
        """Initial and boundary conditions."""

    @abstractmethod
    def reference(self) -> Reference:
        """The solution to compare with, and its error bar."""

    def unknowns(self) -> list[Unknown]:
        """Parameters to recover; none for a forward problem."""
        return []

    def observations(self, seed: int) -> Observations | None:
        """Measurements, a function of the run's seed only, so that methods share them."""
        return None

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Quantities particular to this problem."""
        return {}

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Predictions particular to this problem, to be read from the run's metrics.

        Args:
            metrics: What the run measured, `measure` included.
            setting: What a prediction may depend on besides the problem's own keys.
        """
        return []
