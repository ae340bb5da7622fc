"""Allen-Cahn equation with thin interfaces."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.claims import Claim
from baselines.pinn_pde.problem import (
    Ansatz,
    Array,
    Box,
    Classical,
    Condition,
    Coordinates,
    Evaluation,
    Field,
    Function,
    Observations,
    PDEProblem,
    Periodic,
    Setting,
)

if TYPE_CHECKING:
    from baselines.pinn_pde.references import Reference
    from baselines.pinn_pde.solvers.fourier import Trajectory

MODES, STEPS = 4096, 400  # of the reference
NEAR = 0.15  # how far from the ends their kink is taken out of the start; layers are sqrt(4 eps t) <= 0.02 thick
TINY = 1e-6  # keeps derivatives of the ansatz finite at the tip of the kink, in single precision too


@dataclass
class Problem(PDEProblem):
    r"""Allen-Cahn u_t = eps u_xx + 5 (u - u^3): a smooth start separates into phases with thin interfaces.

    On [-1, 1] x [0, 1], periodic, $u(x, 0) = x^2 \cos \pi x$, eps = 1e-4. An interface at rest is $\tanh(x \sqrt{5 / (2
    \epsilon)})$. The initial values have slopes -2 and 2 at the two ends: as a periodic function they have a kink
    there, which diffusion rounds off, and which limits Fourier solutions with few modes, those in public files among
    them.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019), section 3.2.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 250, "num_boundary": 20, "num_initial": 40}}
    grid: ClassVar[tuple[int, ...]] = (401, 101)
    resolutions: ClassVar[tuple[int, ...]] = (128, 256, 512, 1024, 2048)

    diffusivity: float = 1e-4  # eps; interfaces are sqrt(2 eps / 5) thick
    num_domain: int = 4000  # collocation points inside the domain
    num_boundary: int = 100  # points on the two ends, which are compared
    num_initial: int = 200  # points at the initial time

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the reference could not resolve the interfaces, or there are none.
        """
        super().__post_init__()
        if not 2e-5 <= self.diffusivity <= 1e-2:
            raise ValueError(f"problem.diffusivity must lie in [2e-5, 1e-2]; got {self.diffusivity}")

    def domain(self) -> Box:
        """Space and time."""
        return Box(("x", "t"), (-1.0, 0.0), (1.0, 1.0), time=True)

    def smallest_scale(self) -> float:
        """Thickness of an interface between the values 1 and -1."""
        return 2.0 * math.sqrt(2.0 * self.diffusivity / 5.0)

    def residual(self, field: Field) -> list[Any]:
        """Diffusion and separation."""
        u = field("u")
        return [field("u", "t") - self.diffusivity * field("u", "x", "x") - 5.0 * (u - u**3)]

    def conditions(self) -> list[Condition | Periodic]:
        """x^2 cos(pi x) at the start; both ends agree."""
        import numpy as np

        return [
            Condition("initial", "initial", lambda points: points[:, :1] ** 2 * np.cos(np.pi * points[:, :1])),
            Periodic("periodic", "x"),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        r"""$u_0 + 2 (e^{-10 t} k - s) + t N$ with s the distance to the ends near them.

        $k(s, t) = s \operatorname{erf} \frac{s}{w} + \frac{w}{\sqrt \pi} e^{-s^2 / w^2}$, $w = \sqrt{4 \epsilon t}$:
        what the heat equation makes of $|s|$. $u_0 + t N$ with a smooth periodic N would keep the kink for ever; here
        diffusion rounds it off, and it decays as perturbations of the phase -1 do. Beyond `NEAR` s is constant.
        """
        return {"u": Ansatz(self._rounded_start, lambda points: points["t"], ("initial",))}

    def _rounded_start(self, points: Coordinates) -> Array:
        xp, x = points.xp, points["x"]
        s = NEAR * xp.tanh((2.0 / math.pi) * xp.cos(0.5 * math.pi * x) / NEAR)  # periodic but for its kink
        width = xp.sqrt(4.0 * self.diffusivity * points["t"] + TINY**2)
        kink = s * _erf(xp, s / width) + width / math.sqrt(math.pi) * xp.exp(-((s / width) ** 2))
        return x**2 * xp.cos(math.pi * x) + 2.0 * (xp.exp(-10.0 * points["t"]) * kink - s)

    def reference(self) -> Reference:
        """Cosines and exponential Runge-Kutta steps; bar: the change from half as many modes and steps."""
        from baselines.pinn_pde.metrics import relative_l2
        from baselines.pinn_pde.references import Reference

        fine, coarse = (_solution(self.diffusivity, MODES // k, STEPS // k) for k in (1, 2))
        points = self.evaluation_points()
        bar = relative_l2(coarse(points), fine(points))
        return Reference(_column(fine), bar, f"{MODES} cosines, ETDRK4")

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """`resolution` cosines, because the solution is even, and 200 exponential Runge-Kutta steps."""
        solution = _solution.__wrapped__(self.diffusivity, resolution, 200)
        return Classical(_column(solution), resolution + 1)

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Largest value, and steepest interface at the end, of the solution and of the reference."""
        import numpy as np

        exact = _column(_solution(self.diffusivity, MODES, STEPS))
        return {
            "largest_value": float(np.abs(evaluation.prediction).max()),
            "interface_slope": _steepest(evaluation.predict),
            "interface_slope_reference": _steepest(exact),
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Maximum principle, interfaces, and the reference's own bar."""
        slope = metrics["interface_slope_reference"]
        return [
            Claim(
                "pinn.allen_cahn.maximum_principle",
                "Allen-Cahn: |u| never exceeds 1 by more than 0.001",
                1.0,
                None,
                1.001,
                metrics["largest_value"] if setting.trained else None,
                "maximum principle: 1 and -1 are stable equilibria; the tolerance has no derivation",
            ),
            Claim(
                "pinn.allen_cahn.interface",
                f"Allen-Cahn: at t = 1 the interfaces are as steep as the exact ones, max |u_x| = {slope:.1f} ± 1 %",
                slope,
                0.99 * slope,
                1.01 * slope,
                metrics["interface_slope"] if setting.trained else None,
                f"the reference; at rest sqrt(5 / (2 eps)) = {math.sqrt(2.5 / self.diffusivity):.1f}",
            ),
            Claim(
                "pinn.allen_cahn.reference",
                "Allen-Cahn: halving modes and steps changes the reference by less than 1e-6",
                0.0,
                None,
                1e-6,
                metrics["reference_error"],
                "this suite's target; the kink lets coefficients of the start fall off like 1 / k^2 only",
            ),
        ]


@functools.lru_cache(maxsize=4)
def _solution(diffusivity: float, modes: int, steps: int) -> Trajectory:
    """The solution by cosines on [0, 1], of which [-1, 1] is the even continuation."""
    import numpy as np

    from baselines.pinn_pde.solvers.fourier import ETDRK4, Series, Trajectory, march

    cosines = Series(modes, 1.0)
    linear = 5.0 - diffusivity * cosines.wavenumbers**2

    def cube(coefficients: np.ndarray) -> np.ndarray:
        return -5.0 * cosines.coefficients(cosines.values(coefficients) ** 3)

    start = cosines.coefficients(cosines.nodes**2 * np.cos(np.pi * cosines.nodes))
    return Trajectory(cosines.basis, march(ETDRK4(linear, cube, 1.0 / steps), start, steps), 1.0)


def _erf(xp: Any, z: Array) -> Array:
    """Error function; numpy has none."""
    if hasattr(xp, "erf"):
        return xp.erf(z)
    from scipy.special import erf

    return erf(z)


def _column(solution: Trajectory) -> Function:
    return lambda points: solution(points)[:, None]


def _steepest(predict: Function, h: float = 1e-4) -> float:
    """Largest |u_x| at t = 1 in the right half, by central differences at 1,000 places."""
    import numpy as np

    x = np.linspace(h, 1.0 - h, 1000)
    right, left = (predict(np.stack([x + s, np.ones_like(x)], axis=1)) for s in (h, -h))
    return float(np.abs(right - left).max() / (2.0 * h))
