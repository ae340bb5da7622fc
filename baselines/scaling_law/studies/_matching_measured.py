"""From draws to optima and exponents with bootstrap intervals, beside formula and theory."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from baselines.scaling_law.bootstrap import interval, resamples
from baselines.scaling_law.frontier import lowest
from baselines.scaling_law.matching_law import Array, Task
from baselines.scaling_law.power_laws import Exponent, bootstrap_mean, bootstrap_slope, slope
from baselines.scaling_law.studies._matching_claims import Checks, Law
from baselines.scaling_law.studies._matching_theory import FULL_BATCH, NOISY, ONLINE, SIZES, TIMES, Curves

if TYPE_CHECKING:
    from baselines.scaling_law.studies.matching import Study

RESAMPLES = 500
Optima = Callable[[Curves], Curves]


class Measured:
    """Means over the draws, the optima of the mean curves, and their exponents.

    Args:
        drawn: One row a draw, as `Simulation` leaves them.
        predicted: Of `at_simulated_sizes`.
        ladder: Numbers of features tried at fixed compute.
        generator: Of the bootstrap.
    """

    def __init__(self, drawn: Curves, predicted: Curves, ladder: list[int], generator: np.random.Generator) -> None:
        self.drawn, self.predicted, self.ladder, self.generator = drawn, predicted, np.array(ladder), generator
        self.curves: Curves = {}
        self.resampled: Curves = {}
        self.exponents: dict[str, Exponent] = {}
        self.expected: dict[str, float] = {}  # slopes of the theory at the same sizes

    def bottleneck(self, name: str, sizes: list[int]) -> None:
        """Mean errors and their slope."""
        band = bootstrap_mean(self.drawn[name], self.generator, RESAMPLES)
        self.exponents[name] = bootstrap_slope(sizes, self.drawn[name], self.generator, RESAMPLES).decay
        self.expected[name] = -slope(sizes, self.predicted[f"predicted.{name}"])
        self._save(name, band.mean, band.low, band.high)

    def frontier(self, suffix: str) -> None:
        """Best number of features at each budget, and the error there."""
        compute = self.predicted[f"predicted.online{suffix}_compute"]

        def optima(mean: Curves) -> Curves:
            p, error = lowest(self.ladder, mean[f"ladder{suffix}"])
            return {f"online{suffix}_p": p, f"online{suffix}_error": error}

        self._optima([f"ladder{suffix}"], optima)
        self.curves[f"measured.ladder{suffix}"] = self.drawn[f"ladder{suffix}"].mean(0)
        self._law(f"online_parameters{suffix}", compute, f"online{suffix}_p", 1)
        self._law(f"online_loss{suffix}", compute, f"online{suffix}_error", -1)

    def stopping(self, samples: list[int]) -> None:
        """Best time at each number of data, error and gradient norm there."""
        times = self.predicted["predicted.stopping_t"]

        def optima(mean: Curves) -> Curves:
            t, error, gradient = lowest(TIMES, mean["noisy_error"], mean["noisy_gradient"])
            return {"stopping_t": t * times, "stopping_error": error, "stopping_delta": np.sqrt(gradient)}

        self._optima(["noisy_error", "noisy_gradient"], optima)
        self.curves["measured.noisy_error"] = self.drawn["noisy_error"].mean(0)
        self.curves["measured.noisy_delta"] = np.sqrt(self.drawn["noisy_gradient"].mean(0))
        self._law("stopping_time", samples, "stopping_t", 1)
        self._law("excess", samples, "stopping_error", -1)
        self._law("learning_quality", samples, "stopping_delta", -1)

    def matching(self) -> None:
        """Gradient norm at the optimal (p, n, t), and how p and n go with it."""

        def optima(mean: Curves) -> Curves:
            return {"optima_delta": np.sqrt(mean["optima_gradient"]), "optima_error": mean["optima_error"]}

        self._optima(["optima_gradient", "optima_error"], optima)
        for name, size in (("matching_parameters", "p"), ("matching_data", "n")):
            self._law(name, self.predicted[f"predicted.optima_{size}"], "optima_delta", -1)
            falls = self.exponents[name]  # delta ~ p^-s is p ~ delta^-1/s
            self.exponents[name] = Exponent(1 / falls.value, 1 / falls.high, 1 / falls.low)
            self.expected[name] = 1 / self.expected[name]

    def _optima(self, names: list[str], optima: Optima) -> None:
        """Optima of the mean curves, and of resampled means for their intervals."""
        draws = len(self.drawn[names[0]])
        rows = np.array(list(resamples(draws, RESAMPLES, self.generator)))  # [R, K]
        best = optima({name: self.drawn[name].mean(0) for name in names})
        resampled = optima({name: self.drawn[name][rows].mean(1) for name in names})
        for name, values in best.items():
            low, high = np.percentile(resampled[name], [2.5, 97.5], axis=0)
            self._save(name, values, low, high)
            self.resampled[name] = resampled[name]

    def _law(self, name: str, x: Array | list[int], quantity: str, sign: int) -> None:
        """Exponent of an optimum against x, with the slopes of the resampled ones for its interval."""
        slopes = np.array([slope(x, values) for values in self.resampled[quantity]])
        found = Exponent(slope(x, self.curves[f"measured.{quantity}"]), *interval(slopes, 0.95))
        self.exponents[name] = found if sign > 0 else found.decay
        self.expected[name] = sign * slope(x, self.predicted[f"predicted.{quantity}"])

    def _save(self, name: str, mean: Array, low: Array, high: Array) -> None:
        self.curves |= {f"measured.{name}": mean, f"measured.{name}_low": low, f"measured.{name}_high": high}


def measure(study: "Study", drawn: Curves, predicted: Curves, generator: np.random.Generator) -> Measured:
    """All quantities that are simulated."""
    found = Measured(drawn, predicted, study.ladder, generator)
    for name, sizes in simulated_sizes(study).items():
        found.bottleneck(name, sizes)
    for suffix in ("", "_easy"):
        found.frontier(suffix)
    found.stopping(study.samples)
    found.matching()
    return found


def simulated_sizes(study: "Study") -> dict[str, list[int]]:
    """Sizes at which each bottleneck is simulated."""
    return {
        "data_hard": study.samples,
        "data_easy": study.easy_samples,
        "parameters_hard": study.features,
        "parameters_easy": study.features,
    }


def laws(study: "Study", theory: Curves, found: Measured) -> list[Law]:
    """Formula, slope of the theory and measured exponent of every law."""
    rows = []
    for which, task in study.tasks.items():
        for name, formula, (x, y, sign), reach, sizes in _plan(study, which, task):
            theoretical = sign * slope(theory[f"theory.{x}"], theory[f"theory.{y}"])
            key = f"{name}_{which}"
            key = name if which == "hard" and key not in found.exponents else key
            measured, expected = found.exponents.get(key), found.expected.get(key)
            rows.append(Law(name, which, task, formula, theoretical, reach, measured, expected, sizes))
    return rows


Row = tuple[str, float, tuple[str, str, int], str, str]


def _plan(study: "Study", which: str, task: Task) -> list[Row]:
    """Name, formula, (x, y, sign) of the theory's curve, its sizes, and the simulated sizes of each law of a task."""
    samples = study.easy_samples if which == "easy" else study.samples
    data, parameters = _range("n", samples), _range("p", study.features)
    online, batch, noisy = f"online_{which}", f"full_batch_{which}", f"stopping_{which}"
    compute = _range("C", study.easy_compute if which == "easy" else study.compute)
    reach, spent = _range("C", ONLINE), _range("C", FULL_BATCH)
    rows: list[Row] = [
        ("data", task.data, ("sizes", f"data_{which}", -1), _range("n", SIZES), data),
        ("parameters", task.parameters, ("sizes", f"parameters_{which}", -1), _range("p", SIZES), parameters),
        ("online_loss", task.online_loss, (f"{online}_compute", f"{online}_error", -1), reach, compute),
        ("online_parameters", task.online_parameters, (f"{online}_compute", f"{online}_p", 1), reach, compute),
    ]
    if not task.is_hard:
        return rows
    with_noise, triples = f"noise {study.noise:g}, {_range('n', NOISY)}", _range("C", study.triples)
    return [
        *rows,
        ("full_batch_loss", task.full_batch_loss, (f"{batch}_compute", f"{batch}_error", -1), spent, ""),
        ("matching_parameters", task.matching, (f"{batch}_delta", f"{batch}_p", -1), spent, triples),
        ("matching_data", task.matching, (f"{batch}_delta", f"{batch}_n", -1), spent, triples),
        ("stopping_time", task.stopping_time, (f"{noisy}_n", f"{noisy}_t", 1), with_noise, data),
        ("excess", task.excess, (f"{noisy}_n", f"{noisy}_error", -1), with_noise, data),
        ("learning_quality", task.learning_quality, (f"{noisy}_n", f"{noisy}_delta", -1), with_noise, data),
    ]


def _range(symbol: str, sizes: Sequence[float]) -> str:
    return f"{symbol} = {sizes[0]:g} … {sizes[-1]:g}"


def checks(study: "Study", predicted: Curves, found: Measured) -> Checks:
    """Simulation beside theory where no exponent is involved."""

    def deviation(name: str) -> Array:
        return np.asarray(100 * np.abs(found.curves[f"measured.{name}"] / predicted[f"predicted.{name}"] - 1))

    return Checks(
        features_deviation=float(deviation("online_p").max()),
        stopping_deviation=float(deviation("stopping_delta").max()),
        projection_deviation=float(np.median(deviation("parameters_easy"))),
    )
