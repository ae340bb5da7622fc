r"""Kernel ridge regression, the limit of infinitely many random features: drawn data, everything else integrated.

The weights minimise $\sum_{i \le n} (w \cdot \psi_i - y_i)^2 + \rho \lVert w \rVert^2$ over all modes. With
$Q = (K + \rho)^{-1}$, $K = \Psi \Psi^T$, they are $\hat w = \Psi^T Q y$. As in `simulate.py` the test error is averaged
over test points, over label noise and over the signs of the target, which leaves traces of $n \times n$ matrices:
$$E_\text{test} = \sum_k \lambda_k w_k^2 - 2 \, \mathrm{tr}(Q \, \Psi W^2 \Lambda \Psi^T)
  + \mathrm{tr}(Q \, \Psi \Lambda \Psi^T Q \, (\Psi W^2 \Psi^T + \sigma^2)), \qquad
  E_\text{train} = \frac{\rho^2}{n} \, \mathrm{tr}(Q^2 (\Psi W^2 \Psi^T + \sigma^2)) .$$
"""

import torch
from torch import Tensor

from baselines.scaling_law.simulate import Sampled
from baselines.scaling_law.stopping import Gram


def errors(gram: Gram, n: int, ridges: Tensor) -> Sampled:
    """Errors with n data, averaged over all disjoint blocks of that size in a draw; first target.

    Args:
        gram: Of a draw with at least n data.
        n: Number of data.
        ridges: Ridges `rho > 0`.  Shape [R].
    """
    starts = range(0, len(gram.kernel) - n + 1, n)
    per_block = [_block_errors(gram, slice(start, start + n), ridges) for start in starts]
    return Sampled(*(torch.stack(values).mean(0) for values in zip(*per_block, strict=True)))


def _block_errors(gram: Gram, rows: slice, ridges: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Conditional expectations for one block and all ridges from one eigendecomposition.  Each of shape [R]."""
    e, u = torch.linalg.eigh(gram.kernel[rows, rows])
    g = 1 / (e.clamp(min=0) + ridges[:, None])  # [R, n]
    population, labels, overlap = (
        u.T @ matrix[rows, rows] @ u for matrix in (gram.population, gram.labels[0], gram.overlap[0])
    )
    bias = gram.signal_variance[0] - 2 * g @ overlap.diagonal()
    bias = bias + torch.einsum("ri,ij,rj->r", g, population * labels, g)
    shrink = (ridges[:, None] * g) ** 2 / len(e)
    return bias, g**2 @ population.diagonal(), shrink @ labels.diagonal(), shrink.sum(1)
