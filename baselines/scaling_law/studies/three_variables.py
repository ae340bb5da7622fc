"""Gradient flow in three variables, p, n and t or delta: the exact theory beside simulation."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.flow_grid import FlowGrid
    from baselines.scaling_law.gradient_flow import FlowErrors

SIZES = (200, 238, 283, 336, 400)
TIMES = (3.0, 12.0, 48.0, 190.0, 750.0, 3000.0)


@dataclass
class Study:
    r"""Gradient flow in three variables, p, n and t or delta: the exact theory beside simulation.

    Random features f = a . A psi / sqrt p on n data, weights from zero by gradient flow on |f - y|^2 / 2n. Test error,
    train error and gradient norm delta at every time are double inverse Laplace transforms of two-point functions of
    s = kappa (1 - df1/n) (1 - df1/p), df1 = sum lambda / (lambda + kappa); delta(t) falls, so it replaces the time.
    Bordelon, Atanasov and Pehlevan (2024), arXiv:2402.01092; derivation in docs/scaling_law.md.
    """

    samples: list[int] = field(default_factory=lambda: list(SIZES))  # numbers of data n, ascending
    features: list[int] = field(default_factory=lambda: list(SIZES))  # numbers of features p, ascending
    times: list[float] = field(default_factory=lambda: list(TIMES))  # times t of gradient flow, ascending
    noises: list[float] = field(default_factory=lambda: [0.0, 0.1])  # variances of the label noise, ascending
    draws: int = 24  # independent draws of data and features
    modes: int = 8000  # modes of the data; at least 20 times the largest n and p
    decay: float = 1.5  # b: the variance of mode k is k^-b
    signal_decay: float = 2.0  # a: the target's variance in mode k is k^-a
    slope_size: int = 800  # n = p of the runs that measure exponents: so large that time is what limits
    slope_draws: int = 8  # draws of these runs

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "samples": [20, 40], "features": [20, 40], "times": [2.0, 8.0, 32.0], "noises": [0.1],
            "draws": 4, "modes": 800, "slope_size": 60, "slope_draws": 3,
        },
        "paper": {
            "samples": [200, 283, 400, 566, 800], "features": [200, 283, 400, 566, 800],
            "draws": 100, "modes": 16000, "slope_size": 1600, "slope_draws": 20,
        },
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Check every key."""
        for key in ("samples", "features", "times"):
            values = getattr(self, key)
            if len(values) < 2 or values != sorted(set(values)) or not values[0] > 0:
                raise ValueError(
                    f"study.{key} must be at least two different positive numbers, ascending; got {values}"
                )
        if not self.noises or self.noises != sorted(set(self.noises)) or self.noises[0] < 0:
            raise ValueError(f"study.noises must not be negative, and ascending; got {self.noises}")
        for key in ("draws", "slope_draws", "slope_size"):
            check_at_least(f"study.{key}", getattr(self, key), 2)
        if self.modes < 1 or self.decay <= 1 or self.signal_decay <= 1:
            raise ValueError(
                "study.modes must be positive, study.decay and study.signal_decay above 1; "
                f"got {self.modes}, {self.decay}, {self.signal_decay}"
            )

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Predict, simulate, compare; then the exponents."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import flow_grid
        from baselines.scaling_law.spectrum import binned_power_law
        from baselines.scaling_law.studies import _three_variables_claims as claims
        from baselines.scaling_law.studies import _three_variables_curves as curves

        spectrum = binned_power_law(self.modes, self.decay, self.signal_decay)
        grid = flow_grid.FlowGrid(self.noises, self.samples, self.features, self.times)
        with record.timed("prediction"):
            predicted = flow_grid.predicted(spectrum, grid)
        with record.timed("simulation"):
            draws = self._simulate(cfg, record, grid, self.draws, "points")
        with record.timed("inversion"):
            delta = np.sqrt(draws[:, 2].mean(0))
            at_gradient = flow_grid.error_at_gradient(spectrum, grid, delta)
        slope_grid = flow_grid.FlowGrid([0.0], [self.slope_size], [self.slope_size], curves.SLOPE_TIMES)
        with record.timed("exponents"):
            slope_draws = self._simulate(cfg, record, slope_grid, self.slope_draws, "exponents")[:, :, 0, 0, 0]
            slopes = claims.slopes(self, slope_draws, compute.numpy_generator(cfg.seed, "bootstrap"))
        found = claims.compare(self, predicted, draws, at_gradient, slopes)
        with record.timed("lines"):
            record.save(**curves.lines(spectrum, grid, self.slope_size))
        generator = compute.numpy_generator(cfg.seed, "bars")
        record.save(**curves.points(grid, predicted, draws, at_gradient, slope_draws, generator))
        record.table("runs", **curves.rows(grid, predicted, draws, at_gradient))
        return Outcome(claims.metrics(found), claims.claims(self, found))

    def _simulate(self, cfg: "Config", record: "Record", grid: "FlowGrid", draws: int, name: str) -> "np.ndarray":
        """Test error, train error, squared gradient norm of each draw.  Shape [draws, 3, *grid.shape]."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law import flow_grid, simulate
        from baselines.scaling_law.spectrum import power_law

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        spectrum = power_law(self.modes, self.decay, self.signal_decay)
        n, p = int(max(grid.samples)), int(max(grid.features))
        found: list[FlowErrors] = []
        with record.progress(draws, name) as tick:
            for index in range(draws):
                generator = compute.torch_generator(cfg.seed, name, index)
                moments = simulate.draw(spectrum, n, p, generator, device, dtype)
                found.append(flow_grid.simulated(moments, grid))
                tick(1, test_error=float(np.median(found[-1].test)))
        values = np.array(found)
        if not np.isfinite(values).all():
            raise Diverged("a simulated error is not finite; long times need dtype=float64")
        return values
