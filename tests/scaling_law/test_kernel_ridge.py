"""Kernel ridge regression by traces against plain regressions; the best ridge against a dense scan."""

import itertools
import math

import numpy as np
import pytest
import torch

from baselines.scaling_law import kernel_ridge, simulate
from baselines.scaling_law.optimal_ridge import optimal_ridge
from baselines.scaling_law.ridge import predict
from baselines.scaling_law.spectrum import Spectrum, power_law
from baselines.scaling_law.stopping import draw_data

CPU, F64 = torch.device("cpu"), torch.float64
RIDGES = torch.tensor([0.01, 0.5], dtype=F64)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_traces_are_the_mean_over_the_signs_of_plain_regressions():
    """Four modes: all sixteen targets, each solved in the space of the modes."""
    lam, signal, n = np.array([1.0, 0.5, 0.2, 0.1]), np.array([0.7, 0.2, 0.3, 0.1]), 6
    found = kernel_ridge.errors(draw_data([Spectrum(lam, signal)], n, generator(3), CPU, F64), n, RIDGES)
    psi = torch.randn(n, 4, generator=generator(3), dtype=F64).numpy() * np.sqrt(lam)
    size = np.sqrt(signal / lam)
    for index, ridge in enumerate(RIDGES.tolist()):
        solve = np.linalg.inv(psi.T @ psi + ridge * np.eye(4)) @ psi.T  # [4, n]
        bias, train = [], []
        for signs in itertools.product((-1, 1), repeat=4):
            w = size * signs
            learned = solve @ (psi @ w)
            bias.append(lam @ (learned - w) ** 2)
            train.append(((psi @ learned - psi @ w) ** 2).mean())
        assert found.bias[index].item() == pytest.approx(np.mean(bias), rel=1e-10)
        assert found.train_bias[index].item() == pytest.approx(np.mean(train), rel=1e-10)
        assert found.variance[index].item() == pytest.approx(np.trace(solve.T @ np.diag(lam) @ solve), rel=1e-10)
        residual = np.eye(n) - psi @ solve
        assert found.train_variance[index].item() == pytest.approx((residual**2).sum() / n, rel=1e-10)


def test_many_random_features_on_the_same_data_become_the_kernel():
    spectrum, n, p = power_law(60, 1.5, 2.0), 20, 4000
    kernel = kernel_ridge.errors(draw_data([spectrum], n, generator(0), CPU, F64), n, RIDGES)
    features = simulate.errors(simulate.draw(spectrum, n, p, generator(0), CPU, F64), n, p, RIDGES)
    for name in ("bias", "variance", "train_bias", "train_variance"):
        assert torch.allclose(getattr(features, name), getattr(kernel, name), rtol=0.05), name


def test_blocks_of_a_draw_are_averaged():
    spectrum = power_law(100, 1.5, 2.0)
    gram = draw_data([spectrum], 11, generator(1), CPU, F64)
    halves = [kernel_ridge.errors(_rows(gram, slice(at, at + 5)), 5, RIDGES).bias for at in (0, 5)]
    assert torch.allclose(kernel_ridge.errors(gram, 5, RIDGES).bias, sum(halves) / 2, rtol=1e-12)


def _rows(gram, rows):
    return gram._replace(
        kernel=gram.kernel[rows, rows],
        population=gram.population[rows, rows],
        labels=gram.labels[:, rows, rows],
        overlap=gram.overlap[:, rows, rows],
    )


@pytest.mark.parametrize(("n", "p"), [(100, 40), (100, 100), (100, 400), (60, math.inf)])
def test_the_best_ridge_is_the_minimum_of_a_dense_scan(n, p):
    spectrum = power_law(3000, 1.5, 2.0)
    found = optimal_ridge(spectrum, n, p, 0.1)
    scan = np.geomspace(found.ridge / 3, 3 * found.ridge, 201)
    errors = [predict(spectrum, n, p, ridge).test(0.1) for ridge in scan]
    assert found.test <= min(errors) * (1 + 1e-9)
    assert scan[int(np.argmin(errors))] == pytest.approx(found.ridge, rel=0.03)


def test_isotropic_data_want_the_ridge_of_bayes():
    """On isotropic data the best ridge is the noise over the prior variance of a weight, whatever the sizes."""
    modes, power, noise = 50, 2.0, 0.3
    isotropic = Spectrum(np.ones(modes), np.full(modes, power / modes))
    for n in (30, 200):
        assert optimal_ridge(isotropic, n, math.inf, noise).ridge == pytest.approx(noise * modes / power, rel=1e-3)


def test_the_best_ridge_needs_noise():
    with pytest.raises(ValueError, match="must be positive"):
        optimal_ridge(power_law(100, 1.5, 2.0), 10, 10, 0.0)
