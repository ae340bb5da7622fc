"""Fourier errors, tangent-kernel rates and Jacobi's iteration against closed forms and dense matrices."""

import math

import numpy as np
import pytest
import torch

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import Diverged
from baselines.common.record import DIVERGED, Record
from baselines.loss_landscape.frequency import (
    first_below,
    grid,
    inversions,
    jacobi_errors,
    jacobi_factors,
    jacobi_steps,
    relative_errors,
    settled,
    sines,
    tangent_rates,
)
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.probes.frequency import Probe

METRICS = {"network_inversions": 0.0, "tangent_inversions": 0.0, "jacobi_inversions": 0.0, "jacobi_factor_error": 0.0}


@pytest.fixture
def model() -> torch.nn.Module:
    return mlp([1, 12, 1], "tanh", torch.Generator().manual_seed(0), torch.float64)


def test_relative_errors_are_the_amplitudes_of_what_is_wrong():
    x = grid(50)
    modes = sines(x, 4)
    wrong = np.array([0.5, -2.0, 0.0, 1e-3])
    errors = relative_errors(modes.sum(axis=0) + wrong @ modes + 3 * np.cos(7 * x), modes.sum(axis=0), 4)
    np.testing.assert_allclose(errors, np.abs(wrong), atol=1e-13)


def test_a_shifted_phase_is_an_error_too():
    x = grid(50)
    assert relative_errors(np.sin(x + 0.3), np.sin(x), 1)[0] == pytest.approx(2 * math.sin(0.15))


def test_first_and_last_crossing():
    errors = np.array([[1.0, 1.0, 1.0, 0.01], [0.05, 1.0, 1.0, 0.02], [0.5, 0.05, 1.0, 0.03], [0.05, 0.05, 1.0, 0.04]])
    assert first_below(errors, 0.1).tolist() == [1.0, 2.0, math.inf, 0.0]
    assert settled(errors, 0.1).tolist() == [3.0, 2.0, math.inf, 0.0]


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1, 2, 3], 0),
        ([3, 2, 1], 3),
        ([1, 3, 2], 1),
        ([1, 1, 2], 1),
        ([1, math.inf, math.inf], 1),
        ([1, 2, math.inf], 0),
    ],
)
def test_inversions(values, count):
    assert inversions(values) == count


def test_tangent_rates_against_the_dense_kernel(model):
    x, modes = torch.as_tensor(grid(20))[:, None], torch.as_tensor(sines(grid(20), 3))
    names = dict(model.named_parameters())
    jacobian = torch.func.jacrev(lambda p: torch.func.functional_call(model, p, (x,))[:, 0])(names)
    dense = torch.cat([part.reshape(20, -1) for part in jacobian.values()], dim=1)
    kernel = dense @ dense.T / 20
    expected = [(s @ kernel @ s / (s @ s)).item() for s in modes]
    np.testing.assert_allclose(tangent_rates(model, x, modes).detach().numpy(), expected, rtol=1e-12)


def test_a_small_gradient_step_shrinks_a_mode_at_its_rate(model):
    x, mode = torch.as_tensor(grid(20))[:, None], torch.as_tensor(sines(grid(20), 2))[1:]
    rate = tangent_rates(model, x, mode).item()
    outputs = model(x)[:, 0]
    target = (outputs - mode[0]).detach()  # the error is the mode itself
    gradient = torch.autograd.grad(0.5 * (outputs - target).square().mean(), list(model.parameters()))
    step = 1e-6
    with torch.no_grad():
        for parameter, slope in zip(model.parameters(), gradient, strict=True):
            parameter -= step * slope
        left = (mode[0] @ (model(x)[:, 0] - target) / (mode[0] @ mode[0])).item()
    assert (1 - left) / step == pytest.approx(rate, rel=1e-4)


def test_jacobi_against_dense_matrices():
    n, k, iterations = 15, 4, 30
    matrix = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    modes = sines(math.pi * np.arange(1, n + 1) / (n + 1), k)
    solution = modes.sum(axis=0)
    u = np.zeros(n)
    found = jacobi_errors(n, k, iterations)
    for t in range(iterations + 1):
        np.testing.assert_allclose(found[t], np.abs(modes @ (u - solution)) * 2 / (n + 1), atol=1e-13)
        u = u + 0.5 * (matrix @ solution - matrix @ u)
    expected = np.sort(np.linalg.eigvalsh(np.eye(n) - matrix / 2))[::-1]
    np.testing.assert_allclose(jacobi_factors(n, n), expected, atol=1e-13)


@pytest.mark.parametrize("points", [15, 63])
def test_jacobi_factors_and_steps_are_exact(points):
    errors = jacobi_errors(points, 5, int(jacobi_steps(points, 5, 0.1).max()))
    ratios = errors[1:4] / errors[:3]
    np.testing.assert_allclose(ratios, np.tile(jacobi_factors(points, 5), (3, 1)), atol=1e-12)
    np.testing.assert_array_equal(first_below(errors, 0.1), jacobi_steps(points, 5, 0.1))


def verdicts(probe: Probe, **changed: float) -> dict[str, str]:
    return {claim.id.rpartition(".")[2]: claim.verdict for claim in probe._claims(METRICS | changed)}


@pytest.mark.parametrize(
    ("metric", "value", "claim"),
    [
        ("network_inversions", 1.0, "network"),
        ("tangent_inversions", 1.0, "tangent"),
        ("jacobi_inversions", 1.0, "jacobi"),
        ("jacobi_factor_error", 1e-11, "factors"),
    ],
)
def test_each_claim_can_fail_alone(metric, value, claim):
    found = verdicts(Probe(), **{metric: value})
    assert {name for name, verdict in found.items() if verdict == FAILS} == {claim}
    assert set(verdicts(Probe()).values()) == {HOLDS}


def test_a_short_training_says_nothing_about_the_network():
    found = verdicts(Probe(steps=60), network_inversions=4.0)
    assert found["network"] == found["tangent"] == NOT_MEASURED and found["jacobi"] == HOLDS


@pytest.mark.parametrize("keys", [{"examples": 10}, {"level": 1.0}, {"points": 8}, {"activation": "sine"}, {"lr": 0.0}])
def test_bad_keys_are_refused(keys):
    with pytest.raises(ValueError, match=f"probe.{next(iter(keys))} must be"):
        Probe(**keys)


def test_divergence_keeps_the_curves(tmp_path):
    overrides = ["probe=frequency", "budget=smoke", "probe.lr=1e300"]
    cfg, record = compose.resolve("loss_landscape", overrides).cfg, Record(tmp_path, {"code": {}})
    with pytest.raises(Diverged, match="the loss is"):
        cfg.probe.run(cfg, record)
    record.finish(DIVERGED)
    with np.load(tmp_path / "curves.npz") as curves:
        assert 0 < len(curves["network.relative_error"]) < 60
