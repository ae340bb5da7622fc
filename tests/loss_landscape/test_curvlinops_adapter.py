"""curvlinops against our Hessian, dense matrices and closed forms."""

import numpy as np
import pytest
import torch

from baselines.loss_landscape import curvlinops_adapter as adapter
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import CRITERIA, Objective, one_hot


def objective(loss="cross_entropy", batch_norm=False, widths=(4, 6, 3)):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(30, widths[0], generator=generator, dtype=torch.float64)
    targets = one_hot(torch.arange(30) % widths[-1], widths[-1], torch.float64)
    model = mlp(widths, "tanh", generator, torch.float64, batch_norm=batch_norm)
    return Objective(model, inputs, targets, CRITERIA[loss])


def dense(operator, size):
    return operator @ torch.eye(size, dtype=torch.float64)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", CRITERIA)
def test_both_hessians_agree(loss, batch_norm):
    one = objective(loss, batch_norm)
    ours = Hessian(one.loss(), one.parameters).dense()
    torch.testing.assert_close(dense(adapter.hessian(one), one.size), ours, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", CRITERIA)
def test_gauss_newton_equals_its_definition(loss, batch_norm):
    one = objective(loss, batch_norm)
    jacobian = torch.func.jacrev(lambda w: torch.func.functional_call(one.model, one.split(w), one.inputs))(
        one.vector()
    )
    outputs = one.model(one.inputs).detach()
    inner = torch.func.hessian(lambda f: one.criterion(f, one.targets))(outputs)  # [N, C, N, C]
    expected = torch.einsum("nap,namb,mbq->pq", jacobian, inner, jacobian)
    torch.testing.assert_close(dense(adapter.gauss_newton(one), one.size), expected, rtol=1e-10, atol=1e-12)
    assert torch.linalg.eigvalsh(expected)[0] > -1e-12


def test_gauss_newton_is_the_hessian_of_a_linear_model():
    one = objective(widths=(4, 3))
    both = [dense(make(one), one.size) for make in (adapter.hessian, adapter.gauss_newton)]
    torch.testing.assert_close(*both, rtol=1e-10, atol=1e-13)


def test_the_global_generator_is_left_alone():
    one = objective()
    before = torch.random.get_rng_state()
    adapter.hessian(one) @ one.vector()
    adapter.traces(torch.eye(20), "hutchinson", 6, [1])
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("method", adapter.ESTIMATORS)
def test_traces_are_unbiased_and_repeatable(method):
    random = torch.randn(60, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = random @ random.T
    values = adapter.traces(matrix, method, 12, range(60))
    error = values.std(ddof=1) / np.sqrt(60)
    assert values.mean() == pytest.approx(float(matrix.trace()), abs=4 * error)
    assert len(np.unique(values)) == 60
    assert adapter.traces(matrix, method, 12, [7])[0] == values[7]


@pytest.mark.parametrize("method", ["hutch_plus_plus", "xtrace"])
def test_traces_of_a_matrix_of_low_rank_are_exact(method):
    """Both project on the range first: with rank 3 nothing is left to chance."""
    factor = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = factor @ factor.T + 1e-9 * torch.eye(60, dtype=torch.float64)  # XTrace inverts a triangle of full rank
    assert adapter.traces(matrix, method, 12, [0])[0] == pytest.approx(float(matrix.trace()), rel=1e-6)


@pytest.mark.parametrize("method", adapter.ESTIMATORS)
def test_a_product_is_as_good_as_a_matrix(method):
    one = objective()
    hessian = Hessian(one.loss(), one.parameters)
    operator = adapter.ProductOperator(hessian.product, one.vector())
    by_product, by_matrix = (adapter.traces(a, method, 12, range(3)) for a in (operator, hessian.dense()))
    np.testing.assert_allclose(by_product, by_matrix, rtol=1e-9)


def test_unknown_method():
    with pytest.raises(ValueError, match="method must be one of hutchinson, hutch_plus_plus, xtrace"):
        adapter.traces(torch.eye(20), "guess", 6, [0])
