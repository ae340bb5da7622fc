"""Training of a `PINN` through DeepXDE: Adam, L-BFGS, or any torch optimizer; use inside `deepxde_model.session`.

Every `every` iterations a row (iteration, loss terms) is handed over and the parameters are kept if the training loss
is the lowest so far: DeepXDE itself remembers which step was best, but not its weights.
"""

from __future__ import annotations

from typing import Any

import torch

from baselines.pinn_pde.deepxde_model import LBFGS_MEMORY, PINN, OnRow, dde


class History(dde.callbacks.Callback):
    """Hands over each loss that DeepXDE evaluates, and keeps the best parameters.

    Args:
        pinn: what is trained.
        on_row: called with the iteration and the values `loss`, one `loss_<term>` each (weighted), `heldout_<equation>`
            (test loss of the equations on the monitor points), and the unknowns by name.
    """

    def __init__(self, pinn: PINN, on_row: OnRow) -> None:
        super().__init__()
        self.pinn, self.on_row = pinn, on_row
        self.best_loss, self.best_state = float("inf"), pinn.state()
        self._last = -1

    def on_train_begin(self) -> None:
        """The state before the first step is a row too."""
        self._row()

    def on_epoch_end(self) -> None:
        """A row if DeepXDE has evaluated the losses since the last one."""
        self._row()

    def _row(self) -> None:
        losses = self.model.losshistory
        if losses.steps[-1] <= self._last:
            return
        self._last = losses.steps[-1]
        train, test = losses.loss_train[-1], losses.loss_test[-1]
        loss = float(train.sum())
        if loss < self.best_loss:
            self.best_loss, self.best_state = loss, self.pinn.state()
        row = {"loss": loss} | {f"loss_{name}": float(v) for name, v in zip(self.pinn.terms, train, strict=True)}
        row |= {
            f"heldout_{name}": float(v)
            for name, v in zip(self.pinn.terms, test, strict=True)
            if name.startswith("equation")
        }
        self.on_row(self._last, row | {name: float(v.detach()) for name, v in self.pinn.unknowns.items()})


class LimitedLBFGS(dde.callbacks.Callback):
    """Makes DeepXDE's L-BFGS loop end where it should.

    DeepXDE runs L-BFGS in chunks. The last chunk may overshoot the limit, and once the gradient is below its tolerance
    a chunk returns without an iteration, which DeepXDE repeats for ever.
    """

    def __init__(self, maxiter: int, chunk: int) -> None:
        super().__init__()
        self.maxiter, self.chunk, self.done = maxiter, chunk, 0
        self.converged = False

    def _count(self) -> int:
        state = self.model.opt.state_dict()["state"]
        return int(state[0]["n_iter"]) if state else 0

    def on_epoch_begin(self) -> None:
        """Shorten the last chunk."""
        self.model.opt.param_groups[0]["max_iter"] = min(self.chunk, self.maxiter - self.done)

    def on_epoch_end(self) -> None:
        """Stop when a chunk has not moved."""
        count = self._count()
        self.converged = count == self.done
        self.model.stop_training = self.model.stop_training or self.converged
        self.done = count

    def on_train_end(self) -> None:
        """DeepXDE leaves a chunk of one iteration without calling `on_epoch_end`."""
        self.done = self._count()


def train_adam(pinn: PINN, history: History, iterations: int, learning_rate: float, every: int) -> None:
    """Full-batch Adam on fixed points; unknowns of the equation included."""
    _compile(pinn, "adam", lr=learning_rate)
    pinn.model.train(iterations=iterations, display_every=every, callbacks=[history], verbose=0)


def train_lbfgs(
    pinn: PINN, history: History, iterations: int, every: int, memory: int = LBFGS_MEMORY, gtol: float = 1e-8
) -> int:
    """L-BFGS with strong Wolfe line search (torch's), exactly `iterations` of them unless it converges before.

    Args:
        pinn: what is trained.
        history: where rows go.
        iterations: limit.
        every: iterations between two rows; the memory is kept from one chunk to the next, so that the iterates do not
            depend on it.
        memory: pairs of vectors that approximate the inverse Hessian.
        gtol: stop when no entry of the gradient is larger.

    Returns:
        Number of iterations done.

    Raises:
        ValueError: `every` is 1, which DeepXDE takes for convergence after the first step.
    """
    if every < 2:
        raise ValueError(f"L-BFGS needs at least 2 iterations between rows; got {every}")
    options = dde.optimizers.LBFGS_options
    dde.optimizers.set_LBFGS_options(maxcor=memory, ftol=0, gtol=gtol, maxiter=iterations)
    # set_LBFGS_options leaves these two at 1000 and 1250, whatever maxiter is
    options["iter_per_step"] = every
    options["fun_per_step"] = 30 * every  # above the line search's limit of 25 an iteration: only `every` ends a chunk
    limit = LimitedLBFGS(iterations, every)
    _compile(pinn, "L-BFGS")
    pinn.model.train(callbacks=[limit, history], verbose=0)
    return limit.done


def train_with(pinn: PINN, history: History, optimizer: torch.optim.Optimizer, iterations: int, every: int) -> None:
    """Any torch optimizer whose `step(closure)` evaluates loss and gradient; build it from `pinn.parameters()`.

    Raises:
        ValueError: The optimizer does not hold an unknown of the equation: DeepXDE would train without moving it.
    """
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    missing = [name for name, value in pinn.unknowns.items() if id(value) not in held]
    if missing:
        raise ValueError(f"the optimizer does not hold {', '.join(missing)}; build it from pinn.parameters()")
    _compile(pinn, optimizer)
    pinn.model.train(iterations=iterations, display_every=every, callbacks=[history], verbose=0)


def _compile(pinn: PINN, optimizer: Any, **options: Any) -> None:
    unknowns = list(pinn.unknowns.values()) or None
    pinn.model.compile(
        optimizer, loss_weights=pinn.weights, external_trainable_variables=unknowns, verbose=0, **options
    )
