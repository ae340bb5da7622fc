r"""Compute-optimal phases of one-pass SGD on power-law random features: limits from balancing terms, and measurement.

Data with variances $j^{-2\alpha}$ and target coefficients $b_j = j^{-\beta}$, $j \le v = r d$; features $W$ are
$v \times d$ with independent entries of variance $1/d$. Compute is $f = d \cdot$ (data seen). In the limit of large
sizes the loss is a sum of powers of the width $d$ and of the number of steps $t$ at step size $g$ (derivation: docs):

* floor $F_0 \sim d^{-2\alpha + \max(0, 1 - 2\beta)}$: what d features cannot express;
* descent $F_{pp} \sim (g t)^{-(2\alpha + 2\beta - 1)/(2\alpha)}$: what is not learned yet;
* distortion $F_{ac} \sim d^{-1} (g t)^{-1 + 1/(2\alpha)}$, for $2\alpha > 1$ and $2\beta > 1$: the large target
  coefficients leak into slow directions of $H$;
* noise $K_{pp} \sim g (g t)^{-2 + 1/(2\alpha)}$, for $4\alpha > 1$: gradient noise made by the early loss.

The largest stable step is $g \sim d^{-\max(0, 1 - 2\alpha)}$. With $d = f^\xi$ each term is $f$ to a linear function of
$\xi$; the best $\xi$ minimises the largest of them. Phases: Paquette et al. 2024, arXiv:2405.15074.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch is loaded late: the phases of a study are checked before anything is computed
    import torch

    from baselines.scaling_law.one_pass_sgd import Problem

Array = NDArray[np.float64]


class Limit(NamedTuple):
    """Exponents of the frontier at infinite compute f: loss `f^-loss`, best width `f^width`."""

    loss: float
    width: float


def phase(alpha: float, beta: float) -> str:
    """Name of the phase, by the terms that limit the loss.

    Raises:
        ValueError: If the loss is infinite, `2 (alpha + beta) <= 1`, or on a line between two phases.
    """
    if not (alpha > 0 and 2 * (alpha + beta) > 1):
        raise ValueError(f"alpha > 0 and 2 (alpha + beta) > 1, else the labels have no variance; got {alpha}, {beta}")
    edge = 1 - np.sqrt(0.5)
    lines = [alpha - 0.5, beta - 0.5]
    if beta > 0.5:
        lines += [alpha - beta] if alpha > 0.5 else [alpha - 0.25, alpha - edge]
    if min(abs(gap) for gap in lines) < 1e-9:
        raise ValueError(f"alpha = {alpha:g}, beta = {beta:g} lies on a line between two phases; move it a little")
    if beta < 0.5:
        return "Ia" if alpha > 0.5 else "Ib"
    if alpha > 0.5:
        return "II" if beta < alpha else "III"
    if alpha < 0.25:
        return "Ic"
    return "IVa" if alpha > edge else "IVb"


def terms(alpha: float, beta: float) -> dict[str, tuple[float, float]]:
    """Exponents (of d, of t) of the terms of the loss that exist at these decays, at the largest stable step."""
    slow = max(0.0, 1 - 2 * alpha)  # g ~ d^-slow
    found = {"floor": (-2 * alpha + max(0.0, 1 - 2 * beta), 0.0)}
    descent = (2 * alpha + 2 * beta - 1) / (2 * alpha)
    found["descent"] = (slow * descent, -descent)
    if 2 * alpha > 1 and 2 * beta > 1:
        found["distortion"] = (-1.0, -1 + 1 / (2 * alpha))
    if 4 * alpha > 1:
        noise = 2 - 1 / (2 * alpha)
        found["noise"] = (slow * (noise - 1), -noise)
    return found


def limit(alpha: float, beta: float) -> Limit:
    """Exponents at infinite compute: the lowest point of the largest term, a linear program in one variable."""
    phase(alpha, beta)
    lines = [(of_t, of_d - of_t) for of_d, of_t in terms(alpha, beta).values()]  # t = f^(1 - xi)
    crossings = [(a0 - b0) / (b1 - a1) for (a0, a1), (b0, b1) in combinations(lines, 2) if a1 != b1]
    worst = {xi: max(start + slope * xi for start, slope in lines) for xi in crossings if 0 < xi < 1}
    best = min(worst, key=lambda xi: worst[xi])
    return Limit(-worst[best], best)


def variances(alpha: float, modes: int) -> Array:
    """Variances of the data, `j^(-2 alpha)`.  Shape [modes]."""
    return np.arange(1, modes + 1, dtype=np.float64) ** (-2 * alpha)


def ladder(
    gaussians: "torch.Tensor", alpha: float, beta: float, widths: list[int], ratio: int
) -> "Iterator[tuple[int, Problem]]":
    """Problems of several widths whose features are nested: width d uses the first `ratio * d` rows and d columns.

    One product over the modes serves all widths. The target's signs are averaged over, which divides the variance of
    the floor between draws by 2 (phase III) to 13 (phase Ia) (`problem_over_signs`).

    Args:
        gaussians: Standard normal numbers.  Shape [..., ratio * max(widths), max(widths)].
        alpha: Decay of the data.
        beta: Decay of the target.
        widths: Ascending numbers of features d.
        ratio: Modes per feature, v / d.

    Yields:
        Width and problem.
    """
    import torch

    from baselines.scaling_law.one_pass_sgd import problem_over_signs

    lam = torch.as_tensor(variances(alpha, gaussians.shape[-2]), dtype=gaussians.dtype, device=gaussians.device)
    target = torch.arange(1, len(lam) + 1, dtype=lam.dtype, device=lam.device) ** (-2 * beta)  # b^2
    covariance = gaussians.new_zeros(*gaussians.shape[:-2], widths[-1], widths[-1])
    signal, variance = torch.zeros_like(covariance), 0.0
    for before, width in pairwise([0, *widths]):
        rows = slice(ratio * before, ratio * width)
        part, weight = gaussians[..., rows, :], lam[rows] * target[rows]
        covariance += part.mT @ (part * lam[rows, None])
        signal += part.mT @ (part * (lam[rows] * weight)[:, None])
        variance += float(weight.sum())
        square = (..., slice(width), slice(width))
        yield width, problem_over_signs(covariance[square] / width, signal[square] / width, variance)


def octaves(widths: list[int]) -> list[list[int]]:
    """The widths in groups whose ends are a factor of two apart, each group topped by the largest width over 2^k."""
    groups: dict[int, list[int]] = {}
    for width in widths:
        groups.setdefault(int(np.log2(widths[-1] / width) + 1e-9), []).append(width)
    return [groups[k] for k in sorted(groups)]


class Frontier(NamedTuple):
    """The smallest loss at each compute and the width that gives it."""

    loss: Array
    """Shape [..., F]."""
    width: Array
    """Shape [..., F]."""
    inside: NDArray[np.bool_]
    """Whether that width is inside the ladder: not among the lowest or highest `margin` widths.  Shape [..., F]."""


def frontier(widths: Array, losses: Array, margin: int = 2) -> Frontier:
    """Minimise over the width: a parabola in log d and log L, by least squares through five widths round the smallest.

    Five widths instead of three divide the noise of the best width by about three; what they change is the same factor
    at every compute, which slopes do not see.

    Args:
        widths: At least five, equally spaced on a logarithmic scale, up to rounding.  Shape [D].
        losses: Shape [..., D, F].
        margin: Widths at each end that count as outside.
    """
    values = np.log(np.moveaxis(losses, -2, -1))  # [..., F, D]
    best = values.argmin(-1)
    middle = np.clip(best, 2, len(widths) - 3)
    offsets = np.arange(-2, 3)
    near = np.take_along_axis(values, middle[..., None] + offsets, -1)  # [..., F, 5]
    mean, tilt = near.mean(-1), near @ offsets / 10
    curvature = np.maximum(near @ (offsets**2 - 2) / 14, 1e-12)
    shift = np.clip(-tilt / (2 * curvature), -2, 2)
    width = np.interp(middle + shift, np.arange(len(widths)), np.log(widths))
    lowest = mean + tilt * shift + curvature * (shift**2 - 2)
    inside = (best >= margin) & (best < len(widths) - margin)
    return Frontier(np.exp(lowest), np.exp(width), inside)
