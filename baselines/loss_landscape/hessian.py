"""The Hessian of a scalar at the present parameters, and its largest eigenvalues, without ever storing it.

One backward pass with `create_graph=True` gives the gradient `g` as a function of the parameters. A product with
the Hessian is then one more backward pass through that stored graph,

    H v = d(g . v) / dw,

without repeating the forward and the first backward pass, which a fresh double backward does for every vector.
Works on any scalar and any parameters, whatever the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

MAX_RESTARTS = 300  # of ARPACK; tens of times what a trained network needs


class Hessian:
    """Products with the Hessian of a scalar, all through one stored gradient graph.

    Valid until the parameters change: a step of an optimizer writes them in place, and a product that mixed the
    old graph with new parameters would be wrong. Build a new one after each step.

    Args:
        value: Scalar computed from the parameters, for example a training loss.
        parameters: Tensors of one dtype on one device, P entries in all, in the order in which vectors list them.

    Raises:
        ValueError: If there are no parameters, if their dtypes or devices differ, or if `value` is no scalar.
    """

    def __init__(self, value: Tensor, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        if value.numel() != 1:
            raise ValueError(f"a Hessian needs a scalar; got a tensor of shape {tuple(value.shape)}")
        if len({(p.dtype, p.device) for p in self.parameters}) != 1:
            raise ValueError("a Hessian needs at least one parameter, and all of one dtype on one device")
        self.products = 0
        """Number of Hessian-vector products taken so far; each costs one to two gradients."""
        self._graph = torch.autograd.grad(value, self.parameters, create_graph=True, materialize_grads=True)
        self._versions = [p._version for p in self.parameters]
        self._sizes = [p.numel() for p in self.parameters]

    @property
    def size(self) -> int:
        """Number of parameters P."""
        return sum(self._sizes)

    @property
    def gradient(self) -> list[Tensor]:
        """The gradient, one tensor a parameter, free of the graph: good for an optimizer's step."""
        return [g.detach() for g in self._graph]

    def product(self, vector: Tensor) -> Tensor:
        """H v.

        Args:
            vector: Shape [P], or [m, P] for m vectors at once.

        Returns:
            A tensor of the same shape.

        Raises:
            RuntimeError: If the parameters were changed in place since the graph was built.
        """
        if [p._version for p in self.parameters] != self._versions:
            raise RuntimeError("the parameters have changed since this Hessian was built; build a new one")
        batch = vector.shape[:-1]
        self.products += batch.numel()
        parts = [
            part.reshape(*batch, *p.shape)
            for part, p in zip(vector.split(self._sizes, dim=-1), self.parameters, strict=True)
        ]
        # A parameter that enters linearly has a gradient without a graph: its rows of the Hessian are zero.
        curved = [(g, part) for g, part in zip(self._graph, parts, strict=True) if g.requires_grad]
        if not curved:
            return torch.zeros_like(vector)
        rows = torch.autograd.grad(
            [g for g, _ in curved],
            self.parameters,
            [part for _, part in curved],
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=bool(batch),
        )
        flat = [
            vector.new_zeros(*batch, size) if row is None else row.reshape(*batch, size)
            for row, size in zip(rows, self._sizes, strict=True)
        ]
        return torch.cat(flat, dim=-1)

    def dense(self, chunk: int = 128) -> Tensor:
        """The whole matrix, shape [P, P]: an oracle for P up to a few thousand (P = 3,466 takes 96 MB).

        Args:
            chunk: Columns computed at once.
        """
        first = self.parameters[0]
        unit = torch.eye(self.size, dtype=first.dtype, device=first.device)
        matrix = torch.cat([self.product(rows) for rows in unit.split(chunk)])  # [P, P]
        return (matrix + matrix.T) / 2

    def operator(self, scale: Tensor | None = None) -> LinearOperator:
        """The same as a scipy linear operator in double precision, shape (P, P).

        Args:
            scale: Shape [P]; the operator is then diag(scale) H diag(scale).

        Raises:
            FloatingPointError: From its products, if one is not finite.
        """
        first = self.parameters[0]

        def matvec(vector: np.ndarray) -> np.ndarray:
            column = torch.tensor(vector.reshape(-1), dtype=first.dtype, device=first.device)
            product = self.product(column) if scale is None else scale * self.product(scale * column)
            image = product.double().cpu().numpy()
            if not np.isfinite(image).all():
                raise FloatingPointError("a Hessian-vector product is not finite")
            return image

        return LinearOperator((self.size, self.size), matvec=matvec, dtype=np.float64)


@dataclass(frozen=True)
class Eigenpairs:
    """The k algebraically largest eigenvalues of a Hessian."""

    values: np.ndarray
    """Shape [k], largest first."""
    vectors: np.ndarray
    """Shape [P, k], orthonormal columns in the order of `values`."""
    products: int
    """Hessian-vector products it took."""


class NoConvergence(RuntimeError):
    """Lanczos did not reach the tolerance."""


def top_eigenvalues(
    hessian: Hessian,
    k: int = 1,
    *,
    start: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    tol: float = 1e-3,
    ncv: int | None = None,
    scale: Tensor | None = None,
) -> Eigenpairs:
    """The k algebraically largest eigenvalues by implicitly restarted Lanczos (ARPACK through scipy's `eigsh`).

    Largest means `which="LA"`: a negative eigenvalue of large size does not count, since gradient descent escapes
    along it instead of oscillating. The error of an eigenvalue is of the order of the square of the residual, so
    `tol=1e-3` leaves about five right digits. Of exactly equal eigenvalues, which a network's Hessian does not have
    but a linear model with several outputs has, Lanczos may find one only.

    Args:
        hessian: Where to take products.
        k: Number of eigenvalues, at least 1.
        start: Shape [P], for example the top eigenvectors' sum at a point nearby, which saves about a third of the
            products. A small random part is always added: a start orthogonal to an eigenvector never finds it.
        rng: Source of the random part; a fixed one unless given, so that equal calls give equal results.
        tol: Residual of an eigenpair relative to its eigenvalue at which to stop.
        ncv: Size of the Krylov basis; max(2k + 1, 12) unless given. With the usual 20 a warm start is wasted.
        scale: Shape [P]; the eigenpairs are then those of diag(scale) H diag(scale). With scale = P^(-1/2) for a
            diagonal preconditioner P the eigenvalues are those of P^-1 H.

    Raises:
        ValueError: If `k` is out of range, or `tol` is below what the parameters' precision can reach.
        NoConvergence: If a second try with a larger basis and a fresh start fails too.
        FloatingPointError: If a product is not finite.
    """
    size, begin = hessian.size, hessian.products
    if not 1 <= k <= size:
        raise ValueError(f"k must be from 1 to the number of parameters {size}; got {k}")
    floor = 100 * torch.finfo(hessian.parameters[0].dtype).eps
    if tol < floor:
        raise ValueError(f"tol must be at least {floor:.1g} in this precision; got {tol}")
    basis = ncv or max(2 * k + 1, 12)
    if size <= basis:  # ARPACK needs k < ncv <= P; so small a matrix is cheaper to write down
        matrix = hessian.dense() if scale is None else scale[:, None] * hessian.dense() * scale
        values, vectors = np.linalg.eigh(matrix.double().cpu().numpy())
        return Eigenpairs(values[::-1][:k].copy(), vectors[:, ::-1][:, :k].copy(), hessian.products - begin)
    rng = rng or np.random.default_rng(0)
    noise = rng.standard_normal(size)
    noise /= np.linalg.norm(noise)
    warm = noise if start is None else start / np.linalg.norm(start) + 1e-3 * noise
    operator = hessian.operator(scale)
    for first, width in ((warm, basis), (noise, min(4 * basis, size))):
        try:
            values, vectors = eigsh(
                operator, k=k, which="LA", v0=first, tol=tol, ncv=width, maxiter=MAX_RESTARTS, rng=rng
            )
        except ArpackNoConvergence:
            continue
        except ArpackError as error:
            if not operator.matvec(noise).any():  # a random vector is annihilated: the Hessian is zero
                return Eigenpairs(np.zeros(k), np.eye(size, k), hessian.products - begin)
            raise NoConvergence(f"ARPACK failed: {error}") from error
        order = np.argsort(values)[::-1]
        return Eigenpairs(values[order], vectors[:, order], hessian.products - begin)
    raise NoConvergence(
        f"the largest {k} eigenvalues did not converge to tol={tol} in {hessian.products - begin} products;"
        " a larger tol or ncv may help"
    )
