r"""One-pass SGD on given linear features of Gaussian data: the exact mean loss at any step, and the simulation.

Data $x \sim \mathcal N(0, \Lambda)$ with labels $y = b \cdot x$; features $\phi = W^\top x$; each step draws $B$ new
data,

$$ \theta \leftarrow \theta - \frac{g}{B} \sum_{i=1}^{B} \phi_i (\phi_i \cdot \theta - y_i),
\qquad L(\theta) = \mathbb E (\phi \cdot \theta - y)^2 . $$

With $H = W^\top \Lambda W$, the best weights $\theta^* = H^{-1} W^\top \Lambda b$ and the floor $E_0 = L(\theta^*)$,
the residual $y - \phi \cdot \theta^*$ is Gaussian, uncorrelated with and hence independent of $\phi$. Wick's theorem,
$\mathbb E \, \phi \phi^\top M \phi \phi^\top = 2 H M H + H \, \mathrm{tr}(H M)$, gives for
$M = \mathbb E (\theta - \theta^*)(\theta - \theta^*)^\top$

$$ M \leftarrow M - g (H M + M H) + g^2 (1 + \tfrac1B) H M H + \tfrac{g^2}{B} H L, \quad L = \mathrm{tr}(H M) + E_0 . $$

In the eigenbasis of $H$ the diagonal $m_j = M_{jj}$ closes on itself: off-diagonal elements feed only themselves and do
not enter $L$. With $z_j = \sqrt B \, m_j / g$ and $s_j = g \lambda_j / \sqrt B$ the transition matrix is symmetric,
$z \leftarrow (D + s s^\top) z + s E_0$, $D_j = 1 - 2 g \lambda_j + g^2 (1 + \frac1B) \lambda_j^2$: one
eigendecomposition gives the loss at every step, without the steps between.
Formulation and phases: Paquette et al. 2024, arXiv:2405.15074 (there B = 1 and the kernel form of the same recursion).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Problem(NamedTuple):
    """Given features in the eigenbasis of `H`; leading dimensions are a batch."""

    eigenvalues: Tensor
    """`lambda_j`, ascending.  Shape [..., d]."""
    distances: Tensor
    """`m_j` at the start, the squared distance from the best weights.  Shape [..., d]."""
    floor: Tensor
    """`E_0`, the loss of the best weights.  Shape [...]."""


def problem(covariance: Tensor, overlap: Tensor, variance: Tensor | float) -> Problem:
    """Diagonalise the features; SGD starts at zero weights.

    Args:
        covariance: `H = W^T Lambda W`.  Shape [..., d, d].
        overlap: `W^T Lambda b`.  Shape [..., d].
        variance: Variance of the labels, `b^T Lambda b`.
    """
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    projected = (vectors.mT @ overlap.unsqueeze(-1)).squeeze(-1)
    explained = (projected**2 / eigenvalues).sum(-1)
    return Problem(eigenvalues, (projected / eigenvalues) ** 2, variance - explained)


def problem_over_signs(covariance: Tensor, signal: Tensor, variance: Tensor | float) -> Problem:
    """The same, averaged over all signs of the target coefficients, on which nothing but the fluctuation depends.

    Gaussian features are symmetric, so the law of the loss is the same for every choice of signs. The mean loss is
    linear in the squares of `W^T Lambda b`, whose mean over signs is the diagonal of `W^T Lambda diag(b^2) Lambda W`.

    Args:
        covariance: `H`.  Shape [..., d, d].
        signal: `W^T Lambda diag(b^2) Lambda W`.  Shape [..., d, d].
        variance: Variance of the labels.
    """
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    squares = (vectors * (signal @ vectors)).sum(-2)  # diagonal of V^T signal V
    return Problem(eigenvalues, squares / eigenvalues**2, variance - (squares / eigenvalues).sum(-1))


def contraction(eigenvalues: Tensor, step: float, batch: int) -> Tensor:
    r"""Diagonal part of one step, $1 - D_j = 2 g \lambda_j - g^2 (1 + 1/B) \lambda_j^2$.  Shape of `eigenvalues`."""
    scaled = step * eigenvalues
    return 2 * scaled - (1 + 1 / batch) * scaled**2


def mean_loss(given: Problem, step: float, batch: int, times: Tensor) -> Tensor:
    r"""Mean loss after given numbers of steps, exact.

    $L(t) - E_0 = \sum_k (s \cdot q_k) \left[ (q_k \cdot z_0) (1 - \nu_k)^t +
    E_0 (s \cdot q_k) \frac{1 - (1 - \nu_k)^t}{\nu_k} \right]$ with the eigenpairs $(\nu_k, q_k)$ of $1 - D - s s^\top$.

    Args:
        given: The features.
        step: Step size g.
        batch: Data a step B.
        times: Numbers of steps; between integers it interpolates geometrically.  Shape [T] or [..., T].

    Returns:
        Shape [..., T].
    """
    root = batch**0.5
    forcing = step * given.eigenvalues / root  # s
    matrix = torch.diag_embed(contraction(given.eigenvalues, step, batch))
    rates, vectors = torch.linalg.eigh(matrix - forcing.unsqueeze(-1) * forcing.unsqueeze(-2))
    out = (vectors.mT @ forcing.unsqueeze(-1)).squeeze(-1)
    start = (vectors.mT @ (root / step * given.distances).unsqueeze(-1)).squeeze(-1)
    logs = torch.log((1 - rates).clamp(min=1e-300)).unsqueeze(-1) * times.unsqueeze(-2)  # [..., d, T]
    decay, done = torch.exp(logs), -torch.expm1(logs)
    floor = given.floor[..., None]
    stationary = floor * out**2 / rates
    return floor + ((out * start).unsqueeze(-2) @ decay + stationary.unsqueeze(-2) @ done).squeeze(-2)


def recursion(given: Problem, step: float, batch: int, steps: int) -> Tensor:
    """The same mean loss, step by step; slow, and the definition that `mean_loss` is tested against.

    Returns:
        Losses after 0, 1, ..., steps.  Shape [..., steps + 1].
    """
    keep, noise = 1 - contraction(given.eigenvalues, step, batch), step**2 / batch * given.eigenvalues
    distances, losses = given.distances, []
    for _ in range(steps + 1):
        losses.append((given.eigenvalues * distances).sum(-1) + given.floor)
        distances = keep * distances + noise * losses[-1].unsqueeze(-1)
    return torch.stack(losses, dim=-1)


def stability_limit(eigenvalues: Tensor, batch: int) -> Tensor:
    r"""Largest step size at which the mean loss stays bounded.

    $1 - D - s s^\top$ is positive definite if and only if the diagonal is positive and
    $\frac{g}{B} \sum_j \frac{\lambda_j}{2 - g (1 + 1/B) \lambda_j} < 1$: for small steps $g < 2 B / \mathrm{tr} H$, for
    large batches $g < 2 / \lambda_\text{max}$. The sum grows with g; bisection finds the root.

    Returns:
        Shape [...].
    """
    top = eigenvalues.amax(-1, keepdim=True)
    low, high = torch.zeros_like(top), 2 / ((1 + 1 / batch) * top)
    for _ in range(60):
        middle = (low + high) / 2
        total = (middle / batch * eigenvalues / (2 - middle * (1 + 1 / batch) * eigenvalues)).sum(-1, keepdim=True)
        stable = total < 1
        low, high = torch.where(stable, middle, low), torch.where(stable, high, middle)
    return low.squeeze(-1)


def simulate(
    features: Tensor,
    eigenvalues: Tensor,
    target: Tensor,
    step: float,
    batch: int,
    times: list[int],
    runs: int,
    generator: torch.Generator,
) -> Tensor:
    """SGD on fresh Gaussian data, all runs in one product a step; the loss of each run is its exact test loss.

    Args:
        features: W.  Shape [v, d].
        eigenvalues: Variances of the data, the diagonal of Lambda.  Shape [v].
        target: b.  Shape [v].
        step: Step size g.
        batch: Data a step B.
        times: Ascending numbers of steps after which the loss is measured.
        runs: Independent runs on the same features.
        generator: Draws the data, on the CPU.

    Returns:
        Losses.  Shape [runs, T].
    """
    root = eigenvalues.sqrt()
    scaled = root[:, None] * torch.cat([features, target[:, None]], dim=1)  # features and label of unit-variance data
    weights = features.new_zeros(runs, features.shape[1])
    losses, wanted = [], set(times)
    for t in range(times[-1] + 1):
        if t in wanted:
            errors = weights @ scaled[:, :-1].T - scaled[:, -1]  # [runs, v]
            losses.append((errors**2).sum(-1))
        data = torch.randn(runs * batch, len(root), generator=generator, dtype=root.dtype).to(root.device)
        drawn = (data @ scaled).reshape(runs, batch, -1)  # [runs, B, d + 1]
        phi = drawn[..., :-1]
        residual = torch.bmm(phi, weights.unsqueeze(-1)) - drawn[..., -1:]
        weights = weights - step / batch * torch.bmm(phi.mT, residual).squeeze(-1)
    return torch.stack(losses, dim=1)
