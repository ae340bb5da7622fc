"""Random-feature ridge regression: the exact theory of large sizes beside simulation."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.ridge_grid import Grid, GridErrors
    from baselines.scaling_law.spectrum import Spectrum
    from baselines.scaling_law.studies._ridge_limits import Drawn, Expected

SAMPLES = (50, 75, 100, 150, 200, 300, 400)
FEATURES = (50, 75, 100, 150, 175, 200, 225, 250, 300, 400)


@dataclass
class Study:
    """Random-feature ridge regression: exact theory of large sizes beside simulation."""

    samples: list[int] = field(default_factory=lambda: list(SAMPLES))  # numbers of data n, ascending
    features: list[int] = field(default_factory=lambda: list(FEATURES))  # numbers of features p, ascending
    ridges: list[float] = field(
        default_factory=lambda: [0.001, 0.1, 1.0]
    )  # added to the eigenvalues of the n x n kernel matrix
    noises: list[float] = field(default_factory=lambda: [0.0, 0.1])  # variances of the label noise
    curve_samples: int = 200  # number of data of the double-descent curve, one of samples
    draws: int = 20  # independent draws of data and features
    modes: int = 8000  # modes of the data; at least 20 times the largest n and p
    decay: float = 1.5  # b: the variance of mode k is k^-b
    signal_decay: float = 2.0  # a: the target's variance in mode k is k^-a

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"samples": [20, 40, 80], "features": [20, 40, 80], "curve_samples": 40, "draws": 5, "modes": 1600},
        "paper": {
            "samples": [50, 100, 200, 400, 800],
            "features": [50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 800],
            "curve_samples": 400,
            "draws": 100,
            "modes": 16000,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        for key in ("samples", "features"):
            sizes = getattr(self, key)
            if len(sizes) < 2 or sizes != sorted(set(sizes)) or sizes[0] < 1:
                raise ValueError(f"study.{key} must be at least two different sizes, ascending; got {sizes}")
        if not self.ridges or self.ridges != sorted(set(self.ridges)) or self.ridges[0] <= 0:
            raise ValueError(f"study.ridges must be positive and ascending; got {self.ridges}")
        if not self.noises or self.noises != sorted(set(self.noises)) or self.noises[0] < 0:
            raise ValueError(f"study.noises must not be negative, and ascending; got {self.noises}")
        if self.curve_samples not in self.samples:
            raise ValueError(f"study.curve_samples must be one of {self.samples}; got {self.curve_samples}")
        if self.draws < 2:
            raise ValueError(f"study.draws must be at least 2, to have a standard error; got {self.draws}")
        if self.modes < 1 or self.decay <= 1 or self.signal_decay <= 1:
            raise ValueError(
                "study.modes must be positive, study.decay and study.signal_decay above 1; "
                f"got {self.modes}, {self.decay}, {self.signal_decay}"
            )

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Predict, simulate, compare."""
        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import ridge_grid
        from baselines.scaling_law.spectrum import power_law
        from baselines.scaling_law.studies import _ridge_claims as claims
        from baselines.scaling_law.studies import _ridge_limits as limits

        spectrum = power_law(self.modes, self.decay, self.signal_decay)
        grid = ridge_grid.Grid(self.ridges, self.noises, self.samples, self.features)
        with record.timed("prediction"):
            predicted = ridge_grid.predicted(spectrum, grid)
            expected = limits.expect(self, spectrum)
            record.save(**self._lines(spectrum))
        with record.timed("simulation"):
            test, train, drawn = self._simulate(cfg, record, spectrum, grid, expected)
        comparison = claims.compare(self, predicted, test, train)
        found = limits.compare(expected, drawn, compute.numpy_generator(cfg.seed, "bootstrap"))
        record.save(
            samples=self.samples,
            features=self.features,
            ridges=self.ridges,
            noises=self.noises,
            predicted_test_error=predicted.test,
            predicted_train_error=predicted.train,
            test_error=comparison.test.mean,
            test_error_standard_error=comparison.test.error,
            train_error=comparison.train.mean,
            train_error_standard_error=comparison.train.error,
            **limits.curves(found),
        )
        return Outcome(
            claims.metrics(self, comparison) | limits.metrics(self, found), claims.claims(self, comparison, found)
        )

    def _simulate(
        self, cfg: "Config", record: "Record", spectrum: "Spectrum", grid: "Grid", expected: "Expected"
    ) -> "tuple[np.ndarray, np.ndarray, list[Drawn]]":
        """Test and train errors of all draws, shapes [draws, ridges, noises, samples, features]; both limits."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law import ridge_grid, simulate
        from baselines.scaling_law.stopping import draw_data
        from baselines.scaling_law.studies import _ridge_limits as limits

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        found: list[GridErrors] = []
        drawn: list[Drawn] = []
        with record.progress(self.draws, "draws") as tick:
            for index in range(self.draws):
                generator = compute.torch_generator(cfg.seed, "data and features", index)
                moments = simulate.draw(spectrum, max(self.samples), max(self.features), generator, device, dtype)
                found.append(ridge_grid.simulated(moments, grid))
                generator = compute.torch_generator(cfg.seed, "kernel", index)
                gram = draw_data([spectrum], max(self.samples), generator, device, dtype)
                drawn.append(limits.simulate_limits(self, expected, gram, moments))
                tick(1, test_error=float(np.median(found[-1].test)))
        test, train = (np.stack([getattr(one, name) for one in found]) for name in ("test", "train"))
        if not (np.isfinite(test).all() and np.isfinite(train).all()):
            raise Diverged("a simulated error is not finite; a ridge this small needs dtype=float64")
        return test, train, drawn

    def _lines(self, spectrum: "Spectrum") -> "dict[str, np.ndarray]":
        """The prediction on dense axes, for the figures."""
        import numpy as np

        from baselines.scaling_law.ridge_grid import Grid, predicted

        line_samples = np.geomspace(self.samples[0], self.samples[-1], 40)
        line_features = np.geomspace(self.features[0], self.features[-1], 80)
        along_n = predicted(spectrum, Grid(self.ridges, self.noises, line_samples, [*self.features, np.inf]))
        along_p = predicted(spectrum, Grid(self.ridges, self.noises, [self.curve_samples], line_features))
        return {
            "line_samples": line_samples,
            "line_features": line_features,
            "line_test_error_along_samples": along_n.test,  # the last feature count is infinite
            "line_train_error_along_samples": along_n.train,
            "line_test_error_along_features": along_p.test[:, :, 0],
        }
