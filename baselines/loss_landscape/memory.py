"""The curse of memory: how long a linear recurrent network takes to find what happened long ago.

A linear functional of a signal, `H(x)(t) = int_0^inf rho(s) x(t - s) ds`, is given by its kernel `rho`. The linear
recurrent network `h' = W h + b x`, output `c . h`, is such a functional with kernel `c' exp(W t) b`. For white noise
`x` the expected squared error of the output is the distance of the kernels, so no signal has to be drawn:

    L(W, b, c) = int_0^inf (c' exp(W t) b - rho(t))^2 dt .

The target remembers the present and, `T` earlier, one event: `rho(t) = exp(-t) + exp(-(t - T)^2)`.

Source: Li, Han, E and Li 2021, On the curse of memory in recurrent neural networks (arXiv:2009.07799).
Shapes: B networks side by side, m units; W [B, m, m], b and c [B, m], T [B].
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.optim import Optimizer

Weights = tuple[Tensor, Tensor, Tensor]

EVENT_ENERGY = math.sqrt(math.pi / 2)  # int exp(-2 (t - T)^2) dt: the loss of a network that knows exp(-t) alone

PANEL = 1.0  # length of a panel of the quadrature
NODES = 8  # Gauss-Legendre nodes in it; the error against the closed form is measured in every run
PANELS = 128  # the integral ends at 128: the slowest trained networks forget like exp(-t/9)


def target_kernel(times: Tensor, delays: Tensor) -> Tensor:
    """rho(t) = exp(-t) + exp(-(t - T)^2), shape [B, n].

    Args:
        times: [n].
        delays: T [B].
    """
    return torch.exp(-times) + torch.exp(-(times - delays[:, None]).square())


class KernelLoss:
    """L of B networks by Gauss-Legendre quadrature on panels of length 1, differentiable in the weights.

    `exp(W t)` on the grid costs one matrix exponential a node of one panel and one for the panel itself: from panel
    to panel `b` is carried on by repeated squaring.

    Args:
        delays: T of each network [B].
    """

    def __init__(self, delays: Tensor) -> None:
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self.within = torch.as_tensor(PANEL * (nodes + 1) / 2).to(delays)  # [q]
        starts = PANEL * torch.arange(PANELS).to(delays)
        self.times = (starts[:, None] + self.within).flatten()  # [n]
        self.weights = torch.as_tensor(PANEL * weights / 2).to(delays).repeat(PANELS)  # [n]
        self.target = target_kernel(self.times, delays)  # [B, n]

    def kernels(self, weights: Sequence[Tensor]) -> Tensor:
        """The kernels c' exp(W t) b on the grid, shape [B, n]."""
        w, b, c = weights
        power = torch.linalg.matrix_exp(PANEL * w)
        carried = b[..., None]  # exp(W t) b at the starts of the panels [B, m, panels]
        while carried.shape[-1] < PANELS:
            carried = torch.cat([carried, power @ carried], dim=-1)
            power = power @ power
        inside = torch.linalg.matrix_exp(self.within[:, None, None] * w[:, None])  # [B, q, m, m]
        read = torch.einsum("bi,bqij->bqj", c, inside)
        return torch.einsum("bqj,bjp->bpq", read, carried).flatten(1)

    def __call__(self, weights: Sequence[Tensor]) -> Tensor:
        """L of every network, shape [B]."""
        return (self.kernels(weights) - self.target).square() @ self.weights


def exact_loss(w: np.ndarray, b: np.ndarray, c: np.ndarray, delay: float) -> float:
    """L of one network in closed form, by its eigenvalues.

    With `c' exp(W t) b = sum_i r_i exp(l_i t)`, all real parts negative,

        L = sum_ij -r_i r_j / (l_i + l_j) - 2 sum_i r_i (1/(1 - l_i) + F(l_i)) + int rho^2 ,
        F(l) = int_0^inf exp(-(t - T)^2 + l t) dt = sqrt(pi)/2 exp(-T^2) w(i z),  z = -T - l/2 ,

    w being the Faddeeva function, `w(iz) = exp(z^2) erfc(z)`.

    Args:
        w: [m, m], diagonalisable.
        b: [m].
        c: [m].
        delay: T.

    Returns:
        The loss; infinity if W has an eigenvalue that does not decay.
    """
    values, vectors = np.linalg.eig(w)
    if values.real.max() >= 0:
        return math.inf
    residues = (c @ vectors) * np.linalg.solve(vectors, b.astype(complex))
    own = -np.sum(np.outer(residues, residues) / np.add.outer(values, values))
    shared = np.sum(residues * (1 / (1 - values) + _event_transform(values, delay)))
    event = EVENT_ENERGY * (1 + special.erf(math.sqrt(2) * delay)) / 2
    target = 0.5 + 2 * float(_event_transform(np.array([-1.0 + 0j]), delay)[0].real) + event
    return float((own - 2 * shared).real + target)


def _event_transform(values: np.ndarray, delay: float) -> np.ndarray:
    """F(l) = int_0^inf exp(-(t - T)^2 + l t) dt."""
    z = -delay - values / 2
    transform: np.ndarray = math.sqrt(math.pi) / 2 * math.exp(-(delay**2)) * special.wofz(1j * z)
    return transform


def initial_weights(units: int, spread: float, generator: torch.Generator, dtype: torch.dtype) -> Weights:
    """W = -I + spread * normal / sqrt(m), b and c normal / sqrt(m): memories of length one, nearly.

    Drawn in double precision whatever `dtype` is.
    """

    def normal(*shape: int) -> Tensor:
        draw = torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(units)
        return draw.to(dtype)

    return spread * normal(units, units) - torch.eye(units, dtype=dtype), normal(units), normal(units)


def descend(
    loss: KernelLoss,
    weights: Sequence[Tensor],
    build: Callable[[Sequence[Tensor]], Optimizer],
    level: float,
    steps: int,
) -> Iterator[np.ndarray]:
    """Train all networks side by side until each has been below a level once; yield the losses [B] before each step.

    The weights are leaves that require gradients, and are changed in place.

    Args:
        loss: The loss of the B networks; their gradients do not mix.
        weights: W, b, c.
        build: Makes the optimizer from the weights.
        level: A loss.
        steps: At most.

    Raises:
        FloatingPointError: As soon as a loss is not finite.
    """
    optimizer = build(weights)
    reached = np.zeros(len(weights[0]), dtype=bool)
    for step in range(steps + 1):
        value = loss(weights)
        losses = value.detach().cpu().numpy()
        if not np.isfinite(losses).all():
            raise FloatingPointError(f"the loss is {losses[~np.isfinite(losses)][0]} at step {step}")
        yield losses
        reached |= losses < level
        if reached.all():
            return
        for parameter, slope in zip(weights, torch.autograd.grad(value.sum(), weights), strict=True):
            parameter.grad = slope
        optimizer.step()


def log_linear_fit(delays: np.ndarray, steps: np.ndarray) -> tuple[float, float]:
    """Slope of log(steps) against T, and R^2 of the least-squares line; 0 if the steps do not vary."""
    logs = np.log(steps)
    slope, start = np.polyfit(delays, logs, 1)
    rest = logs - (slope * delays + start)
    spread = np.square(logs - logs.mean()).sum()
    return float(slope), float(1 - rest @ rest / spread) if spread > 0 else 0.0


def units_needed(delay: float, tolerance: float, nodes: int = 200, horizon: float = 40.0) -> int:
    """Smallest number of units with which a kernel within a tolerance in Hankel norm exists.

    It is the number of singular values of the Hankel operator `(Gu)(t) = int_0^inf rho(t + s) u(s) ds` above the
    tolerance (Adamjan, Arov and Krein 1971); here of its Gauss-Legendre discretisation on [0, horizon].
    """
    points, weights = np.polynomial.legendre.leggauss(nodes)
    t, root = horizon * (points + 1) / 2, np.sqrt(horizon * weights / 2)
    sums = np.add.outer(t, t)
    hankel = root[:, None] * (np.exp(-sums) + np.exp(-np.square(sums - delay))) * root
    return int(np.sum(np.linalg.svd(hankel, compute_uv=False) > tolerance))
