"""Tangent kernels against Jacobians, linearised training against gradient descent on a linear model."""

import pytest
import torch

from baselines.scaling_law import tangent_kernel as tk

DOUBLE = torch.float64


def inputs(count: int, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def weights(widths: list[int], members: int = 2) -> tk.Weights:
    return tk.draw_weights(widths, members, torch.Generator().manual_seed(3), DOUBLE)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("widths", [[5, 7, 1], [5, 8, 6, 1]])
def test_layer_by_layer_is_the_jacobian_of_each_member(activation, widths):
    x, w = inputs(6), weights(widths)
    found = tk.tangent_kernel(w, x, activation)
    for member in range(2):
        parameters = {str(i): layer[member : member + 1] for i, layer in enumerate(w)}

        def function(p, one):
            return tk.outputs(list(p.values()), one[None], activation)[0, 0]

        expected = tk.jacobian_kernel(function, parameters, x)
        torch.testing.assert_close(found[member], expected)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_one_step_of_training_is_gradient_descent(activation):
    x, y, w = inputs(4), torch.tensor([1.0, -1.0, 0.5, 2.0], dtype=DOUBLE), weights([5, 7, 1])
    rates = torch.tensor([0.1, 0.3], dtype=DOUBLE)
    trained, losses = tk.train(w, x, y, rates, 1, activation)
    leaves = [layer.clone().requires_grad_() for layer in w]
    residual = tk.outputs(leaves, x, activation) - tk.outputs(w, x, activation) - y
    gradients = torch.autograd.grad(residual.square().sum() / (2 * len(x)), leaves)
    for before, after, gradient in zip(w, trained, gradients, strict=True):
        torch.testing.assert_close(after, before - rates[:, None, None] * gradient)
    torch.testing.assert_close(losses[0], y.square().mean().expand(2))


def test_linearised_training_is_gradient_descent_on_a_linear_model():
    jacobian = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    y, rates, steps = inputs(6, 1)[:, 0], torch.tensor([0.05, 0.1], dtype=DOUBLE), 40
    found = tk.linearised(jacobian @ jacobian.mT, y, rates, steps)
    for member, rate in enumerate(rates):
        theta = torch.zeros(12, dtype=DOUBLE)
        for _ in range(steps):
            theta -= rate / 6 * jacobian[member, :6].T @ (jacobian[member, :6] @ theta - y)
        torch.testing.assert_close(found[member], jacobian[member] @ theta)


def test_directions_without_a_kernel_are_not_learned():
    kernel = torch.zeros(1, 3, 3, dtype=DOUBLE)
    kernel[0, 0, 0] = 1.0
    found = tk.linearised(kernel, torch.tensor([2.0, 5.0], dtype=DOUBLE), torch.tensor([2.0], dtype=DOUBLE), 3)
    assert found[0].tolist() == [2.0, 0.0, 0.0]


def test_a_wide_network_is_near_its_linearisation_and_a_narrow_one_is_not():
    x, y = inputs(20), inputs(10, 1, seed=2)[:, 0].sign()
    differences = []
    for width in (8, 1024):
        w = tk.draw_weights([5, width, 1], 3, torch.Generator().manual_seed(3), DOUBLE)
        kernel = tk.tangent_kernel(w, x, "relu")
        rates = 10 / torch.linalg.eigvalsh(kernel[:, :10, :10])[:, -1]
        end, _ = tk.train(w, x[:10], y, rates, 50, "relu")
        learned = (tk.outputs(end, x, "relu") - tk.outputs(w, x, "relu"))[:, 10:]
        linear = tk.linearised(kernel, y, rates, 50)[:, 10:]
        differences.append(float(((learned - linear).norm(dim=1) / linear.norm(dim=1)).mean()))
    assert differences[1] < 0.06 < 0.2 < differences[0]


def test_the_relu_kernel_is_the_mean_over_features():
    x = inputs(6)
    features = tk.relu_features(x, 200_000, torch.Generator().manual_seed(0))
    expected = tk.relu_kernel(x)
    torch.testing.assert_close(features @ features.T, expected, rtol=0.03, atol=0.01)
    torch.testing.assert_close(expected.diagonal(), x.square().mean(1))


def test_the_start_of_training_is_left_alone():
    w = weights([5, 7, 1])
    before = [layer.clone() for layer in w]
    tk.train(w, inputs(4), inputs(4, 1)[:, 0], torch.tensor([0.1, 0.1], dtype=DOUBLE), 2, "relu")
    assert all(torch.equal(old, new) for old, new in zip(before, w, strict=True))
