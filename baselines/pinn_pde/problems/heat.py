"""Heat equation on a bar."""

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
    """Heat u_t = alpha u_xx on a bar, u = exp(-alpha n^2 pi^2 t) sin(n pi x).

    On [0, 1] x [0, 1], u = 0 at both ends. Diffusivity and numbers of points are those of DeepXDE's example
    `examples/pinn_forward/heat.py`, with 1,000 instead of 2,540 points inside: the solution is smooth.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 20, "num_initial": 40},
        "paper": {"num_domain": 2540},
    }
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (4, 6, 8, 10, 12, 16)

    alpha: float = 0.4  # diffusivity
    n: int = 1  # half waves of the initial temperature
    num_domain: int = 1000  # collocation points inside the domain
    num_boundary: int = 80  # points at the two ends
    num_initial: int = 160  # points at the initial time

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the bar does not conduct or there is no wave.
        """
        super().__post_init__()
        if self.alpha <= 0 or self.n < 1:
            raise ValueError(f"problem.alpha must be positive and problem.n at least 1; got {self.alpha}, {self.n}")

    @property
    def rate(self) -> float:
        """Decay rate of the temperature."""
        return self.alpha * (self.n * math.pi) ** 2

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (0.0, 0.0), (1.0, 1.0), time=True)

    def smallest_scale(self) -> float:
        """One half wave."""
        return 1.0 / self.n

    def residual(self, field: Field) -> list[Any]:
        """Heat balance."""
        return [field("u", "t") - self.alpha * field("u", "x", "x")]

    def conditions(self) -> list[Condition | Periodic]:
        """Sine at the start, cold ends."""
        import numpy as np

        return [
            Condition("initial", "initial", lambda points: np.sin(self.n * np.pi * points[:, :1])),
            Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1))),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        """sin(n pi x) + 4 t x (1 - x) N."""
        return {
            "u": Ansatz(
                lambda points: points.xp.sin(self.n * math.pi * points["x"]),
                lambda points: 4.0 * points["t"] * points["x"] * (1.0 - points["x"]),
                ("initial", "boundary"),
            )
        }

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Polynomials of degree `resolution` in space and time (in space for each half wave)."""
        import numpy as np

        from baselines.pinn_pde.solvers.lobatto import lobatto
        from baselines.pinn_pde.solvers.space_time import SpaceTime, evolve

        space = lobatto(resolution * self.n, 0.0, 1.0)
        second = (space.derivative @ space.derivative)[1:-1, 1:-1]
        time, values = evolve(self.alpha * second, np.sin(self.n * np.pi * space.nodes[1:-1]), resolution, 1.0)
        solution = SpaceTime(lambda x: space.interpolation(x)[:, 1:-1], time, values)
        return Classical(lambda points: solution(points)[:, None], values[1:].size)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(points: np.ndarray) -> np.ndarray:
            return np.exp(-self.rate * points[:, 1:]) * np.sin(self.n * np.pi * points[:, :1])

        return Reference(exact, ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Decay of the energy, and how far the temperature leaves its bounds."""
        import numpy as np

        from baselines.pinn_pde.metrics import decay_rate, energy

        x, t = evaluation.axes
        u = evaluation.on_grid(evaluation.prediction)[..., 0]
        return {
            "energy_decay_rate": decay_rate(energy(u, x), t),
            "largest_value": float(np.abs(u).max()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Accuracy, energy decay, maximum principle."""
        resolved = setting.trained and self.rate <= 5  # the end temperature is then above the error of the network
        baseline = setting.method == "adam_lbfgs" and setting.dtype == "float64"
        rate = 2.0 * self.rate
        return [
            Claim(
                "pinn.heat.accuracy",
                "Heat, smooth solution, double precision: L-BFGS takes the network below a relative L2 error of 1e-3",
                1e-3,
                None,
                1e-3,
                metrics["judged_l2"] if resolved and baseline else None,
                "this project: the same three digits as asked of poisson2d",
            ),
            Claim(
                "pinn.heat.energy",
                f"Heat: the energy decays at the rate 2 alpha n^2 pi^2 = {rate:.3f} within 1 %",
                rate,
                0.99 * rate,
                1.01 * rate,
                metrics["energy_decay_rate"] if resolved else None,
                "E(t) = E(0) exp(-2 alpha n^2 pi^2 t), fitted to log E over the whole time",
            ),
            Claim(
                "pinn.heat.maximum_principle",
                "Heat: the temperature never exceeds its initial maximum 1 by more than 0.2 %",
                1.0,
                None,
                1.002,
                metrics["largest_value"] if setting.trained else None,
                "maximum principle",
            ),
        ]
