"""Poisson equation on the unit square with a smooth solution."""

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
    """Poisson -Laplace u = f on the unit square, u = sin(k pi x) sin(k pi y).

    u = 0 on the boundary, f = 2 k^2 pi^2 u. The numbers of points are those of the energy-natural-gradient paper's
    example (900 inside, 120 on the boundary), so that second-order methods can be compared on the same data.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 40}}
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (4, 6, 8, 10, 12, 16)

    k: int = 1  # half waves along each side; more of them are harder to learn
    num_domain: int = 900  # collocation points inside the square
    num_boundary: int = 120  # points on its boundary

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If there is no wave at all.
        """
        super().__post_init__()
        if self.k < 1:
            raise ValueError(f"problem.k must be at least 1; got {self.k}")

    def domain(self) -> Box:
        """The unit square."""
        return Box(("x", "y"), (0.0, 0.0), (1.0, 1.0))

    def smallest_scale(self) -> float:
        """One half wave."""
        return 1.0 / self.k

    def source(self, field: Field) -> Any:
        """f, [N, 1]."""
        w = self.k * math.pi
        return 2.0 * w**2 * field.xp.sin(w * field["x"]) * field.xp.sin(w * field["y"])

    def residual(self, field: Field) -> list[Any]:
        """Balance of diffusion and source."""
        return [-field("u", "x", "x") - field("u", "y", "y") - self.source(field)]

    def energy(self, field: Field) -> Any:
        """Dirichlet's: half the squared gradient less the work of the source."""
        return 0.5 * (field("u", "x") ** 2 + field("u", "y") ** 2) - self.source(field) * field("u")

    def ansatz(self) -> dict[str, Ansatz]:
        """16 x (1 - x) y (1 - y) N."""

        def factor(points: Coordinates) -> Any:
            x, y = points["x"], points["y"]
            return 16.0 * x * (1.0 - x) * y * (1.0 - y)

        return {"u": Ansatz(lambda points: 0.0 * points["x"], factor, ("boundary",))}

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Chebyshev collocation of degree `resolution` for each half wave."""
        import numpy as np

        from baselines.pinn_pde.solvers.chebyshev import poisson

        exact, w = self.reference().values, self.k * np.pi
        degree = resolution * self.k
        predict = poisson(degree, (0.0, 0.0), (1.0, 1.0), lambda p: 2.0 * w**2 * exact(p), lambda p: 0.0 * p[:, :1])
        return Classical(predict, (degree - 1) ** 2)

    def conditions(self) -> list[Condition | Periodic]:
        """Zero on all four sides."""
        import numpy as np

        return [Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1)))]

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        w = self.k * np.pi
        return Reference(lambda p: np.sin(w * p[:, :1]) * np.sin(w * p[:, 1:]), ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Flux through the boundary, which must carry away what the source puts in."""
        from baselines.pinn_pde.metrics import outward_flux

        return {"outward_flux": outward_flux(evaluation.predict)}

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Accuracy and conservation."""
        double = setting.trained and setting.dtype == "float64" and setting.method == "adam_lbfgs"
        source = 8.0 if self.k % 2 else 0.0  # 2 k^2 pi^2 (2 / (k pi))^2
        return [
            Claim(
                "pinn.poisson2d.accuracy",
                "Poisson, smooth solution, double precision: L-BFGS takes the network below a relative L2 error of "
                "1e-3, where first-order training stalls",
                1e-3,
                None,
                1e-3,
                metrics["judged_l2"] if double and self.k == 1 else None,
                "Müller & Zeinhofer, ICML 2023: first-order optimizers level off near 1e-3 (as quoted by others)",
            ),
            Claim(
                "pinn.poisson2d.conservation",
                f"Poisson: the flux through the boundary equals the total source, {source:g}, within 0.08",
                source,
                source - 0.08,
                source + 0.08,
                metrics["outward_flux"] if setting.trained and self.k == 1 else None,
                "divergence theorem; 1 % of the source for k = 1",
            ),
        ]
