"""Recover a diffusivity from noisy values of the solution."""

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

    from baselines.pinn_pde.inverse import Estimate
    from baselines.pinn_pde.references import Reference


@dataclass
class Problem(PDEProblem):
    """Inverse Poisson: find a in -a Laplace u = f from noisy values of u.

    On the unit square, u = 0 on the boundary, f = 2 pi^2 sin(pi x) sin(pi y), so that u = sin(pi x) sin(pi y) / a: the
    data are linear in 1 / a, least squares gives the best estimate in closed form, and the network is judged by it.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 200, "num_boundary": 40}}
    grid: ClassVar[tuple[int, ...]] = (101, 101)
    resolutions: ClassVar[tuple[int, ...]] = (1,)

    diffusivity: float = 2.0  # the true value, which produced the data
    initial_guess: float = 1.0  # where the recovery starts
    noise: float = 0.2  # standard deviation of the noise over the root mean square of the clean values
    num_observations: int = 100  # observed points, uniform in the square
    outliers: float = 0.0  # fraction of the observations replaced by gross errors
    boundary_weight: float = 100.0  # weight of the exact boundary values against the noisy data; 1 lets noise leak in
    num_domain: int = 900  # collocation points inside the square
    num_boundary: int = 120  # points on its boundary

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the data could not determine a positive diffusivity.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        for key in ("diffusivity", "initial_guess", "boundary_weight"):
            if getattr(self, key) <= 0:
                raise ValueError(f"problem.{key} must be positive; got {getattr(self, key)}")
        check_observation_keys(self.noise, self.num_observations, self.outliers)
        if self.noise > 0.4 * math.sqrt(self.num_observations):
            raise ValueError(
                f"problem.noise = {self.noise} drowns {self.num_observations} observations; use less noise or more "
                "observations"
            )

    def domain(self) -> Box:
        """The unit square."""
        return Box(("x", "y"), (0.0, 0.0), (1.0, 1.0))

    def unit_solution(self, points: np.ndarray) -> np.ndarray:
        """Solution for a = 1, [N, 1]."""
        import numpy as np

        return np.sin(np.pi * points[:, :1]) * np.sin(np.pi * points[:, 1:])

    def residual(self, field: Field) -> list[Any]:
        """Balance of diffusion and source, the diffusivity unknown."""
        source = 2.0 * math.pi**2 * field.xp.sin(math.pi * field["x"]) * field.xp.sin(math.pi * field["y"])
        return [-field.unknown("a") * (field("u", "x", "x") + field("u", "y", "y")) - source]

    def conditions(self) -> list[Any]:
        """Zero on all four sides, known without noise."""
        import numpy as np

        zero = lambda points: np.zeros((len(points), 1))  # noqa: E731
        return [Condition("boundary", "boundary", zero, weight=self.boundary_weight)]

    def ansatz(self) -> dict[str, Ansatz]:
        """16 x (1 - x) y (1 - y) N."""

        def factor(points: Any) -> Any:
            x, y = points["x"], points["y"]
            return 16.0 * x * (1.0 - x) * y * (1.0 - y)

        return {"u": Ansatz(lambda points: 0.0 * points["x"], factor, ("boundary",))}

    def unknowns(self) -> list[Unknown]:
        """The diffusivity."""
        return [Unknown("a", self.diffusivity, self.initial_guess)]

    def observations(self, seed: int) -> list[Observations]:
        """Uniform points."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, self.outputs)

    def reference(self) -> Reference:
        """Closed form for the true diffusivity."""
        from baselines.pinn_pde.references import ROUNDING, Reference

        return Reference(lambda points: self.unit_solution(points) / self.diffusivity, ROUNDING, "closed form")

    def estimate(self, data: Observations) -> Estimate:
        """Least squares in closed form; the solution is linear in 1 / a. Huber's loss if gross errors are announced."""
        from baselines.pinn_pde.inverse import Estimate, diffusivity_least_squares
        from baselines.pinn_pde.inverse_fit import fit_unknowns, standard_errors

        g = self.unit_solution(data.points)
        if not self.outliers:
            return diffusivity_least_squares(g, data.values, data.noise)
        sigma = data.noise if data.noise > 0 else 1e-12

        def residuals(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return (g / a - data.values)[:, 0] / sigma, -g / a**2 / sigma

        fit = fit_unknowns(self, residuals)
        return Estimate(float(fit.values[0]), standard_errors(self, fit).get("a", 0.0))

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Least squares; there is nothing to resolve."""
        found = self.estimate(observations[0])
        errors = {"a": found.standard_error} if self.noise > 0 else {}
        return Classical(lambda points: self.unit_solution(points) / found.value, 1, {"a": found.value}, errors)

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Both estimates and their distance in standard errors."""
        from baselines.pinn_pde.inverse import diffusivity_cramer_rao
        from baselines.pinn_pde.inverse_fit import data_scores

        (data,) = evaluation.observations
        classical = self.estimate(data)
        bound = diffusivity_cramer_rao(self.unit_solution(data.points), self.diffusivity, data.noise)
        a = evaluation.unknowns["a"]
        found = {
            "diffusivity": a,
            "diffusivity_error": abs(a / self.diffusivity - 1.0),
            "least_squares": classical.value,
            "least_squares_error": abs(classical.value / self.diffusivity - 1.0),
            "standard_error": bound,
        }
        if data.noise > 0:
            found["off_truth"] = abs(a - self.diffusivity) / bound
            found["off_least_squares"] = abs(a - classical.value) / bound
        return found | data_scores(self, evaluation)

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """The estimate is as good as the data allow."""
        noisy = setting.trained and self.noise > 0 and self.outliers == 0
        scatter = 3.0 * math.sqrt(2.0 / self.num_observations)  # of a mean of squared normal numbers
        return [
            Claim(
                "pinn.poisson_inverse.truth",
                f"Inverse Poisson: the diffusivity from {self.num_observations} values with {100 * self.noise:g} % "
                f"noise is within three standard errors of the true {self.diffusivity:g} (distance in standard errors)",
                0.0,
                None,
                3.0,
                metrics["off_truth"] if noisy else None,
                "Cramér-Rao: se(a) = a^2 sigma / sqrt(sum g_i^2); a Gaussian leaves three of them once in 370",
            ),
            Claim(
                "pinn.poisson_inverse.efficiency",
                "Inverse Poisson: the network's estimate is within a quarter of a standard error of least squares on "
                "the same data",
                0.0,
                None,
                0.25,
                metrics["off_least_squares"] if noisy and self.boundary_weight >= 100 else None,
                "least squares attains the bound; an extra quarter would add 1/16 to its variance",
            ),
            Claim(
                "pinn.poisson_inverse.noise",
                "Inverse Poisson: the network passes the data at the distance of the noise, mean square misfit over "
                "variance = 1 within three standard deviations: the noise itself is not learned",
                1.0,
                1.0 - scatter,
                1.0 + scatter,
                metrics["misfit_over_variance"] if noisy else None,
                "chi-squared statistic with as many degrees of freedom as observations",
            ),
        ]
