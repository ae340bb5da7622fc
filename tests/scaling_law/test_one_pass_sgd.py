"""The exact mean loss of one-pass SGD against brute force, simulation and closed forms."""

import numpy as np
import pytest
import torch

from baselines.scaling_law import one_pass_sgd as sgd

DOUBLE = torch.float64
LAM = torch.tensor([1.0, 0.6, 0.3, 0.2, 0.1], dtype=DOUBLE)
TARGET = torch.tensor([1.0, -0.8, 0.5, 0.7, -0.4], dtype=DOUBLE)


def features(v: int = 5, d: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(v, d, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE) / d**0.5


def given(w: torch.Tensor, lam: torch.Tensor = LAM, target: torch.Tensor = TARGET) -> sgd.Problem:
    return sgd.problem((w.T * lam) @ w, w.T @ (lam * target), lam @ target**2)


def whole_matrix(w: torch.Tensor, step: float, batch: int, steps: int) -> list[float]:
    """The mean of the full matrix and of the residual's square, fourth moments summed index by index."""
    h, best = (w.T * LAM) @ w, torch.linalg.solve((w.T * LAM) @ w, w.T @ (LAM * TARGET))
    floor = float((LAM * (w @ best - TARGET) ** 2).sum())
    pairs = torch.einsum("ij,kl->ijkl", h, h) + torch.einsum("ik,jl->ijkl", h, h) + torch.einsum("il,jk->ijkl", h, h)
    m, losses = torch.outer(best, best), []
    for _ in range(steps + 1):
        losses.append(float((h * m).sum()) + floor)
        fourth = torch.einsum("iklj,kl->ij", pairs, m)  # E phi phi^T M phi phi^T
        square = (fourth + floor * h) / batch + (1 - 1 / batch) * h @ m @ h
        m = m - step * (h @ m + m @ h) + step**2 * square
    return losses


@pytest.mark.parametrize(("step", "batch"), [(0.1, 1), (0.3, 2), (0.8, 16)])
def test_the_diagonal_recursion_is_the_whole_matrix_recursion(step, batch):
    w = features()
    assert sgd.recursion(given(w), step, batch, 40).tolist() == pytest.approx(
        whole_matrix(w, step, batch, 40), rel=1e-10
    )


@pytest.mark.parametrize(("step", "batch"), [(0.02, 1), (0.3, 8), (0.5, 10**9)])
def test_the_closed_form_is_the_recursion(step, batch):
    problem = given(features())
    times = torch.tensor([0, 1, 2, 7, 100, 3000], dtype=DOUBLE)
    expected = sgd.recursion(problem, step, batch, 3000)[times.long()]
    assert torch.allclose(sgd.mean_loss(problem, step, batch, times), expected, rtol=1e-9, atol=0)


def test_a_batch_of_problems_is_each_problem():
    stack = [given(features(seed=seed)) for seed in range(3)]
    problems = sgd.Problem(*(torch.stack(parts) for parts in zip(*stack, strict=True)))
    times = torch.tensor([0.0, 5.0, 50.0], dtype=DOUBLE)
    together = sgd.mean_loss(problems, 0.05, 1, times)
    assert torch.allclose(together, torch.stack([sgd.mean_loss(one, 0.05, 1, times) for one in stack]))
    limits = torch.stack([sgd.stability_limit(one.eigenvalues, 2) for one in stack])
    assert torch.allclose(sgd.stability_limit(problems.eigenvalues, 2), limits)


def test_the_loss_starts_at_the_variance_of_the_labels_and_full_batches_end_at_the_floor():
    problem = given(features())
    found = sgd.mean_loss(problem, 0.5, 10**12, torch.tensor([0.0, 1e7], dtype=DOUBLE))
    assert found[0] == pytest.approx(float(LAM @ TARGET**2), rel=1e-12)
    assert found[1] == pytest.approx(float(problem.floor), rel=1e-6)


def test_averaging_over_signs_is_enumerating_them():
    w, times = features(), torch.tensor([0.0, 3.0, 30.0], dtype=DOUBLE)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=DOUBLE)] * 5)
    each = torch.stack([sgd.mean_loss(given(w, LAM, TARGET * sign), 0.1, 1, times) for sign in signs])
    signal = (w.T * (LAM * TARGET) ** 2) @ w
    averaged = sgd.problem_over_signs((w.T * LAM) @ w, signal, LAM @ TARGET**2)
    assert torch.allclose(sgd.mean_loss(averaged, 0.1, 1, times), each.mean(0), rtol=1e-10)


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_the_loss_is_bounded_below_the_stability_limit_and_grows_above(batch):
    problem = given(features())
    limit = float(sgd.stability_limit(problem.eigenvalues, batch))
    below, above = (sgd.recursion(problem, factor * limit, batch, 4000) for factor in (0.99, 1.01))
    assert below[-1] < 1.1 * below[2000] and above[-1] > 2 * above[2000]


def test_the_stability_limit_in_closed_form():
    one = torch.tensor([2.0], dtype=DOUBLE)
    assert float(sgd.stability_limit(one, 1)) == pytest.approx(2 / (3 * 2.0))  # (1 - g l)^2 + 2 g^2 l^2 < 1
    many = torch.full((1000,), 1e-3, dtype=DOUBLE)
    assert float(sgd.stability_limit(many, 1)) == pytest.approx(2 / many.sum().item(), rel=3e-3)
    assert float(sgd.stability_limit(one, 10**9)) == pytest.approx(2 / 2.0, rel=1e-6)


@pytest.mark.parametrize("batch", [1, 4])
def test_simulated_sgd_has_the_predicted_mean(batch):
    w, times = features(), [1, 5, 20, 60]
    losses = sgd.simulate(w, LAM, TARGET, 0.1, batch, times, 4000, torch.Generator().manual_seed(1)).numpy()
    expected = sgd.mean_loss(given(w), 0.1, batch, torch.tensor(times, dtype=DOUBLE)).numpy()
    error = losses.std(0, ddof=1) / np.sqrt(len(losses))
    assert (np.abs(losses.mean(0) - expected) < 4 * error).all()
    noiseless = sgd.mean_loss(given(w), 0.1, 10**12, torch.tensor(times, dtype=DOUBLE)).numpy()
    assert (losses.mean(0) - noiseless)[-1] > 8 * error[-1]  # the noise term is seen
