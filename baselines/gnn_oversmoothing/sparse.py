"""Sparse matrices in CSR whose product with a dense matrix is fast forwards and backwards.

torch differentiates ``S @ X`` by transposing the CSR matrix in every backward pass, which on Cora costs several
times the product itself.  `SparseOperator` keeps the transpose instead.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor


def csr_tensor(crow: Tensor, col: Tensor, value: Tensor, shape: tuple[int, int]) -> Tensor:
    """Build a CSR tensor without torch's notice that the layout is in beta state."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(crow, col, value, size=shape, check_invariants=False)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Set entries to zero with probability `rate` and divide the others by 1 - rate, while training.

    The same law as `torch.nn.functional.dropout`, whose Bernoulli sampler took 40 % of a deep network's step on
    a CPU.
    """
    if not training or rate == 0.0:
        return x
    kept = (torch.rand_like(x) >= rate).to(x.dtype)
    return x * kept.div_(1.0 - rate)


class _SparseMatmul(torch.autograd.Function):
    """``S @ X`` for a constant S; the gradient is ``S^T @ G``, itself differentiable."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, dense: Tensor) -> Tensor:
        ctx.matrix, ctx.transpose = matrix, transpose
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        return None, None, _SparseMatmul.apply(ctx.transpose, ctx.matrix, gradient)


class SparseOperator:
    """A constant sparse matrix S [n, m] with its transpose at hand.

    ``S @ X`` costs one CSR product forwards and one backwards; no gradient flows to S.

    Args:
        row: row indices of the entries, [nnz].
        col: column indices, [nnz]; a pair (row, col) may not occur twice.
        value: entries, [nnz].
        shape: (n, m).
    """

    def __init__(self, row: Tensor, col: Tensor, value: Tensor, shape: tuple[int, int]) -> None:
        """Sort the entries once by rows and once by columns."""
        by_row = torch.argsort(row * shape[1] + col)
        row, col, value = row[by_row], col[by_row], value[by_row]
        by_col = torch.argsort(col, stable=True)
        pattern = (_pointers(row, shape[0]), col.int())
        transposed = (_pointers(col, shape[1]), row[by_col].int())
        self._assemble(pattern, transposed, value, by_col, shape)

    def _assemble(
        self,
        pattern: tuple[Tensor, Tensor],
        transposed: tuple[Tensor, Tensor],
        value: Tensor,
        by_col: Tensor,
        shape: tuple[int, int],
    ) -> None:
        self.shape = shape
        self._pattern, self._transposed, self._by_col = pattern, transposed, by_col
        self.matrix = csr_tensor(*pattern, value, shape)
        self.transpose = csr_tensor(*transposed, value[by_col], shape[::-1])

    def with_values(self, value: Tensor) -> SparseOperator:
        """Return the operator with the same pattern and other entries [nnz], in row-major order."""
        other = SparseOperator.__new__(SparseOperator)
        other._assemble(self._pattern, self._transposed, value, self._by_col, self.shape)
        return other

    @property
    def values(self) -> Tensor:
        """Entries [nnz], row by row."""
        return self.matrix.values()

    def __matmul__(self, dense: Tensor) -> Tensor:
        """Return S X for a dense X [m, F]."""
        result: Tensor = _SparseMatmul.apply(self.matrix, self.transpose, dense)
        return result

    def dropout(self, rate: float, training: bool) -> SparseOperator:
        """Drop entries with probability `rate`: dropout of the dense matrix, whose zeros it cannot change."""
        if not training or rate == 0.0:
            return self
        return self.with_values(dropout(self.values, rate, training))

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> SparseOperator:
        """Return a copy on another device or in another precision."""
        moved = SparseOperator.__new__(SparseOperator)
        moved._assemble(
            (self._pattern[0].to(device), self._pattern[1].to(device)),
            (self._transposed[0].to(device), self._transposed[1].to(device)),
            self.values.to(device=device, dtype=dtype),
            self._by_col.to(device),
            self.shape,
        )
        return moved

    def dense(self) -> Tensor:
        """Return S as a dense matrix [n, m]."""
        return self.matrix.to_dense()


def from_dense(matrix: Tensor) -> SparseOperator:
    """Return the sparse operator of a dense matrix [n, m]."""
    row, col = matrix.nonzero(as_tuple=True)
    return SparseOperator(row, col, matrix[row, col], (matrix.shape[0], matrix.shape[1]))


def _pointers(sorted_index: Tensor, size: int) -> Tensor:
    counts = torch.bincount(sorted_index, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()
