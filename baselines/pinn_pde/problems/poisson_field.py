"""Recover a variable diffusivity from noisy values of the solution."""

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
    Setting,
)

if TYPE_CHECKING:
    import numpy as np

    from baselines.pinn_pde.references import Reference

TARGET = 2e-2


def coefficient(x: Any, y: Any) -> Any:
    """The true diffusivity."""
    return 1.0 / (1.0 + x**2 + y**2 + (x - 1.0) ** 2 + (y - 1.0) ** 2)


def from_the_edge(x: Any, y: Any) -> Any:
    """Its values on the edge carried inside by transfinite interpolation: no value from the inside enters."""
    sides = (1.0 - x) * coefficient(0.0, y) + x * coefficient(1.0, y)
    sides = sides + (1.0 - y) * coefficient(x, 0.0) + y * coefficient(x, 1.0)
    corners = (1.0 - x) * ((1.0 - y) * coefficient(0.0, 0.0) + y * coefficient(0.0, 1.0))
    return sides - corners - x * ((1.0 - y) * coefficient(1.0, 0.0) + y * coefficient(1.0, 1.0))


def source(x: Any, y: Any, xp: Any) -> Any:
    """-div(a grad u) for the true a and u, by the product rule."""
    a, pi = coefficient(x, y), math.pi
    sx, sy, cx, cy = xp.sin(pi * x), xp.sin(pi * y), xp.cos(pi * x), xp.cos(pi * y)
    return 2.0 * pi**2 * a * sx * sy + 2.0 * pi * a**2 * ((2.0 * x - 1.0) * cx * sy + (2.0 * y - 1.0) * sx * cy)


@dataclass
class Problem(PDEProblem):
    """Inverse Poisson with a field: find a(x, y) in -div(a grad u) = f from noisy values of u.

    On the unit square, u = sin(pi x) sin(pi y), a = 1 / (1 + x^2 + y^2 + (x-1)^2 + (y-1)^2), f to match; u and a are
    known on the edge, u at the centres of 50 x 50 cells with noise of standard deviation 0.1. Setting of PINNacle's
    PInv (Z. Hao et al., NeurIPS Datasets and Benchmarks 2024), whose points include the edge and whose u is free there.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 40, "num_observations": 100}
    }
    outputs: ClassVar[tuple[str, ...]] = ("u", "a")
    judged: ClassVar[tuple[str, ...]] = ("a",)
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (3, 4, 6, 8, 12)

    num_domain: int = 1000  # collocation points inside the square
    num_boundary: int = 160  # points on its boundary
    noise: float = 0.2  # standard deviation of the noise over the root mean square of u, which is 0.5
    num_observations: int = 2500  # observed points, a square number: the centres of so many cells
    outliers: float = 0.0  # fraction of the observations replaced by gross errors
    smoothness: float = 10.0  # prior precision of the second derivatives of a, near the maximum of the evidence
    known_edges: bool = True  # whether u is known on the edge besides a

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the noise is impossible or the number of observations is no square.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        check_observation_keys(self.noise, self.num_observations, self.outliers)
        if self.smoothness < 0:
            raise ValueError(f"problem.smoothness must be at least 0; got {self.smoothness}")
        if math.isqrt(self.num_observations) ** 2 != self.num_observations:
            raise ValueError(f"problem.num_observations must be a square number; got {self.num_observations}")

    def domain(self) -> Box:
        """The unit square."""
        return Box(("x", "y"), (0.0, 0.0), (1.0, 1.0))

    def residual(self, field: Field) -> list[Any]:
        """Balance of diffusion and source, the coefficient a field of its own."""
        u_x, u_y = field("u", "x"), field("u", "y")
        bent = field("u", "x", "x") + field("u", "y", "y")
        flux = field("a", "x") * u_x + field("a", "y") * u_y + field("a") * bent
        return [-flux - source(field["x"], field["y"], field.xp)]

    def conditions(self) -> list[Any]:
        """The coefficient on the edge, and zero for u if the edges are known."""
        import numpy as np

        def edge(points: np.ndarray) -> np.ndarray:
            return np.asarray(coefficient(points[:, :1], points[:, 1:]))

        found = [Condition("boundary_a", "boundary", edge, "a")]
        if self.known_edges:
            found.append(Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1))))
        from baselines.pinn_pde.inverse import bend_penalty

        return found + bend_penalty(0.0, 1.0, self.smoothness, self.observations(0)[0], 2)

    def ansatz(self) -> dict[str, Ansatz]:
        """16 x (1 - x) y (1 - y) N, for a on top of what its edge values say by interpolation."""

        def factor(points: Any) -> Any:
            x, y = points["x"], points["y"]
            return 16.0 * x * (1.0 - x) * y * (1.0 - y)

        found = {"a": Ansatz(lambda points: from_the_edge(points["x"], points["y"]), factor, ("boundary_a",))}
        if self.known_edges:
            found["u"] = Ansatz(lambda points: 0.0 * points["x"], factor, ("boundary",))
        return found

    def observations(self, seed: int) -> list[Observations]:
        """Centres of a grid of cells, where the mean square of u is exactly that over the square."""
        import numpy as np

        from baselines.pinn_pde.inverse import observe

        n = math.isqrt(self.num_observations)
        centres = (np.arange(n) + 0.5) / n
        points = np.stack([m.ravel() for m in np.meshgrid(centres, centres, indexing="ij")], axis=1)
        return observe(self, seed, ("u",), points, weight=0.1)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def values(points: np.ndarray) -> np.ndarray:
            x, y = points.T
            return np.stack([np.sin(np.pi * x) * np.sin(np.pi * y), coefficient(x, y)], axis=1)

        return Reference(values, ROUNDING, "closed form")

    def classical(self, resolution: int, observations: list[Observations]) -> Classical | None:
        """Gauss-Newton for polynomials of that degree with a penalty on their bend; needs the edges."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import fit_coefficient
        from baselines.pinn_pde.solvers.coefficient import Coefficient, SteadyDiffusion

        if not self.known_edges:
            return None
        space = Coefficient(0.0, 1.0, resolution, lambda points: np.asarray(from_the_edge(*points.T)))
        forward = SteadyDiffusion(space, 16, lambda points: np.asarray(source(points[:, 0], points[:, 1], np)))
        fit = fit_coefficient(self, forward.observed(observations[0].points), space.roughness(), observations)
        u, _ = forward.solve(fit.values)

        def predict(points: np.ndarray) -> np.ndarray:
            return np.stack([forward.weak.interpolation(points) @ u, space.values(fit.values, points)], axis=1)

        return Classical(predict, space.count)

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The coefficient."""
        return values[:, 1]

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Data scores; errors of u and of the coefficient that the edge values alone would give."""
        from baselines.pinn_pde.inverse_fit import data_scores
        from baselines.pinn_pde.metrics import relative_l2

        edge_only = from_the_edge(*evaluation.points.T)
        return data_scores(self, evaluation) | {
            "u_l2": relative_l2(evaluation.prediction[:, :1], evaluation.reference[:, :1]),
            "edge_only_l2": relative_l2(edge_only, evaluation.reference[:, 1]),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """The target; that the data teach more than the edge; that the noise is not learned."""
        from baselines.pinn_pde.inverse_fit import field_claims

        default = math.isclose(self.noise, 0.2) and self.num_observations == 2500 and self.known_edges
        return field_claims(self, metrics, setting, "Inverse Poisson field", TARGET if default else None)
