r"""Networks as kernels: the tangent kernel of a small network, and random ReLU features.

The network has no biases and the scaling under which its kernel stays of order one at every width,
$$h_1 = W_1 x / \sqrt{m_0}, \quad a_l = \phi(h_l), \quad h_{l+1} = W_{l+1} a_l / \sqrt{m_l}, \quad f = h_L,$$
with standard normal $W$. Gradient descent moves each weight little when the width $m$ is large. If it did not move
them at all, $f$ would be linear in its weights, and training would be regression with the tangent kernel
$$\Theta(x, x') = \nabla_\theta f(x) \cdot \nabla_\theta f(x')
  = \sum_l \frac{a_{l-1}(x) \cdot a_{l-1}(x')}{m_{l-1}} \; b_l(x) \cdot b_l(x'), \qquad
  b_l = \partial f / \partial h_l .$$

References:
    Jacot, Gabriel, Hongler (2018), "Neural tangent kernel", arXiv:1806.07572.
    Lee et al. (2019), "Wide neural networks of any depth evolve as linear models", arXiv:1902.06720.
    Cho, Saul (2009), "Kernel methods for deep learning" (the kernel of random ReLU features).
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Weights = list[Tensor]

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "relu": (lambda h: math.sqrt(2) * h.relu(), lambda h: math.sqrt(2) * (h > 0)),
    "tanh": (torch.tanh, lambda h: 1 - h.tanh().square()),
}
"""`phi` and its derivative; relu is scaled so that its kernel is one at the start."""


def draw_weights(widths: list[int], members: int, generator: torch.Generator, dtype: torch.dtype) -> Weights:
    """Standard normal weights of several networks of one shape.

    Args:
        widths: `m_0, ..., m_L`: inputs, hidden units of each layer, outputs (one).
        members: Number of networks.
        generator: Of the CPU.
        dtype: Of the weights.

    Returns:
        One tensor a layer.  Shapes [members, m_l, m_{l-1}].
    """
    return [
        torch.randn(members, out, fan_in, generator=generator, dtype=torch.float64).to(dtype)
        for fan_in, out in pairwise(widths)
    ]


def outputs(weights: Weights, x: Tensor, activation: str) -> Tensor:
    """The function of each network.

    Args:
        weights: Of the networks.  Shapes [members, m_l, m_{l-1}].
        x: Inputs.  Shape [N, m_0].
        activation: A name of `ACTIVATIONS`.

    Returns:
        Shape [members, N].
    """
    return _forward(weights, x, activation)[1][-1][..., 0]


def _forward(weights: Weights, x: Tensor, activation: str) -> tuple[list[Tensor], list[Tensor]]:
    """The scaled inputs `a_{l-1} / sqrt(m_{l-1})` of each layer and its `h_l`.  Shapes [members, N, m]."""
    scaled, hidden = [], []
    a = x.expand(len(weights[0]), *x.shape)
    for w in weights:
        scaled.append(a / math.sqrt(a.shape[-1]))
        hidden.append(scaled[-1] @ w.mT)
        a = ACTIVATIONS[activation][0](hidden[-1])
    return scaled, hidden


def _backward(weights: Weights, hidden: list[Tensor], activation: str) -> list[Tensor]:
    """The derivatives `b_l` of the output by each layer's `h_l`.  Shapes [members, N, m_l]."""
    signals = [torch.ones_like(hidden[-1])]
    for w, h in zip(reversed(weights[1:]), reversed(hidden[:-1]), strict=True):
        through = signals[0] @ w / math.sqrt(w.shape[-1])
        signals.insert(0, through * ACTIVATIONS[activation][1](h))
    return signals


def tangent_kernel(weights: Weights, x: Tensor, activation: str) -> Tensor:
    """The tangent kernel of each network, layer by layer: no Jacobian is ever formed.

    Args:
        weights: Of the networks.  Shapes [members, m_l, m_{l-1}].
        x: Inputs.  Shape [N, m_0].
        activation: A name of `ACTIVATIONS`.

    Returns:
        Kernel matrices.  Shape [members, N, N].
    """
    scaled, hidden = _forward(weights, x, activation)
    return torch.stack(
        [(a @ a.mT) * (b @ b.mT) for a, b in zip(scaled, _backward(weights, hidden, activation), strict=True)]
    ).sum(0)


def jacobian_kernel(
    function: Callable[[dict[str, Tensor], Tensor], Tensor], parameters: dict[str, Tensor], x: Tensor
) -> Tensor:
    """The tangent kernel of any function with one output, from its Jacobian.

    For a module: `function = lambda p, x: torch.func.functional_call(model, p, x[None]).squeeze()` and
    `parameters = dict(model.named_parameters())`. Holds N x P numbers, so it is for small models.

    Args:
        function: Maps (parameters, one input) to a scalar.
        parameters: Tensors by name, P numbers in all.
        x: Inputs.  Shape [N, ...].

    Returns:
        Shape [N, N].
    """
    gradients = torch.func.vmap(torch.func.grad(function), in_dims=(None, 0))(parameters, x)
    jacobian = torch.cat([g.reshape(len(x), -1) for g in gradients.values()], dim=1)  # [N, P]
    return jacobian @ jacobian.T


def train(weights: Weights, x: Tensor, y: Tensor, rates: Tensor, steps: int, activation: str) -> tuple[Weights, Tensor]:
    r"""Gradient descent on $\frac{1}{2n} \sum_i (f(x_i) - f_0(x_i) - y_i)^2$, all networks together.

    $f_0$ is the function before training, so that every network starts from zero.

    Args:
        weights: Before training.  Shapes [members, m_l, m_{l-1}].
        x: Inputs.  Shape [n, m_0].
        y: Targets.  Shape [n].
        rates: Step size of each network.  Shape [members].
        steps: Number of steps.
        activation: A name of `ACTIVATIONS`.

    Returns:
        The trained weights, and the mean squared residual of each network before each step, shape [steps, members].
    """
    weights = [w.clone() for w in weights]
    goal = y + outputs(weights, x, activation)  # [members, n]
    losses = []
    for _ in range(steps):
        scaled, hidden = _forward(weights, x, activation)
        residual = hidden[-1][..., 0] - goal
        losses.append(residual.square().mean(1))
        push = (rates[:, None] * residual / len(x))[..., None]  # [members, n, 1]
        for w, a, b in zip(weights, scaled, _backward(weights, hidden, activation), strict=True):
            w -= (push * b).mT @ a
    return weights, torch.stack(losses)


def linearised(kernel: Tensor, y: Tensor, rates: Tensor, steps: int) -> Tensor:
    r"""What `train` would give if the kernel stood still, $K_{\cdot S} \frac{1 - (1 - \eta K_{SS}/n)^T}{K_{SS}} y$.

    Args:
        kernel: Of each network; the first n rows are the training data.  Shape [members, N, N].
        y: Targets.  Shape [n].
        rates: Step sizes `eta`, below `2 n` over the largest eigenvalue.  Shape [members].
        steps: Number of steps `T`.

    Returns:
        The function minus its start at all N inputs.  Shape [members, N].
    """
    n = len(y)
    values, vectors = torch.linalg.eigh(kernel[:, :n, :n])
    scaled = rates[:, None] * values.clamp(min=0) / n  # [members, n]
    # (1 - (1 - s)^T) / s = T where s vanishes
    learned = torch.where(scaled > 1e-12, (1 - (1 - scaled) ** steps) / scaled.clamp(min=1e-12), float(steps))
    weights = vectors @ ((rates[:, None] / n * learned)[..., None] * (vectors.mT @ y[:, None]))  # [members, n, 1]
    return (kernel[:, :, :n] @ weights)[..., 0]


def relu_kernel(x: Tensor) -> Tensor:
    r"""Mean kernel of `relu_features`: $\frac{\lVert x \rVert \lVert x' \rVert}{m_0 \pi}
    (\sin \theta + (\pi - \theta) \cos \theta)$, $\theta$ the angle between x and x'.

    Args:
        x: Inputs.  Shape [N, m_0].

    Returns:
        Shape [N, N].
    """  # noqa: D205
    norms = x.norm(dim=1)
    lengths = norms[:, None] * norms
    cosine = (x @ x.T / lengths).clamp(-1, 1)
    angle = cosine.acos().fill_diagonal_(0.0)  # rounding: acos(1 - 1e-16) is 1e-8
    return lengths / x.shape[1] * (angle.sin() + (math.pi - angle) * angle.cos()) / math.pi


def relu_features(x: Tensor, p: int, generator: torch.Generator) -> Tensor:
    r"""Features $\sqrt{2 / p} \; \mathrm{relu}(W x / \sqrt{m_0})$ of one hidden layer with random weights.

    Args:
        x: Inputs.  Shape [N, m_0].
        p: Number of features.
        generator: Of the CPU.

    Returns:
        Shape [N, p].
    """
    w = torch.randn(p, x.shape[1], generator=generator, dtype=torch.float64).to(x.device, x.dtype)
    return math.sqrt(2 / p) * (x @ w.T / math.sqrt(x.shape[1])).relu()
