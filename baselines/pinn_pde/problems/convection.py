"""Convection of a sine wave, many times its own length."""

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
    """Convection u_t + beta u_x = 0: a sine wave travels beta / (2 pi) periods.

    On [0, 2 pi] x [0, 1], periodic, u(x, 0) = sin x, so that u = sin(x - beta t). The standard example of a network
    with a small loss and a wrong solution: u = 0 solves the equation, and is reached soon after the initial values.

    Source: A. Krishnapriyan et al., NeurIPS 2021 (beta = 30).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 20, "num_initial": 40}}
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    resolutions: ClassVar[tuple[int, ...]] = (12, 16, 20, 24, 32, 40)

    beta: float = 30.0  # speed
    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 100  # points on the two ends, which are compared
    num_initial: int = 160  # points at the initial time

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If nothing moves, or too fast for the evaluation grid.
        """
        super().__post_init__()
        if not 0 < self.beta <= 100:
            raise ValueError(f"problem.beta must lie in (0, 100]; got {self.beta}")

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (0.0, 0.0), (2.0 * math.pi, 1.0), time=True)

    def smallest_scale(self) -> float:
        """Time in which half a wave passes."""
        return min(math.pi, math.pi / self.beta)

    def residual(self, field: Field) -> list[Any]:
        """Transport."""
        return [field("u", "t") + self.beta * field("u", "x")]

    def conditions(self) -> list[Condition | Periodic]:
        """A sine at the start; both ends agree."""
        import numpy as np

        return [
            Condition("initial", "initial", lambda points: np.sin(points[:, :1])),
            Periodic("periodic", "x"),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        """Sin x + t N."""
        return {"u": Ansatz(lambda points: points.xp.sin(points["x"]), lambda points: points["t"], ("initial",))}

    def reference(self) -> Reference:
        """Closed form: constant along x - beta t."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        return Reference(
            lambda points: np.sin(points[:, :1] - self.beta * points[:, 1:]), ROUNDING, "closed form (characteristics)"
        )

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Five Fourier points, enough for one wave, and polynomials of degree `resolution` in time."""
        import numpy as np

        from baselines.pinn_pde.solvers.space_time import SpaceTime, evolve, periodic_basis, periodic_derivative

        period = 2.0 * np.pi
        x = np.arange(5) * period / 5
        time, values = evolve(-self.beta * periodic_derivative(5, period), np.sin(x), resolution, 1.0)
        solution = SpaceTime(periodic_basis(x, period), time, values)
        return Classical(lambda points: solution(points)[:, None], values[1:].size)

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """What is left of the wave at the end, and the most that its total ever departs from zero."""
        import numpy as np

        u, x = evaluation.on_grid(evaluation.prediction)[..., 0], evaluation.axes[0]
        return {
            "final_amplitude": float(np.sqrt(np.trapezoid(u[:, -1] ** 2, x) / math.pi)),
            "largest_total": float(np.abs(np.trapezoid(u, x, axis=0)).max()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Amplitude."""
        return [
            Claim(
                "pinn.convection.amplitude",
                f"Convection, beta = {self.beta:g}: the wave keeps its amplitude 1 until t = 1, within 0.001",
                1.0,
                0.999,
                1.001,
                metrics["final_amplitude"] if setting.trained else None,
                "int u^2 dx = pi at all times; band: this suite's target of 1e-3",
            ),
        ]
