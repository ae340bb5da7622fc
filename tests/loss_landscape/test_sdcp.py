"""The complementarity problem: closed forms, brute force, conditions of optimality, and tests that can fail."""

import numpy as np
import pytest
from scipy.optimize import minimize

from baselines.loss_landscape import sdcp


def gram(rng: np.random.Generator, k: int, size: int = 40) -> np.ndarray:
    """A map B[X]_ij = sum_kl <G_ij, G_kl> X_kl with G symmetric in its indices, as third derivatives are."""
    G = rng.standard_normal((k, k, size)) * np.exp(rng.standard_normal((k, k, 1)))
    G = G + G.transpose(1, 0, 2)
    return np.einsum("ijp,klp->ijkl", G, G)


def symmetric(rng: np.random.Generator, k: int, shift: float) -> np.ndarray:
    A = rng.standard_normal((k, k))
    return (A + A.T) / 2 - shift * np.eye(k)


@pytest.mark.parametrize(("a", "b", "x"), [(-3.0, 2.0, 1.5), (3.0, 2.0, 0.0), (0.0, 2.0, 0.0), (-1e-9, 1e9, 1e-18)])
def test_one_direction_is_a_diode(a, b, x):
    found = sdcp.solve(np.full((1, 1), a), np.full((1, 1, 1, 1), b))
    assert found.X[0, 0] == pytest.approx(x, rel=1e-14)
    assert found.Y[0, 0] == pytest.approx(max(a, 0.0), abs=1e-15)


def test_no_direction_has_the_empty_solution():
    assert sdcp.solve(np.zeros((0, 0)), np.zeros((0, 0, 0, 0))).X.shape == (0, 0)


def test_diagonal_problem_decouples():
    """B[X]_ii = b_i X_ii, stiffness s off the diagonal: X_ii = max(0, -a_i / b_i)."""
    a, b = np.array([-2.0, 1.0, -0.5, 0.25]), np.array([4.0, 1.0, 0.5, 100.0])
    k = len(a)
    B = np.zeros((k, k, k, k))
    for i in range(k):
        for j in range(k):
            B[i, j, i, j] += 0.5 * np.sqrt(b[i] * b[j])
            B[i, j, j, i] += 0.5 * np.sqrt(b[i] * b[j])
    found = sdcp.solve(np.diag(a), B, tol=1e-12)
    np.testing.assert_allclose(found.X, np.diag(np.maximum(0, -a / b)), atol=1e-11)
    np.testing.assert_allclose(found.Y, np.diag(np.maximum(0, a)), atol=1e-10)
    assert found.iterations > 0


def test_isotropic_problem_is_a_projection():
    """For B[X] = c X the solution is the negative part of A over c, whatever the eigenvectors of A."""
    A = symmetric(np.random.default_rng(3), 4, 0.1)
    eye = np.eye(4)
    B = 2.5 * (np.einsum("ik,jl->ijkl", eye, eye) + np.einsum("il,jk->ijkl", eye, eye)) / 2
    found = sdcp.solve(A, B, tol=1e-12)
    values, vectors = np.linalg.eigh(A)
    np.testing.assert_allclose(found.X, (vectors * np.maximum(0, -values)) @ vectors.T / 2.5, atol=1e-11)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.5, 20.0])
def test_conditions_hold_on_random_problems(k, shift):
    rng = np.random.default_rng(k)
    for _ in range(5):
        A, B = symmetric(rng, k, shift), gram(rng, k)
        found = sdcp.solve(A, B)
        size = np.linalg.norm(A)
        np.testing.assert_allclose(found.Y, A + np.tensordot(B, found.X), atol=1e-9 * size)
        assert np.linalg.eigvalsh(found.X)[0] >= -1e-12 * max(np.linalg.norm(found.X), 1e-300)
        assert np.linalg.eigvalsh(found.Y)[0] >= -1e-6 * size
        assert abs(np.vdot(found.X, found.Y)) <= 1e-6 * size * np.linalg.norm(found.X)
        assert sdcp.kkt_residual(A, B, found.X) <= 1e-6
        assert found.residual <= 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_brute_force_finds_the_same_minimum(seed):
    """X = F F' removes the constraint; a quasi-Newton method from several starts minimises the quadratic over F."""
    rng = np.random.default_rng(seed)
    A, B = symmetric(rng, 2, 1.0), gram(rng, 2)

    def value(f: np.ndarray) -> float:
        X = f.reshape(2, 2) @ f.reshape(2, 2).T
        return float(np.vdot(A, X) + 0.5 * np.vdot(X, np.tensordot(B, X)))

    starts = [0.3 * rng.standard_normal(4) for _ in range(5)]
    best = min((minimize(value, start, method="BFGS", tol=1e-12) for start in starts), key=lambda result: result.fun)
    F = best.x.reshape(2, 2)
    np.testing.assert_allclose(sdcp.solve(A, B).X, F @ F.T, atol=2e-5 * np.linalg.norm(F @ F.T))


def test_a_warm_start_changes_the_work_not_the_result():
    rng = np.random.default_rng(0)
    A, B = symmetric(rng, 4, 0.2), gram(rng, 4)
    cold = sdcp.solve(A, B)
    warm = sdcp.solve(A, B, start=cold.X)
    assert 1 <= warm.iterations < cold.iterations / 4
    np.testing.assert_allclose(warm.X, cold.X, atol=1e-7 * np.linalg.norm(cold.X))


def test_the_residual_sees_wrong_answers():
    rng = np.random.default_rng(1)
    A, B = symmetric(rng, 3, 0.5), gram(rng, 3)
    X = sdcp.solve(A, B).X
    for wrong in (np.zeros((3, 3)), 1.01 * X, X + 0.01 * np.eye(3), -X):
        assert sdcp.kkt_residual(A, B, wrong) > 1e-3
    assert sdcp.kkt_residual(7 * A, 3 * B, 7 / 3 * X) == pytest.approx(sdcp.kkt_residual(A, B, X), abs=1e-8)


def test_bad_problems_are_refused():
    with pytest.raises(ValueError, match="must be"):
        sdcp.solve(np.eye(2), np.zeros((1, 1, 1, 1)))
    with pytest.raises(sdcp.NoSolution, match="push back"):
        sdcp.solve(-np.eye(2), np.zeros((2, 2, 2, 2)))
