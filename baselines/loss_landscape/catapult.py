"""The catapult of Lewkowycz et al. (2020): a two-layer linear network on one example, solved exactly.

The network f = v . u / sqrt(n) with u, v in R^n learns the target 0 of the input 1 under L = f^2 / 2. Its curvature is
the tangent kernel lam = (|u|^2 + |v|^2) / n. One step of gradient descent is a map of (f, lam) alone:

    f'   = f (1 - eta lam + eta^2 f^2 / n)
    lam' = lam + (eta f^2 / n) (eta lam - 4).

While eta lam < 4 the curvature can only fall, so f tends to 0; beyond 4 it can only rise, and f explodes. At the end
eta lam <= 2, for otherwise f would grow again. Derivations: docs/training_dynamics.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

LAZY, CATAPULT, DIVERGENT = "lazy", "catapult", "divergent"
HUGE = 1e60  # of f: far beyond any catapult, whose |f| stays below sqrt(n) lam / 2, and its square is still a number


@dataclass(frozen=True)
class Orbit:
    """Iterates of the map, for one or several step sizes."""

    outputs: np.ndarray
    """f, shape [steps + 1, ...]; infinite from where it exploded."""
    curvatures: np.ndarray
    """lam, same shape; infinite from where it exploded."""

    @property
    def diverged(self) -> np.ndarray:
        """Whether the output exploded, shape [...]."""
        return ~np.isfinite(self.outputs[-1])

    @property
    def losses(self) -> np.ndarray:
        """L = f^2 / 2."""
        return 0.5 * self.outputs**2

    @property
    def flattening(self) -> np.ndarray:
        """Share of the curvature lost, 1 - lam_end / lam_0, shape [...]; minus infinity if it exploded."""
        return 1 - self.curvatures[-1] / self.curvatures[0]


def step(output: np.ndarray, curvature: np.ndarray, lr: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """One step of gradient descent, as a map of output f and curvature lam (Lewkowycz et al., two-layer model)."""
    kick = lr * output**2 / width
    return output * (1 - lr * curvature + lr * kick), curvature + kick * (lr * curvature - 4)


def orbit(output: float, curvature: float, lr: float | np.ndarray, width: int, steps: int) -> Orbit:
    """The exact course of training.

    Args:
        output: f at the start.
        curvature: lam at the start.
        lr: Step size, or several, shape [...].
        width: Number n of hidden units.
        steps: Number of steps.

    Raises:
        ValueError: If no pair u, v has this output and curvature: 2 |f| <= sqrt(n) lam.
    """
    if 2 * abs(output) > math.sqrt(width) * curvature:
        raise ValueError(f"|f| is at most sqrt(n) lam / 2 = {math.sqrt(width) * curvature / 2:.4g}; got {output}")
    lr = np.asarray(lr, dtype=float)
    outputs = np.empty((steps + 1, *lr.shape))
    curvatures = np.empty_like(outputs)
    outputs[0], curvatures[0] = output, curvature
    for t in range(steps):
        f, lam = outputs[t], curvatures[t]
        alive = np.abs(f) < HUGE
        # inf - inf is not wanted: what has exploded is left out of the arithmetic.
        new = step(np.where(alive, f, 0.0), np.where(alive, lam, 1.0), lr, width)
        outputs[t + 1], curvatures[t + 1] = (np.where(alive, value, np.inf) for value in new)
    return Orbit(
        np.where(np.abs(outputs) < HUGE, outputs, np.inf), np.where(np.abs(outputs) < HUGE, curvatures, np.inf)
    )


def phase(flattening: float, *, lost: float = 0.05) -> str:
    """The phase of a training from the share of its curvature that it lost.

    The share and not the peak of the loss: just beyond 2 / lam_0 the peak is hardly visible, while the curvature
    falls in every catapult by at least 1 - 2 / (eta lam_0).

    Args:
        flattening: 1 - lam_end / lam_0; minus infinity for an exploded training.
        lost: Share from which it counts as a catapult.
    """
    if not math.isfinite(flattening):
        return DIVERGENT
    return CATAPULT if flattening >= lost else LAZY


def onset_flattening(output: float, curvature: float, lr: float, width: int) -> float:
    """Share of the curvature lost near eta lam_0 = 2, for a wide network.

    With e = eta lam - 2 and z = eta^2 f^2 / n both small, e' = e - 2 z and ln z' = ln z + 2 (e - z), so
    e^2 / 2 + z is conserved at leading order: e_end = -sqrt(e_0^2 + 2 z_0). The step over 2 is rounded off on a scale
    n^(-1/2), and sharp for n -> infinity only.
    """
    e, z = lr * curvature - 2, (lr * output) ** 2 / width
    return (e + math.sqrt(e * e + 2 * z)) / (lr * curvature)


def boundary(beyond: Callable[[float], bool], low: float, high: float, *, rtol: float = 1e-10) -> float:
    """Where a condition begins to hold, by bisection.

    Args:
        beyond: The condition; false at `low`, true at `high`.
        low: Lower end of the bracket, positive.
        high: Upper end of the bracket.
        rtol: Width of the final bracket relative to its position.

    Raises:
        ValueError: If the bracket does not hold the boundary.
    """
    if beyond(low) or not beyond(high):
        raise ValueError(f"the condition must be false at {low} and true at {high}")
    while high - low > rtol * high:
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2


class TwoLayerLinear(nn.Module):
    """f(x) = x v . u / sqrt(n), the network itself, to be trained by any optimizer.

    Args:
        width: Number n of hidden units.
        generator: CPU generator of the standard normal initial values: lam_0 is then close to 2, f_0 of order 1.
        dtype: Of the parameters.
    """

    def __init__(self, width: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        drawn = torch.randn(2, width, generator=generator, dtype=torch.float64).to(dtype)
        self.u, self.v = nn.Parameter(drawn[0].clone()), nn.Parameter(drawn[1].clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [N] of inputs [N]."""
        return inputs * (self.v @ self.u) / math.sqrt(len(self.u))

    def curvature(self) -> float:
        """The tangent kernel lam = |df/dw|^2 at the input 1, by differentiating the network."""
        output = self(torch.ones(1, dtype=self.u.dtype, device=self.u.device)).sum()
        return float(sum(slope.square().sum() for slope in torch.autograd.grad(output, [self.u, self.v])))


def trained(network: TwoLayerLinear, lr: float, steps: int) -> Orbit:
    """Train the network in place with torch's gradient descent on x = 1, y = 0; what `orbit` predicts."""
    one = torch.ones(1, dtype=network.u.dtype, device=network.u.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    outputs, curvatures = [], []
    for _ in range(steps + 1):
        output = network(one).sum()
        outputs.append(output.item())
        curvatures.append(network.curvature())
        optimizer.zero_grad()
        (0.5 * output.square()).backward()
        optimizer.step()
    return Orbit(np.array(outputs), np.array(curvatures))
