"""Eigenvalues that stand apart from the bulk, and the gradient inside their eigenspace."""

import numpy as np
import torch
from torch import Tensor


def largest_gap(values: np.ndarray, among: int = 20) -> tuple[int, float]:
    """After which eigenvalue the largest gap comes, as a ratio of neighbours.

    Args:
        values: Eigenvalues, largest first, at least two of them positive.
        among: The gaps after eigenvalue 1 to `among` are looked at, as far as the eigenvalues are positive.

    Returns:
        k with the largest lambda_k / lambda_(k+1), and this ratio.

    Raises:
        ValueError: If fewer than two of the eigenvalues are positive.
    """
    positive = values[: among + 1]
    positive = positive[positive > 0]
    if len(positive) < 2:
        raise ValueError("a gap needs at least two positive eigenvalues")
    ratios = positive[:-1] / positive[1:]
    k = int(ratios.argmax())
    return k + 1, float(ratios[k])


def shares(vectors: Tensor, gradient: Tensor) -> np.ndarray:
    """Length of the gradient's projection on the first k eigenvectors over its whole length, for k = 1, 2, ...

    Args:
        vectors: Orthonormal rows, shape [K, P].
        gradient: Shape [P].

    Returns:
        Shape [K], rising, at most 1.
    """
    squares = (vectors @ gradient).square().cumsum(0) / gradient.square().sum()
    return np.minimum(squares.sqrt().cpu().numpy(), 1.0)


def mean_cosine(inputs: Tensor, labels: Tensor) -> float:
    """Largest cosine, in size, between the mean inputs of two classes: 0 if the classes lie at right angles.

    Args:
        inputs: [N, D].
        labels: [N], class numbers.
    """
    means = torch.stack([inputs[labels == c].mean(dim=0) for c in labels.unique()])
    means = means / means.norm(dim=1, keepdim=True)
    cosines = (means @ means.T).fill_diagonal_(0)
    return float(cosines.abs().max())
