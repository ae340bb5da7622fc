"""Three ways to train the members of an ensemble on one data set: alone, together with padding, with vmap.

Every way is a function of the ensemble, inputs x [N, d], targets y [N, 1] and the step size of Adam. It returns a
function that takes one step of all members, and one that gives their mean squared errors [K].
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state

from baselines.scaling_law.ensemble import MaskedEnsemble

Step = Callable[[], None]
Losses = Callable[[], Tensor]


def one_by_one(model: MaskedEnsemble, x: Tensor, y: Tensor, rate: float) -> tuple[Step, Losses]:
    """Each member with an optimizer of its own, one after the other."""
    members = [model.member(k) for k in range(len(model.widths))]
    optimizers = [torch.optim.Adam(member.parameters(), lr=rate, fused=True) for member in members]

    def step() -> None:
        for member, optimizer in zip(members, optimizers, strict=True):
            optimizer.zero_grad()
            (member(x) - y).square().mean().backward()
            optimizer.step()

    return step, lambda: torch.stack([(member(x) - y).square().mean() for member in members]).detach()


def ensemble(model: MaskedEnsemble, x: Tensor, y: Tensor, rate: float) -> tuple[Step, Losses]:
    """All members in the batched products of the ensemble, one optimizer, the sum of the losses."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)

    def losses() -> Tensor:
        return (model(x) - y).square().mean((1, 2))

    def step() -> None:
        optimizer.zero_grad()
        losses().sum().backward()
        optimizer.step()

    return step, lambda: losses().detach()


def vmap(model: MaskedEnsemble, x: Tensor, y: Tensor, rate: float) -> tuple[Step, Losses]:
    """torch.func: the parameters of members of one shape stacked, one member's forward pass mapped over them."""
    members = [model.member(k) for k in range(len(model.widths))]
    parameters, _ = stack_module_state(members)
    empty = copy.deepcopy(members[0]).to("meta")
    optimizer = torch.optim.Adam(list(parameters.values()), lr=rate, fused=True)

    def loss(member: dict[str, Tensor]) -> Tensor:
        return (functional_call(empty, member, (x,)) - y).square().mean()

    mapped = torch.vmap(loss)

    def step() -> None:
        optimizer.zero_grad()
        mapped(parameters).sum().backward()
        optimizer.step()

    return step, lambda: mapped(parameters).detach()


METHODS = {"one_by_one": one_by_one, "ensemble": ensemble, "vmap": vmap}
