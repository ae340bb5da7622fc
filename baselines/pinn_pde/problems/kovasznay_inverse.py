"""Recover the viscosity of a steady flow behind a grid from noisy velocities."""

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
    Unknown,
)

if TYPE_CHECKING:
    import numpy as np

    from baselines.pinn_pde.inverse_fit import ForwardMap
    from baselines.pinn_pde.references import Reference
    from baselines.pinn_pde.solvers.steady_flow import SteadyFlow

NU = 1.0 / 40.0
LOW, HIGH = (-0.5, -0.5), (1.0, 1.5)
LAMBDA = 0.5 / NU - math.sqrt(0.25 / NU**2 + 4.0 * math.pi**2)  # about -0.964


def velocity_pressure(points: np.ndarray) -> np.ndarray:
    """Kovasznay's u, v, p at points [N, 2], [N, 3]; p is zero at x = 0."""
    import numpy as np

    x, y = points[:, 0], 2.0 * np.pi * points[:, 1]
    wave = np.exp(LAMBDA * x)
    u, v = 1.0 - wave * np.cos(y), LAMBDA / (2.0 * np.pi) * wave * np.sin(y)
    return np.stack([u, v, 0.5 * (1.0 - wave**2)], axis=1)


@dataclass
class Problem(PDEProblem):
    """Inverse Kovasznay flow: find the viscosity nu from noisy values of the velocity.

    u u_x + v u_y = -p_x + nu Laplace u, the same for v, u_x + v_y = 0 on [-0.5, 1] x [-0.5, 1.5]; true nu = 1/40:
    u = 1 - e^(lx) cos 2 pi y, v = l e^(lx) sin(2 pi y) / (2 pi), p = (1 - e^(2lx)) / 2, l = 1/(2 nu) - sqrt(1/(4 nu^2)
    + 4 pi^2). L. I. G. Kovasznay, Math. Proc. Cambridge Philos. Soc. 44 (1948) 58.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 40}}
    outputs: ClassVar[tuple[str, ...]] = ("u", "v", "p")
    grid: ClassVar[tuple[int, ...]] = (76, 101)
    resolutions: ClassVar[tuple[int, ...]] = (9, 12, 15, 18, 21)

    num_domain: int = 1200  # collocation points inside the rectangle
    num_boundary: int = 200  # points on its edge
    noise: float = 0.05  # standard deviation of the noise over the root mean square of each velocity component
    num_observations: int = 100  # observed points, uniform; both components at each
    outliers: float = 0.0  # fraction of the observations replaced by gross errors
    known_edges: bool = True  # whether the velocity on the edge is known exactly

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the noise is impossible or the observations are too few.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        check_observation_keys(self.noise, self.num_observations, self.outliers)

    def domain(self) -> Box:
        """The plane behind the grid."""
        return Box(("x", "y"), LOW, HIGH)

    def residual(self, field: Field) -> list[Any]:
        """Momentum in both directions and mass."""
        u, v, nu = field("u"), field("v"), field.unknown("nu")
        return [
            u * field(w, "x") + v * field(w, "y") + field("p", axis) - nu * (field(w, "x", "x") + field(w, "y", "y"))
            for w, axis in (("u", "x"), ("v", "y"))
        ] + [field("u", "x") + field("v", "y")]

    def conditions(self) -> list[Any]:
        """Pressure at one corner, which is free otherwise, and velocities on the edge if they are known."""
        import numpy as np

        corner = np.array([LOW])
        found = [Condition("gauge", "points", lambda points: velocity_pressure(points)[:, 2:], "p", points=corner)]
        if self.known_edges:
            found += [
                Condition("boundary_u", "boundary", lambda points: velocity_pressure(points)[:, :1], "u"),
                Condition("boundary_v", "boundary", lambda points: velocity_pressure(points)[:, 1:2], "v"),
            ]
        return found

    def ansatz(self) -> dict[str, Ansatz]:
        """Edge values carried inside by transfinite interpolation, plus a network that vanishes on the edge."""
        if not self.known_edges:
            return {}

        def between(points: Any) -> Any:
            share = (points["x"] - LOW[0]) / (HIGH[0] - LOW[0])
            return (1.0 - share) * math.exp(LAMBDA * LOW[0]) + share * math.exp(LAMBDA * HIGH[0])

        def u(points: Any) -> Any:
            xp = points.xp
            return 1.0 + xp.exp(LAMBDA * points["x"]) - between(points) * (1.0 + xp.cos(2.0 * math.pi * points["y"]))

        def v(points: Any) -> Any:
            return LAMBDA / (2.0 * math.pi) * between(points) * points.xp.sin(2.0 * math.pi * points["y"])

        def factor(points: Any) -> Any:
            x, y = points["x"], points["y"]
            return (x - LOW[0]) * (HIGH[0] - x) * (y - LOW[1]) * (HIGH[1] - y)

        return {"u": Ansatz(u, factor, ("boundary_u",)), "v": Ansatz(v, factor, ("boundary_v",))}

    def unknowns(self) -> list[Unknown]:
        """The viscosity, started four times too large."""
        return [Unknown("nu", NU, 0.1, NU)]

    def observations(self, seed: int) -> list[Observations]:
        """Both velocity components at uniform points."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, ("u", "v"))

    def reference(self) -> Reference:
        """Closed form."""
        from baselines.pinn_pde.references import ROUNDING, Reference

        return Reference(velocity_pressure, ROUNDING, "closed form")

    def flow(self, resolution: int) -> SteadyFlow:
        """Stream-function solver with the known edges; two thirds as many polynomials across x as across y."""
        import numpy as np

        from baselines.pinn_pde.solvers.steady_flow import SteadyFlow

        def lift(points: np.ndarray) -> np.ndarray:
            """Psi on the edge carried inside: its factors e^(lx) and sin(2 pi y) / 2 pi by cubics, as a Boolean sum."""
            x, y = points.T
            wave, sine = np.exp(LAMBDA * x), np.sin(2.0 * np.pi * y) / (2.0 * np.pi)
            ends = [math.exp(LAMBDA * end) for end in (LOW[0], HIGH[0])]
            across = hermite(x, LOW[0], HIGH[0], ends, [LAMBDA * end for end in ends])
            along = hermite(y, LOW[1], HIGH[1], [0.0, 0.0], [-1.0, -1.0])
            return np.asarray(y - across * sine - wave * along + across * along)

        return SteadyFlow(LOW, HIGH, (2 * resolution // 3, resolution), lift)

    def model(self, observations: list[Observations], resolution: int = 18) -> ForwardMap:
        """The viscosity to standardised residuals and their derivatives."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import standardised

        flow, (data, sigma) = self.flow(resolution), standardised(observations)
        matrix = flow.interpolation(observations[0].points)

        def residuals(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            c, slope = flow.solve(float(theta[0]))
            values = np.concatenate([matrix @ w for w in flow.velocity(c)])
            change = np.concatenate([matrix @ (flow.phi_y @ slope), -matrix @ (flow.phi_x @ slope)])
            return (values - data) / sigma, (change / sigma)[:, None]

        return residuals

    def classical(self, resolution: int, observations: list[Observations]) -> Classical | None:
        """Least squares on the viscosity; the flow from Galerkin's method at each. Needs the edges."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import fit_unknowns, named, standard_errors

        if not self.known_edges:
            return None
        fit, flow = fit_unknowns(self, self.model(observations, resolution)), self.flow(resolution)
        nu = float(fit.values[0])
        c, _ = flow.solve(nu)
        gauge = 0.5 * (1.0 - math.exp(2.0 * LAMBDA * LOW[0]))
        fields = np.stack([*flow.velocity(c), flow.pressure(c, nu, gauge)], axis=1)

        def predict(points: np.ndarray) -> np.ndarray:
            blocks = np.array_split(points, 1 + len(points) // 2000)
            return np.concatenate([flow.interpolation(block) @ fields for block in blocks])

        return Classical(predict, flow.count + 1, named(self, fit.values), standard_errors(self, fit))

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Error of the viscosity in units of the Cramér-Rao bound and against the classical estimate; misfit."""
        from baselines.pinn_pde.inverse_fit import measure_parameters

        return measure_parameters(self, evaluation, self.model(evaluation.observations))

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Viscosity as good as the data allow, if the edges are known, which the bound assumes."""
        from baselines.pinn_pde.inverse_fit import parameter_claims

        known = Setting(setting.trained and self.known_edges, setting.dtype, setting.method)
        return parameter_claims(self, metrics, known, "Inverse Kovasznay flow")


def hermite(x: np.ndarray, low: float, high: float, values: list[float], slopes: list[float]) -> np.ndarray:
    """The cubic with given values and slopes at both ends, at x [N]."""
    length = high - low
    s = (x - low) / length
    return (
        values[0] * (1.0 + 2.0 * s) * (1.0 - s) ** 2
        + values[1] * s**2 * (3.0 - 2.0 * s)
        + length * (slopes[0] * s * (1.0 - s) ** 2 - slopes[1] * s**2 * (1.0 - s))
    )
