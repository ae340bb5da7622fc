"""E-MSA against autograd, scipy and what the maximum principle promises."""

import itertools

import numpy as np
import pytest
import torch
from scipy import optimize

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import Diverged
from baselines.common.record import DIVERGED, Record
from baselines.loss_landscape.maximum_principle import (
    AugmentedHamiltonian,
    ResidualNetwork,
    minimise,
    msa_iteration,
)
from baselines.loss_landscape.probes.maximum_principle import Probe

LAYERS, STARTS, EXAMPLES, NODES = 4, 3, 12, 5


def uniform(seed: int, *shape: int) -> torch.Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def network(weight_decay: float = 1e-2) -> ResidualNetwork:
    return ResidualNetwork(uniform(0, STARTS, EXAMPLES, NODES), uniform(1, STARTS, EXAMPLES), 0.25, weight_decay)


def weights() -> torch.Tensor:
    return uniform(2, LAYERS, STARTS, NODES, NODES + 1)


def by_hand(net: ResidualNetwork, theta: torch.Tensor, start: int) -> torch.Tensor:
    """The loss of one start, written with torch's own layers."""
    x = net.inputs[start]
    for n in range(len(theta)):
        x = x + net.delta * torch.tanh(torch.nn.functional.linear(x, theta[n, start, :, :-1], theta[n, start, :, -1]))
    error = torch.nn.functional.mse_loss(x.sum(dim=1), net.targets[start])
    return error + net.weight_decay / 2 * theta[:, start].square().sum()


def test_loss_is_that_of_the_network_written_by_hand():
    net, theta = network(), weights()
    expected = torch.stack([by_hand(net, theta, start) for start in range(STARTS)])
    torch.testing.assert_close(net.loss(theta), expected, rtol=1e-13, atol=0)


def test_costates_are_minus_the_gradient_with_respect_to_the_states():
    net, theta = network(), weights()
    costates = net.costates(theta, net.states(theta))
    for n in range(LAYERS + 1):
        x = net.states(theta)[n].requires_grad_()
        rest = ResidualNetwork(x, net.targets, net.delta, 0.0)
        (slope,) = torch.autograd.grad(rest.error(rest.states(theta[n:])[-1]).sum(), x)
        torch.testing.assert_close(costates[n], -slope, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rho", [0.0, 1.3])
def test_augmented_hamiltonian_against_autograd(rho):
    """Away from the weights whose states are held, so that both penalties are at work."""
    net, old, new = network(), weights(), uniform(3, LAYERS, STARTS, NODES, NODES + 1).requires_grad_()
    held = AugmentedHamiltonian.at(net, old, rho)
    value, gradient = held(new.detach())
    x = held.x.clone().requires_grad_()
    moved = x + net.delta * torch.tanh(x @ new[..., :-1].mT + new[..., None, :, -1])
    (slope,) = torch.autograd.grad((held.next_p * moved).sum(), x, create_graph=True)
    gaps = (held.next_x - moved).square() + (held.p - slope).square()
    expected = (held.next_p * moved).sum((-2, -1)) - rho / 2 * gaps.sum((-2, -1))
    expected = expected - net.weight_decay / 2 * new.square().sum((-2, -1))
    torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), new)[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_a_gradient_step_on_the_hamiltonian_is_back_propagation(rho):
    """At the present weights both gaps are zero, so rho does not matter."""
    net, theta = network(), weights().requires_grad_()
    _, upwards = AugmentedHamiltonian.at(net, theta.detach(), rho)(theta.detach())
    (gradient,) = torch.autograd.grad(net.loss(theta).sum(), theta)
    torch.testing.assert_close(theta + 0.1 * upwards, theta - 0.1 * gradient, rtol=1e-12, atol=1e-14)


def test_no_layer_loses_in_an_iteration():
    net, theta = network(), weights()
    for _ in range(3):
        held = AugmentedHamiltonian.at(net, theta, 1.0)
        before = held(theta)[0]
        theta, passes = msa_iteration(net, theta, 1.0, 10)
        gain = held(theta)[0] - before
        assert (gain >= 0).all() and gain.sum() > 1e-6
        assert 1 + 1 + 10 <= passes < 50


def test_a_high_price_keeps_the_layers_where_they_are():
    net, theta = network(), weights()
    steps = [(msa_iteration(net, theta, rho, 30)[0] - theta).norm() for rho in (1.0, 1e4)]
    assert steps[1] < 1e-2 * steps[0]


def rosenbrock(x: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.detach().requires_grad_()
    value = scale * ((1 - x[:, :-1]) ** 2 + 10 * (x[:, 1:] - x[:, :-1] ** 2) ** 2).sum(dim=1)
    return value.detach(), torch.autograd.grad(value.sum(), x)[0]


def test_minimise_finds_what_scipy_finds():
    scale = torch.tensor([1.0, 30.0, 0.01], dtype=torch.float64)
    start = 0.5 * uniform(4, 3, 4)
    found, evaluations = minimise(lambda x, rows: rosenbrock(x, scale[rows]), start, 100)
    for i in range(3):

        def one(x: np.ndarray, i: int = i) -> tuple[float, np.ndarray]:
            value, gradient = rosenbrock(torch.as_tensor(x)[None], scale[i : i + 1])
            return value.item(), gradient[0].numpy()

        other = optimize.minimize(one, start[i].numpy(), jac=True, method="L-BFGS-B", options={"gtol": 1e-12})
        np.testing.assert_allclose(found[i].numpy(), other.x, atol=1e-5)
    assert evaluations < 300


def test_problems_do_not_influence_each_other():
    scale = torch.tensor([1.0, 30.0, 0.01], dtype=torch.float64)
    start = 0.5 * uniform(5, 3, 4)
    together, _ = minimise(lambda x, rows: rosenbrock(x, scale[rows]), start, 7)
    for i in range(3):
        alone, _ = minimise(lambda x, rows, i=i: rosenbrock(x, scale[i : i + 1][rows]), start[i : i + 1], 7)
        torch.testing.assert_close(together[i], alone[0], rtol=1e-9, atol=1e-11)


def test_a_value_never_rises_and_a_minimum_is_left_alone():
    def quartic(x: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.pow(4).sum(1) - x.square().sum(1), 4 * x.pow(3) - 2 * x

    start = torch.tensor([[0.5**0.5, 0.5**0.5], [3.0, -2.0], [1e-3, 1e3]], dtype=torch.float64)
    values = [quartic(minimise(quartic, start, n)[0], start)[0] for n in range(12)]
    for earlier, later in itertools.pairwise(values):
        assert (later <= earlier).all()
    torch.testing.assert_close(minimise(quartic, start, 5)[0][0], start[0], rtol=1e-9, atol=0)


@pytest.mark.parametrize(("ratio", "verdict"), [(10.1, HOLDS), (9.9, FAILS), (float("nan"), FAILS)])
def test_the_claim_can_fail(ratio, verdict):
    error, loss = Probe()._claims({"sgd_ratio": ratio, "sgd_loss_ratio": 20.0})
    assert (error.verdict, loss.verdict) == (verdict, HOLDS)
    error, loss = Probe()._claims({"sgd_ratio": 20.0, "sgd_loss_ratio": ratio})
    assert (error.verdict, loss.verdict) == (HOLDS, verdict)


@pytest.mark.parametrize("keys", [{"iterations": 3}, {"perturbation": 0.5}])
def test_other_settings_do_not_measure_the_claim(keys):
    claims = Probe(**keys)._claims({"sgd_ratio": 1.0, "sgd_loss_ratio": 1.0})
    assert {claim.verdict for claim in claims} == {NOT_MEASURED}


def test_bad_keys_are_refused():
    with pytest.raises(ValueError, match="delta must be positive"):
        Probe(delta=0.0)
    with pytest.raises(ValueError, match="starts must be at least 1"):
        Probe(starts=0)


def test_divergence_keeps_the_curves(tmp_path):
    overrides = ["probe=maximum_principle", "budget=smoke", "probe.sgd_lr=1e300"]
    cfg, record = compose.resolve("loss_landscape", overrides).cfg, Record(tmp_path, {"code": {}})
    with pytest.raises(Diverged, match="the error is not finite"):
        cfg.probe.run(cfg, record)
    record.finish(DIVERGED)
    with np.load(tmp_path / "curves.npz") as curves:
        assert len(curves["emsa.error"]) == 4 and len(curves["sgd.error"]) < 4


def test_the_start_is_nearly_zero_and_shared_by_the_methods():
    cfg = compose.resolve("loss_landscape", ["probe=maximum_principle", "seed=3"]).cfg
    net, held_out, theta = cfg.probe._problem(cfg)
    assert theta.shape == (20, 8, 5, 6) and 0.004 < theta.abs().max() <= 0.005
    torch.testing.assert_close(net.targets, net.inputs[..., 0].sin())
    assert not torch.equal(net.inputs, held_out.inputs)
