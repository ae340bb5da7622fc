"""Levenberg-Marquardt (damped Gauss-Newton) with geodesic acceleration, as a torch optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from baselines.pinn_pde.optimizers.vector import Flat

SCALINGS = ("mean", "diagonal", "identity")
STATUS = ("not started", "running", "no step found", "not finite")
CHUNK = 256  # rows of the default Jacobian computed at once


def gram(jacobian: torch.Tensor) -> torch.Tensor:
    r""":math:`J^T J` of J [M, P], [P, P]; on a CPU the lower triangle only, at half the work."""
    if jacobian.device.type != "cpu" or jacobian.numel() == 0:
        return jacobian.T @ jacobian
    from scipy.linalg import get_blas_funcs

    transposed = jacobian.contiguous().numpy().T  # a Fortran array: BLAS copies nothing
    return torch.from_numpy(get_blas_funcs("syrk", (transposed,))(1.0, transposed, lower=1))


class LevenbergMarquardt(torch.optim.Optimizer):
    r"""Minimise :math:`|r(\theta)|^2` by damped Gauss-Newton steps.

    .. math:: (J^T J + \lambda D) v = -J^T r, \qquad (J^T J + \lambda D) a = -J^T r''(v, v), \qquad
        \theta_+ = \theta + v + \tfrac12 a

    `a` is the geodesic acceleration; the second derivative along v is taken by one more residual,
    :math:`r''(v, v) \approx \frac{2}{\epsilon} \left( \frac{r(\theta + \epsilon v) - r(\theta)}{\epsilon} - J v
    \right)`. A trial is accepted if the loss falls and :math:`2 |a| \le \alpha |v|` (norms in D); then the damping is
    divided by `decrease`, else multiplied by `increase` and tried again with the same J. A decrease faster than the
    increase is delayed gratification. Transtrum & Sethna, arXiv:1201.5885 (2012).

    Args:
        params: tensors of one dtype and any shapes, physical unknowns among them.
        residuals: r, [M], as a function of the current parameters, with gradients if there is no `jacobian`.
        jacobian: r [M] and J [M, P], columns in the order of the flattened `params`; by automatic differentiation of
            `residuals` if left out.
        max_iter: Jacobians a `step`.
        damping: first :math:`\lambda`.
        increase: factor after a rejected trial.
        decrease: divisor after an accepted one.
        scaling: D is the identity times the `mean` of the diagonal of :math:`J^T J`, that `diagonal` itself
            (Marquardt), or the `identity`. With the first two the iterates do not depend on the scale of r.
        geodesic: whether to add the acceleration.
        alpha: its limit; 0.75 is the value of Transtrum & Sethna.
        epsilon: step of the difference along v; 0.1 is theirs.
        max_trials: dampings tried with one Jacobian.
        min_damping: the damping never falls below it.

    Raises:
        ValueError: An argument is out of range, or the parameters are of several groups or types.
    """

    def __init__(
        self,
        params: Iterable[Any],
        residuals: Callable[[], torch.Tensor],
        jacobian: Callable[[], tuple[torch.Tensor, torch.Tensor]] | None = None,
        max_iter: int = 1,
        *,
        damping: float = 1e-2,
        increase: float = 2.0,
        decrease: float = 5.0,
        scaling: str = "mean",
        geodesic: bool = True,
        alpha: float = 0.75,
        epsilon: float = 0.1,
        max_trials: int = 20,
        min_damping: float = 1e-15,
    ) -> None:
        if scaling not in SCALINGS:
            raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}; got {scaling!r}")
        if max_iter < 1 or max_trials < 1:
            raise ValueError(f"max_iter and max_trials must be at least 1; got {max_iter}, {max_trials}")
        if min(increase, decrease) <= 1:
            raise ValueError(f"increase and decrease must be above 1; got {increase}, {decrease}")
        if min(damping, alpha, epsilon, min_damping) <= 0:
            raise ValueError(
                f"damping, alpha, epsilon and min_damping must be positive; got {damping}, {alpha}, {epsilon}, "
                f"{min_damping}"
            )
        keys = {"max_iter": max_iter, "increase": increase, "decrease": decrease, "scaling": scaling}
        keys |= {"geodesic": geodesic, "alpha": alpha, "epsilon": epsilon, "max_trials": max_trials}
        super().__init__(params, keys | {"min_damping": min_damping})
        self._flat = Flat(self.param_groups)
        self._residuals, self._jacobian = residuals, jacobian or self._differentiate
        counters = {"iterations": 0, "residual_evaluations": 0, "jacobian_evaluations": 0, "rejected": 0, "status": 0}
        self._memory.update(counters, damping=damping)

    @property
    def _memory(self) -> dict[str, Any]:
        """What `state_dict` keeps."""
        return self.state[self._flat.first]

    @property
    def damping(self) -> float:
        """Damping of the next trial."""
        return float(self._memory["damping"])

    @property
    def iterations(self) -> int:
        """Steps accepted so far."""
        return int(self._memory["iterations"])

    @property
    def evaluations(self) -> int:
        """Residual vectors evaluated so far, those that came with a Jacobian included."""
        return int(self._memory["residual_evaluations"] + self._memory["jacobian_evaluations"])

    @property
    def jacobian_evaluations(self) -> int:
        """Jacobians evaluated so far."""
        return int(self._memory["jacobian_evaluations"])

    @property
    def rejected(self) -> int:
        """Trials rejected so far."""
        return int(self._memory["rejected"])

    @property
    def status(self) -> str:
        """How the last `step` ended, one of `STATUS`."""
        return STATUS[self._memory["status"]]  # a number, since load_state_dict takes strings apart

    @torch.no_grad()
    def step(self, closure: Any = None) -> torch.Tensor:  # type: ignore[override]
        """Do `max_iter` iterations: one Jacobian each, and trials until one is accepted.

        Args:
            closure: not used; DeepXDE passes one to every optimizer.

        Returns:
            The loss before the first of them, :math:`|r|^2`.
        """
        memory, first_loss = self._memory, None
        memory["status"] = STATUS.index("running")
        for _ in range(self.param_groups[0]["max_iter"]):
            with torch.enable_grad():
                r, jacobian = self._jacobian()
            r, jacobian = r.detach(), jacobian.detach()
            memory["jacobian_evaluations"] += 1
            loss = r @ r
            first_loss = loss if first_loss is None else first_loss
            if not (math.isfinite(float(loss)) and math.isfinite(float(jacobian.sum()))):
                memory["status"] = STATUS.index("not finite")
                break
            if not self._improve(r, jacobian, float(loss)):
                memory["status"] = STATUS.index("no step found")
                break
            memory["iterations"] += 1
        assert first_loss is not None
        return first_loss

    def _improve(self, r: torch.Tensor, jacobian: torch.Tensor, loss: float) -> bool:
        """Raise the damping until a trial is accepted; False if none was and the parameters are as before."""
        memory, group = self._memory, self.param_groups[0]
        normal, gradient = gram(jacobian), jacobian.T @ r
        scale = self._scale(normal.diagonal())
        start = self._flat.values()
        for _ in range(group["max_trials"]):
            delta = self._solve(normal, gradient, jacobian, r, scale, start)
            if delta is not None:
                trial = self._evaluate(start + delta)
                if float(trial @ trial) < loss:  # false for a value that is not a number
                    memory["damping"] = max(memory["damping"] / group["decrease"], group["min_damping"])
                    return True
            memory["rejected"] += 1
            memory["damping"] *= group["increase"]
        self._flat.write(start)
        return False

    def _scale(self, diagonal: torch.Tensor) -> torch.Tensor:
        """The diagonal matrix D as a vector, [P]."""
        scaling = self.param_groups[0]["scaling"]
        mean = diagonal.mean()
        if scaling == "identity" or not float(mean) > 0:
            return torch.ones_like(diagonal)
        if scaling == "mean":
            return mean.expand_as(diagonal)
        return diagonal.clamp_min(torch.finfo(diagonal.dtype).eps * float(mean))  # a column may be zero

    def _solve(
        self,
        normal: torch.Tensor,
        gradient: torch.Tensor,
        jacobian: torch.Tensor,
        r: torch.Tensor,
        scale: torch.Tensor,
        start: torch.Tensor,
    ) -> torch.Tensor | None:
        """The step at the present damping, [P]; None if the matrix is singular or the acceleration too large."""
        group = self.param_groups[0]
        damped = normal.clone()
        damped.diagonal().add_(scale, alpha=self.damping)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if int(failed):
            return None

        def solve(right: torch.Tensor) -> torch.Tensor:
            return torch.cholesky_solve(right[:, None], factor)[:, 0]

        velocity = -solve(gradient)
        if not group["geodesic"]:
            return velocity
        epsilon = group["epsilon"]
        ahead = self._evaluate(start + epsilon * velocity)
        curvature = (2 / epsilon) * ((ahead - r) / epsilon - jacobian @ velocity)  # r''(v, v)
        acceleration = -solve(jacobian.T @ curvature)
        ratio = 2 * float((scale * acceleration**2).sum().sqrt() / (scale * velocity**2).sum().sqrt())
        return velocity + 0.5 * acceleration if ratio <= group["alpha"] else None

    def _evaluate(self, vector: torch.Tensor) -> torch.Tensor:
        """Residuals [M] at a vector of parameters [P]."""
        self._flat.write(vector)
        self._memory["residual_evaluations"] += 1
        with torch.enable_grad():  # derivatives with respect to coordinates may need it
            return self._residuals().detach()

    def _differentiate(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Residuals and their Jacobian by automatic differentiation, `CHUNK` rows at a time."""
        r = self._residuals()
        blocks = []
        for rows in torch.eye(len(r), dtype=r.dtype, device=r.device).split(CHUNK):
            parts = torch.autograd.grad(
                r, self._flat.params, rows, is_grads_batched=True, retain_graph=True, allow_unused=True
            )
            blocks.append(self._flat.join(parts, len(rows)))
        return r, torch.cat(blocks)
