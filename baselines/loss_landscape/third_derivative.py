"""Gradients of curvatures: how the Hessian along given directions changes with the parameters."""

from collections.abc import Sequence

import torch
from torch import Tensor


def curvature_gradients(value: Tensor, parameters: Sequence[Tensor], directions: Tensor) -> tuple[Tensor, Tensor]:
    """Curvatures u_i' H u_j of a scalar and their gradients, the third derivatives D^3 L[u_i, u_j, .].

    One backward pass with a graph gives the gradient g, one more the product H u_i = d(g . u_i)/dw, again with a
    graph, and a third one the gradient of u_j . H u_i. The first graph serves every i, the second every j. The
    directions are held fixed. For an eigenvector u of length one with a simple eigenvalue this is the gradient of the
    eigenvalue itself, because to first order the turning of u does not change u'Hu.

    The scalar must be three times differentiable: a ReLU network is not, and its third derivative comes out wrong.

    Args:
        value: Scalar computed from the parameters.
        parameters: P entries in all.
        directions: [k, P].

    Returns:
        Curvatures [k, k] and their gradients [k, k, P], both symmetric in their first two indices.
    """

    def flat(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.reshape(-1) for part in parts])

    count = len(directions)
    curvatures = directions.new_zeros(count, count)
    gradients = directions.new_zeros(count, count, directions.shape[1])
    slope = flat(torch.autograd.grad(value, parameters, create_graph=True))
    for i, u in enumerate(directions):
        image = flat(torch.autograd.grad(slope @ u, parameters, create_graph=True, materialize_grads=True))  # H u_i
        for j in range(i, count):
            curvature = image @ directions[j]
            curvatures[i, j] = curvatures[j, i] = curvature.detach()
            third = torch.autograd.grad(curvature, parameters, retain_graph=True, materialize_grads=True)
            gradients[i, j] = gradients[j, i] = flat(third)
    return curvatures, gradients
