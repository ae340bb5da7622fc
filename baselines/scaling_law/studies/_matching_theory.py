"""The matching study's theory: every law followed to large sizes, and what it predicts at the simulated ones."""

import math
from typing import TYPE_CHECKING

import numpy as np

from baselines.scaling_law import frontier, matching_law, ridge, stopping
from baselines.scaling_law.gradient_flow import predict
from baselines.scaling_law.matching_law import Array, Task
from baselines.scaling_law.spectrum import Spectrum, binned_power_law

if TYPE_CHECKING:
    from baselines.scaling_law.studies.matching import Study

Curves = dict[str, Array]

SIZES = (1e3, 1e5)  # n or p of a bottleneck
ONLINE = (1e4, 1e10)  # C = p t
FULL_BATCH = (1e6, 1e14)  # C = p n t
NOISY = (1e4, 1e6)  # n with label noise
UNLIMITED = 1e15  # data, where features are the bottleneck
TIMES = np.geomspace(1 / 80, 80, 57)  # of the curves with label noise, in units of the optimal time
ROUNDING = 1e-6  # gradient norms below this cannot be told from zero
BUDGETS = 6  # of the simulated frontier


def binned(task: Task, modes: int) -> Spectrum:
    """The task's spectrum; these bins change no prediction by more than 1e-4 of itself."""
    return binned_power_law(modes, task.decay, task.signal_decay, exact=100, per_decade=20)


def followed(study: "Study") -> Curves:
    """Every law over the sizes above."""
    count = study.theory_points
    sizes = np.geomspace(*SIZES, count)
    found: Curves = {"theory.sizes": sizes}
    for which, task in study.tasks.items():
        spectrum = binned(task, study.modes)
        data = [ridge.predict(spectrum, n, math.inf, 0.0).bias for n in sizes]
        parameters = [ridge.predict(spectrum, UNLIMITED, p, 0.0).bias for p in sizes]
        found |= {f"theory.data_{which}": np.array(data), f"theory.parameters_{which}": np.array(parameters)}
        found |= _named(f"theory.online_{which}", frontier.online(spectrum, task, np.geomspace(*ONLINE, count)))
        if task.is_hard:
            best = frontier.full_batch(spectrum, task, np.geomspace(*FULL_BATCH, count))
            found |= _named(f"theory.full_batch_{which}", best)
            stops = stopping.optimal(spectrum, task, np.geomspace(*NOISY, count), study.noise)
            found |= _named(f"theory.stopping_{which}", stops)
    return found


def surface(study: "Study") -> tuple[Curves, matching_law.ThreeTermLaw]:
    """The error of the hard task over (p, n, delta), and the three-term law fitted to it."""
    task, count = study.tasks["hard"], min(study.theory_points, 6)
    spectrum, sizes = binned(task, study.modes), np.geomspace(100, 1e4, count)
    rows = []
    for p in sizes:
        for n in sizes:
            resolved = np.geomspace(0.01, 3, 3 * count)  # by time, in units of what the smaller of p and n resolves
            exact = predict(spectrum, n, p, (resolved * min(n, p)) ** task.decay)
            fixed = np.full((2, len(resolved)), [[p], [n]])
            rows.append(np.stack([resolved, *fixed, np.sqrt(exact.gradient), exact.test]))
    resolved, p, n, delta, error = np.concatenate([row[:, row[3] > ROUNDING] for row in rows], axis=1)
    law = matching_law.fit(task, p, n, delta, error)
    named = {"resolved": resolved, "p": p, "n": n, "delta": delta, "error": error, "law": law.loss(p, n, delta)}
    return {f"surface.{name}": values for name, values in named.items()}, law


def quality(surface: Curves, law: matching_law.ThreeTermLaw) -> dict[str, float]:
    """The three constants and how far the sum of three terms is from the exact error, in %."""
    deviation = 100 * np.abs(surface["surface.law"] / surface["surface.error"] - 1)
    return {
        "law_parameters": law.parameters,
        "law_data": law.data,
        "law_gradient": law.gradient,
        "law_deviation_median_percent": float(np.median(deviation)),
        "law_deviation_90_percent": float(np.percentile(deviation, 90)),
        "law_deviation_max_percent": float(deviation.max()),
        "law_deviation_early_median_percent": float(np.median(deviation[surface["surface.resolved"] <= 1])),
    }


def at_simulated_sizes(study: "Study") -> Curves:
    """Predictions for the simulated sizes, with as many modes as are simulated."""
    tasks, ratio = study.tasks, study.ratio
    hard = tasks["hard"]
    found: Curves = {}
    for which, samples in (("hard", study.samples), ("easy", study.easy_samples)):
        task = tasks[which]
        spectra = {size: binned(task, ratio * size) for size in {*samples, *study.features}}
        data = [ridge.predict(spectra[n], n, math.inf, 0.0).bias for n in samples]
        parameters = [ridge.predict(spectra[p], UNLIMITED, p, 0.0).bias for p in study.features]
        found |= {f"predicted.data_{which}": np.array(data), f"predicted.parameters_{which}": np.array(parameters)}
    for suffix, task, ends in (("", hard, study.compute), ("_easy", tasks["easy"], study.easy_compute)):
        spectrum = binned(task, ratio * study.ladder[-1])
        compute = np.geomspace(ends[0], ends[1], BUDGETS)
        found |= _named(f"predicted.online{suffix}", frontier.online(spectrum, task, compute))
    spectrum = binned(hard, ratio * study.ladder[-1])
    found["line.compute"] = line = np.geomspace(study.compute[0] / 3, study.compute[1] * 3, 20)
    found["line.ladder"] = np.stack([predict(spectrum, math.inf, p, line / p).test for p in study.ladder[::2]], 1)
    return found | _noisy(study, hard) | _optima(study, hard)


def _noisy(study: "Study", task: Task) -> Curves:
    """Where to stop at each simulated number of data, and the curves around that time."""
    stops, curves = [], []
    for n in study.samples:
        spectrum = binned(task, study.ratio * n)
        stop = stopping.optimal(spectrum, task, [n], study.noise)
        exact = predict(spectrum, n, math.inf, stop.time * TIMES, study.noise)
        stops.append(np.concatenate(stop))
        curves.append((exact.test, np.sqrt(exact.gradient)))
    error, delta = np.array(curves).swapaxes(0, 1)  # each [N, T]
    return _named("predicted.stopping", stopping.Stopping(*np.array(stops).T)) | {
        "predicted.noisy_error": error,
        "predicted.noisy_delta": delta,
    }


def _optima(study: "Study", task: Task) -> Curves:
    """Whole-number (p, n) that spend the compute p n t best, and error and gradient norm there."""
    best = frontier.full_batch(binned(task, study.modes), task, study.triples)
    p, n = np.round(best.features), np.round(best.samples)
    exact = [
        predict(binned(task, study.ratio * int(max(size))), size[1], size[0], [t])
        for size, t in zip(np.stack([p, n], 1), best.time, strict=True)
    ]
    error, delta = (np.array([getattr(one, name)[0] for one in exact]) for name in ("test", "gradient"))
    return {
        "predicted.optima_p": p,
        "predicted.optima_n": n,
        "predicted.optima_t": best.time,
        "predicted.optima_error": error,
        "predicted.optima_delta": np.sqrt(delta),
    }


def _named(prefix: str, values: "frontier.Frontier | stopping.Stopping") -> Curves:
    """The fields of a tuple under the names of the formulas."""
    short = {"features": "p", "samples": "n", "time": "t", "test": "error", "excess": "error", "gradient": "delta"}
    return {f"{prefix}_{short.get(name, name)}": array for name, array in values._asdict().items()}
