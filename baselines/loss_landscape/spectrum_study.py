"""The measurements of `probe=spectrum`: one objective, its Hessian, every estimate beside the exact value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from baselines.loss_landscape import curvlinops_adapter
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.lanczos import Tridiagonal, copies, lanczos
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.outliers import largest_gap, mean_cosine, shares
from baselines.loss_landscape.spectral_density import (
    Measure,
    kernel_width,
    kolmogorov_distance,
    quadrature,
    wasserstein_distance,
)

TOP, SHOWN = 10, 21
"""Eigenvalues whose error is measured; eigenvalues that are looked at for gaps."""
GRID = 2000


class Settings(Protocol):
    """Sizes of the estimates; see `probes/spectrum.py`."""

    lanczos_steps: int
    starts: int
    trace_products: int
    repeats: int
    oracle: int


@dataclass
class Found:
    """Numbers and curves."""

    metrics: dict[str, float] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Subject:
    """What is looked at: an objective at its present parameters."""

    objective: Objective
    hessian: Hessian
    dense: Tensor | None
    """[P, P], where P is small enough."""
    exact: np.ndarray | None
    """Its eigenvalues, largest first."""
    seed: int

    @property
    def product(self) -> Callable[[Tensor], Tensor]:
        """H v, through the matrix where there is one."""
        dense = self.dense
        return self.hessian.product if dense is None else lambda vector: dense @ vector

    def normal(self, *shape: int) -> Tensor:
        """A standard normal tensor, the same at each call."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(self.objective.parameters[0])


def study(objective: Objective, settings: Settings, seed: int) -> Found:
    """Measure everything.

    Args:
        objective: At the parameters where the spectrum is wanted.
        settings: Sizes of the estimates.
        seed: Of the random vectors.
    """
    hessian = Hessian(objective.loss(), objective.parameters)
    dense = exact = None
    if objective.size <= settings.oracle:
        dense = hessian.dense(16)
        exact = scipy.linalg.eigvalsh(dense.double().cpu().numpy(), check_finite=True)[::-1].copy()
    subject = Subject(objective, hessian, dense, exact, seed)
    found = Found(
        {"loss": float(objective.loss().item()), "parameters": objective.size, "outputs": objective.targets.shape[1]}
    )
    if objective.targets.shape[1] > 1:
        found.metrics["accuracy"] = objective.accuracy()
        flat = objective.inputs.flatten(1)
        found.metrics["class_mean_cosine"] = mean_cosine(flat, objective.targets.argmax(dim=1))
    krylov = _lanczos(subject, settings, found)
    _outliers(subject, krylov, found)
    _gauss_newton(subject, found)
    _density(subject, settings, found)
    _traces(subject, settings, found)
    return found


def _lanczos(subject: Subject, settings: Settings, found: Found) -> Tridiagonal:
    """Both forms of the recursion from one start; errors and copies where the exact eigenvalues are known."""
    start, steps = subject.normal(subject.objective.size), settings.lanczos_steps
    kept, plain = (lanczos(subject.product, start, steps, reorthogonalise=keep) for keep in (True, False))
    for name, run in (("kept", kept), ("plain", plain)):
        values = run.ritz().values
        found.curves[f"ritz_{name}"] = values
        if subject.exact is not None:
            top = subject.exact[:TOP]
            counts = copies(values, top)
            found.metrics[f"top_error_{name}"] = float(np.max(np.abs(values[:TOP] / top - 1)))
            found.metrics[f"copies_{name}"] = float(counts[np.abs(counts - 1).argmax()])
            found.metrics[f"copies_first_{name}"] = float(counts[0])
            found.curves[f"copies_{name}"] = _copies_along(run, top[:1])
    return kept


def _copies_along(run: Tridiagonal, top: np.ndarray) -> np.ndarray:
    """Copies of the largest eigenvalue after each step: T of the first m steps is a corner of T."""
    return np.array(
        [
            copies(scipy.linalg.eigvalsh_tridiagonal(run.alphas[:m], run.betas[: m - 1]), top)[0]
            for m in range(1, run.steps + 1)
        ]
    )


def _outliers(subject: Subject, krylov: Tridiagonal, found: Found) -> None:
    """Gap among the largest eigenvalues, and the gradient in the space of the first ones."""
    gradient = torch.cat([part.reshape(-1) for part in subject.hessian.gradient])
    ritz = krylov.ritz()
    values = ritz.values if subject.exact is None else subject.exact
    share = shares(krylov.ritz_vectors(min(SHOWN - 1, krylov.steps)), gradient)
    classes = subject.objective.targets.shape[1]
    found.metrics["gap_after"], found.metrics["gap_ratio"] = largest_gap(values)
    found.metrics["gradient_share"] = float(share[min(classes, len(share)) - 1])
    found.metrics["largest"], found.metrics["smallest"] = (
        float(values[0]), float(values[-1] if subject.exact is not None else ritz.values[-1]),
    )  # fmt: skip
    found.curves |= {"largest_eigenvalues": values[:SHOWN], "gradient_shares": share}


def _gauss_newton(subject: Subject, found: Found) -> None:
    """The split H = G + R, and curvlinops' Hessian beside ours."""
    objective, start = subject.objective, subject.normal(subject.objective.size)
    theirs, operator = curvlinops_adapter.hessian(objective) @ start, curvlinops_adapter.gauss_newton(objective)
    ours = subject.hessian.product(start)
    found.metrics["curvlinops_difference"] = float((theirs - ours).abs().max() / ours.abs().max())
    steps = min(60, objective.size)
    values = lanczos(lambda vector: operator @ vector, start, steps).ritz().values
    rest = lanczos(lambda vector: subject.product(vector) - operator @ vector, start, steps).ritz().values
    top = found.curves["largest_eigenvalues"]
    classes = min(objective.targets.shape[1], SHOWN)
    found.metrics["gauss_newton_difference"] = float(np.max(np.abs(values[:classes] / top[:classes] - 1)))
    found.metrics["gauss_newton_lowest"] = float(values[-1] / values[0])
    found.metrics["rest_norm_share"] = float(np.abs(rest).max() / top[0])
    found.curves["gauss_newton_eigenvalues"] = values[:SHOWN]


def _density(subject: Subject, settings: Settings, found: Found) -> None:
    """The smoothed density, its mass, and its distance from the exact one under the same smoothing."""
    generator = torch.Generator().manual_seed(subject.seed + 1)
    steps, like = settings.lanczos_steps, subject.objective.vector()
    measure = quadrature(subject.product, like, probes=settings.starts, steps=steps, generator=generator)
    sigma = kernel_width(float(measure.points.min()), float(measure.points.max()), steps)
    grid = np.linspace(measure.points.min() - 6 * sigma, measure.points.max() + 6 * sigma, GRID)
    density = measure.density(grid, sigma)
    found.metrics |= {"density_mass": float(np.trapezoid(density, grid)), "density_sigma": sigma}
    found.curves |= {"density_grid": grid, "density_slq": density}
    if subject.exact is not None:
        exact = Measure.of(subject.exact)
        found.metrics["kolmogorov"] = kolmogorov_distance(measure, exact, sigma)
        found.metrics["kolmogorov_unsmoothed"] = kolmogorov_distance(measure, exact)
        width = found.metrics["largest"] - found.metrics["smallest"]
        found.metrics["wasserstein_over_width"] = wasserstein_distance(measure, exact) / width
        found.metrics["share_near_zero"] = float((np.abs(subject.exact) < sigma).mean())
        found.curves |= {"density_exact": exact.density(grid, sigma), "eigenvalues": subject.exact}


def _traces(subject: Subject, settings: Settings, found: Found) -> None:
    """Three estimators with the same number of products; the mean error over repeats, or the standard error."""
    like = subject.objective.vector()
    operator = curvlinops_adapter.ProductOperator(subject.product, like) if subject.dense is None else subject.dense
    seeds = [(subject.seed + i) % 2**62 for i in range(settings.repeats)]
    for method in curvlinops_adapter.ESTIMATORS:
        values = curvlinops_adapter.traces(operator, method, settings.trace_products, seeds)
        found.curves[f"trace_{method}"] = values
        found.metrics[f"trace_{method}"] = float(values.mean())
        found.metrics[f"trace_standard_error_{method}"] = float(values.std(ddof=1) / np.sqrt(len(values)))
        if subject.exact is not None:
            found.metrics[f"trace_error_{method}"] = float(np.mean(np.abs(values / subject.exact.sum() - 1)))
    if subject.exact is not None:
        found.metrics["trace_exact"] = float(subject.exact.sum())
