"""The exact solution against gradient descent with tiny steps, and draws against the theory."""

import itertools
import math

import numpy as np
import pytest
import torch

from baselines.scaling_law import gradient_flow
from baselines.scaling_law.agreement import over_draws
from baselines.scaling_law.flow_simulation import components
from baselines.scaling_law.gradient_flow import contour, predict, resolutions
from baselines.scaling_law.simulate import Moments, draw
from baselines.scaling_law.spectrum import power_law

CPU, DOUBLE = torch.device("cpu"), torch.float64


def drawn(seed: int, n: int, p: int, modes: int, device: torch.device = CPU) -> Moments:
    return draw(power_law(modes, 1.5, 2.0), n, p, torch.Generator().manual_seed(seed), device, DOUBLE)


@pytest.mark.parametrize(("n", "p"), [(4, 3), (3, 4), (3, 3)])
def test_the_solution_is_that_of_gradient_descent(n, p):
    """All sign patterns of the target, and each label's noise on its own, in steps of 1e-4 and 2e-4."""
    modes, t = 5, 2.0
    spectrum = power_law(modes, 1.5, 2.0)
    lam, source = spectrum.eigenvalues, torch.Generator().manual_seed(5)
    g, a = (torch.randn(size, modes, generator=source, dtype=DOUBLE).numpy() for size in (n, p))
    psi = g * np.sqrt(lam)
    z = psi @ a.T / math.sqrt(p)
    signs = np.array(list(itertools.product([-1, 1], repeat=modes))).T  # [M, 2^M]
    target = np.concatenate([signs * np.sqrt(spectrum.signal / lam)[:, None], np.zeros((modes, n))], axis=1)
    labels = np.concatenate([psi @ target[:, : signs.shape[1]], np.eye(n)], axis=1)

    def descend(step: float) -> np.ndarray:
        weights = np.zeros((p, labels.shape[1]))
        for _ in range(round(t / step)):
            weights -= step * z.T @ (z @ weights - labels) / n
        missing = z @ weights - labels
        errors = [
            (lam[:, None] * (target - a.T @ weights / math.sqrt(p)) ** 2).sum(0),
            (missing**2).mean(0),
            ((z.T @ missing / n) ** 2).sum(0),
        ]
        values = np.array(errors)
        return np.stack([values[:, : signs.shape[1]].mean(1), values[:, signs.shape[1] :].sum(1)])

    coarse, fine = descend(2e-4), descend(1e-4)
    found = np.array(components(drawn(5, n, p, modes), n, p, [t]))[..., 0]  # [2, 3]
    assert found == pytest.approx(2 * fine - coarse, rel=1e-6)
    assert abs(coarse - found).max() == pytest.approx(2 * abs(fine - found).max(), rel=0.01)  # the order of the steps


@pytest.mark.parametrize(("n", "p"), [(30, 20), (20, 30)])
def test_the_loss_falls_by_the_squared_gradient(n, p):
    moments, times, step = drawn(1, n, p, 200), np.geomspace(0.1, 1000, 7), 1e-4
    middle = np.array(components(moments, n, p, times))
    before, after = (np.array(components(moments, n, p, times * math.exp(s * step)))[:, 1] for s in (-1, 1))
    assert (after - before) / (2 * step * times) == pytest.approx(-2 * middle[:, 2], rel=1e-5, abs=1e-10)


@pytest.mark.parametrize(("n", "p", "noise"), [(80, 50, 0.0), (50, 80, 0.1), (60, 60, 0.1)])
def test_simulation_and_theory_agree(n, p, noise):
    times = [1.0, 10.0, 100.0]
    found = []
    for seed in range(60):
        signal, added = (np.array(part) for part in components(drawn(seed, n, p, 1200), n, p, times))
        found.append(signal + noise * added)
    simulated, expected = over_draws(np.array(found)), np.array(predict(power_law(1200, 1.5, 2.0), n, p, times, noise))
    # Three standard errors and a finite-size correction of order 1/n + 1/p.
    assert (np.abs(simulated.mean / expected - 1) < 3 * simulated.error / expected + 2 / n + 2 / p).all()


def test_the_two_point_functions_agree_with_draws():
    """At complex pairs (s, s'): the Laplace transforms of drawn regressions, signal and unit noise."""
    n, p, modes = 90, 70, 1000
    s = contour(4)[0] / 20.0
    kappa = resolutions(power_law(modes, 1.5, 2.0), n, p, contour(4)[0], np.array([20.0]))[0]
    expected = gradient_flow._two_point(power_law(modes, 1.5, 2.0), n, p, s, kappa, 2)[..., 0, 1]  # the pair (s0, s1)
    found = []
    for seed in range(40):
        moments = drawn(seed, n, p, modes)
        z, covariance, labels, overlap = (part.numpy() for part in moments[:4])
        z = z / math.sqrt(p)
        maps = [np.linalg.solve(z.T @ z + n * x * np.eye(p), z.T) / x for x in s]  # labels to weights, [p, n]
        left = [np.eye(n) / x - z @ one for x, one in zip(s, maps, strict=True)]  # labels to residuals
        slopes = [z.T @ one / n for one in left]
        quadratic = np.trace(maps[0].T @ covariance @ maps[1] @ labels) / p
        cross = sum(np.trace(one @ overlap) / x for one, x in zip(maps, s[::-1], strict=True)) / math.sqrt(p)
        test = moments.signal_variance / (s[0] * s[1]) - cross + quadratic
        both = (labels, np.eye(n))
        found.append(
            [
                [test, *(np.trace(pair[0].T @ pair[1] @ both[0]) / size for pair, size in ((left, n), (slopes, 1)))],
                [np.trace(maps[0].T @ covariance @ maps[1]) / p,
                 *(np.trace(pair[0].T @ pair[1]) / size for pair, size in ((left, n), (slopes, 1)))],
            ]
        )  # fmt: skip
    assert np.mean(found, axis=0) == pytest.approx(expected, rel=0.05)


def test_a_small_draw_and_bad_times_are_refused():
    moments = drawn(0, 6, 5, 50)
    with pytest.raises(ValueError, match="holds no block of 7 and 5"):
        components(moments, 7, 5, [1.0])
    with pytest.raises(ValueError, match="times"):
        components(moments, 3, 3, [0.0])


@pytest.mark.gpu
def test_the_gpu_finds_the_same():
    found = [np.array(components(drawn(0, 30, 40, 500, device), 30, 40, [1.0, 50.0])) for device in
             (CPU, torch.device("cuda"))]  # fmt: skip
    assert found[0] == pytest.approx(found[1], rel=1e-8)
