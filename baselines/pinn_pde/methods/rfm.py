"""Random features with fixed inner weights: linear least squares instead of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.method import Case, Solution

ACTIVATIONS = ("sin", "tanh")


@dataclass
class Method:
    """Random features, inner weights never trained: least squares, Gauss-Newton where nonlinear.

    u = sum_s psi_s(x) sum_f c_sf phi(w_sf . y_s(x) + b_sf) on overlapping subdomains s with a partition of unity psi
    and the local coordinate y_s in [-1, 1]^d; w and b are random, only c is fitted. Rows of the equation and of the
    conditions are scaled to like size; the problem's own weights, meant for means of squares, are not used. Problems
    with time can be solved window by window; unknowns of the equation are further columns. Computes in double precision
    on the CPU, whatever dtype and device say.

    Sources: V. Dwivedi, B. Srinivasan, Neurocomputing 391 (2020); J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1
    (2022).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "features": 40,
            "hole_features": 10,
            "subdomains": 1,
            "time_subdomains": 1,
            "windows": 1,
            "newton_iterations": 3,
        },
    }

    features: int = 400  # random functions in each subdomain, for each output
    subdomains: int = 1  # along each space coordinate
    time_subdomains: int = 1  # along time, in each window
    windows: int = 1  # time windows solved one after the other; with unknowns they become subdomains
    activation: str = "sin"  # sin or tanh
    scale: float = 3.0  # inner weights are uniform in [-scale, scale] for a local coordinate in [-1, 1]
    time_scale: float = 0.0  # the same for time; 0 takes scale
    hole_features: int = 60  # more of them around each round hole, in the coordinate inverted in its circle
    overlap: float = 0.25  # of neighbouring subdomains, in half widths
    oversampling: float = 2.0  # collocation points for each feature
    boundary_weight: float = 1.0  # of the rows of conditions against those of the equation
    exactness: float = 100.0  # weight of equation and conditions against noisy data in units of the noise
    newton_iterations: int = 20  # limit for each window; a linear problem needs one
    tolerance: float = 1e-3  # ends when a step would change the residual by less than this share
    cutoff: float = 1e-14  # singular values below this share of the largest are left out

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        for key in ("features", "subdomains", "time_subdomains", "windows", "newton_iterations"):
            if getattr(self, key) < 1:
                raise ValueError(f"method.{key} must be at least 1; got {getattr(self, key)}")
        for key in ("scale", "boundary_weight", "exactness", "tolerance"):
            if getattr(self, key) <= 0:
                raise ValueError(f"method.{key} must be positive; got {getattr(self, key)}")
        if self.hole_features < 0:
            raise ValueError(f"method.hole_features must be at least 0; got {self.hole_features}")
        if self.oversampling < 1 or self.time_scale < 0:
            raise ValueError(
                "method.oversampling must be at least 1 and method.time_scale at least 0; got "
                f"{self.oversampling}, {self.time_scale}"
            )
        if not 0 < self.overlap <= 1 or not 0 <= self.cutoff < 1:
            raise ValueError(
                f"method.overlap must lie in (0, 1] and method.cutoff in [0, 1); got {self.overlap}, {self.cutoff}"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"method.activation must be one of {', '.join(ACTIVATIONS)}; got {self.activation!r}")

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Solve window after window."""
        from baselines.pinn_pde.random_feature_march import March

        return March(self, case, cfg, record).run()
