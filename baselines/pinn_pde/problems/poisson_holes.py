"""Laplace equation in a square with four round holes."""

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
    Disk,
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


CENTERS = ((-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3))
RADIUS = 0.1


@dataclass
class Problem(PDEProblem):
    """Laplace u = 0 in a square with four holes, u = 1 on the square and 0 on the holes.

    The square is [-0.5, 0.5]^2, the holes are discs of radius 0.1 around (+-0.3, +-0.3): a condenser. This is the case
    Poisson2d-C of PINNacle (Hao et al., NeurIPS 2024).
    Reference: least squares in harmonic functions, whose largest boundary error bounds the error everywhere.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 60},
        "paper": {"num_domain": 8192, "num_boundary": 2048},
    }
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (2, 4, 6, 8, 12, 16)

    num_domain: int = 2000  # collocation points inside the domain
    num_boundary: int = 400  # points on the square and the four circles, equally dense

    def domain(self) -> Box:
        """The square with its holes."""
        holes = tuple(Disk(center, RADIUS) for center in CENTERS)
        return Box(("x", "y"), (-0.5, -0.5), (0.5, 0.5), without=holes)

    def smallest_scale(self) -> float:
        """Radius of a hole, which is also the distance between hole and square."""
        return RADIUS

    def residual(self, field: Field) -> list[Any]:
        """Flux balance."""
        return [field("u", "x", "x") + field("u", "y", "y")]

    def energy(self, field: Field) -> Any:
        """Dirichlet's."""
        return 0.5 * (field("u", "x") ** 2 + field("u", "y") ** 2)

    def conditions(self) -> list[Condition | Periodic]:
        """One on the square, zero on the circles."""
        import numpy as np

        def on_square(points: np.ndarray) -> np.ndarray:
            return np.asarray(np.abs(points).max(axis=1) > 0.49)  # circles end at 0.4

        return [
            Condition("square", "boundary", lambda points: np.ones((len(points), 1)), where=on_square),
            Condition(
                "holes", "boundary", lambda points: np.zeros((len(points), 1)), where=lambda points: ~on_square(points)
            ),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        r"""D / (D + 2 B) + B D N with $B = (1 - 4 x^2)(1 - 4 y^2)$, zero on the square, and D zero on the circles.

        $D = \prod_i \log(|x - c_i| / r) / \log 6$: harmonic near each circle, of order 1 in the middle. A product of
        $1 - r^2 / |x - c_i|^2$ has second derivatives of $6 / r^2$ there, which a network had to cancel.
        """

        def square(points: Coordinates) -> Any:
            return (1.0 - 4.0 * points["x"] ** 2) * (1.0 - 4.0 * points["y"] ** 2)

        def circles(points: Coordinates) -> Any:
            product: Any = 1.0
            for x, y in CENTERS:
                squared = (points["x"] - x) ** 2 + (points["y"] - y) ** 2
                product = product * (0.5 / math.log(6.0)) * points.xp.log(squared / RADIUS**2)
            return product

        return {
            "u": Ansatz(
                lambda points: circles(points) / (circles(points) + 2.0 * square(points)),
                lambda points: square(points) * circles(points),
                ("square", "holes"),
            )
        }

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Least squares on the boundary with multipoles up to order `resolution`."""
        from baselines.pinn_pde.solvers.harmonic import square_with_holes

        fit = square_with_holes(resolution)
        return Classical(fit.values, fit.degrees_of_freedom)

    def reference(self) -> Reference:
        """Harmonic least squares; the bar is the boundary error over the root mean square of u."""
        import numpy as np

        from baselines.pinn_pde.references import Reference
        from baselines.pinn_pde.solvers.harmonic import square_with_holes

        fit = square_with_holes(24)
        points = self.domain().grid((41, 41))
        size = float(np.sqrt(np.mean(fit.values(points[self.domain().inside(points)]) ** 2)))
        return Reference(fit.values, fit.boundary_error / size, "harmonic least squares")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Flux from the square to the holes, range of the values, and departure from the symmetry x <-> y."""
        import numpy as np

        from baselines.pinn_pde.solvers.harmonic import square_with_holes

        fit = square_with_holes(24)
        mirrored = evaluation.predict(np.ascontiguousarray(evaluation.points[:, ::-1]))
        return {
            "flux": _flux(evaluation),
            "flux_reference": 8.0 * math.pi * float(fit.coefficients[13]),
            "smallest_value": float(evaluation.prediction.min()),
            "largest_value": float(evaluation.prediction.max()),
            "asymmetry": float(np.abs(evaluation.prediction - mirrored).max()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Conservation, maximum principle, symmetry, and the bar of the reference."""
        flux = metrics["flux_reference"]
        outside = max(-metrics["smallest_value"], metrics["largest_value"] - 1.0)
        return [
            Claim(
                "pinn.poisson_holes.flux",
                f"Four holes: the flux through a contour around all holes is {flux:.4f} within 1 %",
                flux,
                0.99 * flux,
                1.01 * flux,
                metrics["flux"] if setting.trained else None,
                "divergence theorem: 2 pi times the factors of the four logarithms of the reference",
            ),
            Claim(
                "pinn.poisson_holes.maximum_principle",
                "Four holes: the solution leaves [0, 1] by less than 0.01",
                0.0,
                None,
                0.01,
                outside if setting.trained else None,
                "maximum principle for harmonic functions; the tolerance is a percent of the range",
            ),
            Claim(
                "pinn.poisson_holes.symmetry",
                "Four holes: exchanging x and y changes the solution by less than 0.01",
                0.0,
                None,
                0.01,
                metrics["asymmetry"] if setting.trained else None,
                "the domain and its boundary values have the symmetry; a network is not told",
            ),
            Claim(
                "pinn.poisson_holes.reference",
                "Four holes: the reference misses its boundary values by less than 1e-10, relative to u",
                0.0,
                None,
                1e-10,
                metrics["reference_error"],
                "maximum principle: the largest boundary error of a harmonic function is its largest error",
            ),
        ]


def _flux(evaluation: Evaluation, half: float = 0.45, count: int = 400, h: float = 2e-3) -> float:
    """Outward derivative over the square contour |x|, |y| <= half, by central differences and the midpoint rule."""
    import numpy as np

    s = half * (2.0 * (np.arange(count) + 0.5) / count - 1.0)
    total = 0.0
    for axis in (0, 1):
        for sign in (-1.0, 1.0):
            sides = []
            for step in (h, -h):
                points = np.empty((count, 2))
                points[:, axis], points[:, 1 - axis] = sign * (half + step), s
                sides.append(evaluation.predict(points)[:, 0])
            total += float(np.mean(sides[0] - sides[1])) / (2.0 * h) * 2.0 * half
    return total
