"""The semidefinite complementarity problem: how strongly does each critical direction oscillate?

Find symmetric k x k matrices X and Y with

    X >= 0,   Y = A + B[X] >= 0,   <X, Y> = 0,

where ">= 0" means positive semidefinite and B is a symmetric, positive semidefinite map of symmetric matrices. For
k = 1 these are the conditions of a diode: either no current or no voltage, and X = max(0, -A / B). Since B is
symmetric, they are also the conditions for the minimum of a convex quadratic on a cone,

    min over X >= 0 of  <A, X> + 1/2 <X, B[X]>,

which projected gradient descent finds: the projection of a symmetric matrix on the cone drops its negative eigenvalues.
"""

from dataclasses import dataclass

import numpy as np

MOST_ITERATIONS = 20000


@dataclass(frozen=True)
class Solution:
    """A solution of the complementarity problem."""

    X: np.ndarray
    """[k, k], positive semidefinite."""
    Y: np.ndarray
    """[k, k], A + B[X], positive semidefinite up to the residual."""
    residual: float
    """See `kkt_residual`."""
    iterations: int
    """Of projected gradient; 0 where a closed form gave the solution."""


class NoSolution(RuntimeError):
    """The iteration did not reach its tolerance; without B > 0 there may be no solution."""


def project(matrix: np.ndarray) -> np.ndarray:
    """The nearest positive semidefinite matrix in the Frobenius norm, shape [k, k]."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def kkt_residual(A: np.ndarray, B: np.ndarray, X: np.ndarray) -> float:
    """How far X is from solving the problem: || X - proj(X - Y / b) || b / ||A||, with b the norm of B.

    Zero if and only if X and Y = A + B[X] are positive semidefinite and <X, Y> = 0; it does not change when A and B
    are multiplied by one number, or A by one and B by another.

    Args:
        A: [k, k], symmetric.
        B: [k, k, k, k], B[X]_ij = sum_kl B_ijkl X_kl.
        X: [k, k], symmetric.
    """
    k, size = len(A), float(np.linalg.norm(A))
    norm = float(np.linalg.norm(B.reshape(k * k, k * k), 2))
    if size == 0 or norm == 0:
        return float(np.linalg.norm(X - project(X - A - np.tensordot(B, X))))
    Y = A + np.tensordot(B, X)
    return float(np.linalg.norm(X - project(X - Y / norm))) * norm / size


def solve(A: np.ndarray, B: np.ndarray, *, start: np.ndarray | None = None, tol: float = 1e-9) -> Solution:
    """Solve the complementarity problem.

    Three closed forms are tried first: X = 0 if A is positive semidefinite; max(0, -A/B) for k = 1; and the solution
    of B[X] = -A, if it is positive semidefinite, that is if every direction oscillates. Otherwise accelerated
    projected gradient with restarts (Beck and Teboulle 2009; O'Donoghue and Candes 2015) on the problem scaled so that
    B_iiii = 1, which keeps the cone.

    Args:
        A: [k, k], symmetric.
        B: [k, k, k, k], symmetric and positive semidefinite as a map of symmetric matrices, with B_iiii > 0.
        start: [k, k], for example the solution of a problem nearby.
        tol: Of the KKT residual.

    Raises:
        ValueError: If the shapes do not fit.
        NoSolution: If a B_iiii that is needed is not positive, or the residual stays above the tolerance.
    """
    k = len(A)
    if A.shape != (k, k) or B.shape != (k, k, k, k):
        raise ValueError(f"A must be [k, k] and B [k, k, k, k]; got {A.shape} and {B.shape}")
    zero = np.zeros((k, k))
    if k == 0 or np.linalg.eigvalsh(A)[0] >= 0:
        return Solution(zero, A, 0.0, 0)
    stiffness = np.einsum("iiii->i", B)
    if not (stiffness > 0).all():
        raise NoSolution("B does not push back along every direction (B_iiii must be positive)")
    if k == 1:
        X = -A / stiffness
        return Solution(X, zero, 0.0, 0)
    d = stiffness ** (-0.25)  # X = D Z D, with D = diag(d), makes every B_iiii one
    D = np.outer(d, d)
    a, b = A * D, B * D[:, :, None, None] * D
    b = (b + b.transpose(2, 3, 0, 1)) / 2
    Z = _all_active(a, b)
    iterations = 0
    if Z is None:
        Z, iterations = _projected_gradient(a, b, zero if start is None else start / D, tol)
    Y = (a + np.tensordot(b, Z)) / D
    return Solution(Z * D, Y, kkt_residual(a, b, Z), iterations)


def _all_active(A: np.ndarray, B: np.ndarray) -> np.ndarray | None:
    """The solution of B[X] = -A if that is positive semidefinite and well defined; the slack Y is then zero."""
    k = len(A)
    rows, columns = np.triu_indices(k)
    twice = np.where(rows == columns, 1.0, 2.0)  # an entry off the diagonal stands for two
    matrix = B[rows, columns][:, rows, columns] * twice
    if np.linalg.cond(matrix) > 1e12:
        return None
    X = np.zeros((k, k))
    X[rows, columns] = X[columns, rows] = np.linalg.solve(matrix, -A[rows, columns])
    return X if np.linalg.eigvalsh(X)[0] >= 0 else None


def _projected_gradient(A: np.ndarray, B: np.ndarray, start: np.ndarray, tol: float) -> tuple[np.ndarray, int]:
    """Accelerated projected gradient, restarted whenever the momentum points uphill."""
    k = len(A)
    matrix = B.reshape(k * k, k * k)
    norm = float(np.linalg.norm(matrix, 2))
    goal = tol * float(np.linalg.norm(A)) / norm
    X = project(start)
    point, theta = X, 1.0
    for iteration in range(1, MOST_ITERATIONS + 1):
        gradient = A + (matrix @ point.reshape(-1)).reshape(k, k)
        new = project(point - gradient / norm)
        gap = point - new
        if np.linalg.norm(gap) <= goal:
            return new, iteration
        if np.vdot(gap, new - X) > 0:
            theta = 1.0
        following = (1 + np.sqrt(1 + 4 * theta * theta)) / 2
        point = new + (theta - 1) / following * (new - X)
        X, theta = new, following
    raise NoSolution(f"the residual did not fall below {tol} in {MOST_ITERATIONS} iterations")
