import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.network import JetNetwork
from baselines.pinn_pde.objective import Objective
from baselines.pinn_pde.problem import Condition, Field, PDEProblem
from baselines.pinn_pde.references import Reference
from baselines.pinn_pde.weighting import WEIGHTINGS, Attention, Causal, KernelTraces, make


@dataclass
class Decay(PDEProblem):
    """u_t + k u_x = 0 and v_t = -u with two conditions of very different size."""

    outputs = ("u", "v")
    time: bool = True

    def domain(self) -> Box:
        return Box(("x", "t"), (0.0, 1.0), (1.0, 3.0), time=self.time)

    def residual(self, field: Field) -> list[Any]:
        return [field("u", "t") + 30.0 * field("u", "x"), field("v", "t") + field("u")]

    def conditions(self) -> list[Condition]:
        return [
            Condition("initial", "points", lambda p: 1e-2 * p[:, :1], points=np.array([[0.1, 1.0], [0.6, 1.0]])),
            Condition("wall", "boundary", lambda p: 50.0 + 0 * p[:, :1], "v"),
        ]

    def reference(self) -> Reference:
        raise NotImplementedError


def objective(time: bool = True, count: int = 12) -> Objective:
    problem, rng = Decay(time=time), np.random.default_rng(0)
    net = JetNetwork(problem, [5], generator=torch.Generator().manual_seed(1))
    domain = problem.domain()
    return Objective(problem, net, domain.sample(count, rng), domain.sample_boundary(4, rng), np.empty((0, 2)))


def gradient_norms(o: Objective) -> list[float]:
    """Norm of the gradient of each weighted block, by differences of the loss without and with it."""
    norms = []
    for block in o.blocks:
        others = [(b, b.weight) for b in o.blocks if b is not block]
        for b, _ in others:
            b.weight = 0.0
        o.network.zero_grad()
        o.loss().backward()  # type: ignore[no-untyped-call]
        norms.append(float(torch.cat([p.grad.ravel() for p in o.network.parameters() if p.grad is not None]).norm()))
        for b, weight in others:
            b.weight = weight
    return norms


def test_gradient_norms_become_equal() -> None:
    o = objective()
    before = gradient_norms(o)
    make("gradnorm", o).update()
    assert max(before) > 10 * min(before)
    assert gradient_norms(o) == pytest.approx([sum(before)] * 3)


def test_gradient_norms_have_a_running_mean() -> None:
    o = objective()
    weights = make("gradnorm", o, memory=0.75)
    weights.update()
    first = [b.weight for b in o.blocks]
    with torch.no_grad():
        o.network.biases[1] += 3.0
    weights.update()
    moved = objective()
    moved.network.load_state_dict(o.network.state_dict())
    make("gradnorm", moved).update()
    expected = [0.75 * a + 0.25 * b.weight for a, b in zip(first, moved.blocks, strict=True)]
    assert [b.weight for b in o.blocks] == pytest.approx(expected)
    assert [b.weight for b in o.blocks] != pytest.approx(first)


def test_kernel_traces_are_those_of_the_dense_kernel() -> None:
    o = objective()
    rows = []
    for entry in o.vector():
        grads = torch.autograd.grad(entry, o.parameters(), retain_graph=True, allow_unused=True)
        filled = [torch.zeros_like(p) if g is None else g for p, g in zip(o.parameters(), grads, strict=True)]
        rows.append(torch.cat([g.ravel() for g in filled]))
    dense = torch.stack(rows)
    kernel = dense @ dense.T  # the blocks have 24, 2 and 4 rows
    traces = [float(kernel.diagonal()[a:b].sum()) for a, b in ((0, 24), (24, 26), (26, 30))]
    weighting = KernelTraces(o)
    assert [weighting.measure(b) for b in o.blocks] == pytest.approx(traces)
    weighting.update()
    assert [b.weight for b in o.blocks] == pytest.approx([sum(traces) / t for t in traces])
    _, balanced = o.jacobian()
    sums = [float(balanced[a:b].square().sum()) for a, b in ((0, 24), (24, 26), (26, 30))]
    assert sums == pytest.approx([sum(traces)] * 3)


def test_kernel_trace_of_a_sample_of_points() -> None:
    o = objective(count=2000)
    whole, some = KernelTraces(o).measure(o.equation), KernelTraces(o, at_most=500).measure(o.equation)
    assert some == pytest.approx(whole, rel=0.1) and some != whole
    assert len(o.equation.points) == 2000


def test_a_block_without_gradient_keeps_its_weight() -> None:
    o = objective()
    wall = o.blocks[2]
    rows, wall.weight = wall.rows, 4.0
    wall.rows = lambda field: 0.0 * rows(field)
    make("gradnorm", o).update()
    assert wall.weight == 4.0 and all(0 < b.weight < np.inf for b in o.blocks)


def test_attention_follows_its_recursion() -> None:
    o = objective()
    weights = Attention(o, gamma=0.8, eta=0.3)
    size = o.residual(o.equation).abs().detach()
    expected = torch.ones_like(size)
    for _ in range(3):
        weights.update()
        expected = 0.8 * expected + 0.3 * size / size.max(0).values
    assert o.equation.pointwise is not None
    torch.testing.assert_close(o.equation.pointwise, expected.square())


def test_attention_has_a_fixed_point() -> None:
    """Without training a tends to eta / (1 - gamma) |r| / max |r|, so the worst point reaches the bound."""
    o = objective()
    weights = Attention(o, gamma=0.5, eta=0.25)
    for _ in range(60):
        weights.update()
    size = o.residual(o.equation).abs().detach()
    assert o.equation.pointwise is not None
    torch.testing.assert_close(o.equation.pointwise.sqrt(), 0.5 * size / size.max(0).values)


def test_attention_starts_again_at_new_points() -> None:
    o = objective()
    weights = Attention(o, gamma=0.9, eta=0.1)
    weights.update()
    o.move_points(Decay().domain().sample(20, np.random.default_rng(7)))
    weights.update()
    assert o.equation.pointwise is not None and o.equation.pointwise.shape == (20, 2)
    assert float(o.equation.pointwise.min()) >= 0.9**2 and float(o.equation.pointwise.max()) == pytest.approx(1.0)


def test_causal_weights_by_hand() -> None:
    o = objective()
    Causal(o, bins=4, epsilon=1e-3, least=0.0).update()
    rows, time = o.residual(o.equation).detach().square().sum(1), torch.as_tensor(o.equation.points[:, 1])
    losses = [rows[(time >= a) & (time < a + 0.5)] for a in (1.0, 1.5, 2.0, 2.5)]
    means = torch.tensor([float(part.mean()) if len(part) else 0.0 for part in losses], dtype=torch.float64)
    assert o.equation.pointwise is not None
    for i, t in enumerate(time):
        expected = torch.exp(-1e-3 * means[: int((t - 1.0) / 0.5)].sum())
        torch.testing.assert_close(o.equation.pointwise[i], expected.expand(2))


def test_causal_weights_fall_in_time() -> None:
    o = objective(count=200)
    Causal(o, bins=8, epsilon=1e-2).update()
    assert o.equation.pointwise is not None
    ordered = o.equation.pointwise[np.argsort(o.equation.points[:, 1]), 0]
    assert float(ordered[0]) == 1.0 and bool((ordered.diff() <= 0).all()) and float(ordered[-1]) < 1.0


def test_causal_weights_stay_above_their_bound() -> None:
    """A steepness far too large becomes the one that leaves the last bin the least weight."""
    o = objective(count=400)
    Causal(o, bins=8, epsilon=1e6, least=0.02).update()
    assert o.equation.pointwise is not None
    assert float(o.equation.pointwise.min()) == pytest.approx(0.02) and float(o.equation.pointwise.max()) == 1.0
    steep = o.equation.pointwise.clone()
    Causal(o, bins=8, epsilon=1e9, least=0.02).update()
    torch.testing.assert_close(o.equation.pointwise, steep)


def test_causal_weights_are_one_once_residuals_vanish() -> None:
    o = objective()
    with torch.no_grad():
        for p in o.network.parameters():
            p.zero_()
    Causal(o, epsilon=1e6).update()
    assert o.equation.pointwise is not None and bool((o.equation.pointwise == 1).all())


def test_causal_weights_need_time() -> None:
    with pytest.raises(ValueError, match="need a problem with time"):
        make("causal", objective(time=False))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_weighting_continues_from_its_state(name: str) -> None:
    o, other = objective(), objective()
    weights, again = make(name, o), make(name, other)
    weights.update()
    kept = weights.state()
    json.dumps(kept["weights"])
    again.load(kept)
    for w, target in ((weights, o), (again, other)):
        with torch.no_grad():
            target.network.biases[0] += 0.1
        w.update()
    torch.testing.assert_close(o.vector(), other.vector(), rtol=0, atol=0)
    assert float(o.loss().detach()) > 0


def test_a_state_does_not_change_with_training() -> None:
    o = objective()
    weights = Attention(o)
    weights.update()
    kept = weights.state()
    before = kept["pointwise"].clone()
    weights.update()
    assert torch.equal(kept["pointwise"], before)


def test_a_state_of_other_points_is_refused() -> None:
    weights = Attention(objective(count=12))
    weights.update()
    with pytest.raises(ValueError, match="load the points before"):
        Attention(objective(count=9)).load(weights.state())
    with pytest.raises(ValueError, match="blocks"):
        Attention(objective()).load({**weights.state(), "weights": [1.0]})


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("best", {}),
        ("gradnorm", {"memory": 1.0}),
        ("adaptive", {"gamma": 1.0}),
        ("causal", {"bins": 0}),
        ("causal", {"least": 1.0}),
    ],
)
def test_wrong_arguments_are_refused(name: str, keys: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        make(name, objective(), **keys)
