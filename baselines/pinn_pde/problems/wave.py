"""Wave equation with a fundamental and an overtone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.claims import Claim
from baselines.pinn_pde.problem import (
    Ansatz,
    Box,
    Classical,
    Condition,
    Coordinates,
    Evaluation,
    Field,
    Observations,
    PDEProblem,
    Periodic,
    Setting,
)

if TYPE_CHECKING:
    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    r"""Wave u_tt = c^2 u_xx: a string swings in its fundamental and one overtone.

    On [0, 1] x [0, 1], u = 0 at both ends, $u(x, 0) = \sin \pi x + \frac{1}{2} \sin \beta \pi x$, $u_t(x, 0) = 0$, so
    that $u = \sin \pi x \cos c \pi t + \frac{1}{2} \sin \beta \pi x \cos c \beta \pi t$. The overtone is forgotten by
    networks that learn slow parts first.

    Source: beta = 5 as in Rathore et al., ICML 2024; beta = 4 is case Wave1d-C of PINNacle (Hao et al., 2023).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 20, "num_initial": 40}}
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    resolutions: ClassVar[tuple[int, ...]] = (12, 16, 20, 24, 32, 40)

    c: float = 2.0  # speed
    beta: int = 5  # half waves of the overtone
    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 160  # points at the two ends
    num_initial: int = 160  # points at the initial time

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If nothing moves, or the overtone does not vanish at the ends.
        """
        super().__post_init__()
        if self.c <= 0 or self.beta < 1:
            raise ValueError(f"problem.c must be positive and problem.beta at least 1; got {self.c}, {self.beta}")

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (0.0, 0.0), (1.0, 1.0), time=True)

    def smallest_scale(self) -> float:
        """One half wave of the overtone, in space or in time."""
        return min(1.0, 1.0 / self.c) / self.beta

    def residual(self, field: Field) -> list[Any]:
        """Acceleration by tension."""
        return [field("u", "t", "t") - self.c**2 * field("u", "x", "x")]

    def _start(self, xp: Any, x: Any) -> Any:
        return xp.sin(math.pi * x) + 0.5 * xp.sin(self.beta * math.pi * x)

    def conditions(self) -> list[Condition | Periodic]:
        """Two waves at rest at the start, fixed ends."""
        import numpy as np

        def zero(points: np.ndarray) -> np.ndarray:
            return np.zeros((len(points), 1))

        return [
            Condition("initial", "initial", lambda points: self._start(np, points[:, :1])),
            Condition("velocity", "initial", zero, derivative=("t",)),
            Condition("boundary", "boundary", zero),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        r"""$u(x, 0) + 4 x (1 - x) \frac{\tau^2}{1 + \tau^2} N$ with $\tau = c \beta t$, time in units of the overtone.

        With $t^2$ in its place N would have to fall from $(c \beta \pi)^2 / 2$ to 1 in time, and hardly learns to.
        """

        def factor(points: Coordinates) -> Any:
            tau = self.c * self.beta * points["t"]
            return 4.0 * points["x"] * (1.0 - points["x"]) * tau**2 / (1.0 + tau**2)

        particular = lambda points: self._start(points.xp, points["x"])  # noqa: E731
        return {"u": Ansatz(particular, factor, ("initial", "velocity", "boundary"))}

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(points: np.ndarray) -> np.ndarray:
            x, t = np.pi * points[:, :1], np.pi * self.c * points[:, 1:]
            return np.sin(x) * np.cos(t) + 0.5 * np.sin(self.beta * x) * np.cos(self.beta * t)

        return Reference(exact, ROUNDING, "closed form")

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Polynomials of degree `resolution` in space and 3/2 of that in time, for u and its velocity."""
        import numpy as np

        from baselines.pinn_pde.solvers.lobatto import lobatto
        from baselines.pinn_pde.solvers.space_time import SpaceTime, evolve

        space, inner = lobatto(resolution, 0.0, 1.0), resolution - 1
        zero, one = np.zeros((inner, inner)), np.eye(inner)
        second = (space.derivative @ space.derivative)[1:-1, 1:-1]
        start = np.concatenate([self._start(np, space.nodes[1:-1]), np.zeros(inner)])
        matrix = np.block([[zero, one], [self.c**2 * second, zero]])
        time, values = evolve(matrix, start, 3 * resolution // 2, 1.0)
        solution = SpaceTime(lambda x: space.interpolation(x)[:, 1:-1], time, values[:, :inner])
        return Classical(lambda points: solution(points)[:, None], values[1:].size)

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Largest relative change of the energy, and how well the string returns to its start at the end."""
        import numpy as np

        from baselines.pinn_pde.fields import FunctionField
        from baselines.pinn_pde.metrics import relative_l2

        x, t = (np.arange(200) + 0.5) / 200, (np.arange(10) + 0.5) / 10
        points = np.stack([a.ravel() for a in np.meshgrid(x, t, indexing="ij")], axis=1)
        field = FunctionField(self, evaluation.predict, points, 5e-4)  # reaches to the ends, not beyond
        density = 0.5 * (field("u", "t") ** 2 + self.c**2 * field("u", "x") ** 2)
        energy = density.reshape(len(x), len(t)).mean(axis=0)
        exact = (0.5 * self.c * math.pi) ** 2 * (1.0 + (1.25 if self.beta == 1 else 0.25 * self.beta**2))
        line = evaluation.axes[0]
        last = evaluation.on_grid(evaluation.prediction)[:, -1, 0]
        return {
            "energy_error": float(np.abs(energy / exact - 1.0).max()),
            "return_error": relative_l2(last, self._start(np, line)),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Conservation of energy, return after one period."""
        periods = 0.5 * self.c
        returns = setting.trained and math.isclose(periods, round(periods))
        return [
            Claim(
                "pinn.wave.energy",
                "Wave: the energy stays what it was at the start within 2 %, at ten times",
                0.0,
                None,
                0.02,
                metrics["energy_error"] if setting.trained else None,
                "E = 1/2 int u_t^2 + c^2 u_x^2 dx is constant; quadratic, hence twice this suite's target of 1e-2",
            ),
            Claim(
                "pinn.wave.return",
                f"Wave, c = {self.c:g}: at t = 1, a whole number of periods later, the string is back at its start "
                "within 1 %",
                0.0,
                None,
                0.01,
                metrics["return_error"] if returns else None,
                "all modes share the period 2 / c; band: this suite's target",
            ),
        ]
