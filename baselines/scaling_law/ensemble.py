r"""Many small fully connected networks of different widths, trained together as one.

A small network keeps a processor busy with overheads, not with arithmetic. Here $K$ networks become one batched
matrix product a layer: member $k$ of width $w_k$ is padded with zeros to the width $W$ of its group.

The zeros need no mask during training. Let a padded unit have zero weights into it, a zero bias and zero weights out
of it, and let the activation have $\sigma(0) = 0$. Then the unit's value is zero, so the gradient of its outgoing
weights is zero; and its outgoing weights are zero, so no gradient flows back to its incoming weights. The padded
entries get exactly the gradient zero, and every optimizer that acts entry by entry (SGD, momentum, Adam, weight decay)
leaves them at exactly zero. Members do not share parameters, so the gradient of the *sum* of their losses is, on each
member's entries, the gradient of its own loss: training together is training alone. (Not so with a norm over all
parameters, as in gradient clipping.)
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], type[nn.Module]]] = {
    "relu": (torch.relu, nn.ReLU),
    "tanh": (torch.tanh, nn.Tanh),
    "gelu": (nn.functional.gelu, nn.GELU),
    "silu": (nn.functional.silu, nn.SiLU),
}
"""Those with the value 0 at 0: the padding relies on it."""


class MaskedEnsemble(nn.Module):
    r"""K fully connected networks of different widths: x [N, d] or [K, N, d] to [K, N, outputs].

    Every member has `depth` hidden layers of its own width. Its initial weights and biases are uniform in
    $[-1/\sqrt{\text{fan-in}}, 1/\sqrt{\text{fan-in}}]$ with the fan-in of its own width (torch's usual values), drawn
    in float64 member after member, so they do not depend on the precision or on how members are grouped.

    Args:
        inputs: d, the dimension of a datum.
        outputs: Outputs of every member.
        widths: Units of each hidden layer, one number a member, in any order.
        depth: Hidden layers, at least one.
        generator: CPU generator of the initial weights.
        activation: A key of `ACTIVATIONS`.
        dtype: Of the parameters.
        device: Of the parameters.
        spread: Members share a group, padded to its largest width, while that width is at most `spread` times theirs.
            1 pads nothing (one product a width); infinity makes one group.

    Raises:
        ValueError: If a size is not positive or the activation is not known.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int],
        depth: int,
        generator: torch.Generator,
        *,
        activation: str = "relu",
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        spread: float = 2.0,
    ) -> None:
        super().__init__()
        if not widths or min(inputs, outputs, depth, *widths) < 1:
            raise ValueError(f"sizes must be positive; got {inputs}, {outputs}, widths {list(widths)}, depth {depth}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        self.inputs, self.outputs, self.widths, self.depth = inputs, outputs, list(widths), depth
        self.activation = activation
        self.groups = groups(self.widths, spread)
        drawn = [_initial([inputs, *[width] * depth, outputs], generator) for width in self.widths]
        self.weights, self.biases = nn.ModuleList(), nn.ModuleList()
        for group in self.groups:
            layers = [[drawn[member][layer] for member in group] for layer in range(depth + 1)]
            for store, part in ((self.weights, 0), (self.biases, 1)):
                padded = [_padded([pair[part] for pair in layer]).to(device, dtype) for layer in layers]
                store.append(nn.ParameterList([nn.Parameter(tensor) for tensor in padded]))

    @property
    def parameters_per_member(self) -> list[int]:
        """Trained parameters of every member, weights and biases, padding not counted."""
        shapes = [pairwise([self.inputs, *[width] * self.depth, self.outputs]) for width in self.widths]
        return [sum(a * b + b for a, b in shape) for shape in shapes]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of all members.

        Args:
            x: Data that all members see, [N, d], or each member's own, [K, N, d].

        Returns:
            Shape [K, N, outputs], in the order of `widths`.
        """
        found: dict[int, Tensor] = {}
        for group, weights, biases in zip(self.groups, self.weights, self.biases, strict=True):
            own = x if x.ndim == 2 else x[group]
            for member, output in zip(group, self._forward(own, weights, biases), strict=True):
                found[member] = output
        return torch.stack([found[member] for member in range(len(self.widths))])

    def _forward(self, x: Tensor, weights: nn.Module, biases: nn.Module) -> Tensor:
        """One group: [N, d] or [G, N, d] to [G, N, outputs]."""
        activation = ACTIVATIONS[self.activation][0]
        for layer, (weight, bias) in enumerate(zip(weights.parameters(), biases.parameters(), strict=True)):
            x = x.expand(len(weight), -1, -1) if x.ndim == 2 else x  # a view: the data are not copied
            x = torch.baddbmm(bias[:, None], x, weight)
            if layer < self.depth:
                x = activation(x)
        return x

    def member(self, index: int) -> nn.Sequential:
        """A copy of one member as an ordinary network without padding.

        Args:
            index: Its place in `widths`.
        """
        number = next(i for i, group in enumerate(self.groups) if index in group)
        place = self.groups[number].index(index)
        sizes = [self.inputs, *[self.widths[index]] * self.depth, self.outputs]
        layers: list[nn.Module] = []
        pairs = zip(self.weights[number].parameters(), self.biases[number].parameters(), strict=True)
        for layer, ((weight, bias), (fan_in, fan_out)) in enumerate(zip(pairs, pairwise(sizes), strict=True)):
            linear = nn.Linear(fan_in, fan_out, device=weight.device, dtype=weight.dtype)
            with torch.no_grad():
                linear.weight.copy_(weight[place, :fan_in, :fan_out].T)
                linear.bias.copy_(bias[place, :fan_out])
            layers.append(linear)
            if layer < self.depth:
                layers.append(ACTIVATIONS[self.activation][1]())
        return nn.Sequential(*layers)


def groups(widths: Sequence[int], spread: float) -> list[list[int]]:
    """Members that are padded to one width, widest group first.

    Args:
        widths: Of the members.
        spread: Largest ratio of two widths in a group, at least 1.

    Returns:
        Places in `widths`, a list a group.

    Raises:
        ValueError: If the spread is below 1.
    """
    if not spread >= 1:
        raise ValueError(f"spread must be at least 1; got {spread}")
    found: list[list[int]] = []
    for member in sorted(range(len(widths)), key=lambda place: -widths[place]):
        if found and widths[found[-1][0]] <= spread * widths[member]:
            found[-1].append(member)
        else:
            found.append([member])
    return found


def _initial(sizes: Sequence[int], generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    """Weight [fan_in, fan_out] and bias [fan_out] of every layer, in float64."""
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        draw = torch.rand(fan_in + 1, fan_out, generator=generator, dtype=torch.float64)
        uniform = (2 * draw - 1) / math.sqrt(fan_in)
        layers.append((uniform[:-1], uniform[-1]))
    return layers


def _padded(tensors: list[Tensor]) -> Tensor:
    """Stack tensors of different shapes, with zeros beyond each one's own entries."""
    shape = [max(tensor.shape[axis] for tensor in tensors) for axis in range(tensors[0].ndim)]
    stacked = torch.zeros(len(tensors), *shape, dtype=tensors[0].dtype)
    for slot, tensor in zip(stacked, tensors, strict=True):
        slot[tuple(slice(size) for size in tensor.shape)] = tensor
    return stacked
