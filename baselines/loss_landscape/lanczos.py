r"""Lanczos for a symmetric matrix that is known through its products only.

From a start vector `q_1` of length one, the recursion

    beta_j q_{j+1} = A q_j - alpha_j q_j - beta_{j-1} q_{j-1},    alpha_j = q_j . A q_j,

builds an orthonormal basis of the Krylov space of `A`, in which `A` becomes the tridiagonal matrix `T` with the
diagonal `alpha` and the off-diagonal `beta`. The eigenvalues of `T`, the Ritz values, approach those of `A`, the
outermost first. In floating-point arithmetic the vectors lose their orthogonality as soon as a Ritz value has
converged, and the recursion then finds the same eigenvalue again: a ghost. Making each new vector orthogonal to all
earlier ones prevents it at the price of storing them.

References: C. Paige, The Computation of Eigenvalues and Eigenvectors of Very Large Sparse Matrices, 1971 (the loss of
orthogonality); B. Parlett, The Symmetric Eigenvalue Problem, SIAM 1998 (why one repetition is enough).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""v [P] -> A v [P], for a symmetric A."""


@dataclass(frozen=True)
class Ritz:
    """Eigenpairs of T, largest first."""

    values: np.ndarray
    """Ritz values, shape [m]."""
    weights: np.ndarray
    """Squared first entries of the eigenvectors, shape [m]; they sum to 1. The weights of Gauss quadrature."""
    residuals: np.ndarray
    """||A x - theta x|| of each pair, shape [m]: an eigenvalue of A lies within it (in exact arithmetic)."""
    coordinates: np.ndarray
    """Eigenvectors of T as columns, shape [m, m]."""


@dataclass(frozen=True)
class Tridiagonal:
    """What m steps of Lanczos leave: `A Q = Q T + beta_m q_{m+1} e_m'`."""

    alphas: np.ndarray
    """Diagonal of T, shape [m]."""
    betas: np.ndarray
    """Off-diagonal of T, shape [m - 1]."""
    last: float
    """beta_m: what is left over after the last step; 0 if the Krylov space is exhausted."""
    basis: Tensor | None
    """The vectors q_j as rows, shape [m, P]; None if they were not kept."""

    @property
    def steps(self) -> int:
        """Number of products m."""
        return len(self.alphas)

    def ritz(self) -> Ritz:
        """Eigenpairs of T, largest first."""
        values, vectors = eigh_tridiagonal(self.alphas, self.betas)
        values, vectors = values[::-1].copy(), vectors[:, ::-1].copy()
        return Ritz(values, vectors[0] ** 2, self.last * np.abs(vectors[-1]), vectors)

    def ritz_vectors(self, k: int) -> Tensor:
        """The Ritz vectors of the k largest Ritz values as rows, shape [k, P]: near eigenvectors of A.

        Raises:
            ValueError: If the basis was not kept.
        """
        if self.basis is None:
            raise ValueError("Ritz vectors need the basis: run lanczos with reorthogonalise=True")
        coordinates = torch.as_tensor(self.ritz().coordinates[:, :k].T.copy())
        return coordinates.to(self.basis) @ self.basis


def lanczos(product: Product, start: Tensor, steps: int, *, reorthogonalise: bool = True) -> Tridiagonal:
    """A given number of steps; fewer if the Krylov space is exhausted before.

    Args:
        product: Products with A.
        start: Shape [P], not zero; its length does not matter.
        steps: Number of products m, at most P.
        reorthogonalise: Make each vector orthogonal to all earlier ones. Without it two vectors are stored, and
            ghosts appear.

    Raises:
        ValueError: If `start` is zero or `steps` is out of range.
        FloatingPointError: If a product is not finite.
    """
    *_, final = _recursion(product, start, steps, reorthogonalise)
    return final


def largest(
    product: Product, start: Tensor, k: int = 1, *, tol: float = 1e-3, steps: int = 300, least: int = 12
) -> Tridiagonal:
    """Steps until the k largest Ritz values have converged, without restarts.

    ARPACK restarts to save memory, and looks whether it may stop only then. With the whole basis kept every product
    counts, and the recursion stops at the first step that is good enough.

    Args:
        product: Products with A.
        start: Shape [P]: random, or near the wanted eigenvectors, with a random part so that none is missed.
        k: Number of eigenvalues, algebraically largest.
        tol: Residual relative to the eigenvalue at which to stop; the error of an eigenvalue is about its square.
        steps: Most products.
        least: Fewest products. A start near the wrong eigenvectors has small residuals from the first step on; the
            random part needs these steps to bring up the right ones.

    Returns:
        The recursion at its end; `ritz().values[:k]` are the eigenvalues.

    Raises:
        ValueError: If `start` is zero or `k` is out of range.
        FloatingPointError: If a product is not finite.
        RuntimeError: If `steps` products are not enough.
    """
    if not 1 <= k <= len(start):
        raise ValueError(f"k must be from 1 to the dimension {len(start)}; got {k}")
    for state in _recursion(product, start, min(steps, len(start)), True):
        if state.steps < min(max(k + 2, least), len(start)) and state.last > 0:
            continue
        ritz = state.ritz()
        if state.last == 0 or np.all(ritz.residuals[:k] <= tol * np.abs(ritz.values[:k])):
            return state
    if state.steps == len(start):
        return state
    raise RuntimeError(f"the largest {k} eigenvalues did not converge to tol={tol} in {steps} products")


def _recursion(product: Product, start: Tensor, steps: int, reorthogonalise: bool) -> Iterator[Tridiagonal]:
    """The state after each step."""
    norm = float(start.norm())
    if not 0 < norm < float("inf"):
        raise ValueError("the start vector must be finite and not zero")
    if not 1 <= steps <= len(start):
        raise ValueError(f"steps must be from 1 to the dimension {len(start)}; got {steps}")
    alphas: list[float] = []
    betas: list[float] = []
    before, vector = torch.zeros_like(start), start / norm
    basis = start.new_empty(steps if reorthogonalise else 0, len(start))  # memory is taken as rows are written
    for j in range(steps):
        image = product(vector)
        alphas.append(float(vector @ image))
        if not np.isfinite(alphas[-1]):
            raise FloatingPointError(f"the product of step {j + 1} is not finite")
        image = image - alphas[-1] * vector - (betas[-1] if betas else 0.0) * before
        if reorthogonalise:
            basis[j] = vector
            image = _against(basis[: j + 1], image)
        beta = float(image.norm())
        # Only rounding is left of the vector: the space is invariant, and every Ritz value is an eigenvalue.
        if beta <= 10 * torch.finfo(start.dtype).eps * max(map(abs, [*alphas, *betas])):
            beta = 0.0
        kept = basis[: j + 1] if reorthogonalise else None
        yield Tridiagonal(np.array(alphas), np.array(betas), beta, kept)
        if beta == 0:
            return
        betas.append(beta)
        before, vector = vector, image / beta


def _against(basis: Tensor, vector: Tensor) -> Tensor:
    """The vector without its part in the span of orthonormal rows.

    A second pass removes what rounding left in the first; it is needed only where the first removed much.
    """
    for _ in range(2):
        part = basis @ vector
        vector = torch.addmv(vector, basis.T, part, alpha=-1)
        if part.norm() <= 0.1 * vector.norm():
            break
    return vector


def copies(found: np.ndarray, exact: np.ndarray, rtol: float = 1e-6) -> np.ndarray:
    """How many of the found values agree with each exact one: 1 is right, more are ghosts, 0 is a miss.

    Args:
        found: Ritz values, any number.
        exact: Shape [k]; values closer together than `rtol` cannot be told apart.
        rtol: Largest relative difference.

    Returns:
        Integers of shape [k].
    """
    close: np.ndarray = np.abs(found[None, :] - exact[:, None]) <= rtol * np.abs(exact[:, None])
    return close.sum(axis=1)
