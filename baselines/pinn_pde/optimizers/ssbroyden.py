"""Self-scaled Broyden methods (BFGS family) with a dense inverse Hessian, as a torch optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from baselines.pinn_pde.optimizers.line_search import strong_wolfe
from baselines.pinn_pde.optimizers.vector import Flat

UPDATES = ("ssbroyden", "ssbfgs", "bfgs", "dfp")
STATUS = ("not started", "running", "converged", "line search failed", "not finite")
TINY = 1e-16


def scaling(update: str, h: float, b: float, n: int) -> tuple[float, float]:
    r"""The two numbers :math:`\tau` and :math:`\phi` that tell the members of the family apart.

    With :math:`s = x_+ - x`, :math:`y = g_+ - g`, :math:`\rho = y^T s`, :math:`h = y^T H y / \rho`,
    :math:`b = s^T B s / \rho` (where :math:`B = H^{-1}`) and :math:`a = h b - 1 \ge 0`:

    .. math:: c = \sqrt{a / (1 + a)}, \quad \rho_- = \min(1, h (1 - c)), \quad
        \theta = \max\left(\frac{\rho_- - 1}{a}, \min\left(\frac{1}{\rho_-}, \frac{1 - b}{b}\right)\right)
    .. math:: \sigma = 1 + a \theta, \quad \rho_+ = \min(1, 1/b), \quad \phi = \frac{1 - \theta}{\sigma}, \quad
        \tau = \begin{cases} \min(\rho_+ \sigma^{-1/(n-1)}, \sigma) & \theta \le 0 \\
        \rho_+ \min(\sigma^{-1/(n-1)}, 1/\theta) & \theta > 0 \end{cases}

    `bfgs` is :math:`\theta = 0, \tau = 1`; `ssbfgs` :math:`\theta = 0, \tau = \rho_+`; `dfp`
    :math:`\theta = 1, \tau = 1`. Al-Baali, Spedicato & Maggioni, Optim. Methods Softw. 29 (2014); Urban, Stefanou &
    Pons, J. Comput. Phys. 523 (2025).

    Args:
        update: one of `UPDATES`.
        h: see above.
        b: see above.
        n: number of variables.

    Returns:
        tau and phi.
    """
    if update == "bfgs":
        return 1.0, 1.0
    if update == "dfp":
        return 1.0, 0.0
    rho_plus = min(1.0, 1.0 / b)
    if update == "ssbfgs":
        return rho_plus, 1.0
    a = max(h * b - 1.0, TINY)  # zero by Cauchy and Schwarz at the least, rounding aside
    c = math.sqrt(a / (1.0 + a))
    rho_minus = min(1.0, h / ((1.0 + a) * (1.0 + c)))  # h (1 - c) without its cancellation
    theta = max((rho_minus - 1.0) / a, min(1.0 / rho_minus, (1.0 - b) / b))
    sigma = 1.0 + a * theta
    spread = sigma ** (-1.0 / max(n - 1, 1))
    tau = min(rho_plus * spread, sigma) if theta <= 0 else rho_plus * min(spread, 1.0 / theta)
    return tau, (1.0 - theta) / sigma


def correction(
    s: torch.Tensor, hy: torch.Tensor, rho: float, yhy: float, tau: float, phi: float
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Factors U [n, 3] and W [3, n] of the update :math:`H_+ = H / \tau + U W`.

    .. math:: H_+ = \frac{1}{\tau} \left( H - \frac{H y y^T H}{y^T H y} + \phi v v^T \right) + \frac{s s^T}{\rho},
        \qquad v = \sqrt{y^T H y} \left( \frac{s}{\rho} - \frac{H y}{y^T H y} \right)

    Args:
        s: step, [n].
        hy: :math:`H y`, [n].
        rho: :math:`y^T s > 0`.
        yhy: :math:`y^T H y > 0`.
        tau: scaling.
        phi: member of the Broyden class, 1 for BFGS.
    """
    v = math.sqrt(yhy * abs(phi) / tau) * (s / rho - hy / yhy)
    u = torch.stack([hy / math.sqrt(yhy * tau), v, s / math.sqrt(rho)])
    signs = torch.tensor([[-1.0], [math.copysign(1.0, phi)], [1.0]], dtype=s.dtype, device=s.device)
    return u.T, signs * u


def symmetrize(matrix: torch.Tensor, block: int = 128) -> None:
    """Replace a matrix [n, n] by its symmetric part, in place and block by block, which spares the cache."""
    n = len(matrix)
    for i in range(0, n, block):
        for j in range(0, i + 1, block):
            lower, upper = matrix[i : i + block, j : j + block], matrix[j : j + block, i : i + block]
            mean = 0.5 * (lower + upper.T)
            lower.copy_(mean)
            upper.copy_(mean.T)


class SSBroyden(torch.optim.Optimizer):
    r"""Self-scaled Broyden method: quasi-Newton steps with a dense inverse Hessian and a strong-Wolfe line search.

    Memory and work an iteration are :math:`O(n^2)`: one product :math:`H [y, g]` and one update of rank three. Each
    `step` begins with one evaluation, because the points or weights of the objective may have changed since the last;
    the inverse Hessian is kept.

    Args:
        params: tensors of one dtype; float64 is advised.
        max_iter: iterations a `step`; each takes one evaluation if the step length 1 is accepted.
        update: `ssbroyden`, `ssbfgs`, `bfgs` or `dfp`.
        c1: sufficient decrease of the line search.
        c2: curvature condition of the line search; these two values are those of Nocedal & Wright.
        max_evaluations: limit of one line search.
        tolerance_grad: stop when no entry of the gradient is larger.
        scale_first: scale the initial identity by :math:`y^T s / y^T y` after the first step (Nocedal & Wright 6.20).

    Raises:
        ValueError: An argument is out of range, or the parameters are of several groups or types.
    """

    def __init__(
        self,
        params: Iterable[Any],
        max_iter: int = 20,
        update: str = "ssbroyden",
        *,
        c1: float = 1e-4,
        c2: float = 0.9,
        max_evaluations: int = 20,
        tolerance_grad: float = 1e-12,
        scale_first: bool = True,
    ) -> None:
        if update not in UPDATES:
            raise ValueError(f"update must be one of {', '.join(UPDATES)}; got {update!r}")
        if max_iter < 1 or max_evaluations < 1:
            raise ValueError(f"max_iter and max_evaluations must be at least 1; got {max_iter}, {max_evaluations}")
        if not 0 < c1 < c2 < 1:
            raise ValueError(f"the line search needs 0 < c1 < c2 < 1; got c1={c1}, c2={c2}")
        names = ("max_iter", "update", "c1", "c2", "max_evaluations", "tolerance_grad", "scale_first")
        values = (max_iter, update, c1, c2, max_evaluations, tolerance_grad, scale_first)
        super().__init__(params, dict(zip(names, values, strict=True)))
        self._flat = Flat(self.param_groups)
        self._memory.update(iterations=0, evaluations=0, resets=0, skipped=0, fresh=True, decrease=0.0, status=0)

    @property
    def _memory(self) -> dict[str, Any]:
        """What `state_dict` keeps."""
        return self.state[self._flat.first]

    @property
    def iterations(self) -> int:
        """Steps taken so far."""
        return int(self._memory["iterations"])

    @property
    def evaluations(self) -> int:
        """Losses and gradients evaluated so far."""
        return int(self._memory["evaluations"])

    @property
    def status(self) -> str:
        """How the last `step` ended, one of `STATUS`; `converged`: no decrease above rounding is predicted."""
        return STATUS[self._memory["status"]]  # a number, since load_state_dict takes strings apart

    @property
    def inverse_hessian(self) -> torch.Tensor:
        """Current approximation, [n, n]; the identity before the first step."""
        return self._memory["inverse_hessian"] if "inverse_hessian" in self._memory else self._identity()

    def reset(self) -> None:
        """Forget the curvature: the next step follows the gradient."""
        self._memory["inverse_hessian"] = self._identity()
        self._memory["fresh"] = True

    def _identity(self) -> torch.Tensor:
        first = self._flat.first
        return torch.eye(self._flat.size, dtype=first.dtype, device=first.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
        """Do up to `max_iter` iterations.

        Args:
            closure: clears the gradients, computes the loss and its gradient, returns the loss.

        Returns:
            The loss before the first of them.
        """
        memory, group = self._memory, self.param_groups[0]
        if "inverse_hessian" not in memory:
            self.reset()
        inverse = memory["inverse_hessian"]
        if not memory["fresh"]:  # products of blocks may round differently on the two sides of the diagonal
            symmetrize(inverse)
        x = self._flat.values()
        loss, g = self._evaluate(closure)
        value, first_loss = float(loss), loss
        d = -(inverse @ g)
        memory["status"] = STATUS.index("running")
        for _ in range(group["max_iter"]):
            if not (math.isfinite(value) and bool(torch.isfinite(g).all())):
                memory["status"] = STATUS.index("not finite")
                break
            if not memory["fresh"] and not float(d @ g) < 0:
                d = self._restart(g)
            if float(g.abs().max()) <= group["tolerance_grad"] or -float(d @ g) <= self._rounding(value):
                memory["status"] = STATUS.index("converged")
                break
            found = self._search(closure, x, d, g, value)
            if found is None and not memory["fresh"]:
                d = self._restart(g)
                found = self._search(closure, x, d, g, value)
            if found is None:
                memory["status"] = STATUS.index("line search failed")
                self._flat.write(x)
                break
            memory["decrease"] = value - found[1]
            alpha, value, g_new = found
            s, y = alpha * d, g_new - g
            x = x + s
            d = self._update(s, y, g, g_new, alpha)
            g = g_new
            memory["iterations"] += 1
        self._flat.write(x)
        return first_loss

    def _restart(self, g: torch.Tensor) -> torch.Tensor:
        self.reset()
        self._memory["resets"] += 1
        return -g

    def _rounding(self, value: float) -> float:
        """Error with which a loss of this size is computed."""
        return 10 * torch.finfo(self._flat.first.dtype).eps * abs(value)

    def _evaluate(self, closure: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient [n] at the current parameters."""
        with torch.enable_grad():
            loss = closure()
        self._memory["evaluations"] += 1
        return loss.detach(), self._flat.gradient()

    def _search(
        self, closure: Callable[[], torch.Tensor], x: torch.Tensor, d: torch.Tensor, g: torch.Tensor, value: float
    ) -> tuple[float, float, torch.Tensor] | None:
        """Step length, value and gradient there; None if no lower value was found."""
        group, gradients = self.param_groups[0], {}

        def phi(alpha: float) -> tuple[float, float]:
            self._flat.write(x + alpha * d)
            loss, gradients[alpha] = self._evaluate(closure)
            return float(loss), float(gradients[alpha] @ d)

        slope = float(g @ d)
        if not slope < 0:
            return None
        limits = {name: group[name] for name in ("c1", "c2", "max_evaluations")}
        point = strong_wolfe(
            phi, value, slope, self._first_trial(g, slope), **limits, tolerance=self._rounding(value)
        ).point
        return (point.alpha, point.value, gradients[point.alpha]) if point.alpha > 0 else None

    def _first_trial(self, g: torch.Tensor, slope: float) -> float:
        """First step length: as much decrease as last time, at most 1.

        Self-scaling leaves the inverse Hessian too large rather than too small. On Rosenbrock's function this guess
        (Nocedal & Wright 3.60) saves a third of the evaluations that starting from 1 takes.
        """
        if self._memory["fresh"]:
            return min(1.0, 1.0 / float(g.norm()))
        decrease = self._memory["decrease"]
        return min(1.0, 1.01 * 2.0 * decrease / -slope) if decrease > 0 else 1.0

    def _update(
        self, s: torch.Tensor, y: torch.Tensor, g: torch.Tensor, g_new: torch.Tensor, alpha: float
    ) -> torch.Tensor:
        """Update the inverse Hessian; the next direction, [n], from the same pass over it."""
        memory, group = self._memory, self.param_groups[0]
        inverse = memory["inverse_hessian"]
        rho, ss, yy = float(y @ s), float(s @ s), float(y @ y)
        if not rho > torch.finfo(s.dtype).eps * math.sqrt(ss * yy):  # no curvature along the step
            memory["skipped"] += 1
            return -(inverse @ g_new)
        sbs = -alpha * float(s @ g)  # s = -alpha H g, hence B s = -alpha g
        if memory["fresh"] and group["scale_first"]:
            inverse.mul_(rho / yy)  # so far the identity
            sbs = ss * yy / rho
        hy, hg = (inverse @ torch.stack([y, g_new], dim=1)).unbind(1)
        yhy = float(y @ hy)
        memory["fresh"] = False
        if not (0 < yhy < math.inf and sbs > 0):
            memory["skipped"] += 1
            return -hg
        tau, phi = scaling(group["update"], yhy / rho, sbs / rho, len(s))
        u, w = correction(s, hy, rho, yhy, tau, phi)
        inverse.addmm_(u, w, beta=1.0 / tau)
        return -(hg / tau + u @ (w @ g_new))
