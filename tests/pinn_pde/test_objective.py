from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.network import JetNetwork
from baselines.pinn_pde.objective import Objective
from baselines.pinn_pde.problem import Condition, Field, Observations, PDEProblem, Periodic, Unknown
from baselines.pinn_pde.references import Reference


@dataclass
class System(PDEProblem):
    """Two equations, two unknowns, a derivative on the edge, periodic pairs and data: every kind of block."""

    outputs = ("u", "v")

    def domain(self) -> Box:
        return Box(("x", "t"), (0.0, 0.0), (2.0, 1.0), time=True)

    def residual(self, field: Field) -> list[Any]:
        u, v, a, b = field("u"), field("v"), field.unknown("a"), field.unknown("b")
        return [field("u", "t") - a * field("u", "x", "x") + b * v * u, field("v", "x") - a**2 * u + field["x"]]

    def conditions(self) -> list[Condition | Periodic]:
        return [
            Condition("start", "initial", lambda p: np.sin(p[:, :1]), "v", weight=3.0),
            Condition("speed", "initial", lambda p: p[:, :1] ** 2, derivative=("t",)),
            Condition("left", "boundary", lambda p: p[:, 1:], where=lambda p: p[:, 0] < 1),
            Condition("never", "boundary", lambda p: p[:, 1:], where=lambda p: p[:, 0] > 9),
            Periodic("ends", "x", "u", weight=2.0),
        ]

    def unknowns(self) -> list[Unknown]:
        return [Unknown("a", 1.0, 0.7, scale=0.5), Unknown("b", 1.0, -0.4, scale=3.0)]

    def reference(self) -> Reference:
        raise NotImplementedError


@pytest.fixture
def objective() -> Objective:
    return built(System())


def built(problem: PDEProblem, **keys: Any) -> Objective:
    rng, domain = np.random.default_rng(0), problem.domain()
    data = Observations(domain.sample(4, rng), rng.normal(size=(4, 1)), 0.1, "v", weight=0.5)
    net = JetNetwork(problem, [5, 4], generator=torch.Generator().manual_seed(1), **keys)
    return Objective(
        problem, net, domain.sample(6, rng), domain.sample_boundary(8, rng), domain.sample_initial(5, rng), [data]
    )


def row_by_row(objective: Objective) -> torch.Tensor:
    """The Jacobian of the residual vector, one backward pass a row."""
    vector, parameters = objective.vector(), objective.parameters()
    rows = []
    for entry in vector:
        grads = torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True)
        pairs = zip(parameters, grads, strict=True)
        rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).ravel() for p, g in pairs]))
    return torch.stack(rows)


def test_every_kind_of_block_is_there(objective: Objective) -> None:
    names = ["equation", "start", "speed", "left", "ends_0", "ends_1", "observations"]
    assert [block.name for block in objective.blocks] == names
    assert set(objective.terms()) == set(names)


def test_the_jacobian_is_that_of_autograd(objective: Objective) -> None:
    vector, jacobian = objective.jacobian()
    torch.testing.assert_close(vector, objective.vector().detach())
    torch.testing.assert_close(jacobian, row_by_row(objective))
    assert jacobian.shape == (len(vector), sum(p.numel() for p in objective.parameters()))


def test_the_jacobian_with_weights_of_points(objective: Objective) -> None:
    objective.equation.pointwise = torch.rand(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective.equation.weight = 7.0
    torch.testing.assert_close(objective.jacobian()[1], row_by_row(objective))


@pytest.mark.parametrize("keys", [{"fourier": 3}, {"activation": "sin"}], ids=str)
def test_the_jacobian_for_other_networks(keys: dict[str, Any]) -> None:
    objective = built(System(), **keys)
    torch.testing.assert_close(objective.jacobian()[1], row_by_row(objective))


def test_the_loss_is_the_sum_of_weighted_mean_squares(objective: Objective) -> None:
    net, names = objective.network, ("x", "t")
    expected = {}
    for block in objective.blocks:
        rows = objective.residual(block).detach()
        expected[block.name] = block.weight * float(rows.square().sum()) / len(rows)
    assert objective.terms() == pytest.approx(expected)
    assert float(objective.loss().detach()) == pytest.approx(sum(expected.values()))
    assert float(objective.vector().square().sum().detach()) == pytest.approx(sum(expected.values()))
    start = objective.blocks[1]
    predicted = net.predict(start.points)[:, 1:]
    assert expected["start"] == pytest.approx(3.0 * np.mean((predicted - np.sin(start.points[:, :1])) ** 2))
    data = objective.blocks[-1]
    assert expected["observations"] == pytest.approx(0.5 * float(objective.residual(data).square().mean().detach()))
    assert names == net.domain.names


def test_periodic_pairs_compare_both_ends(objective: Objective) -> None:
    jump, slope = objective.blocks[4], objective.blocks[5]
    low, high = np.split(jump.points, 2)
    assert np.all(low[:, 0] == 0.0) and np.all(high[:, 0] == 2.0) and np.array_equal(low[:, 1], high[:, 1])
    net = objective.network
    values = net.predict(low)[:, :1] - net.predict(high)[:, :1]
    slopes = net.derivative(low, (0,))[:, :1] - net.derivative(high, (0,))[:, :1]
    np.testing.assert_allclose(objective.residual(jump).detach().numpy(), values, atol=1e-13)
    np.testing.assert_allclose(objective.residual(slope).detach().numpy(), slopes, atol=1e-13)


def test_unknowns_are_moved_in_units_of_their_scale(objective: Objective) -> None:
    assert objective.unknowns() == pytest.approx({"a": 0.7, "b": -0.4})
    assert [float(p.detach()) for p in objective.parameters()[-2:]] == pytest.approx([1.4, -0.4 / 3])


def test_moving_points_drops_their_weights_and_counts_residuals(objective: Objective) -> None:
    objective.equation.pointwise = torch.ones(6, 2, dtype=torch.float64)
    points = System().domain().sample(9, np.random.default_rng(5))
    objective.move_points(points)
    assert objective.equation.pointwise is None
    before = objective.evaluations
    assert objective.residual(objective.equation).shape == (9, 2)
    assert objective.evaluations == before + 18
