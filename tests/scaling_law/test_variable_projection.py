"""Variable projection against known surfaces, a five-parameter solver and the other objective."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from baselines.scaling_law import parametric_fit as pf
from baselines.scaling_law import variable_projection as vp
from baselines.scaling_law.published_laws import EPOCH, HOFFMANN

NAMES = ("A", "B", "E", "alpha", "beta")
LAWS = {
    "epoch": EPOCH,
    "hoffmann": HOFFMANN,
    "symmetric": pf.ScalingLaw(400, 400, 1.69, 0.31, 0.31),
    "asymmetric": pf.ScalingLaw(2000, 30, 1.69, 0.465, 0.155),
    "steep": pf.ScalingLaw(1e9, 30, 0.5, 1.2, 0.1),
}


def runs(law: pf.ScalingLaw, noise: float = 0.0, seed: int = 0) -> pf.LogRuns:
    n, d = (np.exp(axis).ravel() for axis in np.meshgrid(np.linspace(18, 23.5, 9), np.linspace(21, 27, 9)))
    loss = law.loss(n, d) * np.exp(noise * np.random.default_rng(seed).standard_normal(n.size))
    return pf.LogRuns(np.log(n), np.log(d), np.log(loss))


@pytest.mark.parametrize("name", LAWS)
def test_noise_free_surfaces_are_recovered_to_rounding(name):
    found = vp.fit(runs(LAWS[name]))
    assert found.status is pf.FitStatus.CONVERGED
    assert [getattr(found.law, key) for key in NAMES] == pytest.approx(
        [getattr(LAWS[name], key) for key in NAMES], rel=1e-9
    )
    assert vp.recovery_error(runs(HOFFMANN, 0.1), [LAWS[name]]) < 1e-9


def test_it_finds_the_least_squares_minimum_of_a_five_parameter_solver():
    table = runs(EPOCH, 0.01)
    loss, n, d = np.exp(table.loss), np.exp(table.parameters), np.exp(table.tokens)

    def residual(theta):
        return pf.ScalingLaw.from_logs(theta).loss(n, d) - loss

    # the parameters differ by orders of magnitude in their effect: the start is the truth, to help the solver
    other = least_squares(residual, EPOCH.logs, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000)
    found = vp.fit(table)
    assert found.deviation == pytest.approx(np.sqrt(np.mean(other.fun**2)), rel=1e-6)
    assert found.law.logs == pytest.approx(other.x, rel=1e-4)
    assert found.gradient < 1e-5


def test_a_weight_of_two_is_a_run_that_counts_twice():
    table = runs(EPOCH, 0.01)
    twice = table.take(np.concatenate([np.arange(len(table)), np.arange(10)]))
    weights = np.ones(len(table))
    weights[:10] = 2
    assert vp.fit(table, weights=weights).law.logs == pytest.approx(vp.fit(twice).law.logs, rel=1e-7)


@pytest.mark.parametrize("noise", [0.0, 3e-4, 0.01])  # residuals inside, around and outside the Huber threshold
def test_reweighting_minimises_the_huber_objective(noise):
    table = runs(EPOCH, noise)
    found = vp.fit_huber(table, 1e-3)
    best = pf.fit_from_starts(table, np.array([EPOCH.logs, HOFFMANN.logs]), 1e-3)[0]
    objective, gradient = pf.huber_objective(found.law.logs, table, 1e-3)
    assert found.status is pf.FitStatus.CONVERGED
    assert objective <= best.objective * (1 + 1e-8) + 1e-20
    assert np.abs(gradient).max() < 1e-3 * len(table) * 1e-6  # in units of n delta^2
    if noise:
        assert (found.law.alpha, found.law.beta) == pytest.approx((best.law.alpha, best.law.beta), abs=1e-5)


def test_too_few_reweightings_are_reported():
    assert vp.fit_huber(runs(EPOCH, 0.01), 1e-3, most=2).status is pf.FitStatus.STOPPED


def test_a_term_that_the_table_does_not_fix_is_reported():
    n, d = np.exp(runs(EPOCH).parameters), np.exp(runs(EPOCH).tokens)
    flat = pf.LogRuns(np.log(n), np.log(d), np.log(100 * n**-0.2))  # no constant, no dependence on D
    assert vp.fit(flat).status is pf.FitStatus.BOUND


@pytest.mark.data
def test_another_groups_fit_of_the_published_runs(data_dir):
    from pathlib import Path

    from baselines.scaling_law.runs_table import read_runs

    path = Path(data_dir) / "scaling/epoch_chinchilla/svg_extracted_data.csv"
    table = read_runs(path, "Model Size", None, "Training FLOP", "loss").without_largest_losses(5)
    chosen = table.take(np.flatnonzero(table.compute < 1e21))
    assert len(chosen) == 217
    law = vp.fit(chosen.logs()).law
    assert (law.alpha, law.beta, law.E) == pytest.approx((0.3511, 0.4587, 1.9051), abs=1e-4)
