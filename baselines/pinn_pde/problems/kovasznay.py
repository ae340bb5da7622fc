"""Steady flow behind a grid, in closed form."""

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
    import numpy as np

    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    r"""Kovasznay: steady Navier-Stokes flow behind a grid at Reynolds number 40.

    On [-0.5, 1] x [-0.5, 1.5], (u . grad) u = -grad p + nu Laplace u, div u = 0, with

    $$u = 1 - e^{\lambda x} \cos 2 \pi y, \quad v = \frac{\lambda}{2 \pi} e^{\lambda x} \sin 2 \pi y, \quad
      p = \frac{1}{2} (1 - e^{2 \lambda x}), \quad \lambda = \frac{1}{2 \nu} - \sqrt{\frac{1}{4 \nu^2} + 4 \pi^2} .$$

    Velocities are given on the edge, the pressure at one point. L. I. G. Kovasznay, Math. Proc. Camb. Phil. Soc. 44
    (1948).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 150, "num_boundary": 40}}
    outputs: ClassVar[tuple[str, ...]] = ("u", "v", "p")
    grid: ClassVar[tuple[int, ...]] = (76, 101)
    resolutions: ClassVar[tuple[int, ...]] = (8, 12, 16, 20, 24)

    nu: float = 0.025  # viscosity, 1 / Reynolds number
    num_domain: int = 2000  # collocation points inside the rectangle
    num_boundary: int = 320  # points on its edge

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the viscosity lies outside the range in which the classical solver was tried.
        """
        super().__post_init__()
        if not 0.01 <= self.nu <= 1:
            raise ValueError(f"problem.nu must lie in [0.01, 1]; got {self.nu}")

    @property
    def decay(self) -> float:
        """Lambda, the decay rate downstream."""
        return 0.5 / self.nu - math.sqrt(0.25 / self.nu**2 + 4.0 * math.pi**2)

    def domain(self) -> Box:
        """The rectangle."""
        return Box(("x", "y"), (-0.5, -0.5), (1.0, 1.5))

    def smallest_scale(self) -> float:
        """Half a period of the grid."""
        return 0.5

    def residual(self, field: Field) -> list[Any]:
        """Momentum balance along x and y, and continuity."""
        u, v = field("u"), field("v")
        u_x, v_y = field("u", "x"), field("v", "y")
        u_lap, v_lap = field("u", "x", "x") + field("u", "y", "y"), field("v", "x", "x") + field("v", "y", "y")
        return [
            u * u_x + v * field("u", "y") + field("p", "x") - self.nu * u_lap,
            u * field("v", "x") + v * v_y + field("p", "y") - self.nu * v_lap,
            u_x + v_y,
        ]

    def exact(self, output: str, x: Any, y: Any, xp: Any) -> Any:
        """An output in closed form, numpy or torch, [N, 1]."""
        grown, wave = xp.exp(self.decay * x), 2.0 * math.pi
        if output == "u":
            return 1.0 - grown * xp.cos(wave * y)
        if output == "v":
            return self.decay / wave * grown * xp.sin(wave * y)
        return 0.5 * (1.0 - grown * grown)

    def conditions(self) -> list[Condition | Periodic]:
        """Velocities on the edge, pressure zero at the origin."""
        import numpy as np

        def values(output: str) -> Any:
            return lambda points: self.exact(output, points[:, :1], points[:, 1:2], np)

        edge: list[Condition | Periodic] = [
            Condition(f"{name}_edge", "boundary", values(name), output=name) for name in ("u", "v")
        ]
        return [*edge, Condition("pressure", "points", values("p"), output="p", points=np.zeros((1, 2)))]

    def ansatz(self) -> dict[str, Ansatz]:
        """Coons patch of the edge values + (x + 0.5)(1 - x)(y + 0.5)(1.5 - y) N, for both velocities."""
        from baselines.pinn_pde.domain import blended

        def factor(points: Coordinates) -> Any:
            x, y = points["x"], points["y"]
            return (x + 0.5) * (1.0 - x) * (y + 0.5) * (1.5 - y)

        def patch(output: str) -> Any:
            return lambda points: blended(
                lambda x, y: self.exact(output, x, y, points.xp), self.domain(), points["x"], points["y"]
            )

        return {name: Ansatz(patch(name), factor, (f"{name}_edge",)) for name in ("u", "v")}

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Chebyshev collocation of degree `resolution`, Newton's method."""
        from baselines.pinn_pde.solvers.navier_stokes import steady

        exact, domain = self.reference().values, self.domain()
        corners = (domain.low[0], domain.low[1]), (domain.high[0], domain.high[1])
        flow = steady(resolution, self.nu, *corners, lambda points: exact(points)[:, :2], (0.0, 0.0))
        return Classical(flow.predict, flow.degrees_of_freedom)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(points: np.ndarray) -> np.ndarray:
            return np.concatenate([self.exact(o, points[:, :1], points[:, 1:2], np) for o in self.outputs], axis=1)

        return Reference(exact, ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Mass flux through the middle, and departure from the symmetry about y = 0.5."""
        import numpy as np

        y = np.linspace(-0.5, 1.5, 401)
        middle = evaluation.predict(np.stack([np.full_like(y, 0.25), y], axis=1))[:, 0]
        mirrored = evaluation.predict(np.stack([evaluation.points[:, 0], 1.0 - evaluation.points[:, 1]], axis=1))
        return {
            "mass_flux": float(np.trapezoid(middle, y)),
            "asymmetry": float(np.abs(mirrored[:, :2] * [1.0, -1.0] - evaluation.prediction[:, :2]).max()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Mass balance and symmetry."""
        return [
            Claim(
                "pinn.kovasznay.mass",
                "Kovasznay: the mass flux through the middle, x = 0.25, is the incoming one, 2, within 1 %",
                2.0,
                1.98,
                2.02,
                metrics["mass_flux"] if setting.trained else None,
                "continuity; the waves cancel over two periods",
            ),
            Claim(
                "pinn.kovasznay.symmetry",
                "Kovasznay: mirrored about y = 0.5 the velocity changes by less than 0.02, one percent of the flux",
                0.0,
                None,
                0.02,
                metrics["asymmetry"] if setting.trained else None,
                "symmetry of the equations and of the edge values",
            ),
        ]
