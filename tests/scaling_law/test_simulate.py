"""The simulation against plain regression, enumerated sign patterns, and the theory."""

import itertools
import math

import numpy as np
import pytest
import torch

from baselines.scaling_law.agreement import over_draws
from baselines.scaling_law.ridge import predict
from baselines.scaling_law.simulate import blocks, draw, errors
from baselines.scaling_law.spectrum import power_law

CPU, DOUBLE = torch.device("cpu"), torch.float64


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(seed: int, n: int, p: int, modes: int) -> tuple[np.ndarray, np.ndarray]:
    """The Gaussian numbers that `draw` uses when all modes fit into one chunk."""
    source = generator(seed)
    return tuple(torch.randn(size, modes, generator=source, dtype=DOUBLE).numpy() for size in (n, p))  # type: ignore[return-value]


@pytest.mark.parametrize(("n", "p"), [(4, 3), (3, 4), (3, 3)])
def test_integrals_equal_an_enumeration_of_plain_regressions(n, p):
    """All 2^6 sign patterns of the target, and each label's noise on its own, solved by the normal equations."""
    modes, ridge = 6, 0.05
    spectrum = power_law(modes, 1.5, 2.0)
    lam = spectrum.eigenvalues
    g, a = drawn(5, n, p, modes)
    psi = g * np.sqrt(lam)
    z = psi @ a.T / np.sqrt(p)

    def regress(labels: np.ndarray) -> tuple[np.ndarray, float]:
        weights = np.linalg.solve(z.T @ z + ridge * np.eye(p), z.T @ labels)
        return a.T @ weights / np.sqrt(p), float(((z @ weights - labels) ** 2).mean())

    magnitude = np.sqrt(spectrum.signal / lam)
    bias, train_bias = [], []
    for signs in itertools.product([-1, 1], repeat=modes):
        target = np.array(signs) * magnitude
        learned, train = regress(psi @ target)
        bias.append((lam * (target - learned) ** 2).sum())
        train_bias.append(train)
    unit_noise = [regress(label) for label in np.eye(n)]
    found = errors(draw(spectrum, n, p, generator(5), CPU, DOUBLE), n, p, torch.tensor([ridge], dtype=DOUBLE))
    assert found.bias.item() == pytest.approx(np.mean(bias), rel=1e-10)
    assert found.train_bias.item() == pytest.approx(np.mean(train_bias), rel=1e-10)
    assert found.variance.item() == pytest.approx(sum((lam * w**2).sum() for w, _ in unit_noise), rel=1e-10)
    assert found.train_variance.item() == pytest.approx(sum(train for _, train in unit_noise), rel=1e-10)


def test_the_mean_over_test_points_is_the_sum_over_modes():
    """The test error of one regression by sampling test points."""
    modes, n, p, ridge, noise = 30, 12, 10, 0.1, 0.2
    spectrum = power_law(modes, 1.5, 2.0)
    source = np.random.default_rng(0)
    target = np.sqrt(spectrum.signal / spectrum.eigenvalues)
    root, test_points = np.sqrt(spectrum.eigenvalues), source.standard_normal((20_000, modes))
    sampled, exact = [], []
    for seed in range(60):
        g, a = drawn(seed, n, p, modes)
        labels = (g * root) @ target + math.sqrt(noise) * source.standard_normal(n)
        z = (g * root) @ a.T / math.sqrt(p)
        learned = a.T @ np.linalg.solve(z.T @ z + ridge * np.eye(p), z.T @ labels) / math.sqrt(p)
        sampled.append((((test_points * root) @ (target - learned)) ** 2).mean())
        found = errors(draw(spectrum, n, p, generator(seed), CPU, DOUBLE), n, p, torch.tensor([ridge], dtype=DOUBLE))
        exact.append(found.bias.item() + noise * found.variance.item())
    difference = over_draws(np.array(sampled) - np.array(exact))
    assert abs(difference.mean) < 4 * difference.error
    assert np.std(exact) < 0.8 * np.std(sampled)  # integrating takes fluctuation away


def test_chunks_of_modes_change_the_draw_but_not_the_products():
    spectrum = power_law(50, 1.5, 2.0)
    whole = draw(spectrum, 7, 5, generator(0), CPU, DOUBLE)
    g, a = drawn(0, 7, 5, 50)
    lam, signal = spectrum.eigenvalues, spectrum.signal
    assert np.allclose(whole.features, (g * np.sqrt(lam)) @ a.T)
    assert np.allclose(whole.covariance, (a * lam) @ a.T)
    assert np.allclose(whole.labels, (g * signal) @ g.T)
    assert np.allclose(whole.overlap, (g * np.sqrt(lam) * signal) @ a.T)
    source = generator(0)
    parts = [[torch.randn(s, m, generator=source, dtype=DOUBLE).numpy() for s in (7, 5)] for m in (20, 20, 10)]
    g, a = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    chunked = draw(spectrum, 7, 5, generator(0), CPU, DOUBLE, chunk=20)
    assert np.allclose(chunked.overlap, (g * np.sqrt(lam) * signal) @ a.T)


def test_blocks_are_disjoint_and_complete():
    moments = draw(power_law(20, 1.5, 2.0), 12, 9, generator(0), CPU, DOUBLE)
    found = list(blocks(moments, 4, 4))
    assert len(found) == 2
    assert torch.equal(found[1].labels, moments.labels[4:8, 4:8])
    assert torch.equal(found[1].features, moments.features[4:8, 4:8] / 2)
    ridges = torch.tensor([0.1], dtype=DOUBLE)
    each = [errors(block._replace(features=block.features * 2, covariance=block.covariance * 4,
                                  overlap=block.overlap * 2), 4, 4, ridges).bias for block in found]  # fmt: skip
    assert errors(moments, 4, 4, ridges).bias == pytest.approx(float(torch.stack(each).mean()), rel=1e-12)


@pytest.mark.parametrize(("n", "p", "ridge"), [(60, 30, 0.1), (30, 60, 0.01), (40, 40, 0.5)])
def test_simulation_and_theory_agree(n, p, ridge):
    spectrum = power_law(1200, 1.5, 2.0)
    ridges, noise = torch.tensor([ridge], dtype=DOUBLE), 0.1
    found = [errors(draw(spectrum, n, p, generator(seed), CPU, DOUBLE), n, p, ridges) for seed in range(60)]
    expected = predict(spectrum, n, p, ridge)
    test = over_draws(np.array([(e.bias + noise * e.variance).item() for e in found]))
    train = over_draws(np.array([(e.train_bias + noise * e.train_variance).item() for e in found]))
    # Three standard errors and a finite-size correction of order 1/n + 1/p.
    assert abs(test.mean / expected.test(noise) - 1) < 3 * test.error / expected.test(noise) + 1 / n + 1 / p
    assert abs(train.mean / expected.train(noise) - 1) < 3 * train.error / expected.train(noise) + 2 / n + 2 / p


def test_kernel_ridge_regression_and_theory_agree():
    n, modes, ridge = 50, 1000, 0.1
    spectrum = power_law(modes, 1.5, 2.0)
    source, found = np.random.default_rng(1), []
    for _ in range(60):
        psi = source.standard_normal((n, modes)) * np.sqrt(spectrum.eigenvalues)
        target = source.choice([-1, 1], modes) * np.sqrt(spectrum.signal / spectrum.eigenvalues)
        learned = psi.T @ np.linalg.solve(psi @ psi.T + ridge * np.eye(n), psi @ target)
        found.append((spectrum.eigenvalues * (target - learned) ** 2).sum())
    test, expected = over_draws(np.array(found)), predict(spectrum, n, math.inf, ridge).bias
    assert abs(test.mean - expected) < 3 * test.error + expected / n


def test_float32_is_close_where_the_ridge_is_not_small():
    spectrum = power_law(300, 1.5, 2.0)
    found = [
        errors(draw(spectrum, 30, 20, generator(0), CPU, dtype), 30, 20, torch.tensor([1.0], dtype=dtype)).bias.item()
        for dtype in (torch.float32, DOUBLE)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.gpu
def test_the_gpu_sees_the_same_draw():
    spectrum, ridges = power_law(500, 1.5, 2.0), torch.tensor([0.1], dtype=DOUBLE)
    found = [
        errors(draw(spectrum, 40, 30, generator(0), device, DOUBLE), 40, 30, ridges.to(device)).bias.item()
        for device in (CPU, torch.device("cuda"))
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
