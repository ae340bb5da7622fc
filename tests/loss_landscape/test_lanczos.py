"""Lanczos on matrices with known eigenvalues."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

from baselines.loss_landscape.lanczos import copies, lanczos, largest


def matrix(eigenvalues, seed=0, dtype=torch.float64):
    """A symmetric matrix with given eigenvalues, and its eigenvectors as columns in the same order."""
    spectrum = torch.as_tensor(eigenvalues, dtype=torch.float64)
    random = torch.randn(len(spectrum), len(spectrum), generator=torch.Generator().manual_seed(seed)).double()
    basis, _ = torch.linalg.qr(random)
    return (basis @ torch.diag(spectrum) @ basis.T).to(dtype), basis.to(dtype)


def start(size, seed=1, dtype=torch.float64):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


# like a trained network: many eigenvalues near zero, a few large ones, some negative ones
OUTLIERS = np.concatenate([[10.0, 8.0, 5.0, 3.0], np.linspace(-0.4, 1.0, 196)])


def test_recursion_tridiagonalises():
    a, _ = matrix(OUTLIERS)
    run = lanczos(lambda v: a @ v, start(200), 30)
    q = run.basis
    torch.testing.assert_close(q @ q.T, torch.eye(30, dtype=torch.float64), rtol=0, atol=1e-13)
    t = np.diag(run.alphas) + np.diag(run.betas, 1) + np.diag(run.betas, -1)
    np.testing.assert_allclose((q @ a @ q.T).numpy(), t, atol=1e-12)
    left = a @ q.T - q.T @ torch.as_tensor(t)  # only the last column is not zero, of length beta_m
    np.testing.assert_allclose(left[:, :-1].numpy(), 0, atol=1e-12)
    assert float(left[:, -1].norm()) == pytest.approx(run.last, rel=1e-10)


def test_ritz_pairs_are_eigenpairs():
    a, basis = matrix(OUTLIERS)
    run = lanczos(lambda v: a @ v, start(200), 60)
    ritz = run.ritz()
    np.testing.assert_allclose(ritz.values[:4], OUTLIERS[:4], rtol=1e-12)
    vectors = run.ritz_vectors(4)
    torch.testing.assert_close((vectors @ basis[:, :4]).abs().diagonal(), torch.ones(4).double(), rtol=0, atol=1e-10)
    assert ritz.weights.sum() == pytest.approx(1, abs=1e-13)


def test_residuals_are_what_they_say():
    a, _ = matrix(OUTLIERS)
    run = lanczos(lambda v: a @ v, start(200), 12)
    ritz, vectors = run.ritz(), run.ritz_vectors(12)
    for value, vector, residual in zip(ritz.values, vectors, ritz.residuals, strict=True):
        assert float((a @ vector - value * vector).norm()) == pytest.approx(residual, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ghosts_appear_without_reorthogonalisation_and_only_then(dtype):
    a, _ = matrix(OUTLIERS, dtype=dtype)
    with_it, without = (
        lanczos(lambda v: a @ v, start(200, dtype=dtype), 100, reorthogonalise=keep).ritz().values
        for keep in (True, False)
    )
    rtol = 1e-6 if dtype == torch.float64 else 1e-4
    assert copies(with_it, OUTLIERS[:4], rtol).tolist() == [1, 1, 1, 1]
    ghosts = copies(without, OUTLIERS[:4], rtol)
    assert ghosts[0] >= 3 and (ghosts >= 2).all()


def test_all_steps_give_all_eigenvalues():
    a, _ = matrix(OUTLIERS[:40])
    run = lanczos(lambda v: a @ v, start(40), 40)
    np.testing.assert_allclose(np.sort(run.ritz().values), np.sort(OUTLIERS[:40]), atol=1e-11)


@pytest.mark.parametrize("eigenvalues", [np.repeat([3.0, 1.0, -2.0], 10), np.zeros(8), np.full(5, 2.0)])
def test_stops_where_the_krylov_space_is_exhausted(eigenvalues):
    a, _ = matrix(eigenvalues)
    run = lanczos(lambda v: a @ v, start(len(eigenvalues)), len(eigenvalues))
    distinct = np.unique(eigenvalues)
    assert run.steps == len(distinct) and run.last == 0
    np.testing.assert_allclose(np.sort(run.ritz().values), distinct, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_largest_stops_when_it_is_good_enough(k, dtype):
    a, _ = matrix(OUTLIERS, dtype=dtype)
    run = largest(lambda v: a @ v, start(200, dtype=dtype), k, tol=1e-3)
    np.testing.assert_allclose(run.ritz().values[:k], OUTLIERS[:k], rtol=1e-5)
    assert run.steps < 40
    assert (run.ritz().residuals[:k] <= 1e-3 * OUTLIERS[:k] * 1.001).all()


def test_a_warm_start_saves_products():
    a, basis = matrix(OUTLIERS)
    cold = largest(lambda v: a @ v, start(200), 1, least=3).steps
    warm = largest(lambda v: a @ v, basis[:, 0] + 1e-3 * start(200) / 200**0.5, 1, least=3).steps
    assert warm < 0.7 * cold


def test_a_start_at_a_wrong_eigenvector_is_left():
    a, basis = matrix(OUTLIERS)
    run = largest(lambda v: a @ v, basis[:, 1] + 1e-3 * start(200) / 200**0.5, 1)
    assert run.ritz().values[0] == pytest.approx(10.0, rel=1e-5)


def test_largest_means_algebraically():
    a, _ = matrix(np.concatenate([[-50.0, -20.0], OUTLIERS]))
    assert largest(lambda v: a @ v, start(202), 1).ritz().values[0] == pytest.approx(10.0, rel=1e-5)


def test_largest_of_a_tiny_matrix():
    a, _ = matrix([1.0, 3.0])
    assert largest(lambda v: a @ v, start(2), 2).ritz().values == pytest.approx([3.0, 1.0])


def test_a_generic_matrix_against_lapack():
    random = torch.randn(60, 60, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    a = random + random.T
    exact = eigh(a.numpy(), eigvals_only=True)[::-1]
    np.testing.assert_allclose(
        largest(lambda v: a @ v, start(60), 3, tol=1e-8).ritz().values[:3], exact[:3], rtol=1e-12
    )


def test_copies():
    found = np.array([3.0, 3.0 + 1e-9, 2.0, -1.0])
    assert copies(found, np.array([3.0, 2.0, 1.0, -1.0])).tolist() == [2, 1, 0, 1]


def test_bad_arguments():
    def identity(v):
        return v

    with pytest.raises(ValueError, match="not zero"):
        lanczos(identity, torch.zeros(5), 2)
    with pytest.raises(ValueError, match="steps must be from 1 to the dimension 5"):
        lanczos(identity, torch.ones(5), 6)
    with pytest.raises(ValueError, match="k must be from 1"):
        largest(identity, torch.ones(5), 0)
    with pytest.raises(FloatingPointError, match="step 1 is not finite"):
        lanczos(lambda v: v * float("nan"), torch.ones(5), 2)
    with pytest.raises(ValueError, match="reorthogonalise=True"):
        lanczos(identity, torch.ones(5), 1, reorthogonalise=False).ritz_vectors(1)
    a, _ = matrix(OUTLIERS)
    with pytest.raises(RuntimeError, match="did not converge"):
        largest(lambda v: a @ v, start(200), 4, steps=8)
