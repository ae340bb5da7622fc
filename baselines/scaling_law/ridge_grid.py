"""Predicted and simulated errors on a grid of data and feature counts, ridges and label-noise variances."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.scaling_law.ridge import predict
from baselines.scaling_law.simulate import Moments, errors
from baselines.scaling_law.spectrum import Spectrum

Array = NDArray[np.float64]
Axis = Sequence[float] | Array


class Grid(NamedTuple):
    """Axes of a grid."""

    ridges: Axis
    noises: Axis
    samples: Axis
    features: Axis

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Numbers of ridges, noises, data counts and feature counts."""
        return len(self.ridges), len(self.noises), len(self.samples), len(self.features)


class GridErrors(NamedTuple):
    """Errors on a grid.  Shapes [ridges, noises, samples, features]."""

    test: Array
    """Test error against the noise-free target."""
    train: Array
    """Mean squared error on the training labels."""


def predicted(spectrum: Spectrum, grid: Grid) -> GridErrors:
    """The deterministic equivalent at every point of a grid."""
    found = GridErrors(np.empty(grid.shape), np.empty(grid.shape))
    for i, ridge in enumerate(grid.ridges):
        for k, n in enumerate(grid.samples):
            for m, p in enumerate(grid.features):
                point = predict(spectrum, n, p, ridge)  # serves every noise variance
                for j, noise in enumerate(grid.noises):
                    found.test[i, j, k, m] = point.test(noise)
                    found.train[i, j, k, m] = point.train(noise)
    return found


def simulated(moments: Moments, grid: Grid) -> GridErrors:
    """Errors of one draw at every point of a grid; points share the draw's data and features.

    Args:
        moments: Of a draw with the largest numbers of data and features.
        grid: Its `samples` and `features` are whole numbers.
    """
    device, dtype = moments.features.device, moments.features.dtype
    ridges = torch.tensor(list(grid.ridges), device=device, dtype=dtype)
    noises = torch.tensor(list(grid.noises), device=device, dtype=dtype)
    found = GridErrors(np.empty(grid.shape), np.empty(grid.shape))
    for k, n in enumerate(grid.samples):
        for m, p in enumerate(grid.features):
            point = errors(moments, int(n), int(p), ridges)
            test = point.bias[:, None] + noises * point.variance[:, None]  # [ridges, noises]
            train = point.train_bias[:, None] + noises * point.train_variance[:, None]
            found.test[:, :, k, m] = test.cpu().numpy()
            found.train[:, :, k, m] = train.cpu().numpy()
    return found
