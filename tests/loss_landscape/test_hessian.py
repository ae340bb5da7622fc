"""Hessian-vector products and eigenvalues against dense matrices."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import eigsh

from baselines.loss_landscape import hessian
from baselines.loss_landscape.hessian import Hessian, NoConvergence, top_eigenvalues
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective

ACTIVATIONS = ["tanh", "gelu", "softplus"]


def network(activation="tanh", widths=(5, 7, 6, 3), dtype=torch.float64):
    """A small network on random data: P = 111."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(20, widths[0], generator=generator, dtype=torch.float64)
    targets = torch.randn(20, widths[-1], generator=generator, dtype=torch.float64)
    model = mlp(widths, activation, generator, dtype)
    return Objective(model, inputs.to(dtype), targets.to(dtype))


def quadratic(eigenvalues, seed=0):
    """f(w) = w' A w / 2 with known eigenvalues and a random basis; returns value, parameter and matrix."""
    spectrum = torch.as_tensor(eigenvalues, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(len(spectrum), len(spectrum), generator=generator, dtype=torch.float64)
    basis, _ = torch.linalg.qr(random)
    matrix = basis @ torch.diag(spectrum) @ basis.T
    w = torch.ones(len(spectrum), dtype=torch.float64, requires_grad=True)
    return 0.5 * w @ matrix @ w, w, matrix


def dense_by_torch(objective):
    """The Hessian by torch's own double backward, row by row."""
    named = dict(objective.model.named_parameters())
    sizes = [p.numel() for p in named.values()]
    flat = torch.cat([p.detach().reshape(-1) for p in named.values()])

    def loss(vector):
        parts = [part.view_as(p) for part, p in zip(vector.split(sizes), named.values(), strict=True)]
        outputs = torch.func.functional_call(objective.model, dict(zip(named, parts, strict=True)), objective.inputs)
        return 0.5 * ((outputs - objective.targets) ** 2).sum(1).mean()

    return torch.autograd.functional.hessian(loss, flat)


@pytest.fixture(params=ACTIVATIONS)
def case(request):
    """A network's Hessian and the same as a dense matrix."""
    objective = network(request.param)
    return Hessian(objective.loss(), objective.parameters), dense_by_torch(objective)


def test_product_equals_the_dense_hessian(case):
    ours, dense = case
    for seed in range(3):
        v = torch.randn(ours.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(ours.product(v), dense @ v, rtol=1e-12, atol=1e-12)
    assert ours.products == 3


def test_batched_products_equal_single_ones(case):
    ours, _ = case
    vectors = torch.randn(4, ours.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    single = torch.stack([ours.product(v) for v in vectors])
    torch.testing.assert_close(ours.product(vectors), single, rtol=1e-12, atol=1e-13)
    assert ours.products == 8


@pytest.mark.parametrize("chunk", [7, 1000])
def test_dense(case, chunk):
    ours, dense = case
    torch.testing.assert_close(ours.dense(chunk), dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("tol", "rtol"), [(1e-8, 1e-10), (1e-3, 1e-4)])
def test_top_eigenvalues_equal_the_dense_ones(case, k, tol, rtol):
    ours, dense = case
    exact, vectors = np.linalg.eigh(dense.numpy())
    top = top_eigenvalues(ours, k, tol=tol)
    np.testing.assert_allclose(top.values, exact[::-1][:k], rtol=rtol)
    assert top.products == ours.products > 0
    if tol < 1e-6:
        overlap = np.abs(np.sum(top.vectors * vectors[:, ::-1][:, :k], axis=0))
        np.testing.assert_allclose(overlap, 1, rtol=1e-8)


def test_largest_means_algebraically_largest():
    """An indefinite Hessian whose eigenvalue of largest modulus is negative."""
    value, w, matrix = quadratic([-100.0, *np.linspace(-5, 2, 48), 3.0])
    assert eigsh(matrix.numpy(), k=1, which="LM")[0][0] == pytest.approx(-100)
    assert top_eigenvalues(Hessian(value, [w]), tol=1e-8).values == pytest.approx([3.0], rel=1e-10)


def test_all_negative():
    value, w, _ = quadratic(-np.linspace(1, 10, 40))
    assert top_eigenvalues(Hessian(value, [w]), tol=1e-8).values == pytest.approx([-1.0], rel=1e-8)


def test_a_multiple_top_eigenvalue_is_found_at_least_once():
    value, w, _ = quadratic([*np.linspace(0, 1, 38), 4.0, 4.0])
    values = top_eigenvalues(Hessian(value, [w]), 2, tol=1e-8).values
    assert values[0] == pytest.approx(4.0, rel=1e-8)
    assert values[1] == pytest.approx(4.0, rel=1e-8) or values[1] == pytest.approx(1.0, rel=1e-8)


@pytest.mark.parametrize("k", [1, 2])
def test_start_inside_an_invariant_subspace(k):
    """A start that is exactly another eigenvector must not hide the top one."""
    value, w, matrix = quadratic(np.linspace(1, 40, 40))
    wrong = np.linalg.eigh(matrix.numpy())[1][:, 5]
    top = top_eigenvalues(Hessian(value, [w]), k, start=wrong, tol=1e-6)
    assert top.values == pytest.approx(np.arange(40.0, 40.0 - k, -1), rel=1e-8)


def test_warm_start_saves_products():
    objective = network(widths=(5, 20, 20, 3))
    ours = Hessian(objective.loss(), objective.parameters)
    cold = top_eigenvalues(ours, tol=1e-6)
    warm = top_eigenvalues(ours, start=cold.vectors.sum(axis=1), tol=1e-6)
    assert warm.products < cold.products
    assert warm.values == pytest.approx(cold.values, rel=1e-9)


def test_fewer_parameters_than_the_basis():
    value, w, _ = quadratic([-7.0, 1.0, 5.0])
    top = top_eigenvalues(Hessian(value, [w]), 2)
    assert top.values == pytest.approx([5.0, 1.0])
    assert top.vectors.shape == (3, 2)
    assert top.products == 3


def test_zero_hessian():
    w = torch.ones(50, dtype=torch.float64, requires_grad=True)
    linear = Hessian(w.sum(), [w])
    assert torch.equal(linear.product(torch.ones(50, dtype=torch.float64)), torch.zeros(50, dtype=torch.float64))
    assert top_eigenvalues(linear).values == pytest.approx([0.0], abs=1e-12)


def test_parameters_without_curvature_have_zero_rows():
    u = torch.ones(2, dtype=torch.float64, requires_grad=True)
    linear = torch.ones(2, dtype=torch.float64, requires_grad=True)
    unused = torch.ones(1, dtype=torch.float64, requires_grad=True)
    ours = Hessian((u**3).sum() + linear.sum(), [u, linear, unused])
    assert torch.equal(ours.dense(), torch.diag(torch.tensor([6.0, 6, 0, 0, 0], dtype=torch.float64)))
    assert [g.tolist() for g in ours.gradient] == [[3, 3], [1, 1], [0]]


def test_single_precision_agrees_with_double():
    double, single = network(), network(dtype=torch.float32)
    exact = top_eigenvalues(Hessian(double.loss(), double.parameters), tol=1e-10).values
    found = top_eigenvalues(Hessian(single.loss(), single.parameters), tol=2e-5).values
    assert found == pytest.approx(exact, rel=1e-5)


def test_equal_calls_give_equal_bits():
    results = [
        top_eigenvalues(Hessian(o.loss(), o.parameters), 2, rng=np.random.default_rng(3)).values
        for o in (network(), network())
    ]
    assert np.array_equal(results[0], results[1])


def test_gradient_is_the_loss_gradient():
    objective = network()
    plain = torch.autograd.grad(objective.loss(), objective.parameters)
    for g, p in zip(Hessian(objective.loss(), objective.parameters).gradient, plain, strict=True):
        assert torch.equal(g, p) and not g.requires_grad


def test_a_step_makes_the_graph_stale():
    objective = network()
    ours = Hessian(objective.loss(), objective.parameters)
    optimizer = torch.optim.SGD(objective.parameters, lr=0.1)
    for p, g in zip(objective.parameters, ours.gradient, strict=True):
        p.grad = g
    optimizer.step()
    with pytest.raises(RuntimeError, match="build a new one"):
        ours.product(torch.ones(ours.size, dtype=torch.float64))


def test_bad_arguments():
    value, w, _ = quadratic([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="scalar"):
        Hessian(w, [w])
    with pytest.raises(ValueError, match="at least one parameter"):
        Hessian(value, [])
    with pytest.raises(ValueError, match="one dtype"):
        Hessian(value, [w, torch.ones(1, requires_grad=True)])
    ours = Hessian(value, [w])
    with pytest.raises(ValueError, match="k must be from 1 to the number of parameters 3; got 4"):
        top_eigenvalues(ours, 4)
    with pytest.raises(ValueError, match="tol must be at least"):
        top_eigenvalues(ours, tol=1e-16)


def test_not_finite():
    w = torch.ones(20, dtype=torch.float64, requires_grad=True)
    with pytest.raises(FloatingPointError, match="not finite"):
        top_eigenvalues(Hessian((1e200 * w).pow(4).sum(), [w]))


def test_no_convergence_is_said(monkeypatch):
    monkeypatch.setattr(hessian, "MAX_RESTARTS", 1)
    value, w, _ = quadratic(np.linspace(0.99, 1, 400))
    with pytest.raises(NoConvergence, match="did not converge to tol=1e-12 in"):
        top_eigenvalues(Hessian(value, [w]), tol=1e-12)


def test_second_try_after_no_convergence(monkeypatch):
    """One restart is too little for the small basis and enough for the large one."""
    monkeypatch.setattr(hessian, "MAX_RESTARTS", 1)
    value, w, _ = quadratic(np.linspace(0, 1, 60))
    top = top_eigenvalues(Hessian(value, [w]), tol=1e-8)
    assert top.values == pytest.approx([1.0], rel=1e-8)
    assert top.products > 40


@pytest.mark.slow
def test_reusing_the_graph_is_cheaper_than_a_fresh_double_backward():
    """Processor time on the default network, each the fastest of several rounds."""
    import time

    objective = network(widths=(64, 32, 32, 10))
    parameters = objective.parameters
    ours = Hessian(objective.loss(), parameters)
    v = torch.ones(ours.size, dtype=torch.float64)

    def fastest(function):
        times = []
        for _ in range(15):
            begin = time.process_time()
            for _ in range(20):
                function()
            times.append(time.process_time() - begin)
        return min(times)

    reuse = fastest(lambda: ours.product(v))
    assert reuse < 0.75 * fastest(lambda: Hessian(objective.loss(), parameters).product(v))
    assert reuse < 3 * fastest(lambda: torch.autograd.grad(objective.loss(), parameters))
