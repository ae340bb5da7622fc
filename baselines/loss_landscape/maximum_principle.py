"""Training a residual network layer by layer: the extended method of successive approximations (E-MSA).

A residual network is a discrete control system `x_{n+1} = f_n(x_n, theta_n)`, and training it a control problem.
Pontryagin's maximum principle says of the best weights: every layer's weights maximise its own Hamiltonian

    H_n(x, p, theta) = sum_s p_s . f_n(x_s, theta) - weight_decay/2 |theta|^2 ,

where the states `x` run forward through the network and the costates `p` backward,

    x_{n+1} = f_n(x_n),   p_n = grad_x H_n(x_n, p_{n+1}, theta_n),   p_N = -grad Phi(x_N) .

E-MSA computes both, then maximises in all layers at once. The layers do not see each other meanwhile, so a large
step would invalidate `x` and `p`: the augmented Hamiltonian pays for leaving the two equations,

    H~_n = H_n - rho/2 |x_{n+1} - f_n(x_n, theta)|^2 - rho/2 |p_n - grad_x H_n(x_n, p_{n+1}, theta)|^2 .

Source: Li, Chen, Tai and E 2018, Maximum principle based algorithms for deep learning (JMLR 18, 165), and the
authors' code, whose setting of the sine problem is the default of the probe.

Shapes: N layers, R independent trainings side by side (this axis may be missing), S examples, d nodes a layer;
theta [N, R, d, d + 1], the last column the bias.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

ARMIJO = 1e-4  # share of the predicted decrease that a step must reach
HALVINGS = 20  # of the step before a problem is left where it is


@dataclass(frozen=True)
class ResidualNetwork:
    """x_{n+1} = x_n + delta tanh(W_n x_n + b_n); the output is the sum of the last nodes, the loss a mean square."""

    inputs: Tensor
    """x_0 [R, S, d]."""
    targets: Tensor
    """y [R, S]."""
    delta: float
    """Step of a layer."""
    weight_decay: float
    """Coefficient of |theta|^2 / 2 in the training loss."""

    def layer(self, theta: Tensor, x: Tensor) -> Tensor:
        """tanh(W x + b), for one layer or for many at once.

        Args:
            theta: [..., d, d + 1].
            x: [..., S, d].
        """
        return torch.tanh(x @ theta[..., :-1].mT + theta[..., None, :, -1])

    def states(self, theta: Tensor) -> Tensor:
        """x_0 ... x_N [N + 1, R, S, d]."""
        states = [self.inputs]
        for weights in theta:
            states.append(states[-1] + self.delta * self.layer(weights, states[-1]))
        return torch.stack(states)

    def error(self, last: Tensor) -> Tensor:
        """Phi(x_N) = 1/S sum_s (sum_i x_si - y_s)^2 of the last states [R, S, d]; shape [R]."""
        return (last.sum(dim=-1) - self.targets).square().mean(dim=-1)

    def loss(self, theta: Tensor) -> Tensor:
        """Phi(x_N) + weight_decay/2 |theta|^2, which every method minimises; shape [R]."""
        return self.error(self.states(theta)[-1]) + self.weight_decay / 2 * theta.square().sum(dim=(0, -2, -1))

    def costates(self, theta: Tensor, states: Tensor) -> Tensor:
        """p_0 ... p_N [N + 1, R, S, d]; p_n is minus the gradient of Phi with respect to x_n."""
        slope = 2 / self.targets.shape[-1] * (states[-1].sum(dim=-1) - self.targets)
        costates = [-slope[..., None].expand_as(states[-1])]
        for weights, x in zip(theta.flip(0), states[:-1].flip(0), strict=True):
            costates.append(self.pull_back(weights, self.layer(weights, x), costates[-1]))
        return torch.stack(costates[::-1])

    def pull_back(self, theta: Tensor, hidden: Tensor, p: Tensor) -> Tensor:
        """grad_x H = p + delta W'((1 - hidden^2) p), with hidden = tanh(W x + b)."""
        return p + self.delta * ((1 - hidden.square()) * p) @ theta[..., :-1]


@dataclass(frozen=True)
class AugmentedHamiltonian:
    """H~ of many layers at once, as functions of their weights; states and costates are held fixed.

    The axes before S count layers and trainings; they may have any shape.
    """

    network: ResidualNetwork
    x: Tensor
    """States x_n that enter the layers [..., S, d]."""
    next_x: Tensor
    """States x_{n+1} that leave them [..., S, d]."""
    p: Tensor
    """Costates p_n [..., S, d]."""
    next_p: Tensor
    """Costates p_{n+1} [..., S, d]."""
    rho: float
    """Price of leaving the equations of states and costates; 0 gives the Hamiltonian itself."""

    @classmethod
    def at(cls, network: ResidualNetwork, theta: Tensor, rho: float) -> "AugmentedHamiltonian":
        """With the states and costates of the weights theta: one forward and one backward pass."""
        x = network.states(theta)
        p = network.costates(theta, x)
        return cls(network, x[:-1], x[1:], p[:-1], p[1:], rho)

    def flat(self) -> "AugmentedHamiltonian":
        """The same with a single axis before S."""
        return self._mapped(lambda z: z.flatten(0, -3))

    def rows(self, rows: Tensor) -> "AugmentedHamiltonian":
        """Some of the layers, by their numbers on the first axis."""
        return self._mapped(lambda z: z[rows])

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> "AugmentedHamiltonian":
        x, next_x, p, next_p = (change(z) for z in (self.x, self.next_x, self.p, self.next_p))
        return AugmentedHamiltonian(self.network, x, next_x, p, next_p, self.rho)

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Values [...] and gradients [..., d, d + 1]; each value depends on the weights of its own layer alone.

        With a = Wx + b, h = tanh(a), r = x_{n+1} - f, q = grad_x H and s = p_n - q,

            dH~/da = delta (1 - h^2) (p + rho r) - 2 delta rho h (1 - h^2) p (W s) .
        """
        net, rho, delta, p = self.network, self.rho, self.network.delta, self.next_p
        hidden = net.layer(theta, self.x)  # [..., S, d]
        slope = delta * (1 - hidden.square())
        moved = self.x + delta * hidden
        state_gap = self.next_x - moved
        costate_gap = self.p - net.pull_back(theta, hidden, p)
        value = (
            (p * moved).sum(dim=(-2, -1))
            - net.weight_decay / 2 * theta.square().sum(dim=(-2, -1))
            - rho / 2 * (state_gap.square() + costate_gap.square()).sum(dim=(-2, -1))
        )
        pushed = slope * p
        by_activity = slope * (p + rho * state_gap) - 2 * rho * hidden * pushed * (costate_gap @ theta[..., :-1].mT)
        by_weights = by_activity.mT @ self.x + rho * pushed.mT @ costate_gap
        gradient = torch.cat([by_weights, by_activity.sum(dim=-2)[..., None]], dim=-1)
        return value, gradient - net.weight_decay * theta


def minimise(evaluate: Evaluate, start: Tensor, iterations: int, memory: int = 10) -> tuple[Tensor, float]:
    """L-BFGS with backtracking on B independent problems at once, each with its own curvature and step.

    The problems share nothing but the calls: one batched call evaluates all that still look for a step. The value of
    a problem never rises.

    Args:
        evaluate: (x [b, P], rows [b]) -> values [b] and gradients [b, P] of the problems with these numbers.
        start: [B, P].
        iterations: L-BFGS iterations.
        memory: Pairs of steps and gradient differences kept.

    Returns:
        The minimisers found [B, P], and the mean number of evaluations of a problem.
    """
    everyone = torch.arange(len(start), device=start.device)
    x = start
    value, gradient = evaluate(x, everyone)
    evaluated = len(start)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(iterations):
        direction = _direction(gradient, pairs)
        descent = (gradient * direction).sum(dim=-1)
        step = torch.ones_like(value)
        if not pairs:  # no idea of the curvature yet: a step of length one at most
            step = 1 / gradient.norm(dim=-1).clamp(min=1.0)
        moved, new_value, new_gradient = x.clone(), value.clone(), gradient.clone()
        rows = everyone
        for _ in range(HALVINGS):
            trial = x[rows] + step[rows, None] * direction[rows]
            trial_value, trial_gradient = evaluate(trial, rows)
            evaluated += len(rows)
            good = trial_value <= value[rows] + ARMIJO * step[rows] * descent[rows]
            done = rows[good]
            moved[done], new_value[done], new_gradient[done] = trial[good], trial_value[good], trial_gradient[good]
            rows = rows[~good]
            if not len(rows):
                break
            step[rows] /= 2
        pairs = [*pairs, _pair(moved - x, new_gradient - gradient)][-memory:]
        x, value, gradient = moved, new_value, new_gradient
    return x, evaluated / len(start)


def _pair(s: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Step, gradient difference and 1/(s.y); rows of no positive curvature get 0 and so no influence."""
    product = (s * y).sum(dim=-1)
    usable = product > 1e-10 * y.norm(dim=-1) * s.norm(dim=-1)
    return s, y, torch.where(usable, 1 / torch.where(usable, product, 1.0), 0.0)


def _direction(gradient: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Minus the inverse Hessian estimate times the gradient, by the two-loop recursion (Nocedal 1980)."""
    q = gradient
    shares = []
    for s, y, inverse in reversed(pairs):
        share = (inverse * (s * q).sum(dim=-1))[:, None]
        q = q - share * y
        shares.append(share)
    scale = torch.ones_like(gradient[:, 0])
    for _, y, inverse in pairs:  # the last usable pair of each row decides
        square = y.square().sum(dim=-1)
        scale = torch.where(inverse > 0, 1 / (inverse * square).clamp(min=1e-300), scale)
    q = scale[:, None] * q
    for (s, y, inverse), share in zip(pairs, reversed(shares), strict=True):
        q = q + s * (share - (inverse * (y * q).sum(dim=-1))[:, None])
    return -q


def msa_iteration(network: ResidualNetwork, theta: Tensor, rho: float, iterations: int) -> tuple[Tensor, float]:
    """One iteration of E-MSA: states, costates, then every layer maximises its augmented Hamiltonian.

    Args:
        network: The network and its data.
        theta: [N, R, d, d + 1].
        rho: See `AugmentedHamiltonian`.
        iterations: Of L-BFGS.

    Returns:
        The new weights, and the passes through all layers, forward and backward, that it took; a gradient takes one.
    """
    augmented = AugmentedHamiltonian.at(network, theta, rho).flat()
    shape = theta.shape[-2:]

    def evaluate(flat: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = augmented.rows(rows)(flat.unflatten(-1, shape))
        return -value, -gradient.flatten(-2)

    best, evaluations = minimise(evaluate, theta.reshape(-1, shape.numel()), iterations)
    return best.view_as(theta), 1 + evaluations
