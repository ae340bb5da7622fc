"""Normaliser, profile and likelihood ratio against quadrature, other solvers and simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import chi2

from baselines.scaling_law import parametric_fit as pf
from baselines.scaling_law import profile_likelihood as pl
from baselines.scaling_law.published_laws import EPOCH, HOFFMANN

DELTA = 1e-3


def runs(seed: int, scale: float = 0.004) -> pf.LogRuns:
    n, d = (np.exp(axis).ravel() for axis in np.meshgrid(np.linspace(18, 23.5, 7), np.linspace(21, 27, 7)))
    loss = EPOCH.loss(n, d) * np.exp(np.random.default_rng(seed).laplace(scale=scale, size=n.size))
    return pf.LogRuns(np.log(n), np.log(d), np.log(loss))


def huber(r, delta=DELTA):
    return 0.5 * r * r if abs(r) <= delta else delta * (abs(r) - 0.5 * delta)


@pytest.mark.parametrize("tau", [1e-8, 1e-6, 1e-4])
def test_the_density_is_normalised(tau):
    def density(r):
        return np.exp(-huber(r) / tau)

    inner, _ = quad(density, 0, DELTA, epsabs=0)
    outer, _ = quad(density, DELTA, np.inf, epsabs=1e-14) if tau < 1e-5 else (tau / DELTA * density(DELTA), 0)
    assert np.exp(pl.log_normaliser(tau, DELTA)) == pytest.approx(2 * (inner + outer), rel=1e-6)


def test_the_likelihood_is_maximised_over_the_scale():
    objective, count = 1.2e-3, 240
    scales = np.exp(np.linspace(-16, -8, 20001))
    values = [-objective / tau - count * pl.log_normaliser(tau, DELTA) for tau in scales]
    assert pl.log_likelihood(objective, count, DELTA) == pytest.approx(max(values), rel=1e-7)


def test_the_profile_is_the_constrained_minimum():
    table = runs(0)
    best = pf.fit(table, EPOCH.logs, DELTA)
    values = best.law.E * np.array([0.97, 0.99, 1.0, 1.01, 1.03])
    found = pl.profile(table, best, values, DELTA)
    assert found.objective[2] == pytest.approx(best.objective, rel=1e-8)
    assert found.deficit.argmin() == 2
    assert np.exp(found.laws[:, 2]) == pytest.approx(values)

    def other(four):
        return 1e6 * pf.huber_objective(np.insert(four, 2, np.log(values[1])), table, DELTA)[0]

    start = np.delete(best.law.logs, 2)
    solved = minimize(other, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 6000})
    assert found.objective[1] == pytest.approx(solved.fun / 1e6, rel=1e-5)


def test_the_interval_is_where_the_deficit_passes_the_quantile():
    parabola = pl.Profile(np.linspace(-3, 3, 61), np.zeros(61), np.linspace(-3, 3, 61) ** 2, np.zeros((61, 5)))
    assert parabola.interval(0.95) == pytest.approx((-1.959964, 1.959964), abs=1e-6)
    short = pl.Profile(*(array[20:41] for array in (parabola.values, parabola.objective, parabola.deficit)), None)
    assert np.isnan(short.interval(0.95)).all()


def test_at_the_truth_the_deficit_is_chi_square():
    """With Laplace noise the model is right: the mean is one, and about 95 % stay below the quantile."""
    deficits = []
    for seed in range(60):
        table = runs(seed)
        best = pf.fit(table, EPOCH.logs, DELTA)
        deficits.append(pl.profile(table, best, np.array([EPOCH.E]), DELTA).deficit[0])
    assert np.mean(deficits) == pytest.approx(1.0, abs=0.6)  # standard error 0.18
    assert np.mean(np.array(deficits) < chi2.ppf(0.95, 1)) > 0.85


@pytest.mark.data
def test_the_published_likelihood_ratio(data_dir):
    from pathlib import Path

    from baselines.scaling_law.runs_table import read_runs

    path = Path(data_dir) / "scaling/epoch_chinchilla/svg_extracted_data.csv"
    table = read_runs(path, "Model Size", None, "Training FLOP", "loss").without_largest_losses(5).logs()
    ratio = pl.ratio_test(table, HOFFMANN, pf.fit(table, EPOCH.logs, DELTA), DELTA)
    assert ratio.statistic == pytest.approx(84.0, abs=0.05)
    assert ratio.p_value == pytest.approx(1.2e-16, rel=0.05)
