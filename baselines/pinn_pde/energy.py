r"""The Deep Ritz objective: the energy of the network instead of its residual.

$$L(\theta) = |\Omega| \, \frac1n \sum_i e(u_\theta)(x_i) + \sum_b \frac{\lambda_b}{n_b} \sum_i r_{bi}(\theta)^2$$

with the energy density $e$ of `problem.energy` at random points and the conditions that are not built in as penalties.
First derivatives suffice. The minimum is not zero, so the loss does not tell how near it is; and on points that stay,
the network can lower the sum below what any function has as its integral.

Source: W. E and B. Yu, Communications in Mathematics and Statistics 2018.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from baselines.pinn_pde.jets import JetField, derivatives_of
from baselines.pinn_pde.objective import Block, Objective


class EnergyObjective(Objective):
    """Energy at the collocation points plus penalties; the residual of the equations is only watched.

    Raises:
        ValueError: The problem minimises no energy.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

        def density(at: JetField) -> torch.Tensor:
            value = self.problem.energy(at)
            if value is None:
                raise ValueError(f"problem {self.problem.name} minimises no energy")
            return torch.as_tensor(value)

        layout = derivatives_of(self.problem, self.problem.energy)
        self.energy = Block("energy", self.equation.points, layout, density)
        self.volume = self.problem.domain().volume()
        self._prepare(self.energy)

    def move_points(self, points: np.ndarray) -> None:
        """Take other collocation points."""
        super().move_points(points)
        self.energy = replace(self.energy, points=points)
        self._prepare(self.energy)

    def loss(self) -> torch.Tensor:
        """Energy and penalties."""
        total = self.volume * self.residual(self.energy).mean()
        for block in self.blocks[1:]:
            rows = self.residual(block)
            total = total + (self.scale(block, rows) * rows).square().sum()
        return total

    def terms(self) -> dict[str, float]:
        """The energy, and the weighted mean square of each condition."""
        with torch.no_grad():
            found = {"energy": self.volume * float(self.residual(self.energy).mean())}
        everything = super().terms()
        return found | {name: value for name, value in everything.items() if name != self.equation.name}
