r"""Where the equation is asked to hold next: collocation points chosen anew between chunks of training.

The size of the residual at a point is $|r| = (\sum_e r_e^2)^{1/2}$ over the equations.

`fixed`: keep the points. `uniform`: independent uniform points. `rar` (residual-based adaptive refinement, greedy form
RAR-G): add the worst of many random candidates, so that the set grows. `rad` (residual-based adaptive distribution):
draw all points anew from random candidates, with probability proportional to

$$p(x) \propto \frac{|r(x)|^k}{\overline{|r|^k}} + c .$$

Sources: Lu, Meng, Mao & Karniadakis, SIAM Review 63, 2021 (RAR); Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech.
Engrg. 403, 2023 (RAR-G, RAD; $k = c = 1$ is their default).
"""

from __future__ import annotations

import numpy as np

from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.problem import Function

SAMPLINGS = ("fixed", "uniform", "rar", "rad")


def resample(
    strategy: str,
    residual: Function,
    points: np.ndarray,
    domain: Box,
    count: int,
    generator: np.random.Generator,
    *,
    candidates: int | None = None,
    added: int | None = None,
    k: float = 1.0,
    c: float = 1.0,
) -> np.ndarray:
    """The collocation points of the next chunk.

    Args:
        strategy: one of `SAMPLINGS`.
        residual: points [N, d] to residuals [N, equations].
        points: those used so far, [M, d].
        domain: where points may lie.
        count: number of points that `uniform` and `rad` draw.
        generator: of the candidates and of the draw.
        candidates: random points among which `rar` and `rad` choose; ten times `count` if None.
        added: points that `rar` adds; a twentieth of `count`, at least one, if None.
        k: exponent of `rad`; larger ones concentrate the points.
        c: constant of `rad`; larger ones spread them.

    Returns:
        [count, d]; for `fixed` the points themselves, for `rar` [M + added, d]. Residuals that are not finite say
        nothing about where to look: then, too, the points themselves.

    Raises:
        ValueError: The strategy is unknown, or the numbers do not fit together.
    """
    if strategy not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {', '.join(SAMPLINGS)}; got {strategy!r}")
    if strategy == "fixed":
        return points
    if strategy == "uniform":
        return domain.sample(count, generator)
    candidates = 10 * count if candidates is None else candidates
    wanted = count
    if strategy == "rar":
        wanted = max(1, count // 20) if added is None else added
    if not 1 <= wanted <= candidates:
        raise ValueError(f"{strategy} chooses among candidates: give at least {max(1, wanted)}; got {candidates}")
    pool = domain.sample(candidates, generator)
    size = magnitude(residual(pool))
    if not np.isfinite(size).all():
        return points
    if strategy == "rar":
        worst = np.argsort(-size, kind="stable")[:wanted]
        return np.concatenate([points, pool[worst]])
    chosen = generator.choice(candidates, size=wanted, replace=False, p=density(size, k, c))
    return np.asarray(pool[chosen])


def magnitude(residuals: np.ndarray) -> np.ndarray:
    """Euclidean norm over the equations, [N, equations] -> [N]."""
    return np.asarray(np.linalg.norm(residuals, axis=1))


def density(size: np.ndarray, k: float = 1.0, c: float = 1.0) -> np.ndarray:
    """Probability with which `rad` draws each candidate first, [N] -> [N].

    Args:
        size: non-negative sizes of the residual.
        k: exponent, at least 0.
        c: constant, at least 0.

    Raises:
        ValueError: k or c is negative.
    """
    if k < 0 or c < 0:
        raise ValueError(f"the density needs k >= 0 and c >= 0; got k={k}, c={c}")
    largest = float(size.max(initial=0.0))
    if largest == 0.0:
        return np.full(len(size), 1.0 / len(size))
    power = (size / largest) ** k  # the quotient by the mean is the same; powers of tiny numbers would underflow
    p = power / power.mean() + c
    return np.asarray(p / p.sum())
