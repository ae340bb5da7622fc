"""Poisson equation in an L-shape: a solution with a corner singularity."""

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
    Rectangle,
    Setting,
)

if TYPE_CHECKING:
    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    """Poisson -Laplace u = 1 in an L-shape, u = 0 on its edge: at the corner u behaves like r^(2/3).

    The L is [-1, 1]^2 less [0, 1]^2, as in DeepXDE's example `Poisson_Lshape.py`. Derivatives of u are unbounded at the
    re-entrant corner, which a smooth network cannot follow. Reference: particular solutions (Fox, Henrici & Moler, SIAM
    J. Numer. Anal. 4, 1967), whose largest boundary error bounds the error everywhere. Classical: quadratic elements.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 60},
        "paper": {"num_domain": 1200, "num_boundary": 120},
    }
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (4, 8, 16, 32, 64)

    corner: bool = True  # hard conditions contain the corner's r^(2/3); false: a factor with a kink there
    grading: float = 2.0  # mesh lines of the elements at (k / m)^grading; 1 is uniform
    num_domain: int = 1500  # collocation points inside the domain
    num_boundary: int = 240  # points on its edge

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the mesh would be graded away from the corner, or beyond use.
        """
        super().__post_init__()
        if not 1 <= self.grading <= 6:
            raise ValueError(f"problem.grading must lie in [1, 6]; got {self.grading}")

    def domain(self) -> Box:
        """The L."""
        return Box(("x", "y"), (-1.0, -1.0), (1.0, 1.0), without=(Rectangle((0.0, 0.0), (1.0, 1.0)),))

    def residual(self, field: Field) -> list[Any]:
        """Balance of diffusion and unit source."""
        return [-field("u", "x", "x") - field("u", "y", "y") - 1.0]

    def energy(self, field: Field) -> Any:
        """Dirichlet's: half the squared gradient less the work of the source."""
        return 0.5 * (field("u", "x") ** 2 + field("u", "y") ** 2) - field("u")

    def conditions(self) -> list[Condition | Periodic]:
        """Zero on the edge."""
        import numpy as np

        return [Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1)))]

    def ansatz(self) -> dict[str, Ansatz]:
        r"""(1 - x^2)(1 - y^2) S N with $S = r^{2/3} \cos(2 \psi / 3)$, $\psi$ the angle from the axis of symmetry.

        S is the leading harmonic function of the corner. Without `corner` it is $r - x - y$, which is also zero on both
        sides of the corner and positive between them.
        """

        def factor(points: Coordinates) -> Any:
            x, y, xp = points["x"], points["y"], points.xp
            square = x**2 + y**2
            if self.corner:
                singular = square ** (1.0 / 3.0) * xp.cos(2.0 / 3.0 * xp.atan2(x - y, -x - y))
            else:
                singular = xp.sqrt(square) - x - y
            return (1.0 - x**2) * (1.0 - y**2) * singular

        return {"u": Ansatz(lambda points: 0.0 * points["x"], factor, ("boundary",))}

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Quadratic finite elements with `resolution` cells along the sides of the corner."""
        from baselines.pinn_pde.solvers.elements import evaluate, l_shape_mesh, poisson

        mesh = l_shape_mesh(resolution, self.grading)
        values = poisson(mesh)
        return Classical(lambda points: evaluate(mesh, values, points), int((~mesh.boundary).sum()))

    def reference(self) -> Reference:
        """Particular solutions; the bar is the boundary error over the root mean square of u."""
        import numpy as np

        from baselines.pinn_pde.references import Reference
        from baselines.pinn_pde.solvers.harmonic import l_shape

        fit = l_shape(100)
        points = self.domain().grid((41, 41))
        size = float(np.sqrt(np.mean(fit.values(points[self.domain().inside(points)]) ** 2)))
        return Reference(fit.values, fit.boundary_error / size, "particular solutions")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Integral of u, exponent at the corner, share of the squared error near it, smallest value."""
        import numpy as np

        r = np.geomspace(0.005, 0.02, 9)
        bisector = -np.sqrt(0.5) * np.stack([r, r], axis=1)
        along = evaluation.predict(bisector)[:, 0]
        positive = bool(np.all(along > 0))
        squared = (evaluation.prediction - evaluation.reference)[:, 0] ** 2
        near = np.linalg.norm(evaluation.points, axis=1) < 0.2
        cell = float(np.prod([2.0 / (n - 1) for n in self.grid]))  # trapezoidal rule: u is zero on the edge
        return {
            "integral": cell * float(evaluation.prediction.sum()),
            "integral_reference": cell * float(evaluation.reference.sum()),
            "corner_exponent": float(np.polyfit(np.log(r), np.log(along), 1)[0]) if positive else float("nan"),
            "corner_error_share": float(squared[near].sum() / max(squared.sum(), np.finfo(np.float64).tiny)),
            "smallest_value": float(evaluation.prediction.min()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Integral, positivity, the corner's exponent where it is resolved, and the bar of the reference."""
        import math

        integral, exponent = metrics["integral_reference"], metrics["corner_exponent"]
        resolved = setting.trained and setting.method == "classical" and self.grading >= 2 and math.isfinite(exponent)
        return [
            Claim(
                "pinn.poisson_lshape.integral",
                f"L-shape: the integral of u, minus twice its energy, is {integral:.4f} within 2 %",
                integral,
                0.98 * integral,
                1.02 * integral,
                metrics["integral"] if setting.trained else None,
                "reference by the same sum over the grid",
            ),
            Claim(
                "pinn.poisson_lshape.positive",
                "L-shape: the solution falls below zero by less than 0.0015, a percent of its maximum",
                0.0,
                -0.0015,
                None,
                metrics["smallest_value"] if setting.trained else None,
                "maximum principle: a positive source, zero on the edge",
            ),
            Claim(
                "pinn.poisson_lshape.exponent",
                "L-shape, graded elements: along the axis of symmetry u grows like r^(2/3) from the corner, within 5 %",
                2.0 / 3.0,
                0.95 * 2.0 / 3.0,
                1.05 * 2.0 / 3.0,
                exponent if resolved else None,
                "Kondrat'ev (1967): exponent pi / angle at a corner of angle 3 pi / 2; fitted for 0.005 <= r <= 0.02",
            ),
            Claim(
                "pinn.poisson_lshape.reference",
                "L-shape: the reference misses its boundary values by less than 1e-8, relative to u",
                0.0,
                None,
                1e-8,
                metrics["reference_error"],
                "maximum principle: the difference to the solution is harmonic",
            ),
        ]
