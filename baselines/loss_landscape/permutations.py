r"""Hidden units have no names: permuting them changes the weights and not the function. Matching two networks.

If P is a permutation of the units of a hidden layer, W_l -> P W_l, b_l -> P b_l, W_{l+1} -> W_{l+1} P^T gives the same
function. With an odd activation, phi(-z) = -phi(z) as for tanh, P may also flip signs. Two trained networks that look
far apart may be close after the right P of every layer. `match` looks for it by the weight matching of
Ainsworth, Hayase and Srinivasa (2023):

$$ \max_{P_1, \dots, P_{L-1}} \sum_p \langle \theta^A_p,\; \mathcal{P}\theta^B_p \rangle , $$

one layer at a time with the others held, which is a linear assignment problem and is solved exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from baselines.loss_landscape.layers import ACTIVATIONS, BatchNorm

Spec = dict[str, tuple[int | None, ...]]
"""For each parameter and each of its axes the hidden layer whose units it lists, or None for inputs and outputs."""

Parameters = Mapping[str, Tensor]

TOLERANCE = 1e-12  # relative gain of a sweep at which to stop; the authors' code has the same number, not relative


def specification(model: nn.Module) -> Spec:
    """Which axis of which parameter lists the units of which hidden layer, for a fully connected chain.

    Raises:
        ValueError: If the model is not made of linear layers, batch norm and element-wise activations.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError("only fully connected chains can be matched")
    spec: Spec = {}
    last = sum(isinstance(module, nn.Linear) for module in model) - 1
    after: int | None = None
    seen = -1
    for name, module in model.named_children():
        if isinstance(module, nn.Linear):
            before, seen = after, seen + 1
            after = seen if seen < last else None
            spec[f"{name}.weight"] = (after, before)
            if module.bias is not None:
                spec[f"{name}.bias"] = (after,)
        elif isinstance(module, BatchNorm):
            spec |= {f"{name}.weight": (after,), f"{name}.bias": (after,)}
        elif not isinstance(module, (nn.Identity, *ACTIVATIONS.values())):
            raise ValueError(f"only fully connected chains can be matched; got a {type(module).__name__}")
    return spec


def odd(model: nn.Module) -> bool:
    """Whether flipping the sign of a unit is a symmetry too: odd activations only, and no batch norm."""
    return not any(
        isinstance(m, (BatchNorm, *ACTIVATIONS.values())) and not isinstance(m, nn.Tanh) for m in model.modules()
    )


@dataclass(frozen=True)
class Relabelling:
    """New order, and sign, of the units of every hidden layer: unit i becomes sign_i times unit order_i."""

    orders: list[np.ndarray]
    """One permutation of [units] a hidden layer."""
    signs: list[np.ndarray]
    """One array of +1 and -1 a hidden layer."""

    @classmethod
    def identity(cls, spec: Spec, parameters: Parameters) -> "Relabelling":
        """Everything as it is."""
        sizes = hidden_sizes(spec, parameters)
        return cls([np.arange(size) for size in sizes], [np.ones(size) for size in sizes])

    def apply(self, spec: Spec, parameters: Parameters, leave: int | None = None) -> dict[str, Tensor]:
        """The parameters of the relabelled network.

        Args:
            spec: See `specification`.
            parameters: Of the network.
            leave: A hidden layer to leave as it is.
        """
        changed = {}
        for name, layers in spec.items():
            tensor = parameters[name].detach()
            for axis, layer in enumerate(layers):
                if layer is None or layer == leave:
                    continue
                order = torch.as_tensor(self.orders[layer], device=tensor.device)
                shape = [-1 if i == axis else 1 for i in range(tensor.ndim)]
                tensor = tensor.index_select(axis, order) * torch.as_tensor(self.signs[layer]).to(tensor).reshape(shape)
            changed[name] = tensor
        return changed


def hidden_sizes(spec: Spec, parameters: Parameters) -> list[int]:
    """Number of units of each hidden layer."""
    sizes = {
        layer: parameters[name].shape[axis]
        for name, layers in spec.items()
        for axis, layer in enumerate(layers)
        if layer is not None
    }
    return [sizes[layer] for layer in sorted(sizes)]


@dataclass(frozen=True)
class Match:
    """What `match` found."""

    relabelling: Relabelling
    similarities: list[float]
    """The sum of inner products before the first sweep and after each; never decreasing."""


def match(
    spec: Spec,
    target: Parameters,
    parameters: Parameters,
    rng: np.random.Generator,
    *,
    signed: bool = False,
    sweeps: int = 100,
) -> Match:
    """Relabel the units of one network so that its weights come close to another's.

    Coordinate ascent over the hidden layers in random order; a local optimum in general, the global one for a single
    hidden layer. All inner products are taken in double precision.

    Args:
        spec: See `specification`.
        target: Parameters to come close to.
        parameters: Parameters of the network to relabel; not changed.
        rng: Of the order of the layers.
        signed: Also flip signs; for odd activations only, see `odd`.
        sweeps: At most so many passes over the layers.
    """
    goal = {name: tensor.detach().double() for name, tensor in target.items()}
    given = {name: tensor.detach().double() for name, tensor in parameters.items()}
    found = Relabelling.identity(spec, given)
    layers = len(found.orders)
    similarities = [similarity(goal, found.apply(spec, given))]
    for _ in range(sweeps):
        for layer in rng.permutation(layers):
            gains = _gains(spec, goal, found.apply(spec, given, leave=layer), layer)
            rows, columns = linear_sum_assignment(np.abs(gains) if signed else gains, maximize=True)
            found.orders[layer] = columns
            found.signs[layer] = np.where(gains[rows, columns] < 0, -1.0, 1.0) if signed else np.ones(len(rows))
        similarities.append(similarity(goal, found.apply(spec, given)))
        if similarities[-1] - similarities[-2] <= TOLERANCE * abs(similarities[-1]):
            break
    return Match(found, similarities)


def similarity(a: Parameters, b: Parameters) -> float:
    """Sum of the inner products of all parameters."""
    return float(sum((a[name] * b[name]).sum() for name in a))


def _gains(spec: Spec, target: Parameters, parameters: Parameters, layer: int) -> np.ndarray:
    """What putting unit j in the place of unit i adds to the similarity, shape [units, units]."""
    total: Tensor | float = 0.0
    for name, layers in spec.items():
        for axis, other in enumerate(layers):
            if other == layer:
                rows, columns = (
                    t[name].movedim(axis, 0).flatten(1 if t[name].ndim > 1 else 0) for t in (target, parameters)
                )
                total = total + (rows @ columns.T if rows.ndim > 1 else torch.outer(rows, columns))
    assert isinstance(total, Tensor)
    return np.asarray(total.cpu().numpy())


def flat(parameters: Parameters, order: Sequence[str]) -> Tensor:
    """Named parameters as one vector, shape [P]."""
    return torch.cat([parameters[name].reshape(-1) for name in order])
