"""The solvers that are timed give the same eigenvalues; the probe's claims can fail."""

import sys

import numpy as np
import pytest
import torch

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.loss_landscape import eigensolvers
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective, half_squared_error
from baselines.loss_landscape.probes.eigensolver_time import Probe

pytest.importorskip("pyhessian")


def objective(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 8, generator=generator, dtype=torch.float64)
    targets = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    model = mlp([8, 10, 3], "tanh", generator, dtype)
    return Objective(model, inputs.to(dtype), targets.to(dtype), half_squared_error)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", eigensolvers.SOLVERS)
def test_solvers_find_the_dense_eigenvalues(name, dtype):
    """PyHessian too, with many iterations: its values on time are less exact (see the probe)."""
    one = objective(dtype)
    exact = np.linalg.eigvalsh(Hessian(one.loss(), one.parameters).dense().double().numpy())[::-1][:3]
    answer = eigensolvers.SOLVERS[name](one, 3, 1e-4, 0)
    tolerance = 0.05 if name == "pyhessian" else 1e-5
    np.testing.assert_allclose(answer.values, exact, rtol=tolerance)
    assert 3 < answer.products <= 300
    again = eigensolvers.SOLVERS[name](one, 3, 1e-4, 0)
    assert again.products == answer.products and np.array_equal(again.values, answer.values)


def test_pyhessian_leaves_no_traces():
    one = objective()
    before = torch.random.get_rng_state()
    eigensolvers.pyhessian(one, 1, 1e-3, 0)
    assert torch.get_default_dtype() == torch.float32 and one.model.training
    assert all(p.grad is None for p in one.parameters)
    assert torch.equal(torch.random.get_rng_state(), before)


METRICS = {"pyhessian_over_lanczos": 4.0, "curvlinops_over_lanczos": 2.0, "lanczos_error": 1e-6, "warm_gradients": 25.0}


def verdicts(metrics: dict[str, float], size: int = 55_210, **keys) -> dict[str, str]:
    made = Probe(**keys)._claims(metrics, size)
    return {claim.id.removeprefix("landscape.eigensolver_time."): claim.verdict for claim in made}


def test_claims_hold_and_can_fail():
    assert set(verdicts(METRICS).values()) == {HOLDS}
    for metric, bad, claim in (
        ("pyhessian_over_lanczos", 2.9, "pyhessian"),
        ("curvlinops_over_lanczos", 0.9, "curvlinops"),
        ("lanczos_error", 2e-3, "accuracy"),
        ("warm_gradients", 31.0, "warm"),
    ):
        assert {name for name, verdict in verdicts(METRICS | {metric: bad}).items() if verdict == FAILS} == {claim}


@pytest.mark.parametrize("keys", [{"size": 4000}, {"examples": 500}, {"rounds": 1}])
def test_small_runs_measure_nothing(keys):
    assert set(verdicts(METRICS, **keys).values()) == {NOT_MEASURED}


def test_pyhessian_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyhessian", None)
    cfg = compose.resolve("loss_landscape", ["probe=eigensolver_time", "budget=smoke"]).cfg
    with pytest.raises(UserError, match="pip install PyHessian"):
        cfg.probe.run(cfg, None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["probe.rounds=0"], "probe.rounds must be at least 1"),
        (["probe.examples=1798"], "probe.examples must be at most 1797"),
        (["probe.tol=1e-6"], "probe.tol must be from 2e-5"),
        (["task=chebyshev"], "does not look at the task"),
    ],
)
def test_wrong_keys(overrides, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=eigensolver_time", *overrides])


def test_timing_needs_one_thread():
    assert Probe().skip(Config()) is None
    assert "threads=1" in (Probe().skip(Config(threads=2)) or "")
