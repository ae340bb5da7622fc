"""Recover the three parameters of the Lorenz system."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
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
    from baselines.pinn_pde.solvers.initial_value import Trajectories

SIZE = 10.0  # typical size of x, y and z
RATE = 100.0  # typical rate of change
TRUE = (10.0, 15.0, 8.0 / 3.0)
SCALE = (10.0, 10.0, 1.0)


@dataclass
class Problem(PDEProblem):
    """Inverse Lorenz: find sigma, rho and beta from values of x, y and z.

    x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z on [0, 3] from (-8, 7, 27); true 10, 15, 8/3, where the
    motion spirals into a fixed point. Residuals are divided by the typical rate 100. Reference: DOP853. The setting
    is that of DeepXDE's example `examples/pinn_inverse/Lorenz_inverse.py`. E. N. Lorenz, J. Atmos. Sci. 20 (1963) 130.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 60}}
    outputs: ClassVar[tuple[str, ...]] = ("x", "y", "z")
    grid: ClassVar[tuple[int, ...]] = (601,)
    resolutions: ClassVar[tuple[int, ...]] = (4, 6, 8, 10, 12)

    num_domain: int = 400  # collocation times
    num_boundary: int = 2  # ends of the time interval; DeepXDE finds the initial state among them
    num_initial: int = 1  # the initial state
    noise: float = 0.01  # standard deviation of the noise over the root mean square of each component
    num_observations: int = 25  # observed times, uniform; all three components at each
    outliers: float = 0.0  # fraction of the observations replaced by gross errors

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the noise is impossible or the observations are too few.
        """
        from baselines.pinn_pde.inverse import check_observation_keys

        super().__post_init__()
        check_observation_keys(self.noise, self.num_observations, self.outliers)

    def domain(self) -> Box:
        """Time alone."""
        return Box(("t",), (0.0,), (3.0,), time=True)

    def residual(self, field: Field) -> list[Any]:
        """The three equations over the typical rate."""
        x, y, z = field("x"), field("y"), field("z")
        sigma, rho, beta = field.unknown("sigma"), field.unknown("rho"), field.unknown("beta")
        return [
            (field("x", "t") - sigma * (y - x)) / RATE,
            (field("y", "t") - (x * (rho - z) - y)) / RATE,
            (field("z", "t") - (x * y - beta * z)) / RATE,
        ]

    def conditions(self) -> list[Any]:
        """The initial state, known."""
        import numpy as np

        def at(value: float) -> Any:
            return lambda points: np.full((len(points), 1), value)

        pairs = zip(self.outputs, (-8.0, 7.0, 27.0), strict=True)
        return [Condition(f"initial_{output}", "initial", at(value), output) for output, value in pairs]

    def ansatz(self) -> dict[str, Ansatz]:
        """Initial state plus time times the network, in typical sizes."""

        def constant(value: float) -> Any:
            return lambda points: value + 0.0 * points["t"]

        return {
            name: Ansatz(constant(value), lambda points: SIZE * points["t"], (f"initial_{name}",))
            for name, value in zip(self.outputs, (-8.0, 7.0, 27.0), strict=True)
        }

    def unknowns(self) -> list[Unknown]:
        """Prandtl number, Rayleigh number over its critical value, aspect ratio; all started at 1."""
        names = ("sigma", "rho", "beta")
        return [Unknown(name, true, 1.0, scale) for name, true, scale in zip(names, TRUE, SCALE, strict=True)]

    def observations(self, seed: int) -> list[Observations]:
        """All three components at uniform times."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, self.outputs, weight=SIZE**-2)

    def states(self, parameters: np.ndarray, times: np.ndarray, rtol: float) -> np.ndarray:
        """States for a batch of parameters [B, 3] at times [T], [B, 3, T]."""
        return trajectories(parameters, rtol)(times)

    def reference(self) -> Reference:
        """DOP853; the bar is the change from a ten times larger tolerance, which is an upper estimate."""
        from baselines.pinn_pde.references import Reference

        return Reference(lambda points: true_trajectory()[0](points[:, 0])[0].T, true_trajectory()[1], "DOP853")

    def model(self, observations: list[Observations], rtol: float = 1e-10) -> ForwardMap:
        """Parameters to standardised residuals and their derivatives, trajectories to a relative tolerance."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import standardised
        from baselines.pinn_pde.solvers.gauss_newton import difference_jacobian

        times, (data, sigma) = observations[0].points[:, 0], standardised(observations)

        def values(batch: np.ndarray) -> np.ndarray:
            batch = np.clip(batch, 0.01 * np.array(SCALE), 10.0 * np.array(SCALE))  # else too fast to follow
            return self.states(batch, times, rtol).reshape(len(batch), -1)

        def residuals(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found, slopes = difference_jacobian(values, theta, theta)
            return (found - data) / sigma, slopes / sigma[:, None]

        return residuals

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Shooting from three starts, because its loss has local minima; trajectories to a tolerance 10^-resolution."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import fit_unknowns, named, standard_errors

        rtol = 10.0**-resolution
        starts = np.outer([1.0, 3.0, 10.0], [unknown.initial for unknown in self.unknowns()])
        fit = fit_unknowns(self, self.model(observations, rtol), starts)
        return Classical(
            lambda points: self.states(fit.values[None], points[:, 0], rtol)[0].T,
            len(SCALE),
            named(self, fit.values),
            standard_errors(self, fit),
        )

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Errors of the parameters in units of the Cramér-Rao bound and against shooting; misfit of the data."""
        from baselines.pinn_pde.inverse_fit import measure_parameters

        return measure_parameters(self, evaluation, self.model(evaluation.observations))

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Parameters as good as the data allow; the reference's own bar."""
        from baselines.pinn_pde.inverse_fit import parameter_claims

        return [
            *parameter_claims(self, metrics, setting, "Inverse Lorenz"),
            Claim(
                "pinn.lorenz.reference",
                "Lorenz: a ten times larger tolerance changes the reference by less than 1e-10",
                0.0,
                None,
                1e-10,
                metrics["reference_error"],
                "order 8 at a tolerance of 1e-12; the motion on [0, 3] is not chaotic",
            ),
        ]


def trajectories(parameters: np.ndarray, rtol: float) -> Trajectories:
    """Solutions for a batch of parameters [B, 3]."""
    import numpy as np

    from baselines.pinn_pde.solvers.initial_value import Trajectories

    def slope(s: np.ndarray, p: np.ndarray) -> np.ndarray:
        x, y, z = s.T
        return np.stack([p[:, 0] * (y - x), x * (p[:, 1] - z) - y, x * y - p[:, 2] * z], axis=1)

    return Trajectories(slope, np.array([-8.0, 7.0, 27.0]), parameters, 0.0, 3.0, rtol, 10.0 * rtol)


@cache
def true_trajectory() -> tuple[Trajectories, float]:
    """The motion that produced the data, and its bar; kept, because it is asked for often."""
    import numpy as np

    from baselines.pinn_pde.references import ROUNDING

    true, sample = np.array([TRUE]), np.linspace(0.0, 3.0, 301)
    path = trajectories(true, 1e-12)
    fine, coarse = path(sample), trajectories(true, 1e-11)(sample)
    return path, float(np.linalg.norm(fine - coarse) / np.linalg.norm(fine)) + ROUNDING
