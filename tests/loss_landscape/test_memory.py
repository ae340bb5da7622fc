"""The population loss against numerical integration, its closed form and simulated signals."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, linalg

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import Diverged
from baselines.common.record import DIVERGED, Record
from baselines.loss_landscape.memory import (
    EVENT_ENERGY,
    KernelLoss,
    descend,
    exact_loss,
    initial_weights,
    log_linear_fit,
    target_kernel,
    units_needed,
)
from baselines.loss_landscape.probes.memory import Probe


def drawn(seed: int, units: int = 8, spread: float = 0.5) -> tuple[torch.Tensor, ...]:
    return initial_weights(units, spread, torch.Generator().manual_seed(seed), torch.float64)


def batch(*networks: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return [torch.stack(parts) for parts in zip(*networks, strict=True)]


def delays(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("delay", [0.5, 3.0, 8.0])
def test_closed_form_against_numerical_integration(delay):
    w, b, c = (part.numpy() for part in drawn(0, units=4))

    def gap(t: float) -> float:
        return float(c @ linalg.expm(w * t) @ b - math.exp(-t) - math.exp(-((t - delay) ** 2))) ** 2

    expected = sum(integrate.quad(gap, a, a + 2, epsabs=1e-13)[0] for a in range(0, 60, 2))
    assert exact_loss(w, b, c, delay) == pytest.approx(expected, abs=1e-10)


def test_quadrature_against_the_closed_form():
    networks, lengths = [drawn(seed) for seed in range(3)], (1.0, 4.0, 8.0)
    found = KernelLoss(delays(*lengths))(batch(*networks))
    expected = [exact_loss(*(p.numpy() for p in n), T) for n, T in zip(networks, lengths, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def test_kernel_is_that_of_the_matrix_exponential():
    loss, network = KernelLoss(delays(3.0)), drawn(1, units=3)
    w, b, c = (part.numpy() for part in network)
    kernel = loss.kernels(batch(network))[0].numpy()
    for i in (0, 7, 100, 400):
        assert kernel[i] == pytest.approx(c @ linalg.expm(w * loss.times[i].item()) @ b, abs=1e-12)


def test_loss_of_a_network_that_knows_the_present_alone_is_the_energy_of_the_event():
    one = [torch.tensor([[[-1.0]]]).double(), torch.ones(1, 1).double(), torch.ones(1, 1).double()]
    assert KernelLoss(delays(8.0))(one).item() == pytest.approx(EVENT_ENERGY, abs=1e-9)
    assert exact_loss(-np.eye(1), np.ones(1), np.ones(1), 8.0) == pytest.approx(EVENT_ENERGY, abs=1e-12)


def test_loss_is_the_expected_error_for_white_noise():
    """Monte Carlo: simulate the network and the functional on noise, compare at one time."""
    w, b, c = drawn(2, units=4)
    dt, steps, paths = 0.02, 900, 6000
    noise = math.sqrt(dt) * torch.randn(steps, paths, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ages = dt * (torch.arange(steps, 0, -1) - 0.5).double()  # how long ago each increment was
    wanted = target_kernel(ages, delays(3.0))[0] @ noise
    flow, half = torch.linalg.matrix_exp(w * dt), torch.linalg.matrix_exp(w * dt / 2)
    state = torch.zeros(4, paths, dtype=torch.float64)
    for increments in noise:
        state = flow @ state + (half @ b)[:, None] * increments
    squares = (c @ state - wanted).square()
    expected = exact_loss(w.numpy(), b.numpy(), c.numpy(), 3.0)
    assert squares.mean().item() == pytest.approx(expected, abs=4 * squares.std().item() / math.sqrt(paths))


def test_gradient():
    loss = KernelLoss(delays(2.0, 3.0))
    networks = [part.requires_grad_() for part in batch(drawn(0, units=2), drawn(1, units=2))]
    assert torch.autograd.gradcheck(lambda *parts: loss(parts), networks)


def test_a_kernel_that_does_not_decay_has_no_finite_loss():
    assert exact_loss(np.diag([-1.0, 0.0]), np.ones(2), np.ones(2), 3.0) == math.inf


def test_networks_side_by_side_train_as_if_alone():
    def losses(*networks: tuple[torch.Tensor, ...]) -> np.ndarray:
        leaves = [part.requires_grad_() for part in batch(*networks)]
        loss = KernelLoss(delays(*[3.0] * len(networks)))
        return np.array(list(descend(loss, leaves, lambda p: torch.optim.SGD(p, lr=0.05), 0.0, 20)))

    together = losses(drawn(0), drawn(1))
    assert together.shape == (21, 2) and (together[-1] < together[0]).all()
    np.testing.assert_allclose(together[:, 1:], losses(drawn(1)), rtol=1e-10)


def test_training_ends_where_the_level_is_reached_or_the_loss_explodes():
    leaves = [part.requires_grad_() for part in batch(drawn(0))]
    *_, last = descend(KernelLoss(delays(2.0)), leaves, lambda p: torch.optim.SGD(p, lr=0.05), 1.0, 500)
    assert last[0] < 1.0
    with pytest.raises(FloatingPointError, match="the loss is"):
        list(descend(KernelLoss(delays(2.0)), leaves, lambda p: torch.optim.SGD(p, lr=1e3), 0.0, 500))


def test_fit():
    t = np.array([3.0, 4.0, 5.0, 6.0])
    assert log_linear_fit(t, 2 * np.exp(0.7 * t)) == (pytest.approx(0.7), pytest.approx(1.0))
    assert log_linear_fit(t, np.full(4, 9.0)) == (pytest.approx(0.0, abs=1e-12), 0.0)
    assert log_linear_fit(t, np.array([1.0, 9.0, 1.0, 9.0]))[1] < 0.5


def test_units_needed():
    """The Hankel norm is at most the integral of |rho|, so no unit is needed above that; finer nodes agree."""
    assert units_needed(5.0, 1 + math.sqrt(math.pi)) == 0
    found = [units_needed(delay, 0.1) for delay in (3.0, 5.0, 8.0)]
    assert found == [units_needed(delay, 0.1, nodes=300, horizon=50.0) for delay in (3.0, 5.0, 8.0)]
    assert found[0] < found[1] < found[2]


def test_a_kernel_of_one_exponential_needs_one_unit():
    """Far away the event adds nothing that the horizon sees: exp(-t) alone has one singular value, 1/2."""
    assert units_needed(1000.0, 0.49) == 1 and units_needed(1000.0, 0.51) == 0


@pytest.mark.parametrize(
    ("fit", "fails"),
    [((0.8, 0.99), set()), ((0.8, 0.94), {"exponential"}), ((-0.1, 0.99), {"slope"}), (None, {"exponential", "slope"})],
)
def test_claims_can_fail(fit, fails):
    claims = {claim.id.rpartition(".")[2]: claim.verdict for claim in Probe()._claims(fit)}
    assert {name for name, verdict in claims.items() if verdict == FAILS} == fails
    assert {verdict for name, verdict in claims.items() if name not in fails} <= {HOLDS}


def test_few_memory_lengths_measure_nothing():
    assert {claim.verdict for claim in Probe(delays=[3.0, 8.0])._claims((0.8, 0.99))} == {NOT_MEASURED}


@pytest.mark.parametrize("given", [[3.0], [5, 3], [0, 1], [1, 30], "long"])
def test_bad_memory_lengths_are_refused(given):
    with pytest.raises(ValueError, match=r"probe\.delays must be at least two rising numbers"):
        Probe(delays=given)


def test_divergence_keeps_the_curves(tmp_path):
    overrides = ["probe=memory", "budget=smoke", "probe.lr=100", "probe.share=0.001"]
    cfg, record = compose.resolve("loss_landscape", overrides).cfg, Record(tmp_path, {"code": {}})
    with pytest.raises(Diverged, match="gd: the loss is"):
        cfg.probe.run(cfg, record)
    record.finish(DIVERGED)
    with np.load(tmp_path / "curves.npz") as curves:
        assert 0 < len(curves["gd.loss"]) < 60
