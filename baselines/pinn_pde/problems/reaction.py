"""Logistic reaction from a Gaussian."""

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
    import numpy as np

    from baselines.pinn_pde.references import Reference

WIDTH = math.pi / 4  # standard deviation of the Gaussian


@dataclass
class Problem(PDEProblem):
    r"""Reaction u_t = rho u (1 - u): a Gaussian grows into a plateau with steep sides.

    On [0, 2 pi] x [0, 1], $u_0 = \exp(-(x - \pi)^2 / (2 (\pi / 4)^2))$, so that $u = u_0 e^{\rho t} / (1 - u_0 + u_0
    e^{\rho t})$. Both ends have the same value, but not the same slope: the periodic solution has a kink there, 0.46 at
    t = 1 for rho = 5. Hence only values are compared.

    Source: A. Krishnapriyan et al., NeurIPS 2021 (rho = 5).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 20, "num_initial": 40}}
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    resolutions: ClassVar[tuple[int, ...]] = (8, 16, 24, 32, 48, 64)

    rho: float = 5.0  # rate of growth
    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 100  # points on the two ends, which are compared
    num_initial: int = 160  # points at the initial time

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If nothing grows, or the plateau fills the domain.
        """
        super().__post_init__()
        if not 0 < self.rho <= 7.5:
            raise ValueError(f"problem.rho must lie in (0, 7.5], or the plateau fills the domain; got {self.rho}")

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (0.0, 0.0), (2.0 * math.pi, 1.0), time=True)

    def smallest_scale(self) -> float:
        """Time of growth, or the width of the Gaussian."""
        return min(1.0 / self.rho, WIDTH)

    def half_width(self) -> float:
        """Distance from the middle at which u = 1/2 at t = 1."""
        return WIDTH * math.sqrt(2.0 * math.log1p(math.exp(self.rho)))

    def residual(self, field: Field) -> list[Any]:
        """Growth, limited by 1."""
        u = field("u")
        return [field("u", "t") - self.rho * u * (1.0 - u)]

    def _start(self, xp: Any, x: Any) -> Any:
        return xp.exp(-((x - math.pi) ** 2) / (2.0 * WIDTH**2))

    def conditions(self) -> list[Condition | Periodic]:
        """A Gaussian at the start; the values at both ends agree."""
        import numpy as np

        return [
            Condition("initial", "initial", lambda points: self._start(np, points[:, :1])),
            Periodic("periodic", "x", orders=(0,)),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        """u(x, 0) + t N."""
        particular = lambda points: self._start(points.xp, points["x"])  # noqa: E731
        return {"u": Ansatz(particular, lambda points: points["t"], ("initial",))}

    def reference(self) -> Reference:
        """Closed form: logistic growth at each point."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(points: np.ndarray) -> np.ndarray:
            grown = self._start(np, points[:, :1]) * np.exp(self.rho * points[:, 1:])
            return np.asarray(grown / (1.0 - self._start(np, points[:, :1]) + grown))

        return Reference(exact, ROUNDING, "closed form")

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Polynomials of degree `resolution` in space, eight times as many exponential Runge-Kutta steps."""
        import numpy as np

        from baselines.pinn_pde.solvers.fourier import ETDRK4, Trajectory, march
        from baselines.pinn_pde.solvers.lobatto import lobatto

        space, steps = lobatto(resolution, 0.0, 2.0 * math.pi), 8 * resolution
        step = ETDRK4(np.full(resolution + 1, self.rho), lambda u: -self.rho * u**2, 1.0 / steps)
        solution = Trajectory(space.interpolation, march(step, self._start(np, space.nodes), steps), 1.0)
        return Classical(lambda points: solution(points)[:, None], resolution + 1)

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """How far the solution leaves [0, 1], and the half width of the plateau at the end."""
        import numpy as np

        u = evaluation.prediction
        x = np.linspace(0.0, math.pi, 4001)
        line = evaluation.predict(np.stack([x, np.ones_like(x)], axis=1))[:, 0]
        return {
            "out_of_bounds": float(max(u.max() - 1.0, -u.min(), 0.0)),
            "half_width": _half_width(x, line),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Invariant interval, width of the plateau."""
        width = self.half_width()
        return [
            Claim(
                "pinn.reaction.bounds",
                "Reaction: the solution stays in [0, 1] within 0.001",
                0.0,
                None,
                1e-3,
                metrics["out_of_bounds"] if setting.trained else None,
                "0 and 1 are equilibria and 0 <= u(x, 0) <= 1; the tolerance has no derivation",
            ),
            Claim(
                "pinn.reaction.front",
                f"Reaction, rho = {self.rho:g}: at t = 1 the plateau has the half width {width:.4f} within 0.001",
                width,
                width - 1e-3,
                width + 1e-3,
                metrics["half_width"] if setting.trained else None,
                "u = 1/2 where u_0 = 1 / (1 + exp(rho)); the tolerance has no derivation",
            ),
        ]


def _half_width(x: np.ndarray, u: np.ndarray) -> float:
    """Distance from the last position to the first at which u passes 1/2; 0 if it never does."""
    import numpy as np

    above = np.flatnonzero(u >= 0.5)
    if len(above) == 0:
        return 0.0
    i = int(above[0])
    if i == 0:
        return float(x[-1] - x[0])
    share = (0.5 - u[i - 1]) / (u[i] - u[i - 1])
    return float(x[-1] - (x[i - 1] + share * (x[i] - x[i - 1])))
