"""Decaying vortices, in closed form."""

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
    r"""Taylor-Green: Navier-Stokes vortices in the plane that decay in time.

    On [0, pi]^2 x [0, 1], u_t + (u . grad) u = -grad p + nu Laplace u, div u = 0, with

    $$u = -\cos x \sin y\, e^{-2 \nu t}, \quad v = \sin x \cos y\, e^{-2 \nu t}, \quad
      p = -\frac{1}{4} (\cos 2 x + \cos 2 y)\, e^{-4 \nu t} .$$

    Velocities are given at the start and on the edge, the pressure where it is always zero: x = pi / 2, y = 0.
    G. I. Taylor, A. E. Green, Proc. R. Soc. A 158 (1937).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"num_domain": 150, "num_boundary": 40, "num_initial": 40}}
    outputs: ClassVar[tuple[str, ...]] = ("u", "v", "p")
    grid: ClassVar[tuple[int, ...]] = (31, 31, 11)
    resolutions: ClassVar[tuple[int, ...]] = (5, 10, 20, 40, 80)

    nu: float = 0.1  # viscosity
    num_domain: int = 2000  # collocation points inside the domain
    num_boundary: int = 400  # points on the edge at all times
    num_initial: int = 200  # points at the start

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: If the viscosity lies outside the range in which the classical solver was tried.
        """
        super().__post_init__()
        if not 1e-3 <= self.nu <= 1:
            raise ValueError(f"problem.nu must lie in [0.001, 1]; got {self.nu}")

    def domain(self) -> Box:
        """A quarter of the periodic cell, and time."""
        return Box(("x", "y", "t"), (0.0, 0.0, 0.0), (math.pi, math.pi, 1.0), time=True)

    def residual(self, field: Field) -> list[Any]:
        """Momentum balance along x and y, and continuity."""
        u, v = field("u"), field("v")
        u_x, v_y = field("u", "x"), field("v", "y")
        u_lap, v_lap = field("u", "x", "x") + field("u", "y", "y"), field("v", "x", "x") + field("v", "y", "y")
        return [
            field("u", "t") + u * u_x + v * field("u", "y") + field("p", "x") - self.nu * u_lap,
            field("v", "t") + u * field("v", "x") + v * v_y + field("p", "y") - self.nu * v_lap,
            u_x + v_y,
        ]

    def exact(self, output: str, x: Any, y: Any, t: Any, xp: Any) -> Any:
        """An output in closed form, numpy or torch, [N, 1]."""
        decay = xp.exp(-2.0 * self.nu * t)
        if output == "u":
            return -xp.cos(x) * xp.sin(y) * decay
        if output == "v":
            return xp.sin(x) * xp.cos(y) * decay
        return -0.25 * (xp.cos(2.0 * x) + xp.cos(2.0 * y)) * decay * decay

    def conditions(self) -> list[Condition | Periodic]:
        """Velocities at the start and on the edge; pressure zero at one place, at eleven times."""
        import numpy as np

        def values(output: str) -> Any:
            return lambda p: self.exact(output, p[:, :1], p[:, 1:2], p[:, 2:3], np)

        pins = np.stack([np.full(11, 0.5 * np.pi), np.zeros(11), np.linspace(0.0, 1.0, 11)], axis=1)
        found: list[Condition | Periodic] = []
        for name in ("u", "v"):
            found += [
                Condition(f"{name}_start", "initial", values(name), output=name),
                Condition(f"{name}_edge", "boundary", values(name), output=name),
            ]
        return [*found, Condition("pressure", "points", values("p"), output="p", points=pins)]

    def ansatz(self) -> dict[str, Ansatz]:
        """Coons patch of the edge values, plus start less its own patch, + t sin x sin y N, for both velocities.

        The edge is zero for the second part, and at the start the patches cancel.
        """
        from baselines.pinn_pde.domain import blended

        def patch(output: str) -> Any:
            def particular(points: Coordinates) -> Any:
                x, y, t = points["x"], points["y"], points["t"]

                def at(time: Any) -> Any:
                    return lambda x, y: self.exact(output, x, y, time, points.xp)

                start = at(0.0 * t)
                edge, start_edge = (blended(values, self.domain(), x, y) for values in (at(t), start))
                return edge + start(x, y) - start_edge

            return particular

        def factor(points: Coordinates) -> Any:
            return points["t"] * points.xp.sin(points["x"]) * points.xp.sin(points["y"])

        return {name: Ansatz(patch(name), factor, (f"{name}_start", f"{name}_edge")) for name in ("u", "v")}

    def classical(self, resolution: int, observations: list[Observations]) -> Classical:
        """Chebyshev collocation of degree 16 in space and `resolution` steps of backward differences in time."""
        from baselines.pinn_pde.solvers.navier_stokes import unsteady

        exact = self.reference().values
        corners = (0.0, 0.0, 0.0), (math.pi, math.pi, 1.0)
        pin = (0.5 * math.pi, 0.0)
        flow = unsteady(16, resolution, self.nu, *corners, lambda points: exact(points)[:, :2], pin)
        return Classical(flow.predict, flow.degrees_of_freedom)

    def reference(self) -> Reference:
        """Closed form."""
        import numpy as np

        from baselines.pinn_pde.references import ROUNDING, Reference

        def exact(p: np.ndarray) -> np.ndarray:
            return np.concatenate([self.exact(o, p[:, :1], p[:, 1:2], p[:, 2:3], np) for o in self.outputs], axis=1)

        return Reference(exact, ROUNDING, "closed form")

    def measure(self, evaluation: Evaluation) -> dict[str, float]:
        """Decay rate of the kinetic energy, and mass flux through the line x = pi / 4."""
        import numpy as np

        from baselines.pinn_pde.metrics import decay_rate

        x, y, t = evaluation.axes
        squared = (evaluation.on_grid(evaluation.prediction)[..., :2] ** 2).sum(axis=-1)
        energy = 0.5 * np.trapezoid(np.trapezoid(squared, x, axis=0), y, axis=0)  # [T]
        s = np.linspace(0.0, math.pi, 201)
        line = np.stack([np.full_like(s, 0.25 * math.pi), s, np.full_like(s, 0.5)], axis=1)
        exact = -math.cos(0.25 * math.pi) * 2.0 * math.exp(-self.nu)
        return {
            "energy_decay_rate": decay_rate(energy, t),
            "mass_flux": float(np.trapezoid(evaluation.predict(line)[:, 0], s)),
            "mass_flux_exact": exact,
        }

    def claims(self, metrics: dict[str, float], setting: Setting) -> list[Claim]:
        """Energy decay and mass balance."""
        rate, flux = 4.0 * self.nu, metrics["mass_flux_exact"]
        known = setting.trained and self.nu >= 0.05  # below, a percent of the rate is beyond a percent of the energy
        return [
            Claim(
                "pinn.taylor_green.energy",
                f"Taylor-Green: the kinetic energy decays at the rate 4 nu = {rate:g} within 2 %",
                rate,
                0.98 * rate,
                1.02 * rate,
                metrics["energy_decay_rate"] if known else None,
                "E(t) = E(0) exp(-4 nu t), fitted to log E",
            ),
            Claim(
                "pinn.taylor_green.mass",
                f"Taylor-Green: at t = 0.5 the flux through x = pi / 4 is {flux:.4f} within 1 %, as continuity demands",
                flux,
                flux - 0.01 * abs(flux),
                flux + 0.01 * abs(flux),
                metrics["mass_flux"] if setting.trained else None,
                "-cos(pi / 4) times the integral of sin y times exp(-2 nu t); continuity carries it in from the edge",
            ),
        ]
