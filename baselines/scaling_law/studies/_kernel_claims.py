"""What the kernel study measures and claims."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import kernel_spectrum as ks
from baselines.scaling_law import sphere_kernel as sk
from baselines.scaling_law.power_laws import Array, bootstrap_mean, bootstrap_slope
from baselines.scaling_law.ridge import predict as predict_infinite

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.scaling_law.studies.kernel import Study

FEWEST, SMALLEST = 20, 50  # training sets and training data from which on agreement is claimed
BAND = 5.0  # %
RESOLVED = "effective ridge of each datum, docs/scaling_law.md"
SPECTRAL = "Simon et al. 2023, arXiv:2311.14646, with the correction for a finite pool, docs/scaling_law.md"
Summary = tuple[dict[str, Array], dict[str, float]]


class Pool(NamedTuple):
    """Regressions on a pool of digits beside three predictions.  Predictions: shape [ridges, sizes]."""

    draws: Array
    """Test errors.  Shape [draws, ridges, sizes]."""
    resolved: Array
    """Predicted datum by datum."""
    spectral: Array
    """Predicted from the spectrum of the pool."""
    infinite: Array
    """Predicted from the spectrum of the pool as if the pool were infinite."""

    @classmethod
    def compare(
        cls, draws: Array, gram: "Tensor", y: "Tensor", ridges: list[float], sizes: list[tuple[int, float]]
    ) -> "Pool":
        """Make the predictions.

        Args:
            draws: Test errors.  Shape [draws, ridges, sizes].
            gram: Kernel matrix of the pool.  Shape [N, N].
            y: Targets.  Shape [N, outputs].
            ridges: Ridges.
            sizes: Pairs (n, p).
        """
        spectrum, pool = ks.pool_spectrum(gram.double(), y.double()), len(gram)
        kinds = (
            lambda n, p, ridge: ks.predict_resolved(gram, y, n, ridge, p, spectrum),
            lambda n, p, ridge: ks.predict(spectrum, pool, n, ridge, p),
            lambda n, p, ridge: predict_infinite(spectrum, n, p, ridge).bias,
        )
        return cls(draws, *(np.array([[kind(n, p, ridge) for n, p in sizes] for ridge in ridges]) for kind in kinds))

    def deviations(self, predicted: Array) -> Array:
        """Measured over predicted minus one, in %, absolute.  Shape [ridges, sizes]."""
        return np.asarray(100 * np.abs(self.draws.mean(0) / predicted - 1))

    def summary(self, study: "Study", generator: np.random.Generator) -> Summary:
        """Curves and metrics."""
        mean, low, high = bootstrap_mean(self.draws, generator)
        curves = {"test_error": mean, "test_error_low": low, "test_error_high": high}
        curves |= {"predicted": self.resolved, "predicted_spectrum": self.spectral, "predicted_infinite": self.infinite}
        metrics = {}
        for label, predicted in (("", self.resolved), ("spectrum_", self.spectral), ("infinite_pool_", self.infinite)):
            size = self.deviations(predicted)
            metrics[f"{label}deviation_max_percent"] = float(size.max())
            metrics[f"{label}deviation_median_percent"] = float(np.median(size))
        return curves, metrics


class Sphere(NamedTuple):
    """Regressions on the sphere beside the theory.  Degrees 1, 2, ... of the target, each of variance one."""

    draws: Array
    """Test errors.  Shape [draws, degrees, n]."""
    predicted: Array
    """Shape [degrees, n]."""
    line_samples: Array
    line: Array
    """The prediction on dense n.  Shape [degrees, lines]."""

    @classmethod
    def compare(cls, study: "Study", levels: Array, draws: Array) -> "Sphere":
        """Make the prediction, degree by degree.

        Args:
            study: The sizes.
            levels: Eigenvalues from degree 0 on.
            draws: Test errors.  Shape [draws, degrees, n].
        """
        degrees = len(study.powers)
        spectra = [sk.level_spectrum(levels, study.dimension, np.eye(degrees)[k].tolist()) for k in range(degrees)]

        def curve(samples: Any) -> Array:
            return np.array(
                [[predict_infinite(s, n, math.inf, study.sphere_ridge).bias for n in samples] for s in spectra]
            )

        last = 4 * max(study.sphere_samples[-1], sk.multiplicity(study.dimension, degrees))
        dense = np.geomspace(study.sphere_samples[0], last, 80)
        return cls(draws, curve(study.sphere_samples), dense, curve(dense))

    def summary(self, study: "Study", generator: np.random.Generator) -> Summary:
        """Curves and metrics."""
        powers = np.array(study.powers)
        by_degree, total = bootstrap_mean(self.draws, generator), bootstrap_mean(powers @ self.draws, generator)
        curves = {"line_samples": self.line_samples, "line": self.line, "line_total": powers @ self.line}
        for name, band in (("by_degree", by_degree), ("total", total)):
            curves |= {f"error_{name}": band.mean, f"error_{name}_low": band.low, f"error_{name}_high": band.high}
        curves |= {"predicted": self.predicted, "predicted_total": powers @ self.predicted}
        enough = np.array(study.sphere_samples) >= min(SMALLEST, study.sphere_samples[-1])
        size = 100 * np.abs(total.mean / (powers @ self.predicted) - 1)[enough]
        metrics = {"deviation_max_percent": float(size.max()), "deviation_median_percent": float(np.median(size))}
        for k in range(len(powers)):
            metrics[f"modes_{k + 1}"] = float(sk.multiplicity(study.dimension, k + 1))
            both = (half_learned(study.sphere_samples, error[k]) for error in (self.predicted, by_degree.mean))
            for label, n in zip(("predicted", "measured"), both, strict=True):
                metrics |= {f"half_learned_{k + 1}_{label}": n} if n is not None else {}
        return curves, metrics


class Linear(NamedTuple):
    """Trained networks beside their linearisation.  Shapes [members, widths]."""

    difference: Array
    """RMS difference of the two functions on test digits over the RMS of the linear one."""
    network_error: Array
    linear_error: Array
    loss: Array
    """Mean squared residual on the training digits before the last step."""

    def summary(self, study: "Study", generator: np.random.Generator) -> Summary:
        """Curves and metrics."""
        curves: dict[str, Array] = {}
        for name, values in self._asdict().items():
            mean, low, high = bootstrap_mean(values, generator)
            curves |= {name: mean, f"{name}_low": low, f"{name}_high": high}
        metrics = bootstrap_slope(study.widths, self.difference, generator).decay.metrics("width")
        metrics["linear_difference"] = float(self.difference[:, -1].mean())
        metrics["linear_train_loss"] = float(self.loss[:, -1].mean())
        return curves, metrics


System = Union[Pool, Sphere, Linear]


@dataclass
class Found:
    """What was done."""

    ntk: Pool | None = None
    random_features: Pool | None = None
    sphere: Sphere | None = None
    linear: Linear | None = None

    def present(self) -> Iterator[tuple[str, System]]:
        """The systems that were done, by the names of `study.systems`."""
        named = {
            "ntk": self.ntk, "random_features": self.random_features, "sphere": self.sphere,
            "linearisation": self.linear,
        }  # fmt: skip
        yield from ((name, system) for name, system in named.items() if system is not None)


def rows(study: "Study", found: Found) -> dict[str, list[Any]]:
    """One row for each setting: system, ridge, n, p or degree or width, mean measured value, prediction."""
    made: list[tuple[Any, ...]] = []
    for name, system in found.present():
        if isinstance(system, Pool):
            sizes = [(n, math.inf) for n in study.samples]
            if name == "random_features":
                sizes = [(study.features_samples, p) for p in study.features]
            for i, ridge in enumerate(study.ridges):
                for j, (n, p) in enumerate(sizes):
                    made.append((name, ridge, n, p, system.draws[:, i, j].mean(), system.resolved[i, j]))
        elif isinstance(system, Sphere):
            for k in range(len(study.powers)):
                for j, n in enumerate(study.sphere_samples):
                    value, expected = system.draws[:, k, j].mean(), system.predicted[k, j]
                    made.append((f"sphere, degree {k + 1}", study.sphere_ridge, n, math.inf, value, expected))
        else:
            for j, width in enumerate(study.widths):
                value = system.difference[:, j].mean()
                made.append((f"linearisation, {width} units", 0.0, study.train_samples, math.inf, value, math.nan))
    columns = ("system", "ridge", "n", "p", "measured", "predicted")
    return dict(zip(columns, (list(values) for values in zip(*made, strict=True)), strict=True))


def half_learned(samples: list[int], error: Array) -> float | None:
    """Number of data at which an error curve falls through one half, by interpolation in log n; None if it does not.

    Args:
        samples: Numbers of data, ascending.  Shape [n].
        error: Shape [n].
    """
    below = np.flatnonzero((error[:-1] >= 0.5) & (error[1:] < 0.5))
    if not below.size:
        return None
    i = int(below[-1])
    share = (error[i] - 0.5) / (error[i] - error[i + 1])
    return float(np.exp((1 - share) * np.log(samples[i]) + share * np.log(samples[i + 1])))


def claims(study: "Study", found: Found, metrics: dict[str, float]) -> list[Claim]:
    """The claims on the systems that were done; agreement needs enough training sets and data."""
    made = []
    if found.ntk is not None or found.random_features is not None:
        made += _digits(study, metrics)
    if found.sphere is not None:
        made += _sphere(study, metrics)
    if found.linear is not None:
        made.append(_width(study, metrics))
    return made


def _digits(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    ridges = ", ".join(f"{ridge:g}" for ridge in study.ridges)
    settings = {
        "ntk": f"tangent kernel of a {study.activation} network, digits, n = {study.samples[0]} … {study.samples[-1]}",
        "random_features": f"ReLU features, digits, n = {study.features_samples}, "
        f"p = {study.features[0]} … {study.features[-1]}",
    }
    smallest = {"ntk": study.samples[0], "random_features": study.features_samples}
    kinds = {
        "": ("datum by datum", RESOLVED),
        "_spectrum": ("from the spectrum alone", SPECTRAL),
    }
    made = []
    for name in (name for name in settings if f"{name}_deviation_max_percent" in metrics):
        measurable = study.draws >= FEWEST and smallest[name] >= SMALLEST
        for suffix, (how, source) in kinds.items():
            made.append(
                Claim(
                    f"kernel.{name}{suffix}",
                    f"Largest deviation of the test error from that predicted {how}, in % "
                    f"({settings[name]}, ridges {ridges})",
                    0.0, None, BAND, metrics[f"{name}{suffix}_deviation_max_percent"] if measurable else None, source,
                )
            )  # fmt: skip
    return made


def _sphere(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    measurable = study.sphere_draws >= FEWEST
    setting = f"sphere, d = {study.dimension}, {study.sphere_kernel} kernel, ridge {study.sphere_ridge:g}"
    theory = "levels of the kernel by Gegenbauer quadrature; Simon et al. 2023, arXiv:2311.14646"
    largest = metrics["sphere_deviation_max_percent"]
    made = [
        Claim(
            "kernel.sphere",
            f"Largest deviation of the test error from the prediction, in % ({setting}, "
            f"n from {SMALLEST} to {study.sphere_samples[-1]})",
            0.0, None, BAND, largest if measurable and study.sphere_samples[-1] >= SMALLEST else None, theory,
        )
    ]  # fmt: skip
    for k in range(1, len(study.powers) + 1):
        predicted = metrics.get(f"sphere_half_learned_{k}_predicted")
        if predicted is None or predicted < SMALLEST:
            continue
        measured = metrics.get(f"sphere_half_learned_{k}_measured", math.nan)
        made.append(
            Claim(
                f"kernel.stair_{k}",
                f"Half of degree {k} with its {metrics[f'sphere_modes_{k}']:.0f} modes is learned at n = ({setting})",
                predicted, 0.95 * predicted, 1.05 * predicted, measured if measurable else None, theory,
            )
        )  # fmt: skip
    return made


def _width(study: "Study", metrics: dict[str, float]) -> Claim:
    measurable = study.members >= 4 and study.steps >= 50 and study.widths[-1] >= 8 * study.widths[0]
    return Claim(
        "kernel.exponent_width",
        "Trained network and its linearisation differ by ~ width^-x, at least as fast as the bound: x "
        f"({study.activation}, {study.depth} hidden layers of {study.widths[0]} … {study.widths[-1]} units, "
        f"{study.steps} steps)",
        0.5, 0.5, None, metrics["exponent_width"] if measurable else None,
        "each h moves by O(width^-1/2), docs/scaling_law.md; Lee et al. 2019, arXiv:1902.06720",
    )  # fmt: skip
