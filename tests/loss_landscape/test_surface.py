"""Surfaces: batches against single passes, curvature against the Hessian, principal directions against scikit-learn."""

import numpy as np
import pytest
import torch
from torch import nn

from baselines.loss_landscape import batched_forward, surface
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import ACTIVATIONS, BatchNorm, mlp
from baselines.loss_landscape.objective import Objective, cross_entropy, half_squared_error

WIDTHS = [5, 7, 6, 3]


def objective(activation="tanh", criterion=half_squared_error, widths=WIDTHS, dtype=torch.float64, **keys) -> Objective:
    generator = torch.Generator().manual_seed(0)
    model = mlp(widths, activation, generator, dtype, **keys)
    inputs = torch.randn(11, widths[0], generator=generator, dtype=torch.float64).to(dtype)
    targets = nn.functional.one_hot(torch.arange(11) % widths[-1], widths[-1]).to(dtype)
    return Objective(model, inputs, targets, criterion)


def plane(one: Objective) -> surface.Plane:
    generator = torch.Generator().manual_seed(1)
    first, second = (torch.randn(one.size, generator=generator, dtype=torch.float64).to(one.inputs) for _ in range(2))
    return surface.Plane(one.vector(), first, second)


def points(count=40, dtype=torch.float64) -> torch.Tensor:
    return torch.rand(count, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype) * 2 - 1


def squared_twice(outputs, targets):
    """A criterion that the batched forward pass does not know."""
    return (outputs - targets).pow(4).mean()


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("criterion", [half_squared_error, cross_entropy, squared_twice])
def test_batches_equal_single_passes(activation, criterion):
    one = objective(activation, criterion)
    alone = surface.losses_one_by_one(one, plane(one), points())
    torch.testing.assert_close(surface.losses_on(one, plane(one), points()), alone, rtol=1e-13, atol=0)
    torch.testing.assert_close(one.losses_at(plane(one).at(points())), alone, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    "keys", [{"output_bias": False}, {"widths": [4, 2]}, {"widths": [4, 9, 2]}, {"batch_norm": True}]
)
def test_other_shapes(keys):
    one = objective(**keys)
    assert batched_forward.supports(one.model) == (not any(isinstance(m, BatchNorm) for m in one.model))
    alone = surface.losses_one_by_one(one, plane(one), points())
    torch.testing.assert_close(surface.losses_on(one, plane(one), points()), alone, rtol=1e-12, atol=0)


def test_chunks_do_not_matter(monkeypatch):
    one = objective()
    whole = surface.losses_on(one, plane(one), points())
    monkeypatch.setattr(batched_forward, "CACHE_BYTES", 1)
    forward = batched_forward.PlaneForward(one, *vars(plane(one)).values())
    assert forward.chunk == 1
    torch.testing.assert_close(forward.losses(points()), whole, rtol=1e-14, atol=0)


def test_single_precision():
    one = objective(dtype=torch.float32)
    batched = surface.losses_on(one, plane(one), points(dtype=torch.float32))
    assert batched.dtype == torch.float32
    alone = surface.losses_one_by_one(one, plane(one), points(dtype=torch.float32))
    torch.testing.assert_close(batched, alone, rtol=1e-5, atol=0)


def test_parameters_are_put_back():
    one = objective()
    before = one.vector()
    surface.losses_one_by_one(one, plane(one), points(3))
    surface.losses_on(one, plane(one), points(3))
    assert torch.equal(one.vector(), before)


def test_convolutions_are_not_supported():
    one = objective()
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.Linear(3, 3))
    assert not batched_forward.supports(model) and not batched_forward.supports(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="only chains of linear layers"):
        batched_forward.PlaneForward(Objective(model, one.inputs, one.targets), *vars(plane(one)).values())


def test_grid_is_row_by_row():
    found = surface.grid(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 20.0]))
    assert found.tolist() == [[1, 10], [2, 10], [3, 10], [1, 20], [2, 20], [3, 20]]


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus"])
def test_curvature_equals_the_hessian(activation):
    one = objective(activation)
    directions = plane(one)

    def values(a):
        return surface.losses_on(one, directions, torch.stack([a, torch.zeros_like(a)], dim=1))

    d = directions.first
    exact = float(d @ Hessian(one.loss(), one.parameters).product(d))
    assert surface.curvature(values, 1e-3) == pytest.approx(exact, rel=1e-8)


def test_curvature_is_of_fourth_order():
    """The error of f = exp falls by 2^4 when the step is halved; for a cubic there is none."""
    errors = [surface.curvature(torch.exp, step) - 1 for step in (0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.02)
    assert surface.curvature(lambda x: x**3 + 3 * x**2, 0.1) == pytest.approx(6, rel=1e-12)


def test_curvature_of_relu_misses_the_kinks():
    """|x| has second derivative zero at x = 0.05 and a kink beside it: the claim is for smooth activations only."""
    assert surface.curvature(lambda x: (x + 0.05).abs(), 0.01) == pytest.approx(0, abs=1e-10)
    assert surface.curvature(lambda x: (x + 0.05).abs(), 0.1) > 1


def test_principal_plane_against_scikit_learn():
    from sklearn.decomposition import PCA

    iterates = torch.randn(12, 30, generator=torch.Generator().manual_seed(3), dtype=torch.float64).cumsum(0)
    found, oracle = surface.principal_plane(iterates), PCA().fit(iterates.numpy())
    np.testing.assert_allclose(found.explained, oracle.explained_variance_ratio_[:12], atol=1e-12)
    directions = torch.stack([found.plane.first, found.plane.second])
    np.testing.assert_allclose(np.abs(directions.numpy() @ oracle.components_[:2].T), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(found.coordinates, (iterates - iterates[-1]) @ directions.T, atol=1e-10)
    assert torch.all(found.coordinates[-1] == 0) and torch.all(found.coordinates[0] >= 0)


def test_a_trajectory_in_a_plane_is_found_exactly():
    t = torch.linspace(0, 6, 20, dtype=torch.float64)
    a, b = torch.linalg.qr(torch.randn(50, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64))[0].T
    iterates = 3 * t.cos()[:, None] * a + t.sin()[:, None] * b
    found = surface.principal_plane(iterates)
    assert float(found.explained[:2].sum()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(found.plane.at(found.coordinates), iterates)


def test_random_walk_explains_three_quarters():
    walk = torch.randn(150, 20000, generator=torch.Generator().manual_seed(5), dtype=torch.float64).cumsum(0)
    explained = surface.principal_plane(walk).explained
    assert float(explained[0]) == pytest.approx(surface.random_walk_share(1), abs=0.01)
    assert float(explained[:2].sum()) == pytest.approx(surface.random_walk_share(2), abs=0.01)
    assert surface.random_walk_share(2) == pytest.approx(0.7599, abs=1e-4)


def test_too_short_or_straight_a_trajectory():
    with pytest.raises(ValueError, match="at least 3"):
        surface.principal_plane(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="on a line"):
        surface.principal_plane(torch.arange(8.0)[:, None] * torch.ones(5))


def test_multiplications():
    assert batched_forward.multiplications([64, 32, 32, 10]) == (64 * 32 + 1024 + 320, 3 * 32 + 1024 + 320)
