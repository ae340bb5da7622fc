"""Helmholtz equation with a solution that waves faster in y than in x."""

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
    """Helmholtz u_xx + u_yy + k^2 u = f on [-1, 1]^2, u = sin(a1 pi x) sin(a2 pi y).

    u = 0 on the boundary, f = (k^2 - pi^2 (a1^2 + a2^2)) u. With (a1, a2) = (1, 4) and k = 1 it is the example by which
    Wang, Teng & Perdikaris (SIAM J. Sci. Comput. 43, 2021) showed unbalanced gradients of residual and boundary terms.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 40}}
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (12, 16, 20, 24, 28, 32)

    a1: int = 1  # half waves of length 1 along x
    a2: int = 4  # and along y
    k: float = 1.0  # wave number
    num_domain: int = 2500  # collocation points inside the square
    num_boundary: int = 400  # points on its boundary

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If there is no wave, or the square resonates so that the solution is not unique.
        """
        super().__post_init__()
        if self.a1 < 1 or self.a2 < 1:
            raise ValueError(f"problem.a1 and problem.a2 must be at least 1; got {self.a1}, {self.a2}")
        ratio = 4.0 * self.k**2 / math.pi**2  # a sum of two squares at resonance
        nearest = min(abs(ratio - m**2 - n**2) for m in range(1, 60) for n in range(1, 60))
        if not abs(self.k) <= 60 or nearest < 1e-3:
            raise ValueError(
                f"problem.k = {self.k} is a resonance of the square or beyond 60; take another wave number"
            )

    @property
    def factor(self) -> float:
        """Ratio of f to u."""
        return self.k**2 - math.pi**2 * (self.a1**2 + self.a2**2)

    def domain(self) -> Box:
        """The square."""
        return Box(("x", "y"), (-1.0, -1.0), (1.0, 1.0))

    def smallest_scale(self) -> float:
        """One half wave."""
        return 1.0 / max(self.a1, self.a2)

    def residual(self, field: Field) -> list[Any]:
        """The equation."""
        sin, x, y = field.xp.sin, field["x"], field["y"]
        source = self.factor * sin(self.a1 * math.pi * x) * sin(self.a2 * math.pi * y)
        return [field("u", "x", "x") + field("u", "y", "y") + self.k**2 * field("u") - source]

    def conditions(self) -> list[Condition | Periodic]:
        """Zero on all four sides."""
        import numpy as np

        return [Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1)))]

    def ansatz(self) -> dict[str, Ansatz]:
        """(1 - x^2)(1 - y^2) N."""

        def factor(points: Coordinates) -> Any:
            return (1.0 - points["x"] ** 2) * (1.0 - points["y"] ** 2)

        return {"u": Ansatz(lambda points: 0.0 * points["x"], factor, ("boundary",))}

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Chebyshev collocation of degree `resolution`."""
        from baselines.pinn_pde.solvers.chebyshev import poisson

        exact = self.reference().values
        corners = (-1.0, -1.0), (1.0, 1.0)
        predict = poisson(
            resolution, *corners, lambda p: -self.factor * exact(p), lambda p: 0.0 * p[:, :1], shift=self.k**2
        )
        return Classical(predict, (resolution - 1) ** 2)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(points: np.ndarray) -> np.ndarray:
            return np.sin(self.a1 * np.pi * points[:, :1]) * np.sin(self.a2 * np.pi * points[:, 1:])

        return Reference(exact, ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Amplitude of the mode that the source drives, and departure from antisymmetry in x."""
        import numpy as np

        mode, found = evaluation.reference, evaluation.prediction
        mirrored = evaluation.predict(evaluation.points * np.array([-1.0, 1.0]))
        return {
            "amplitude": float(np.sum(mode * found) / np.sum(mode**2)),
            "asymmetry": float(np.abs(found + mirrored).max()),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """The driven mode's amplitude, and symmetry."""
        return [
            Claim(
                "pinn.helmholtz.amplitude",
                "Helmholtz: the mode that the source drives has the amplitude f / (k^2 - pi^2 (a1^2 + a2^2)) = 1 "
                "within 1 %",
                1.0,
                0.99,
                1.01,
                metrics["amplitude"] if setting.trained else None,
                "Green's identity with the mode; projection on the evaluation grid",
            ),
            Claim(
                "pinn.helmholtz.symmetry",
                "Helmholtz: u(x, y) + u(-x, y) stays below 0.02, a percent of the range",
                0.0,
                None,
                0.02,
                metrics["asymmetry"] if setting.trained else None,
                "the source is odd in x",
            ),
        ]
