"""Recover diffusivity and reaction rate of two reacting species."""

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
    from baselines.pinn_pde.solvers.reaction import ReactionDiffusion

D, KF = 2e-3, 0.1
END = 10.0
DEGREE, RTOL = 56, 1e-11  # of the reference
ERROR = 3e-10  # its bar; a test compares degree 64 with 56 and finds 1.2e-10


@dataclass
class Problem(PDEProblem):
    """Inverse reaction-diffusion A + 2 B -> C: find D and kf from values of Ca and Cb.

    Ca_t = D Ca_xx - kf Ca Cb^2, Cb_t = D Cb_xx - 2 kf Ca Cb^2 on [0, 1] x [0, 10]; both start as exp(-20 x) and are
    held at 1 - x on the walls; true D = 2e-3, kf = 0.1. Reference: spectral in x, DOP853 in t. L. Lu, X. Meng, Z. Mao,
    G. E. Karniadakis, SIAM Review 63 (2021) 208, section 4.3.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"num_domain": 200, "num_boundary": 20, "num_initial": 20, "num_observations": 50}
    }
    outputs: ClassVar[tuple[str, ...]] = ("Ca", "Cb")
    grid: ClassVar[tuple[int, ...]] = (201, 101)
    resolutions: ClassVar[tuple[int, ...]] = (8, 12, 16, 24, 32)

    num_domain: int = 2000  # collocation points inside the domain
    num_boundary: int = 100  # points on the two walls
    num_initial: int = 100  # points at the initial time
    noise: float = 0.01  # standard deviation of the noise over the root mean square of each concentration
    num_observations: int = 500  # observed points, uniform in space and time; both concentrations at each
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
        """Space and time."""
        return Box(("x", "t"), (0.0, 0.0), (1.0, END), time=True)

    def smallest_scale(self) -> float:
        """Decay length of the initial values."""
        return 1.0 / 20.0

    def residual(self, field: Field) -> list[Any]:
        """Both balances times the duration, so that their terms are of order one."""
        diffusivity, rate = field.unknown("D"), field.unknown("kf")
        reaction = rate * field("Ca") * field("Cb") ** 2
        return [
            END * (field("Ca", "t") - diffusivity * field("Ca", "x", "x") + reaction),
            END * (field("Cb", "t") - diffusivity * field("Cb", "x", "x") + 2.0 * reaction),
        ]

    def conditions(self) -> list[Any]:
        """Initial and wall values of both, known."""
        import numpy as np

        found: list[Any] = []
        for name in self.outputs:
            found += [
                Condition(f"initial_{name}", "initial", lambda points: np.exp(-20.0 * points[:, :1]), name),
                Condition(f"boundary_{name}", "boundary", lambda points: 1.0 - points[:, :1], name),
            ]
        return found

    def ansatz(self) -> dict[str, Ansatz]:
        """exp(-20 x) less its value e^-20 at the right wall, which is 2e-9, plus a factor times the network.

        The initial values do not obey the equation at x = 0, so that the solution there is a function of x / sqrt(t).
        The factor t (1 - x) x / (x + sqrt(4e-3 t)) has that form too; with x (1 - x) t the network would
        have to be as large as 1 / sqrt(t).
        """

        def particular(points: Any) -> Any:
            return points.xp.exp(-20.0 * points["x"]) - 2.061153622438558e-09 * points["x"]

        def factor(points: Any) -> Any:
            x, t = points["x"], points["t"]
            return (1.0 - x) * t / END * x / (x + points.xp.sqrt(4e-3 * t + 1e-12))

        return {name: Ansatz(particular, factor, (f"initial_{name}", f"boundary_{name}")) for name in self.outputs}

    def unknowns(self) -> list[Unknown]:
        """Diffusivity and reaction rate, started at half their values."""
        return [Unknown("D", D, 1e-3, D), Unknown("kf", KF, 0.05, KF)]

    def observations(self, seed: int) -> list[Observations]:
        """Both concentrations at uniform points."""
        from baselines.pinn_pde.inverse import observe

        return observe(self, seed, self.outputs)

    def reference(self) -> Reference:
        """Lobatto collocation; its bar is the change on doubling the degree, measured in a test."""
        from baselines.pinn_pde.references import Reference

        return Reference(lambda points: true_solution()(points)[0].T, ERROR, "Lobatto collocation and DOP853")

    def model(self, observations: list[Observations], degree: int = 24) -> ForwardMap:
        """Parameters to standardised residuals and their derivatives, by collocation of that degree."""
        from baselines.pinn_pde.inverse_fit import standardised
        from baselines.pinn_pde.solvers.gauss_newton import difference_jacobian
        from baselines.pinn_pde.solvers.reaction import ReactionDiffusion

        points, (data, sigma) = observations[0].points, standardised(observations)

        def values(batch: np.ndarray) -> np.ndarray:
            return ReactionDiffusion(batch, degree, END)(points).reshape(len(batch), -1)

        def residuals(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found, slopes = difference_jacobian(values, theta, theta, 1e-3)
            return (found - data) / sigma, slopes / sigma[:, None]

        return residuals

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Least squares on both parameters with collocation of degree `resolution`."""
        from baselines.pinn_pde.inverse_fit import fit_unknowns, named, standard_errors
        from baselines.pinn_pde.solvers.reaction import ReactionDiffusion

        fit = fit_unknowns(self, self.model(observations, resolution))
        solution = ReactionDiffusion(fit.values[None], resolution, END)
        return Classical(
            lambda points: solution(points)[0].T,
            2 * (resolution - 1) + 2,
            named(self, fit.values),
            standard_errors(self, fit),
        )

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Parameter and data scores; departure of 2 Ca - Cb, in which the reaction cancels, from pure diffusion."""
        import numpy as np

        from baselines.pinn_pde.inverse_fit import measure_parameters
        from baselines.pinn_pde.metrics import relative_l2
        from baselines.pinn_pde.solvers.reaction import conserved

        points = self.domain().grid((51, 11))[11:-11]
        points = points[points[:, 1] > 0]
        found = evaluation.predict(points) @ np.array([[2.0], [-1.0]])
        exact = conserved(points, D)[:, None]
        return measure_parameters(self, evaluation, self.model(evaluation.observations)) | {
            "conserved_error": relative_l2(found, exact)
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Parameters as good as the data allow; the reaction takes two B for one A."""
        from baselines.pinn_pde.inverse_fit import ACCURATE, parameter_claims

        exact = setting.trained and setting.method in ACCURATE and self.noise == 0
        return [
            *parameter_claims(self, metrics, setting, "Inverse reaction-diffusion"),
            Claim(
                "pinn.reaction_diffusion.conserved",
                "Reaction-diffusion: 2 Ca - Cb does not react; it follows the heat equation's Fourier series to 1e-3 "
                "(relative L2 error)",
                0.0,
                None,
                1e-3,
                metrics["conserved_error"] if exact else None,
                "A + 2 B -> C: the reaction terms cancel in 2 Ca - Cb; sine series in closed form",
            ),
        ]


@cache
def true_solution() -> ReactionDiffusion:
    """The solution that produced the data; kept, because it takes half a second."""
    import numpy as np

    from baselines.pinn_pde.solvers.reaction import ReactionDiffusion

    return ReactionDiffusion(np.array([[D, KF]]), DEGREE, END, RTOL)
