"""Recover the advection coefficient and the viscosity of Burgers' equation."""

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

NU = 0.01 / math.pi


@dataclass
class Problem(PDEProblem):
    """Inverse Burgers: find lambda1 and nu in u_t + lambda1 u u_x = nu u_xx from values of u.

    On [-1, 1] x [0, 1] from -sin(pi x), zero on the walls, both known; true lambda1 = 1, nu = 0.01/pi. The solution for
    any parameters is Cole-Hopf's in scaled time, u(x, t; lambda1, nu) = w(x, lambda1 t; nu / lambda1). M. Raissi,
    P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686, section 4.2, without the known edges.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 250, "num_boundary": 20, "num_initial": 40, "num_observations": 200}
    }
    grid: ClassVar[tuple[int, ...]] = (256, 101)
    resolutions: ClassVar[tuple[int, ...]] = (0, 1, 2)

    num_domain: int = 2500  # collocation points inside the domain
    num_boundary: int = 80  # points on the two walls
    num_initial: int = 160  # points at the initial time
    noise: float = 0.01  # standard deviation of the noise over the root mean square of the clean values
    num_observations: int = 2000  # observed points, uniform in space and time
    outliers: float = 0.0  # fraction of the observations replaced by gross errors
    known_edges: bool = True  # whether initial and boundary values are known besides the observations

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the noise is impossible or the observations are too few.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        check_observation_keys(self.noise, self.num_observations, self.outliers)

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (-1.0, 0.0), (1.0, 1.0), time=True)

    def smallest_scale(self) -> float:
        """Thickness of the front, as in the forward problem."""
        return 4.0 * NU

    def residual(self, field: Field) -> list[Any]:
        """Momentum balance with unknown coefficients."""
        advection = field.unknown("lambda1") * field("u") * field("u", "x")
        return [field("u", "t") + advection - field.unknown("nu") * field("u", "x", "x")]

    def conditions(self) -> list[Any]:
        """Sine wave at the start, walls at rest; nothing if the edges are not known."""
        import numpy as np

        if not self.known_edges:
            return []
        return [
            Condition("initial", "initial", lambda points: -np.sin(np.pi * points[:, :1])),
            Condition("boundary", "boundary", lambda points: np.zeros((len(points), 1))),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        """-sin(pi x) + t (1 - x^2) N, if the edges are known."""
        if not self.known_edges:
            return {}
        return {
            "u": Ansatz(
                lambda points: -points.xp.sin(math.pi * points["x"]),
                lambda points: points["t"] * (1.0 - points["x"] ** 2),
                ("initial", "boundary"),
            )
        }

    def unknowns(self) -> list[Unknown]:
        """Advection coefficient and viscosity, the latter started ten times too large."""
        return [Unknown("lambda1", 1.0, 0.5), Unknown("nu", NU, 10.0 * NU, NU)]

    def observations(self, seed: int) -> list[Observations]:
        """Uniform points."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, self.outputs)

    def solution(self, points: np.ndarray, lambda1: float, nu: float, refine: int = 1) -> np.ndarray:
        """Exact solution for any parameters, [N, 1]."""
        from baselines.pinn_pde.references import cole_hopf

        return cole_hopf(points * [1.0, lambda1], nu / lambda1, refine)

    def reference(self) -> Reference:
        """Cole-Hopf, with the error bar that halving the quadrature step shows."""
        from baselines.pinn_pde.references import Reference, cole_hopf_error

        error = cole_hopf_error(self.domain().grid((65, 11)), NU)
        return Reference(lambda points: self.solution(points, 1.0, NU), error, "Cole-Hopf by quadrature")

    def model(self, observations: list[Observations], refine: int = 1) -> ForwardMap:
        """Parameters to standardised residuals and their derivatives, by central differences of the exact solution."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import standardised
        from baselines.pinn_pde.solvers.gauss_newton import difference_jacobian

        points, (data, sigma) = observations[0].points, standardised(observations)

        def values(batch: np.ndarray) -> np.ndarray:
            return np.array([self.solution(points, lambda1, nu, refine)[:, 0] for lambda1, nu in batch])

        def residuals(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found, slopes = difference_jacobian(values, theta, theta)
            return (found - data) / sigma, slopes / sigma[:, None]

        return residuals

    def classical(self, resolution: int, observations: list[Observations]) -> Classical | None:
        """Least squares on both parameters with the exact solution; the quadrature's step is halved that often."""
        from baselines.pinn_pde.inverse_fit import fit_unknowns, named, standard_errors

        if not self.known_edges:
            return None
        refine = 2**resolution
        fit = fit_unknowns(self, self.model(observations, refine))
        lambda1, nu = fit.values
        return Classical(
            lambda points: self.solution(points, lambda1, nu, refine),
            2,
            named(self, fit.values),
            standard_errors(self, fit),
        )

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Errors of both parameters in units of the Cramér-Rao bound and against least squares; misfit of the data."""
        from baselines.pinn_pde.inverse_fit import measure_parameters

        return measure_parameters(self, evaluation, self.model(evaluation.observations))

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Parameters as good as the data allow, if the edges are known, which the bound assumes."""
        from baselines.pinn_pde.inverse_fit import parameter_claims

        known = Setting(setting.trained and self.known_edges, setting.dtype, setting.method)
        return parameter_claims(self, metrics, known, "Inverse Burgers")
