r"""Gradient flow on drawn data and features, solved exactly: no time steps, and everything integrated that can be.

With the singular value decomposition $Z = U S V^T$ of the features, gradient flow from zero weights is at
$$w(t) = V \, \frac{1 - e^{-t S^2 / n}}{S} \, U^T y .$$
Test error, train error and squared gradient norm are quadratic in the labels; as in `simulate.py` their means over test
points, label noise and signs of the target are sums and traces, so that a draw of data and features is all that is
left random.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from baselines.scaling_law.gradient_flow import FlowErrors
from baselines.scaling_law.simulate import Moments, blocks


def components(moments: Moments, n: int, p: int, times: ArrayLike) -> tuple[FlowErrors, FlowErrors]:
    """Errors with n data and p features without label noise, and what one unit of its variance adds to each.

    The mean over all disjoint blocks of that size in the draw, whose definitions are those of `gradient_flow.predict`.

    Args:
        moments: Of a draw with at least n data and p features.
        n: Number of data.
        p: Number of features.
        times: Times t > 0.  Shape [T].

    Raises:
        ValueError: If the draw is smaller than n data and p features, or a time is not positive.
    """
    t = torch.as_tensor(np.asarray(times, dtype=np.float64)).to(moments.features)
    if t.ndim != 1 or not bool((t > 0).all()):
        raise ValueError(f"times must be a vector of positive numbers; got {times!r}")
    found = [_block(block, t) for block in blocks(moments, n, p)]
    if not found:
        raise ValueError(f"a draw of {tuple(moments.features.shape)} data and features holds no block of {n} and {p}")
    signal, noise = torch.stack(found).mean(0).cpu().numpy()
    return FlowErrors(*signal), FlowErrors(*noise)


def _block(block: Moments, times: Tensor) -> Tensor:
    """Signal and unit-noise parts of test error, train error and squared gradient norm.  Shape [2, 3, T].

    One of U and V is orthonormal, the other one its image under Z, as in `simulate.py`: nothing is divided by a small
    singular value.
    """
    z = block.features  # [n, p]
    n, p = z.shape
    if p <= n:
        e, v = torch.linalg.eigh(z.T @ z)
        u = z @ v
        gradient_norm = torch.ones_like(e)  # of the columns of v, squared
    else:
        e, u = torch.linalg.eigh(z @ z.T)
        v = z.T @ u
        gradient_norm = e.clamp(min=0)
    e = e.clamp(min=0)
    h = v.T @ block.covariance @ v  # [r, r]
    y = u.T @ block.labels @ u  # [r, r]
    cross = (u * (block.overlap @ v)).sum(0)  # [r]
    lengths = (u * u).sum(0)  # [r]
    x = times[:, None] * e / n  # [T, r]
    left = torch.exp(-x)  # what is left of each component of the residual
    g = torch.where(x > 1e-12, -torch.expm1(-x) / e.clamp(min=1e-300), times[:, None] / n)
    labels, unit = y.diagonal(), lengths  # variances of the labels' components: signal, noise
    test = block.signal_variance - 2 * g @ cross + torch.einsum("ti,ij,tj->t", g, h * y, g)
    test_noise = g**2 @ (h.diagonal() * lengths)
    gradient = left**2 @ torch.stack([gradient_norm * labels, gradient_norm * unit], 1) / n**2  # [T, 2]
    if p <= n:
        removed = (1 + left) * g @ torch.stack([labels, unit], 1)  # 1 - left^2 = (1 + left) e g
        train = (torch.stack([block.labels.trace(), times.new_tensor(float(n))]) - removed) / n
    else:
        train = left**2 @ torch.stack([labels, unit], 1) / n
    return torch.stack(
        [torch.stack([test, train[:, 0], gradient[:, 0]]), torch.stack([test_noise, train[:, 1], gradient[:, 1]])]
    )
