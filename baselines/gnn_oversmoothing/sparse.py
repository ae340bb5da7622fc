"""Sparse matrices in CSR whose product with a dense matrix is fast forwards and backwards.

torch differentiates ``S @ X`` by transposing the CSR matrix in every backward pass, which on Cora costs several
times the product itself.  `SparseOperator` keeps the transpose instead.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

_LEVELS = 2**16  # values of a random number of 16 bits


def csr_tensor(crow: Tensor, col: Tensor, value: Tensor, shape: tuple[int, int]) -> Tensor:
    """Build a CSR tensor without torch's notice that the layout is in beta state."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(crow, col, value, size=shape, check_invariants=False)


def multiply(matrix: Tensor, dense: Tensor) -> Tensor:
    """Return the product [n, F] of a CSR matrix and a dense one.

    ``matrix @ dense`` fills the result with zeros and copies it once more; this does neither.
    """
    result = dense.new_empty(matrix.shape[0], dense.shape[1])
    return torch.addmm(result, matrix, dense, beta=0.0, out=result)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Set entries to zero with probability `rate` and divide the others by 1 - rate, while training.

    The same law as `torch.nn.functional.dropout`, with the rate rounded to a multiple of 2^-16: four entries share
    one random number of 64 bits. torch's Bernoulli sampler took 40 % of a deep network's step on a CPU.
    """
    if not training or rate == 0.0:
        return x
    dropped = round(rate * _LEVELS)
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    levels = bits.view(torch.int16)[: x.numel()].view(x.shape)
    kept = torch.ge(levels, dropped - _LEVELS // 2, out=torch.empty_like(x))  # a bool result costs three times more
    return x * kept.mul_(_LEVELS / (_LEVELS - dropped))


class _SparseMatmul(torch.autograd.Function):
    """``S @ X`` for a constant S; the gradient is ``S^T @ G``, itself differentiable."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, dense: Tensor) -> Tensor:
        ctx.matrix, ctx.transpose = matrix, transpose
        return multiply(matrix, dense)

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

    @cached_property
    def transpose(self) -> Tensor:
        """S^T as a CSR tensor."""
        return csr_tensor(*self._transposed, self.values.index_select(0, self._by_col), self.shape[::-1])

    def with_values(self, value: Tensor) -> SparseOperator:
        """Return the operator with the same pattern and other entries [nnz], in row-major order."""
        other = SparseOperator.__new__(SparseOperator)
        other._assemble(self._pattern, self._transposed, value, self._by_col, self.shape)
        return other

    @property
    def values(self) -> Tensor:
        """Entries [nnz], row by row."""
        return self.matrix.values()

    @cached_property
    def indices(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of the entries, [nnz] each, row by row."""
        pointers, col = self._pattern
        nodes = torch.arange(self.shape[0], device=col.device, dtype=col.dtype)
        return nodes.repeat_interleave(pointers.diff(), output_size=col.numel()), col

    @property
    def pointers(self) -> Tensor:
        """Where each row's entries begin and the last ends, [n + 1]."""
        return self._pattern[0]

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


class BlockMean:
    """The mean over blocks of equal size: P of complete graphs with self-loops, [N, N], without its entries."""

    def __init__(self, size: int, block: int) -> None:
        """Blocks of `block` consecutive rows; `block` divides `size`."""
        if size % block:
            raise ValueError(f"{size} rows do not divide into blocks of {block}")
        self.shape, self.block = (size, size), block

    def __matmul__(self, dense: Tensor) -> Tensor:
        """Return the mean of its block for every row of X [N, F]."""
        blocks = dense.reshape(-1, self.block, dense.shape[1])
        return blocks.mean(dim=1, keepdim=True).expand_as(blocks).reshape(dense.shape)


class _WeightedMatmul(torch.autograd.Function):
    """``S(v) @ X`` with gradients for the entries v too."""

    @staticmethod
    def forward(ctx: Any, pattern: SparseOperator, value: Tensor, dense: Tensor) -> Tensor:
        filled = pattern.with_values(value)
        ctx.filled = filled
        ctx.save_for_backward(dense)
        return multiply(filled.matrix, dense)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor]:
        (dense,) = ctx.saved_tensors
        entries = torch.sparse.sampled_addmm(ctx.filled.matrix, gradient.contiguous(), dense.T, beta=0.0)
        return None, entries.values(), multiply(ctx.filled.transpose, gradient)


def weighted_matmul(pattern: SparseOperator, value: Tensor, dense: Tensor) -> Tensor:
    """Return S X [n, F], S the matrix with the entries `value` [nnz] (row by row) in the places of `pattern`.

    Gradients flow to the entries and to X [m, F]: attention is this product.
    """
    result: Tensor = _WeightedMatmul.apply(pattern, value, dense)
    return result
