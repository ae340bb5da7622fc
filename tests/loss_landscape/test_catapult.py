"""The catapult: the recursion against the network, its exact phases, and the networks with ReLU."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.loss_landscape import catapult, tangent
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.networks.mlp import Network
from baselines.loss_landscape.objective import Objective, cross_entropy
from baselines.loss_landscape.optimizers.gd import Optimizer
from baselines.loss_landscape.probes.catapult import Probe, claims
from baselines.loss_landscape.tasks import digits


def network(width=64, seed=0) -> catapult.TwoLayerLinear:
    return catapult.TwoLayerLinear(width, torch.Generator().manual_seed(seed))


def start(net: catapult.TwoLayerLinear) -> tuple[float, float]:
    return net(torch.ones(1, dtype=torch.float64)).item(), net.curvature()


def test_curvature_is_the_closed_form():
    net = network()
    with torch.no_grad():
        exact = float((net.u.square().sum() + net.v.square().sum()) / 64)
    assert net.curvature() == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scaled", [0.5, 2.1, 3.0, 3.99])
def test_recursion_is_what_training_does(scaled, seed):
    net = network(512, seed)
    output, curvature = start(net)
    found = catapult.trained(net, scaled / curvature, 60)
    exact = catapult.orbit(output, curvature, scaled / curvature, 512, 60)
    np.testing.assert_allclose(found.outputs, exact.outputs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.curvatures, exact.curvatures, rtol=1e-9)


@pytest.mark.parametrize(("output", "width"), [(1.0, 512), (-0.01, 16), (3.0, 100_000), (7.9, 64)])
def test_it_diverges_from_four_and_lands_below_two(output, width):
    """For every start and width: below 4 the curvature can only fall, beyond it can only rise."""
    for scaled in (0.5, 1.9, 2.3, 3.2, 3.99, 3.9999):
        one = catapult.orbit(output, 2.0, scaled / 2, width, 1200)
        assert not one.diverged and np.all(np.diff(one.curvatures) <= 0)
        assert scaled / 2 * one.curvatures[-1] < 2 + 1e-9
    for scaled in (4.0001, 4.01, 6.0):
        assert catapult.orbit(output, 2.0, scaled / 2, width, 1200).diverged


def test_the_boundary_is_found_by_bisection():
    def diverges(scaled: float) -> bool:
        return bool(catapult.orbit(0.3, 1.9, scaled / 1.9, 512, 1000).diverged)

    assert catapult.boundary(diverges, 1.0, 8.0) == pytest.approx(4.0, rel=1e-8)
    assert catapult.boundary(lambda x: x > math.pi, 1.0, 8.0) == pytest.approx(math.pi, rel=1e-10)
    with pytest.raises(ValueError, match=r"false at 5.0 and true at 8.0"):
        catapult.boundary(diverges, 5.0, 8.0)


@pytest.mark.parametrize("scaled", [1.99, 2.0, 2.01])
def test_onset_formula(scaled):
    wide = 10**6
    found = catapult.orbit(1.0, 2.0, scaled / 2, wide, 12_000).flattening
    assert found == pytest.approx(catapult.onset_flattening(1.0, 2.0, scaled / 2, wide), rel=0.02)


def test_phases():
    orbit = catapult.orbit(1.0, 2.0, np.array([0.5, 1.5, 2.5]), 512, 500)
    assert [catapult.phase(float(lost)) for lost in orbit.flattening] == ["lazy", "catapult", "divergent"]
    assert orbit.diverged.tolist() == [False, False, True]
    assert orbit.losses[0].tolist() == [0.5] * 3 and orbit.losses[:, 1].max() > 50


def test_impossible_start():
    with pytest.raises(ValueError, match=r"\|f\| is at most .* = 8; got 8.1"):
        catapult.orbit(8.1, 2.0, 0.1, 64, 3)


def small(widths=(3, 8, 2), seed=0) -> Objective:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(6, widths[0], generator=generator, dtype=torch.float64)
    targets = torch.eye(widths[-1], dtype=torch.float64)[torch.arange(6) % widths[-1]]
    return Objective(tangent.TangentNetwork(widths, generator), inputs, targets)


def test_tangent_curvature_is_that_of_the_kernel():
    """Largest eigenvalue of J J' / N, with the Jacobian J of all outputs written down."""
    one = small()
    outputs = one.model(one.inputs).reshape(-1)
    rows = [torch.cat([part.reshape(-1) for part in torch.autograd.grad(value, one.parameters, retain_graph=True)])
            for value in outputs]  # fmt: skip
    jacobian = torch.stack(rows)
    exact = torch.linalg.eigvalsh(jacobian @ jacobian.T / 6)[-1].item()
    assert tangent.tangent_curvature(one) == pytest.approx(exact, rel=1e-6)
    assert abs(exact - torch.linalg.eigvalsh(Hessian(one.loss(), one.parameters).dense())[-1].item()) > 1e-3
    with pytest.raises(ValueError, match="squared error only"):
        tangent.tangent_curvature(replace(one, criterion=cross_entropy))


def test_tangent_network_is_the_formula():
    one = small((3, 5, 4, 2))
    first, second, last = (weight.detach() for weight in one.model.weights)
    hidden = torch.relu(one.inputs @ first.T * math.sqrt(2 / 3))
    hidden = torch.relu(hidden @ second.T * math.sqrt(2 / 5))
    torch.testing.assert_close(one.model(one.inputs).detach(), hidden @ last.T / 2)


def test_an_attempt_is_gradient_descent_and_leaves_the_start_alone():
    one = small()
    begin = one.vector()
    kept = begin.clone()
    found = tangent.attempt(one, begin, 0.1, 5)
    assert torch.equal(begin, kept)
    one.assign(kept.clone())
    optimizer, losses = torch.optim.SGD(one.parameters, lr=0.1), []
    for _ in range(6):
        optimizer.zero_grad()
        loss = one.loss()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)
    assert found.zero_loss == 0.5 and not found.diverged


def test_attempts_that_fail():
    one = small()
    exploded = tangent.attempt(one, one.vector(), 1e3, 50)
    assert exploded.diverged and exploded.failed and len(exploded.losses) < 51
    dead = tangent.Attempt(1.0, np.array([4.0, 0.3]), zero_loss=0.5)
    assert dead.failed and not dead.diverged
    assert not tangent.Attempt(1.0, np.array([4.0, 0.2]), zero_loss=0.5).failed


GOOD = {
    "deviation": 1e-13,
    "divergence": 4.0,
    "onset": 2.05,
    "landed_max": 1.99,
    "peak_time_slope": 1.02,
    "relu_edge_2": 13.0,
}


def verdicts(metrics=GOOD, dtype="float64", **probe) -> dict[str, str]:
    made = claims(Probe(**probe), metrics, dtype, "by hand")
    return {claim.id.removeprefix("landscape.catapult."): claim.verdict for claim in made}


def test_each_claim_can_fail_alone():
    assert set(verdicts().values()) == {HOLDS}
    for change, fails in (
        ({"deviation": 1e-8}, "exact"),
        ({"divergence": 3.98}, "divergence"),
        ({"onset": 2.2}, "onset"),
        ({"landed_max": 2.1}, "landing"),
        ({"peak_time_slope": 0.8}, "logarithm"),
        ({"relu_edge_2": 25.0}, "relu"),
    ):
        found = verdicts(GOOD | change)
        assert [name for name, verdict in found.items() if verdict == FAILS] == [fails]


def test_what_is_not_measured():
    assert verdicts(dtype="float32")["exact"] == NOT_MEASURED
    assert verdicts(relu_width=16)["relu"] == NOT_MEASURED
    assert "relu" not in verdicts(relu_depths=[1])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.width=2", "probe.width must be at least 16"),
        ("probe.relu_depths=[0]", "probe.relu_depths must be a positive integer"),
        ("probe.relu_depths=[1,1]", "a list of different ones"),
        ("network=cnn", "does not look at the network"),
    ],
)
def test_wrong_keys(override, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=catapult", override])


def test_another_loss_is_refused():
    options = {"probe": Probe(), "network": Network(), "optimizer": Optimizer()}
    refused = Config(task=digits.Task(loss="cross_entropy"), **options)
    assert "take task.loss=squares" in (Probe().skip(refused) or "")
    assert Probe().skip(Config(task=digits.Task(), **options)) is None
