r"""The least-squares objective of a physics-informed network: residual vector, loss, and Jacobian without a loop.

$$L(\theta) = \sum_b \frac{\lambda_b}{n_b} \sum_{i} w_{bi} \, r_{bi}(\theta)^2 = \lVert r(\theta) \rVert^2$$

over blocks $b$: the equations, each condition, each set of observations. Every residual depends on the network at one
point (or two, for periodicity), so its gradient in a weight matrix is an outer product of what backward passes hand to
that layer and what the layer saw: one backward pass for each equation gives the whole Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from baselines.pinn_pde.jets import JetField, Layout, derivatives_of
from baselines.pinn_pde.network import JetNetwork, Prepared
from baselines.pinn_pde.problem import Condition, Observations, PDEProblem, Periodic

Rows = Callable[[JetField], torch.Tensor]  # field at a block's points -> residuals [N, equations]


@dataclass
class Block:
    """One term of the objective.

    `pairs` is 2 where a residual compares two points: then the first half of the points belongs to the second half.
    """

    name: str
    points: np.ndarray  # [pairs * n, d]
    layout: Layout
    rows: Rows
    weight: float = 1.0  # lambda_b
    pairs: int = 1
    at: Prepared = field(init=False)
    pointwise: torch.Tensor | None = None
    """Weights w [n, equations]; ones if None."""
    noise: float | None = None
    """Standard deviation of observations; None for what is known without noise."""


class Objective:
    """Everything a network is asked to satisfy.

    Args:
        problem: equations and conditions.
        network: what is trained.
        points: collocation points inside, [N, d].
        boundary: points on the spatial boundary, [M, d]; may be empty.
        initial: points at the initial time, [M, d]; may be empty.
        observations: measurements.
    """

    def __init__(
        self,
        problem: PDEProblem,
        network: JetNetwork,
        points: np.ndarray,
        boundary: np.ndarray,
        initial: np.ndarray,
        observations: list[Observations] | None = None,
    ) -> None:
        self.problem, self.network = problem, network
        device, dtype = network.weights[0].device, network.weights[0].dtype
        self.scales = {u.name: u.scale for u in problem.unknowns()}
        self.moved = {
            u.name: torch.nn.Parameter(torch.tensor(u.initial / u.scale, device=device, dtype=dtype))
            for u in problem.unknowns()
        }
        self.evaluations = 0  # residuals computed so far, one for each point and equation
        self.blocks = [
            Block("equation", points, derivatives_of(problem, problem.residual), lambda f: _columns(problem, f))
        ]
        for condition in problem.conditions():
            if condition.name not in network.satisfied:
                self.blocks += condition_blocks(problem, condition, boundary, initial)
        self.blocks += [observation_block(data) for data in observations or []]
        for block in self.blocks:
            self._prepare(block)

    def _prepare(self, block: Block) -> None:
        block.at = self.network.prepare(block.points, block.layout)

    @property
    def equation(self) -> Block:
        """The block of the equations."""
        return self.blocks[0]

    def move_points(self, points: np.ndarray) -> None:
        """Take other collocation points; weights of the old ones are dropped."""
        self.equation.points, self.equation.pointwise = points, None
        self._prepare(self.equation)

    def parameters(self) -> list[torch.nn.Parameter]:
        """Weights of the network, then the unknowns of the equation divided by their scales."""
        return [*self.network.parameters(), *self.moved.values()]

    def unknowns(self) -> dict[str, float]:
        """Current values of the unknowns."""
        return {name: float(value.detach()) * self.scales[name] for name, value in self.moved.items()}

    def residual(self, block: Block) -> torch.Tensor:
        """Unweighted residuals of a block, [n, equations]."""
        values = {name: value * self.scales[name] for name, value in self.moved.items()}
        jet = self.network.jet(block.at)
        rows = block.rows(self.network.field(block.at, jet, values))
        self.evaluations += rows.numel()
        return rows

    def scale(self, block: Block, rows: torch.Tensor) -> torch.Tensor:
        """Factors sqrt(lambda w / n), a number or [n, equations]."""
        factor = torch.as_tensor(block.weight / len(rows), dtype=rows.dtype, device=rows.device)
        return torch.sqrt(factor if block.pointwise is None else factor * block.pointwise)

    def vector(self) -> torch.Tensor:
        """The residual vector r with loss |r|^2, [M]."""
        parts = []
        for block in self.blocks:
            rows = self.residual(block)
            parts.append((self.scale(block, rows) * rows).ravel())
        return torch.cat(parts)

    def loss(self) -> torch.Tensor:
        """|r|^2."""
        return self.vector().square().sum()

    def terms(self) -> dict[str, float]:
        """Weighted mean square of the blocks of each name."""
        with torch.no_grad():
            found: dict[str, float] = {}
            for block in self.blocks:
                rows = self.residual(block)
                value = float((self.scale(block, rows) * rows).square().sum())
                found[block.name] = found.get(block.name, 0.0) + value
        return found

    def jacobian(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The residual vector [M] and its derivative in `parameters()`, flattened and joined, [M, P]."""
        vectors, matrices = [], []
        for block in self.blocks:
            rows, derivative = self.block_jacobian(block, weighted=True)
            vectors.append(rows.ravel())
            matrices.append(derivative.flatten(0, 1))
        return torch.cat(vectors), matrices[0] if len(matrices) == 1 else torch.cat(matrices)

    def block_jacobian(self, block: Block, weighted: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Residuals [n, E] of a block and their derivatives [n, E, P], with or without the factors of `scale`."""
        n = len(block.points)
        local = {
            name: (value.detach() * self.scales[name]).expand(n, 1).clone().requires_grad_()
            for name, value in self.moved.items()
        }
        tape: list[tuple[torch.Tensor, torch.Tensor]] = []
        with torch.enable_grad():
            jet = self.network.jet(block.at, tape)
            rows = block.rows(self.network.field(block.at, jet, local))
        self.evaluations += rows.numel()
        factor = self.scale(block, rows.detach()).expand_as(rows) if weighted else torch.ones_like(rows)
        each = factor.repeat(block.pairs, 1)  # [points, E]
        outputs = [z for _, z in tape]
        width = sum(parameter.numel() for parameter in self.parameters())
        derivative = torch.empty(n, rows.shape[1], width, dtype=rows.dtype, device=rows.device)
        for e in range(rows.shape[1]):
            wanted = [*outputs, *local.values()]
            grads = torch.autograd.grad(rows[:, e].sum(), wanted, retain_graph=True, allow_unused=True)
            columns = _outer(tape, list(grads[: len(outputs)]), each[:, e : e + 1])
            columns += [
                torch.zeros_like(each[:, :1]) if grad is None else grad * self.scales[name] * each[:, e : e + 1]
                for name, grad in zip(local, grads[len(outputs) :], strict=True)
            ]
            start = 0
            for part in columns:
                derivative[:, e, start : start + part.shape[1]] = part
                start += part.shape[1]
        if block.pairs == 2:
            derivative = derivative[: n // 2] + derivative[n // 2 :]
        return rows.detach() * factor, derivative


def _outer(
    tape: list[tuple[torch.Tensor, torch.Tensor]], deltas: list[torch.Tensor | None], factor: torch.Tensor
) -> list[torch.Tensor]:
    """Derivative of one residual a point, times a factor [n, 1], in weights and biases: outer products, each [n, ...].

    In the order of torch's parameters(): all weights, then all biases.
    """
    weights, biases = [], []
    for (a, z), delta in zip(tape, deltas, strict=True):
        delta = torch.zeros_like(z) if delta is None else delta * factor
        inputs = a.detach().expand(-1, len(factor), -1)
        weights.append(torch.bmm(delta.permute(1, 2, 0), inputs.permute(1, 0, 2)).flatten(1))
        biases.append(delta[0])
    return [*weights, *biases]


def _columns(problem: PDEProblem, at: JetField) -> torch.Tensor:
    return torch.cat(problem.residual(at), dim=1)


def condition_blocks(
    problem: PDEProblem, condition: Condition | Periodic, boundary: np.ndarray, initial: np.ndarray
) -> list[Block]:
    """The blocks of one condition that the network does not satisfy by construction; none without points."""
    names, domain = problem.domain().names, problem.domain()
    if isinstance(condition, Periodic):
        j, found = names.index(condition.coordinate), []
        ends = np.concatenate([boundary, boundary])
        ends[: len(boundary), j], ends[len(boundary) :, j] = domain.low[j], domain.high[j]
        for order in condition.orders:
            coordinates = (condition.coordinate,) * order

            def jump(f: JetField, coordinates: tuple[str, ...] = coordinates) -> torch.Tensor:
                low, high = f(condition.output, *coordinates).chunk(2)
                return low - high

            layout = Layout.of([(j,) * order])
            found.append(Block(f"{condition.name}_{order}", ends, layout, jump, condition.weight, pairs=2))
        return found
    points = {"boundary": boundary, "initial": initial, "points": condition.points}[condition.on]
    assert points is not None
    if condition.where is not None:
        points = points[condition.where(points)]
    if not len(points):
        return []
    layout = Layout.of([tuple(names.index(name) for name in condition.derivative)])
    return [_match(condition.name, points, layout, condition, condition.value(points), condition.weight)]


def observation_block(data: Observations) -> Block:
    """The block of one set of observations."""
    condition = Condition(data.name, "points", lambda points: data.values, data.output, points=data.points)
    block = _match(data.name, data.points, Layout.of([()]), condition, data.values, data.weight)
    block.noise = data.noise
    return block


def _match(
    name: str, points: np.ndarray, layout: Layout, condition: Condition, values: np.ndarray, weight: float
) -> Block:
    """A block that asks an output, or a derivative of it, to take values [N, 1]."""

    def difference(f: JetField) -> torch.Tensor:
        found = f(condition.output, *condition.derivative)
        return found - torch.as_tensor(values, dtype=found.dtype, device=found.device)

    return Block(name, points, layout, difference, weight)
