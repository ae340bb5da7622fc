"""Laplace equation in a cube of many dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.claims import Claim
from baselines.pinn_pde.problem import (
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
    import numpy as np

    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    """Laplace u = 0 in the unit cube of d dimensions, u = x1 x2 + x3 x4 + ...

    The values on the faces are given; the solution is harmonic. With d = 10 it is the example of E & Yu, The Deep Ritz
    method (Commun. Math. Stat. 6, 2018). A grid is out of question; the classical method is Muller's walk on spheres
    (Ann. Math. Stat. 27, 1956), a Monte Carlo method whose error does not know the dimension.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 100, "num_boundary": 100}}
    grid: ClassVar[tuple[int, ...]] = (21, 21)
    resolutions: ClassVar[tuple[int, ...]] = (1, 4, 16, 64)

    d: int = 10  # dimension, even
    num_domain: int = 1000  # collocation points inside the cube
    num_boundary: int = 2000  # points on its faces

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the coordinates cannot be paired, or are too many for second derivatives one by one.
        """
        super().__post_init__()
        if not 2 <= self.d <= 40 or self.d % 2:
            raise ValueError(f"problem.d must be even and lie in [2, 40]; got {self.d}")

    def domain(self) -> Box:
        """The cube."""
        return Box(tuple(f"x{j + 1}" for j in range(self.d)), (0.0,) * self.d, (1.0,) * self.d)

    def residual(self, field: Field) -> list[Any]:
        """Flux balance."""
        return [sum(field("u", name, name) for name in self.domain().names)]

    def energy(self, field: Field) -> Any:
        """Dirichlet's."""
        return 0.5 * sum(field("u", name) ** 2 for name in self.domain().names)

    def exact(self, points: np.ndarray) -> np.ndarray:
        """Sum of products of neighbouring coordinates, [N, 1]."""
        import numpy as np

        return np.asarray((points[:, ::2] * points[:, 1::2]).sum(axis=1, keepdims=True))

    def conditions(self) -> list[Condition | Periodic]:
        """The solution's values on the faces."""
        return [Condition("boundary", "boundary", self.exact)]

    def evaluation_points(self) -> np.ndarray:
        """1,000 fixed uniform points."""
        from baselines.common.compute import numpy_generator

        return self.domain().sample(1000, numpy_generator(0, "poisson_nd", "evaluation"))

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """`resolution` walks on spheres from each evaluation point at once, so that they are in the solver's time.

        From any other point that is asked for the walks are done then.
        """
        import numpy as np

        from baselines.common.compute import numpy_generator
        from baselines.pinn_pde.solvers.walks import walk_on_spheres

        def walk(points: np.ndarray) -> np.ndarray:
            generator = numpy_generator(0, "poisson_nd", "walks", resolution)
            return walk_on_spheres(points, self.exact, resolution, generator)

        judged = self.evaluation_points()
        solved = walk(judged)

        def predict(points: np.ndarray) -> np.ndarray:
            return solved if np.array_equal(points, judged) else walk(points)

        return Classical(predict, resolution)

    def reference(self) -> Reference:
        """Closed form."""
        from baselines.pinn_pde.references import ROUNDING, Reference

        return Reference(self.exact, ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Value in the centre, and how far it is from its mean over a sphere."""
        import numpy as np

        center = np.full((1, self.d), 0.5)
        axes = 0.4 * np.eye(self.d)  # with their opposites a design: exact means of polynomials up to degree 3
        sphere = center + np.concatenate([axes, -axes])
        middle = float(evaluation.predict(center)[0, 0])
        return {"center": middle, "mean_value_defect": float(evaluation.predict(sphere).mean()) - middle}

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Mean value property and the value in the centre, for what is not a Monte Carlo method."""
        center = self.d / 8.0
        fitted = setting.trained and setting.method != "classical"
        return [
            Claim(
                "pinn.poisson_nd.center",
                f"Laplace in {self.d} dimensions: the value in the centre is {center:g} within 1 %",
                center,
                0.99 * center,
                1.01 * center,
                metrics["center"] if fitted else None,
                "closed form",
            ),
            Claim(
                "pinn.poisson_nd.mean_value",
                f"Laplace in {self.d} dimensions: the value in the centre is the mean over a sphere, within 1 %",
                0.0,
                -0.01 * center,
                0.01 * center,
                metrics["mean_value_defect"] if fitted else None,
                "mean value property of harmonic functions; mean over the 2 d points on the axes",
            ),
        ]
