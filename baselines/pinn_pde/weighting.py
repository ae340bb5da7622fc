r"""Weights of the terms of an objective, and of its points, changed between chunks of training.

In the objective $L = \sum_b \lambda_b L_b$, $L_b = \frac{1}{n_b} \sum_i w_{bi} r_{bi}^2$, block 1 is the equation.

| name | what it sets | source |
|---|---|---|
| `none` | nothing | |
| `gradnorm` | $\lambda_b \propto 1 / \lVert\nabla L_b\rVert$ | Wang, Teng & Perdikaris 2021 |
| `ntk` | $\lambda_b = \operatorname{tr} K / \operatorname{tr} K_b$ | Wang, Yu & Perdikaris 2022 |
| `adaptive` | $w_{1i}$, residual-based attention | Anagnostopoulos et al. 2024 |
| `causal` | $w_{1i}$, small as long as earlier times are wrong | Wang, Sankaran & Perdikaris 2022 |
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import torch

from baselines.pinn_pde.objective import Block, Objective


class Weighting(ABC):
    """Acts on an objective. `update` is called before training, between chunks, and whenever points have moved.

    Args:
        objective: whose blocks receive the weights.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    @abstractmethod
    def update(self) -> None:
        """Set the weights from the current parameters of the network."""

    def state(self) -> dict[str, Any]:
        """All weights, as floats and tensors, for a checkpoint."""
        pointwise = self.objective.equation.pointwise
        return {
            "weights": [block.weight for block in self.objective.blocks],
            "pointwise": None if pointwise is None else pointwise.clone(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a `state`; the objective must have the points again that it had then.

        Raises:
            ValueError: The state belongs to another objective.
        """
        blocks, pointwise = self.objective.blocks, state["pointwise"]
        if len(state["weights"]) != len(blocks):
            raise ValueError(f"the state has {len(state['weights'])} blocks, the objective {len(blocks)}")
        if pointwise is not None and len(pointwise) != len(self.objective.equation.points):
            raise ValueError("load the points before their weights: the numbers differ")
        for block, weight in zip(blocks, state["weights"], strict=True):
            block.weight = weight
        self.objective.equation.pointwise = None if pointwise is None else pointwise.clone()


class Unchanged(Weighting):
    """The weights that the problem gives."""

    def update(self) -> None:
        """Do nothing."""


class _Balanced(Weighting):
    r"""One weight a block, from one measure a block: $\lambda_b$ is the sum of the measures over that of $b$.

    Args:
        objective: whose blocks are weighted.
        memory: share of the old weights in a running mean; the first update takes the new ones alone.

    Raises:
        ValueError: The share is not in [0, 1).
    """

    def __init__(self, objective: Objective, memory: float) -> None:
        super().__init__(objective)
        if not 0 <= memory < 1:
            raise ValueError(f"memory is a share of the old weights, in [0, 1); got {memory}")
        self.memory, self.started = memory, False

    @abstractmethod
    def measure(self, block: Block) -> float:
        """What the weights make equal."""

    def update(self) -> None:
        """Move the weights towards those that balance the blocks; a block without gradient keeps its own."""
        measures = [self.measure(block) for block in self.objective.blocks]
        total = sum(measures)
        for block, measure in zip(self.objective.blocks, measures, strict=True):
            new = total / measure if measure > 0 else float("nan")
            if 0 < new < float("inf"):
                block.weight = self.memory * block.weight + (1.0 - self.memory) * new if self.started else new
        self.started = True

    def state(self) -> dict[str, Any]:
        """Also whether there are old weights."""
        return {**super().state(), "started": self.started}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a `state`."""
        super().load(state)
        self.started = state["started"]


class GradientNorms(_Balanced):
    r"""Gradients of equal length: $\lambda_b = \sum_{b'} \lVert\nabla L_{b'}\rVert / \lVert\nabla L_b\rVert$.

    Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43, 2021, with norms over all parameters as in Wang, Sankaran, Wang &
    Perdikaris, arXiv:2308.08468, whose running mean keeps 0.9 of the old weights.
    """

    def __init__(self, objective: Objective, memory: float = 0.9) -> None:
        super().__init__(objective, memory)

    def measure(self, block: Block) -> float:
        """Norm of the gradient of the block's mean square."""
        rows = self.objective.residual(block)
        weighted = rows.square() if block.pointwise is None else block.pointwise * rows.square()
        loss = weighted.sum() / len(rows)
        grads = torch.autograd.grad(loss, self.objective.parameters(), allow_unused=True)
        return float(sum(g.square().sum() for g in grads if g is not None)) ** 0.5


class KernelTraces(_Balanced):
    r"""Equal mean rates of decay: $\lambda_b = \operatorname{tr} K / \operatorname{tr} K_b$.

    $K = J J^T$ is the neural tangent kernel of the residuals $r_b / \sqrt{n_b}$ and $K_b$ its diagonal block, so that
    $\operatorname{tr} K_b$ is the mean of $\lVert\partial r_{bi} / \partial\theta\rVert^2$. Wang, Yu & Perdikaris, J.
    Comput. Phys. 449, 2022. The equation's trace is taken over `at_most` of its points.
    """

    def __init__(self, objective: Objective, memory: float = 0.0, at_most: int = 1000) -> None:
        super().__init__(objective, memory)
        self.at_most = at_most

    def measure(self, block: Block) -> float:
        """Trace of the block of the kernel."""
        step = -(-len(block.points) // self.at_most)
        if block is self.objective.equation and step > 1:
            block = replace(block, points=block.points[::step], pointwise=None)
            block.at = self.objective.network.prepare(block.points, block.layout)
        rows, derivative = self.objective.block_jacobian(block)
        return float(derivative.square().sum()) / len(rows)


class Attention(Weighting):
    r"""Residual-based attention (RBA): points whose residual stays large gain weight.

    $$a_i \leftarrow \gamma a_i + \eta \frac{|r_i|}{\max_j |r_j|}, \qquad w_i = a_i^2$$

    so that the loss sees $(a_i r_i)^2$. From $a = 1$ the bounds are $0 \le a_i \le \max(1, \eta / (1 - \gamma))$. Each
    equation has its own maximum. New points start again from 1. Anagnostopoulos, Toscano, Stergiopulos & Karniadakis,
    Comput. Methods Appl. Mech. Engrg. 421, 2024; they update at every iteration ($\gamma = 0.999$, $\eta = 0.01$), here
    it is done once a chunk, hence larger steps.

    Args:
        objective: whose equation is weighted.
        gamma: share of the old value kept, in [0, 1).
        eta: rate, positive.

    Raises:
        ValueError: A parameter is out of range.
    """

    def __init__(self, objective: Objective, gamma: float = 0.9, eta: float = 0.1) -> None:
        super().__init__(objective)
        if not (0 <= gamma < 1 and eta > 0):
            raise ValueError(f"attention needs 0 <= gamma < 1 and eta > 0; got gamma={gamma}, eta={eta}")
        self.gamma, self.eta = gamma, eta

    def update(self) -> None:
        """One step of the recursion."""
        block = self.objective.equation
        with torch.no_grad():
            size = self.objective.residual(block).abs()
            old = torch.ones_like(size) if block.pointwise is None else block.pointwise.sqrt()
            tiny = torch.finfo(size.dtype).tiny
            block.pointwise = (self.gamma * old + self.eta * size / size.amax(0).clamp_min(tiny)).square()


class Causal(Weighting):
    r"""Respects causality: a time counts once the residuals before it are small.

    With time cut into equal bins and $L_m$ the mean square of the residual in bin $m$ (summed over the equations),

    $$w_m = \exp\Big(-\epsilon \sum_{k < m} L_k\Big) .$$

    Wang, Sankaran & Perdikaris, Comput. Methods Appl. Mech. Engrg. 421, 2024 (arXiv:2203.07404). They raise $\epsilon$
    by hand from run to run; here it is the largest value up to `epsilon` that leaves the last bin a weight of `least`.
    Without that bound a method with curvature forgets late times, whose residuals then grow until they never return.

    Args:
        objective: whose equation is weighted.
        bins: number of time bins.
        epsilon: steepness, not negative; the right size is the inverse of the residuals that matter.
        least: smallest weight, below 1; 0 for no bound.

    Raises:
        ValueError: The domain has no time, or a parameter is out of range.
    """

    def __init__(self, objective: Objective, bins: int = 32, epsilon: float = 1.0, least: float = 1e-2) -> None:
        super().__init__(objective)
        if not objective.network.domain.time:
            raise ValueError("causal weights need a problem with time; use another weighting here")
        if bins < 1 or epsilon < 0 or not 0 <= least < 1:
            raise ValueError(
                f"causal weights need bins >= 1, epsilon >= 0 and least in [0, 1); got {bins}, {epsilon} and {least}"
            )
        self.bins, self.epsilon, self.least = bins, epsilon, least

    def update(self) -> None:
        """Weights from the current residuals; they do not remember earlier ones."""
        block, domain = self.objective.equation, self.objective.network.domain
        with torch.no_grad():
            rows = self.objective.residual(block)
            share = (block.at.points[:, -1] - domain.low[-1]) / (domain.high[-1] - domain.low[-1])
            number = (share * self.bins).long().clamp(0, self.bins - 1)
            square = torch.zeros(self.bins, dtype=rows.dtype, device=rows.device)
            square.index_add_(0, number, rows.square().sum(1))
            loss = square / torch.bincount(number, minlength=self.bins).clamp_min(1)
            before = torch.cumsum(loss, 0) - loss
            epsilon, last = self.epsilon, float(before[-1])
            if self.least and epsilon * last > -math.log(self.least):
                epsilon = -math.log(self.least) / last
            weight = torch.exp(-epsilon * before)
            block.pointwise = weight[number][:, None].expand_as(rows).contiguous()


_CLASSES: dict[str, type[Weighting]] = {
    "none": Unchanged,
    "gradnorm": GradientNorms,
    "ntk": KernelTraces,
    "adaptive": Attention,
    "causal": Causal,
}
WEIGHTINGS = tuple(_CLASSES)


def make(name: str, objective: Objective, **parameters: float) -> Weighting:
    """The weighting of this name for an objective.

    Args:
        name: one of `WEIGHTINGS`.
        objective: whose blocks receive the weights.
        parameters: those of the class, such as `epsilon` of `Causal`.

    Raises:
        ValueError: The name is unknown, or the weighting does not fit the problem.
    """
    if name not in _CLASSES:
        raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}; got {name!r}")
    return _CLASSES[name](objective, **parameters)
