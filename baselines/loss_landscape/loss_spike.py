"""Why Adam's loss spikes on a plain quadratic (2506.04805): the preconditioner decays until the step is too long.

On f = a x^2 / 2 with beta_1 = 0 the step is x' = (1 - eta a / P_t) x with P_t = sqrt(v_t / (1 - beta_2^t)) + eps. Once
x falls faster than beta_2^(t/2), the squared gradients no longer feed v, and v decays like beta_2^t whatever x does.
The preconditioned curvature a / P_t then grows without limit, passes the threshold 2 / eta, and x, tiny by now, grows
again exponentially: a spike, although the curvature a never changed. Formulas: docs/training_dynamics.md.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import spence

FEEDS = 1e-6  # share of g^2 in v below which the gradient no longer counts
FAR_BELOW = -300.0  # ln of a gradient whose square is nothing beside any v met here, and still no underflow


@dataclass(frozen=True)
class Spikes:
    """Adam on a quadratic; entry i belongs to step t = i + 1 and the iterate before it."""

    log_x: np.ndarray
    """ln |x_t|."""
    ratio: np.ndarray
    """Preconditioned curvature a / P_t over its threshold 2 (1 + beta_1) / ((1 - beta_1) eta)."""
    log_v: np.ndarray
    """ln v_t."""
    log_gradient: np.ndarray
    """ln |g_t|."""

    @property
    def log_losses(self) -> np.ndarray:
        """Logarithm of f / (a/2) = x^2; x itself would underflow."""
        return 2 * self.log_x

    @property
    def crossing(self) -> int | None:
        """First step t whose preconditioned curvature is beyond its threshold, having been below."""
        above = self.ratio > 1
        found = np.flatnonzero(above[1:] & ~above[:-1])
        return int(found[0]) + 2 if len(found) else None

    def onset(self, factor: float = 100.0) -> int | None:
        """First step whose loss is `factor` times the smallest before it; found without looking at the curvature."""
        late = np.flatnonzero(self.log_losses >= np.minimum.accumulate(self.log_losses) + math.log(factor))
        return int(late[0]) + 1 if len(late) else None

    @property
    def freed(self) -> int | None:
        """First step t at which g^2 is less than a millionth of v: from here v only decays."""
        found = np.flatnonzero(2 * self.log_gradient < self.log_v + math.log(FEEDS))
        return int(found[0]) + 1 if len(found) else None

    @property
    def comeback(self) -> int | None:
        """First step after the crossing at which |x| is as large again as when it freed v."""
        if self.crossing is None or self.freed is None:
            return None
        found = np.flatnonzero(self.log_x[self.crossing - 1 :] >= self.log_x[self.freed - 1])
        return int(found[0]) + self.crossing if len(found) else None


def adam_on_quadratic(
    lr: float,
    beta2: float,
    steps: int,
    *,
    curvature: float = 1.0,
    beta1: float = 0.0,
    x: float = 1.0,
    eps: float = 1e-8,
) -> Spikes:
    """Run Adam, as `torch.optim.Adam` does it, with x and the momentum kept as mantissa and logarithm.

    Between the crossing and the spike |x| falls below 1e-200 for beta_2 = 0.99 and below 1e-2000 for 0.999. Plain
    double precision would hold zero there, and zero stays zero.

    Args:
        lr: Step size eta.
        beta2: Decay of v.
        steps: Number of steps.
        curvature: a > 0.
        beta1: Decay of the momentum.
        x: Initial value.
        eps: Added to sqrt(v).
    """
    edge = 2 * (1 + beta1) / ((1 - beta1) * lr)
    momentum, v, shift = 0.0, 0.0, 0.0  # x and momentum are to be multiplied by exp(shift)
    rows = np.empty((4, steps))
    for t in range(1, steps + 1):
        gradient = curvature * x
        log_x = shift + math.log(abs(x)) if x else -math.inf
        log_gradient = log_x + math.log(curvature)
        momentum = beta1 * momentum + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * (math.exp(2 * log_gradient) if log_gradient > FAR_BELOW else 0.0)
        scale = (1 - beta1**t) * (math.sqrt(v / (1 - beta2**t)) + eps)
        rows[:, t - 1] = log_x, curvature / scale / edge, math.log(v), log_gradient
        x -= lr * momentum / scale
        size = max(abs(x), abs(momentum))
        if size and not 1e-50 < size < 1e50:
            x, momentum, shift = x / size, momentum / size, shift + math.log(size)
    return Spikes(*rows)


def crossing_step(v: float, step: int, lr: float, beta2: float, *, curvature: float = 1.0, eps: float = 1e-8) -> float:
    """When the preconditioned curvature will pass 2 / eta, told at a step from which v only decays (beta_1 = 0).

    v_t = V beta_2^t with V = v_s beta_2^(-s), and sqrt(v_t / (1 - beta_2^t)) + eps = eta a / 2 gives

        t = ln(1 + V / c^2) / ln(1 / beta_2),    c = eta a / 2 - eps.

    The first step beyond the threshold is the next whole number.

    Args:
        v: v_s, without bias correction.
        step: s.
        lr: Step size eta.
        beta2: Decay of v.
        curvature: a.
        eps: Of Adam.
    """
    c = lr * curvature / 2 - eps
    rate = -math.log(beta2)
    return math.log1p(v * math.exp(rate * step) / c**2) / rate


def crossing_estimate(lr: float, beta2: float, x: float = 1.0) -> float:
    """The same from the settings alone, at leading order: t = 2 ln(2 |x_0| / eta) / ln(1 / beta_2), whatever a is.

    It takes V for (a x_0)^2; the rest of its error is a constant number of times 1 / ln(1 / beta_2).
    """
    return 2 * math.log(2 * abs(x) / lr) / -math.log(beta2)


def onset_lag(beta2: float, factor: float = 100.0) -> float:
    """Steps from the crossing to a loss of `factor` times its minimum: j steps later |x| grows by 2 beta_2^(-j/2) - 1.

    Summed for small ln(1 / beta_2): ln(growth) = j^2 ln(1 / beta_2) / 2.
    """
    return math.sqrt(math.log(factor) / -math.log(beta2))


def comeback_lag(beta2: float, waited: float) -> float:
    """Steps from the crossing until |x| is back where v began to decay, `waited` steps before the crossing.

    With c = j ln(1 / beta_2) / 2, |x| is multiplied by |1 - 2 e^(-c)| a step j steps before the crossing, and by
    2 e^c - 1 after it. As integrals, with the dilogarithm Li_2, the fall over D and the rise over d balance if

        pi^2 / 4 - Re Li_2(2 e^(-D)) = d ln 2 + d^2 / 2 + Li_2(e^(-d) / 2) - Li_2(1 / 2).

    For D -> infinity this is d = 1.8402, whatever the step size.
    """
    half_rate = -math.log(beta2) / 2
    fall = math.pi**2 / 4 - _dilogarithm(2 * math.exp(-half_rate * waited))

    def missing(d: float) -> float:
        return d * math.log(2) + d * d / 2 + _dilogarithm(math.exp(-d) / 2) - _dilogarithm(0.5) - fall

    return float(brentq(missing, 0.0, 10.0)) / half_rate


def _dilogarithm(z: float) -> float:
    """Real part of Li_2(z)."""
    return float(spence(complex(1 - z)).real)


def spike_onsets(losses: np.ndarray, *, factor: float = 3.0, calm: float = 1.2) -> list[int]:
    """Steps at which the loss starts to rise to a spike, in the training of any model.

    A spike is a loss of more than `factor` times the smallest one before it; it ends below `calm` times that. It starts
    at the bottom of the rise that carries the loss beyond `factor`.

    Args:
        losses: Shape [T].
        factor: Height that makes a spike.
        calm: Height below which it is over.
    """
    lowest = np.minimum.accumulate(losses)
    onsets: list[int] = []
    inside = False
    for step in range(1, len(losses)):
        height = losses[step] / lowest[step - 1]
        if height > factor and not inside:
            inside, bottom = True, step
            while bottom > 0 and losses[bottom - 1] < losses[bottom]:
                bottom -= 1
            onsets.append(bottom)
        elif height < calm:
            inside = False
    return onsets


def beyond_before(at: np.ndarray, steps: np.ndarray, ratios: np.ndarray, window: int) -> np.ndarray:
    """For each of some steps, whether a ratio measured in the `window` steps up to it is above 1.

    Args:
        at: Steps asked about, shape [m].
        steps: Where the ratio was measured, ascending, shape [n].
        ratios: Shape [n].
        window: Steps to look back.

    Returns:
        Shape [m]; False where nothing was measured in the window.
    """
    beyond = np.array([0, *np.cumsum(ratios > 1)])  # how many among the first i measurements
    last, first = (
        np.searchsorted(steps, at, side="right"),
        np.searchsorted(steps, np.subtract(at, window), side="right"),
    )
    return beyond[last] > beyond[first]
