"""Training of a `PINN` through DeepXDE: Adam, L-BFGS, NNCG, or any torch optimizer; use inside `deepxde_model.session`.

Every `every` iterations a row (iteration, loss terms) is handed over and the parameters are kept if the training loss
is the lowest so far: DeepXDE itself remembers which step was best, but not its weights.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch

from baselines.pinn_pde.deepxde_model import LBFGS_MEMORY, PINN, OnRow, dde
from baselines.pinn_pde.optimizers.lm import LevenbergMarquardt


class History(dde.callbacks.Callback):
    """Hands over each loss that DeepXDE evaluates, and keeps the best parameters.

    Args:
        pinn: what is trained.
        on_row: called with the iteration and the values `loss`, one `loss_<term>` each (weighted), `heldout` (mean
            square residual on the monitor points), and the unknowns by name.
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
        equations = [float(v) for name, v in zip(self.pinn.terms, test, strict=True) if name.startswith("equation")]
        row["heldout"] = sum(equations) / len(equations)
        self.on_row(self._last, row | self.pinn.unknowns())


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
    missing = [name for name, value in pinn.moved.items() if id(value) not in held]
    if missing:
        raise ValueError(f"the optimizer does not hold {', '.join(missing)}; build it from pinn.parameters()")
    _compile(pinn, optimizer)
    pinn.model.train(iterations=iterations, display_every=every, callbacks=[history], verbose=0)


def train_lm(pinn: PINN, history: History, iterations: int, every: int, **options: Any) -> LevenbergMarquardt:
    """Levenberg-Marquardt with `options`, `iterations` Jacobians; the optimizer that did it."""
    unknowns = list(pinn.moved.values())
    optimizer = compile_lm(pinn.model, unknowns, pinn.weights, **options)
    pinn.model.train(iterations=iterations, display_every=every, callbacks=[history], verbose=0)
    return optimizer


def train_nncg(
    pinn: PINN,
    history: History,
    iterations: int,
    every: int,
    *,
    rank: int = 50,
    mu: float = 0.1,
    update_every: int = 20,
    cg_iterations: int = 1000,
) -> int:
    """DeepXDE's Newton steps by conjugate gradients with a Nystrom preconditioner.

    The method of Rathore et al., Challenges in Training PINNs, ICML 2024. DeepXDE prints a line when the conjugate
    gradients have not converged, which with its tolerance of 1e-16 is the rule; the lines are counted instead.

    Args:
        pinn: what is trained; without unknowns.
        history: where rows go.
        iterations: Newton steps.
        every: iterations between two rows.
        rank: of the preconditioner; DeepXDE's default, as the next three are.
        mu: damping of the Hessian.
        update_every: Newton steps between two preconditioners.
        cg_iterations: limit of conjugate-gradient steps in one Newton step.

    Returns:
        Number of Newton steps whose linear system was not solved to the tolerance.

    Raises:
        ValueError: The equation has unknowns: DeepXDE puts them in a second group, which its NNCG refuses.
    """
    if pinn.moved:
        raise ValueError(f"DeepXDE's NNCG cannot move unknowns of the equation ({', '.join(pinn.moved)})")
    options = dde.optimizers.config.NNCG_options
    before, printed = dict(options), io.StringIO()
    try:
        dde.optimizers.set_NNCG_options(rank=rank, mu=mu, updatefreq=update_every, cgmaxiter=cg_iterations)
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            # DeepXDE's line search makes a number of a loss that still has its graph
            warnings.filterwarnings("ignore", "Converting a tensor with requires_grad", UserWarning)
            _compile(pinn, "NNCG")
            pinn.model.train(iterations=iterations, display_every=every, callbacks=[history], verbose=0)
    finally:
        options.update(before)
    return printed.getvalue().count("PCG did not converge")


class StoredResiduals:
    """A `loss=` for `dde.Model.compile`: the mean square of each term, whose residuals it keeps."""

    def __init__(self) -> None:
        self.terms: list[torch.Tensor] = []

    def __call__(self, target: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        """Mean square of one term."""
        difference = (prediction - target).reshape(-1)
        self.terms.append(difference / math.sqrt(len(difference)))
        return difference.square().mean()


def residual_vector(model: Any, stored: StoredResiduals) -> Callable[[], torch.Tensor]:
    """The vector r with |r|^2 = DeepXDE's weighted training loss, [M], as a function of the current parameters.

    Args:
        model: compiled with `loss=stored`; its present training points count, so that resampling works.
        stored: see above.
    """

    def residuals() -> torch.Tensor:
        state = model.train_state
        stored.terms.clear()
        model.outputs_losses_train(state.X_train, state.y_train, state.train_aux_vars)
        weights = model.loss_weights or [1.0] * len(stored.terms)
        r = torch.cat([math.sqrt(w) * term for w, term in zip(weights, stored.terms, strict=True)])
        stored.terms.clear()
        return r

    return residuals


def compile_lm(
    model: Any,
    unknowns: list[torch.Tensor] | None = None,
    loss_weights: list[float] | None = None,
    **options: Any,
) -> LevenbergMarquardt:
    """Compile any `dde.Model` whose losses are mean squares with Levenberg-Marquardt; then `model.train` as usual.

    Args:
        model: a model of DeepXDE with the PyTorch back end.
        unknowns: external variables of the equation.
        loss_weights: one a term; all 1 if left out.
        options: of `LevenbergMarquardt`.
    """
    stored, unknowns = StoredResiduals(), unknowns or []
    parameters = [*model.net.parameters(), *unknowns]
    optimizer = LevenbergMarquardt(parameters, residual_vector(model, stored), **options)
    model.compile(
        optimizer,
        loss=stored,
        loss_weights=loss_weights,
        external_trainable_variables=unknowns or None,
        verbose=0,
    )
    return optimizer


def _compile(pinn: PINN, optimizer: Any, **options: Any) -> None:
    unknowns = list(pinn.moved.values()) or None
    pinn.model.compile(
        optimizer, loss_weights=pinn.weights, external_trainable_variables=unknowns, verbose=0, **options
    )
