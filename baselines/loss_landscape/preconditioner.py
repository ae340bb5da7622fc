"""The diagonal preconditioner of adaptive optimizers, read from their state."""

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer, RMSprop


def preconditioner(optimizer: Optimizer) -> Tensor | None:
    """The diagonal P of the last step w <- w - lr P^-1 m, m being the averaged gradient (or the gradient itself).

    Adam after t steps:  P = (1 - beta1^t) (sqrt(v / (1 - beta2^t)) + eps),  v the averaged squared gradient.
    RMSprop:             P = sqrt(v) + eps.

    As in Cohen et al. (2022, arXiv:2207.14484). Along training it changes slowly against the step, which makes the
    largest eigenvalue of P^-1 H, the preconditioned sharpness, take the place of the sharpness.

    Args:
        optimizer: `torch.optim.Adam` (without amsgrad) or `torch.optim.RMSprop` (not centred, without momentum).

    Returns:
        Shape [P], in the order of the optimizer's parameters; None before the first step.

    Raises:
        TypeError: For any other optimizer or variant.
    """
    plain = isinstance(optimizer, Adam) and not optimizer.defaults["amsgrad"]
    plain |= isinstance(optimizer, RMSprop) and not (optimizer.defaults["centered"] or optimizer.defaults["momentum"])
    if not plain:
        raise TypeError(f"no preconditioner known for this {type(optimizer).__name__}")
    parts = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if not state:
                return None
            if isinstance(optimizer, Adam):
                (beta1, beta2), steps = group["betas"], float(state["step"])
                root = (state["exp_avg_sq"] / (1 - beta2**steps)).sqrt()
                part = (1 - beta1**steps) * (root + group["eps"])
            else:
                part = state["square_avg"].sqrt() + group["eps"]
            parts.append(part.reshape(-1))
    return torch.cat(parts)
