"""What a problem is: a domain, a residual, conditions, a reference, and perhaps unknowns with observations.

Nothing here knows how a problem is solved. DeepXDE, a classical solver or a random-feature method each turn the same
`PDEProblem` into their own form; this module needs numpy only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

# handed on: a problem file finds all it needs here
from baselines.pinn_pde.domain import Box as Box
from baselines.pinn_pde.domain import Disk as Disk
from baselines.pinn_pde.domain import Rectangle as Rectangle

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


class Coordinates(Protocol):
    """The points alone, for a formula that holds in numpy and in torch: `xp.sin(points["x"])`."""

    @property
    def xp(self) -> ModuleType:
        """The module torch or numpy."""

    def __getitem__(self, coordinate: str) -> Array:
        """Values of a coordinate, [N, 1]."""


@dataclass(frozen=True)
class Condition:
    """A value prescribed somewhere: `output = value`, or a derivative of it, at given points or on a part of the edge.

    Raises:
        ValueError: `on` is unknown, or points are missing or not wanted.
    """

    name: str
    on: str
    """`boundary` (spatial), `initial` (earliest time) or `points` (those given)."""
    value: Function
    output: str = "u"
    weight: float = 1.0
    """Factor of its mean square in the loss."""
    derivative: tuple[str, ...] = ()
    """Coordinates with respect to which the output is differentiated first."""
    where: Callable[[np.ndarray], np.ndarray] | None = None
    """Restricts it to a part of the boundary: points [N, d] to a mask [N]."""
    points: np.ndarray | None = None
    """For `points`: [M, d]."""

    def __post_init__(self) -> None:
        if self.on not in ("boundary", "initial", "points"):
            raise ValueError(f"on must be boundary, initial or points; got {self.on!r}")
        if (self.on == "points") != (self.points is not None):
            raise ValueError("give points if, and only if, the condition is on points")


@dataclass(frozen=True)
class Periodic:
    """An output and its first derivative agree at both ends of a coordinate."""

    name: str
    coordinate: str
    output: str = "u"
    orders: tuple[int, ...] = (0, 1)
    """Orders of the derivatives that agree."""
    weight: float = 1.0


@dataclass(frozen=True)
class Ansatz:
    """Hard conditions: `u = particular + factor * N` satisfies the conditions named in `replaces` for any network N."""

    particular: Callable[[Coordinates], Array]
    """[N, 1]; satisfies the conditions."""
    factor: Callable[[Coordinates], Array]
    """[N, 1]; zero where the output is prescribed."""
    replaces: tuple[str, ...]


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
    scale: float = 1.0
    """Its typical size: methods move `value / scale`."""


@dataclass(frozen=True)
class Evaluation:
    """A finished solution on the evaluation points, for what is specific to a problem."""

    axes: list[np.ndarray]
    """Values along each coordinate if the points are the whole grid, else empty."""
    points: np.ndarray  # [N, d]
    reference: np.ndarray  # [N, outputs]
    prediction: np.ndarray  # [N, outputs]
    predict: Function
    """The solution anywhere, [N, d] -> [N, outputs]."""
    unknowns: dict[str, float]
    """Recovered parameters."""
    observations: list[Observations]

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """[N, outputs] as [*grid, outputs].

        Raises:
            ValueError: The points are not a whole grid.
        """
        if not self.axes:
            raise ValueError("the evaluation points are not a grid")
        return values.reshape(*(len(axis) for axis in self.axes), -1)


@dataclass(frozen=True)
class Picture:
    """What a figure of the solution shows: a line, or a plane through the domain."""

    names: tuple[str, ...]
    """One or two coordinates."""
    axes: list[np.ndarray]
    points: np.ndarray
    """Grid of the axes in the whole space, last axis fastest, [M, d]."""
    inside: np.ndarray
    """Which of them lie in the domain, [M]."""


@dataclass(frozen=True)
class Setting:
    """Conditions of a run under which a claim is made or left unmeasured."""

    trained: bool
    """False if the method ran too briefly for a statement about its accuracy."""
    dtype: str
    """`float32` or `float64`."""
    method: str = "adam_lbfgs"
    """Name of the method: some predictions are about one of them."""


@dataclass(frozen=True)
class Classical:
    """What a strong classical solver of the same problem returns."""

    predict: Function
    """The solution anywhere, [N, d] -> [N, outputs]."""
    degrees_of_freedom: int
    unknowns: dict[str, float] = field(default_factory=dict)
    """For an inverse problem: the recovered parameters."""
    standard_errors: dict[str, float] = field(default_factory=dict)
    """And what the linearised equation says of their scatter."""


@dataclass
class PDEProblem(ABC):
    """Base of every problem. Fields are configuration keys; the rest describes the mathematics."""

    outputs: ClassVar[tuple[str, ...]] = ("u",)
    judged: ClassVar[tuple[str, ...]] = ()
    """Outputs that enter the score; all of them if empty."""
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    """Points per coordinate on which the solution is compared with the reference."""
    resolutions: ClassVar[tuple[int, ...]] = ()
    """Resolutions of the classical solver from coarse to fine, for its work-precision line."""

    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 80  # points on the spatial boundary
    num_initial: int = 0  # points at the initial time

    def __post_init__(self) -> None:
        """Check the sampling sizes.

        Raises:
            ValueError: If there is nothing to train on.
        """
        if self.num_domain < 1 or self.num_boundary < 0 or self.num_initial < 0:
            raise ValueError(
                "num_domain must be at least 1, num_boundary and num_initial at least 0; got "
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
        return float((domain.volume() / self.num_domain) ** (1.0 / len(domain.names)))

    @abstractmethod
    def residual(self, field: Field) -> list[Array]:
        """Left side minus right side of each equation, each [N, 1]; derivatives up to second order."""

    @abstractmethod
    def conditions(self) -> Sequence[Condition | Periodic]:
        """Initial and boundary conditions."""

    @abstractmethod
    def reference(self) -> Reference:
        """The solution to compare with, and its error bar."""

    def ansatz(self) -> dict[str, Ansatz]:
        """Hard conditions by output, for methods that are asked for them; {} where there are none."""
        return {}

    def energy(self, field: Field) -> Array | None:
        """Density whose integral the solution minimises among functions with its boundary values, [N, 1]; or None."""
        return None

    def classical(self, resolution: int, observations: list[Observations]) -> Classical | None:
        """A strong classical solver at one of `resolutions`; None if the problem has none."""
        return None

    def unknowns(self) -> list[Unknown]:
        """Parameters to recover; none for a forward problem."""
        return []

    def observations(self, seed: int) -> list[Observations]:
        """Measurements, a function of the run's seed only, so that methods share them."""
        return []

    def evaluation_points(self) -> np.ndarray:
        """Where the solution is compared with the reference, [N, d]: the grid inside the domain."""
        domain = self.domain()
        points = domain.grid(self.grid)
        return points[domain.inside(points)] if domain.without else points

    def picture(self) -> Picture:
        """The line or plane that figures show: all of a domain with one or two coordinates, else two of them.

        Time, if it is not shown, stands at its end; every other coordinate in the middle.
        """
        domain = self.domain()
        shown = min(len(domain.names), 2)
        axes = [np.linspace(domain.low[j], domain.high[j], n) for j, n in enumerate((*self.grid, 101, 101)[:shown])]
        points = np.tile(
            0.5 * (np.array(domain.low) + np.array(domain.high)), (int(np.prod([len(a) for a in axes])), 1)
        )
        if domain.time:
            points[:, -1] = domain.high[-1]
        for j, mesh in enumerate(np.meshgrid(*axes, indexing="ij")):
            points[:, j] = mesh.ravel()
        return Picture(domain.names[:shown], axes, points, domain.inside(points))

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The quantity that figures show, from outputs [N, outputs]: the first of them, [N]."""
        return values[:, 0]

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
