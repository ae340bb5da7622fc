"""The loss on a plane through weight space: where to evaluate it, how, and its curvature along a direction."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.loss_landscape import batched_forward
from baselines.loss_landscape.objective import Objective


@dataclass(frozen=True)
class Plane:
    """The weights origin + a first + b second, for all numbers a and b."""

    origin: Tensor
    """[P]"""
    first: Tensor
    """[P]"""
    second: Tensor
    """[P]"""

    def at(self, points: Tensor) -> Tensor:
        """Weights at points with coordinates (a, b): [K, 2] -> [K, P]."""
        return self.origin + points[:, :1] * self.first + points[:, 1:] * self.second


def grid(a: Tensor, b: Tensor) -> Tensor:
    """All pairs of two axes, shape [len(b) * len(a), 2]: row by row, a changes fastest."""
    rows, columns = torch.meshgrid(b, a, indexing="ij")
    return torch.stack([columns.reshape(-1), rows.reshape(-1)], dim=1)


def losses_on(objective: Objective, plane: Plane, points: Tensor) -> Tensor:
    """Losses at points of a plane by the fastest way that the model allows.

    A fully connected network takes `batched_forward.PlaneForward`, which uses that the points lie on a plane; any other
    model `Objective.losses_at`.

    Args:
        objective: What to evaluate; its present parameters do not matter.
        plane: Where.
        points: Coordinates, shape [K, 2].

    Returns:
        Shape [K].
    """
    if batched_forward.supports(objective.model):
        return batched_forward.PlaneForward(objective, plane.origin, plane.first, plane.second).losses(points)
    chunk = max(1, batched_forward.VECTOR_BYTES // (objective.size * plane.origin.element_size()))
    return torch.cat([objective.losses_at(plane.at(part), len(part)) for part in points.split(min(chunk, 64))])


def losses_one_by_one(objective: Objective, plane: Plane, points: Tensor) -> Tensor:
    """The same by one forward pass a point, which is what is usually done. The parameters are put back afterwards.

    Args:
        objective: What to evaluate.
        plane: Where.
        points: Coordinates, shape [K, 2].

    Returns:
        Shape [K].
    """
    kept, found = objective.vector(), []
    with torch.no_grad():
        for a, b in points.tolist():
            objective.assign(plane.origin + a * plane.first + b * plane.second)
            found.append(objective.loss())
    objective.assign(kept)
    return torch.stack(found)


STENCIL = ((-2, -1 / 12), (-1, 4 / 3), (0, -5 / 2), (1, 4 / 3), (2, -1 / 12))


def curvature(values: Callable[[Tensor], Tensor], step: float, dtype: torch.dtype = torch.float64) -> float:
    """Second derivative at zero of a function of one number, by a central difference of fourth order.

    f'' = [-f(-2h) + 16 f(-h) - 30 f(0) + 16 f(h) - f(2h)] / (12 h^2) + O(h^4). On a slice L(w + a d) it is d^T H d.

    Args:
        values: The function at many numbers at once, [K] -> [K].
        step: h.
        dtype: Of the numbers; in float64 the step 1e-3 balances truncation and rounding.
    """
    offsets = torch.tensor([offset * step for offset, _ in STENCIL], dtype=dtype)
    weights = torch.tensor([weight for _, weight in STENCIL], dtype=torch.float64)
    return float(weights @ values(offsets).double().cpu()) / step**2


@dataclass(frozen=True)
class PrincipalPlane:
    """The plane that holds most of a trajectory's variance."""

    plane: Plane
    """Through the last iterate; orthonormal directions."""
    coordinates: Tensor
    """[T, 2], each iterate projected; the last is (0, 0)."""
    explained: Tensor
    """[min(T, P)], share of the variance along each principal direction, largest first."""


def principal_plane(iterates: Tensor) -> PrincipalPlane:
    """Principal component analysis of a training trajectory (Li et al. 2018).

    The directions are the eigenvectors of the covariance of the iterates about their mean. There are far fewer
    iterates than parameters, so they come from the [T, T] matrix of inner products.

    Args:
        iterates: Weights along training, shape [T, P], T at least 3.

    Raises:
        ValueError: If there are too few iterates, or they span less than a plane.
    """
    if len(iterates) < 3:
        raise ValueError(f"a plane needs at least 3 iterates; got {len(iterates)}")
    centred = (iterates - iterates.mean(dim=0)).double()
    values, vectors = torch.linalg.eigh(centred @ centred.T)  # ascending
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    if not values[1] > 1e-14 * values[0]:
        raise ValueError("the iterates lie on a line; a plane needs two directions")
    directions = (vectors[:, :2] / values[:2].sqrt()).T @ centred  # [2, P], orthonormal
    # Eigenvectors have no sign of their own: training runs from positive coordinates to the origin.
    signs = torch.where((centred[0] - centred[-1]) @ directions.T < 0, -1.0, 1.0).to(directions)
    directions = directions * signs[:, None]
    coordinates = (centred - centred[-1]) @ directions.T
    first, second = directions.to(iterates)
    explained = (values / values.sum())[: min(iterates.shape)]
    return PrincipalPlane(Plane(iterates[-1], first, second), coordinates, explained)


def random_walk_share(components: int) -> float:
    r"""Share of the variance of a long random walk in many dimensions that lies along its first principal directions.

    The covariance of a centred Brownian path has the eigenvalues 1/(pi k)^2, and sum 1/k^2 = pi^2/6, hence
    6 / (pi k)^2 for the k-th direction: 0.61 + 0.15 for two. A training that explains no more than this shows nothing.

    Args:
        components: How many directions.
    """
    return sum(6 / (torch.pi * k) ** 2 for k in range(1, components + 1))
