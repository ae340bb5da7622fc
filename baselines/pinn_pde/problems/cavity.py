"""Flow in a square driven by its lid."""

from __future__ import annotations

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
    import numpy as np

    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    r"""Lid-driven cavity: steady Navier-Stokes flow in a unit square, lid u = 4 x (1 - x).

    (u . grad) u = -grad p + nu Laplace u, div u = 0, nu = 1 / Reynolds number, walls at rest, p = 0 in (0, 0).
    The lid is that of PINNacle's case NS2d-C (Hao et al., NeurIPS 2024); it comes to rest in the corners, where the
    vorticity is still discontinuous. Reference: Chebyshev collocation with the corners' Stokes flows split off.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 150, "num_boundary": 40},
        "paper": {"num_domain": 8192, "num_boundary": 2048},
    }
    outputs: ClassVar[tuple[str, ...]] = ("u", "v", "p")
    judged: ClassVar[tuple[str, ...]] = ("u", "v")
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (10, 14, 20, 24, 28)

    reynolds: float = 100.0  # Reynolds number of the largest lid velocity and the side
    num_domain: int = 2500  # collocation points inside the square
    num_boundary: int = 400  # points on its walls

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the reference would not have the accuracy that it states.
        """
        super().__post_init__()
        if not 1 <= self.reynolds <= 100:
            raise ValueError(f"problem.reynolds must lie in [1, 100]; got {self.reynolds}")

    def domain(self) -> Box:
        """The unit square."""
        return Box(("x", "y"), (0.0, 0.0), (1.0, 1.0))

    def smallest_scale(self) -> float:
        """Thickness of the shear layer below the lid, about the inverse root of the Reynolds number."""
        return float(self.reynolds**-0.5)

    def residual(self, field: Field) -> list[Any]:
        """Momentum balance along x and y, and continuity."""
        u, v, nu = field("u"), field("v"), 1.0 / self.reynolds
        u_x, v_y = field("u", "x"), field("v", "y")
        u_lap, v_lap = field("u", "x", "x") + field("u", "y", "y"), field("v", "x", "x") + field("v", "y", "y")
        return [
            u * u_x + v * field("u", "y") + field("p", "x") - nu * u_lap,
            u * field("v", "x") + v * v_y + field("p", "y") - nu * v_lap,
            u_x + v_y,
        ]

    def conditions(self) -> list[Condition | Periodic]:
        """Moving lid, walls at rest, pressure zero in one corner."""
        import numpy as np

        from baselines.pinn_pde.solvers.cavity import lid_velocity

        zero = np.zeros((1, 2))
        return [
            Condition("u_walls", "boundary", lambda points: lid_velocity(points)[:, :1], output="u"),
            Condition("v_walls", "boundary", lambda points: lid_velocity(points)[:, 1:], output="v"),
            Condition("pressure", "points", lambda points: 0.0 * points[:, :1], output="p", points=zero),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        """4 x (1 - x) y^2 + 16 x (1 - x) y (1 - y) N for u, and the second part for v."""

        def factor(points: Coordinates) -> Any:
            x, y = points["x"], points["y"]
            return 16.0 * x * (1.0 - x) * y * (1.0 - y)

        def lid(points: Coordinates) -> Any:
            return 4.0 * points["x"] * (1.0 - points["x"]) * points["y"] ** 2

        return {
            "u": Ansatz(lid, factor, ("u_walls",)),
            "v": Ansatz(lambda points: 0.0 * points["x"], factor, ("v_walls",)),
        }

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Chebyshev collocation of degree `resolution`, without special care for the corners."""
        from baselines.pinn_pde.solvers.cavity import cavity

        flow = cavity(resolution, self.reynolds, split=False)
        return Classical(flow.predict, flow.degrees_of_freedom)

    def reference(self) -> Reference:
        """Chebyshev collocation with the corner flows split off."""
        from baselines.pinn_pde.references import Reference
        from baselines.pinn_pde.solvers.cavity import BAR, DEGREE, cavity

        flow = cavity(DEGREE, self.reynolds)
        return Reference(flow.predict, BAR, f"Chebyshev collocation, degree {DEGREE}")

    def shown(self, values: np.ndarray) -> np.ndarray:
        """Speed."""
        import numpy as np

        return np.asarray(np.hypot(values[:, 0], values[:, 1]))

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Net flux through the vertical middle, and velocities at its strongest."""
        import numpy as np

        s = np.linspace(0.0, 1.0, 401)
        u = evaluation.predict(np.stack([np.full_like(s, 0.5), s], axis=1))[:, 0]
        v = evaluation.predict(np.stack([s, np.full_like(s, 0.5)], axis=1))[:, 1]
        return {
            "net_flux": float(np.trapezoid(u, s)),
            "circulating_flux": float(0.5 * np.trapezoid(np.abs(u), s)),
            "lowest_u": float(u.min()),
            "highest_v": float(v.max()),
            "lowest_v": float(v.min()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Mass balance, and the bar of the reference."""
        return [
            Claim(
                "pinn.cavity.mass",
                "Cavity: what flows right through the vertical middle flows back: the net flux is below 2 % of it",
                0.0,
                -0.02,
                0.02,
                metrics["net_flux"] / metrics["circulating_flux"] if setting.trained else None,
                "continuity in a closed box; the tolerance is a percent of the flux each way",
            ),
            Claim(
                "pinn.cavity.reference",
                "Cavity: the bar of the reference is below 1e-6",
                0.0,
                None,
                1e-6,
                metrics["reference_error"],
                "a thousandth of the accuracy asked of networks",
            ),
        ]
