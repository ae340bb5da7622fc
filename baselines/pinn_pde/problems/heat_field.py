"""Recover a variable heat conductivity from noisy temperatures."""

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


def wave(x: Any, y: Any, xp: Any) -> Any:
    """The product sin(pi x) sin(pi y), of which both u and a are made."""
    return xp.sin(math.pi * x) * xp.sin(math.pi * y)


def source(x: Any, y: Any, t: Any, xp: Any) -> Any:
    """u_t - div(a grad u) for the true a and u, by the product rule."""
    s, pi = wave(x, y, xp), math.pi
    cx, cy, sx, sy = xp.cos(pi * x), xp.cos(pi * y), xp.sin(pi * x), xp.sin(pi * y)
    steep = pi**2 * ((cx * sy) ** 2 + (sx * cy) ** 2)
    return xp.exp(-t) * ((4.0 * pi**2 - 1.0) * s + 2.0 * pi**2 * s**2 - steep)


@dataclass
class Problem(PDEProblem):
    """Inverse heat conduction with a field: find a(x, y) in u_t - div(a grad u) = f from noisy values of u.

    On [-1, 1]^2 x [0, 1], u = exp(-t) sin(pi x) sin(pi y), a = 2 + sin(pi x) sin(pi y), f to match; u is known at the
    start and on the edge, a on the edge. A network's a has time as an input; that a does not change is an equation of
    its own, a_t = 0. Setting of PINNacle's HInv (Z. Hao et al., NeurIPS 2024), where u is known at the data alone.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 40, "num_initial": 40, "num_observations": 200}
    }
    outputs: ClassVar[tuple[str, ...]] = ("u", "a")
    judged: ClassVar[tuple[str, ...]] = ("a",)
    grid: ClassVar[tuple[int, ...]] = (51, 51, 6)
    resolutions: ClassVar[tuple[int, ...]] = (4, 6, 8, 10, 12)

    num_domain: int = 1500  # collocation points inside the domain
    num_boundary: int = 200  # points on the four walls
    num_initial: int = 100  # points at the initial time
    noise: float = 0.304  # standard deviation of the noise over the root mean square of u; 0.304 makes it about 0.1
    num_observations: int = 2500  # observed points, uniform in space and time
    outliers: float = 0.0  # fraction of the observations replaced by gross errors
    smoothness: float = 0.03  # prior precision of the second derivatives of a, near the maximum of the evidence
    known_edges: bool = True  # whether u is known at the start and on the edge, besides a on the edge

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the noise is impossible or the observations are too few.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        check_observation_keys(self.noise, self.num_observations, self.outliers)
        if self.smoothness < 0:
            raise ValueError(f"problem.smoothness must be at least 0; got {self.smoothness}")

    def domain(self) -> Box:
        """A square and time."""
        return Box(("x", "y", "t"), (-1.0, -1.0, 0.0), (1.0, 1.0, 1.0), time=True)

    def residual(self, field: Field) -> list[Any]:
        """Heat balance, and a coefficient at rest."""
        u_x, u_y = field("u", "x"), field("u", "y")
        bent = field("u", "x", "x") + field("u", "y", "y")
        flux = field("a", "x") * u_x + field("a", "y") * u_y + field("a") * bent
        balance = field("u", "t") - flux - source(field["x"], field["y"], field["t"], field.xp)
        return [balance, field("a", "t")]

    def conditions(self) -> list[Any]:
        """The coefficient on the edge; temperature at the start and on the edge if the edges are known."""
        import numpy as np

        found = [Condition("boundary_a", "boundary", lambda points: np.full((len(points), 1), 2.0), "a")]
        if self.known_edges:
            found += [
                Condition("initial", "initial", lambda points: wave(points[:, :1], points[:, 1:2], np)),
                Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1))),
            ]
        from baselines.pinn_pde.inverse import bend_penalty

        return found + bend_penalty(-1.0, 1.0, self.smoothness, self.observations(0)[0], 3)

    def ansatz(self) -> dict[str, Ansatz]:
        """A = 2 + (1 - x^2) (1 - y^2) N; u = sin(pi x) sin(pi y) + t (1 - x^2) (1 - y^2) N."""

        def bubble(points: Any) -> Any:
            return (1.0 - points["x"] ** 2) * (1.0 - points["y"] ** 2)

        found = {"a": Ansatz(lambda points: 2.0 + 0.0 * points["x"], bubble, ("boundary_a",))}
        if self.known_edges:
            found["u"] = Ansatz(
                lambda points: wave(points["x"], points["y"], points.xp),
                lambda points: points["t"] * bubble(points),
                ("initial", "boundary"),
            )
        return found

    def observations(self, seed: int) -> list[Observations]:
        """Uniform points in space and time."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, ("u",), weight=0.1)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def values(points: np.ndarray) -> np.ndarray:
            x, y, t = points.T
            return np.stack([np.exp(-t) * wave(x, y, np), 2.0 + wave(x, y, np)], axis=1)

        return Reference(values, ROUNDING, "closed form")

    def classical(self, resolution: int, observations: list[Observations]) -> Classical | None:
        """Gauss-Newton for polynomials of that degree with a penalty on their bend; needs the edges."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import fit_coefficient
        from baselines.pinn_pde.solvers.coefficient import Coefficient, UnsteadyDiffusion

        if not self.known_edges:
            return None
        space = Coefficient(-1.0, 1.0, resolution, lambda points: np.full(len(points), 2.0))
        forward = UnsteadyDiffusion(
            space,
            14,
            10,
            1.0,
            lambda points: np.asarray(source(points[:, 0], points[:, 1], points[:, 2], np)),
            lambda points: np.asarray(wave(points[:, 0], points[:, 1], np)),
        )
        fit = fit_coefficient(self, forward.observed(observations[0].points), space.roughness(), observations)
        u, _ = forward.solve(fit.values)

        def predict(points: np.ndarray) -> np.ndarray:
            at_times = (forward.weak.interpolation(points[:, :2]) @ u) * forward.time.interpolation(points[:, 2])
            return np.stack([at_times.sum(axis=1), space.values(fit.values, points[:, :2])], axis=1)

        return Classical(predict, space.count)

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The coefficient."""
        return values[:, 1]

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Data scores; error of u; error of a = 2, the edge value, everywhere; change of a in time."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import data_scores
        from baselines.pinn_pde.metrics import relative_l2

        start, end = evaluation.points.copy(), evaluation.points.copy()
        start[:, 2], end[:, 2] = 0.0, 1.0
        first, last = (evaluation.predict(points)[:, 1] for points in (start, end))
        edge_only = np.full((len(first), 1), 2.0)
        return data_scores(self, evaluation) | {
            "u_l2": relative_l2(evaluation.prediction[:, :1], evaluation.reference[:, :1]),
            "edge_only_l2": relative_l2(edge_only, evaluation.reference[:, 1:]),
            "drift_of_a": relative_l2(last, first),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """The data teach more than the edge; the noise is not learned; the coefficient is at rest."""
        from baselines.pinn_pde.inverse_fit import ACCURATE, field_claims

        asked = setting.trained and setting.method in ACCURATE
        return [
            *field_claims(self, metrics, setting, "Inverse heat field"),
            Claim(
                "pinn.heat_field.at_rest",
                "Inverse heat field: the coefficient at t = 1 equals that at t = 0 within 1 % (relative L2 difference)",
                0.0,
                None,
                0.01,
                metrics["drift_of_a"] if asked else None,
                "second equation, a_t = 0",
            ),
        ]
