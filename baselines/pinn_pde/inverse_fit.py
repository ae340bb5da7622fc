"""What every inverse problem measures and claims, and the classical fit of its unknowns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from baselines.common.claims import Claim
from baselines.pinn_pde.inverse import Noisy, gauss_newton_covariance
from baselines.pinn_pde.problem import Evaluation, Observations, PDEProblem, Setting

if TYPE_CHECKING:
    from baselines.pinn_pde.problem import Unknown
    from baselines.pinn_pde.solvers.gauss_newton import Fit, SmoothFit

ForwardMap = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Parameters [P] to standardised residuals [M] and their derivatives [M, P]."""
ACCURATE = ("classical", "lm", "ssbroyden")  # methods that are asked to reach what the data allow
NOISE_FREE_TARGET = 1e-4  # relative error of a parameter from exact data


def standardised_misfits(problem: PDEProblem, evaluation: Evaluation) -> np.ndarray:
    """Solution minus data over the noise's standard deviation, of all observations, [total]; noise must be positive."""
    misfits = [
        (evaluation.predict(data.points)[:, [problem.outputs.index(data.output)]] - data.values) / data.noise
        for data in evaluation.observations
    ]
    return np.concatenate(misfits)[:, 0]


def data_scores(problem: PDEProblem, evaluation: Evaluation) -> dict[str, float]:
    """Noise in absolute units; mean square misfit over variance (1 if the noise is not learned); its robust form."""
    several = len(evaluation.observations) > 1
    found = {f"noise_sigma_{d.output}" if several else "noise_sigma": d.noise for d in evaluation.observations}
    if all(data.noise > 0 for data in evaluation.observations):
        misfits = standardised_misfits(problem, evaluation)
        found["misfit_over_variance"] = float(np.mean(misfits**2))
        found["misfit_median_scale"] = float(np.median(np.abs(misfits))) / 0.6745  # of a normal number: 1
    return found


def parameter_scores(
    unknowns: Sequence[Unknown],
    found: dict[str, float],
    bounds: dict[str, float],
    classical: dict[str, float] | None = None,
) -> dict[str, float]:
    """Relative errors, smallest standard errors, and distances from truth and from the classical estimate in them.

    Args:
        unknowns: with their true values.
        found: estimates.
        bounds: Cramér-Rao standard errors; zero without noise, then there are no distances.
        classical: the classical estimates from the same data.
    """
    scores: dict[str, float] = {}
    for unknown in unknowns:
        name, bound = unknown.name, bounds[unknown.name]
        scores[f"{name}_error"] = abs(found[name] / unknown.true - 1.0)
        scores[f"{name}_cramer_rao"] = bound
        if classical is not None:
            scores[f"{name}_classical"] = classical[name]
        if bound > 0:
            scores[f"{name}_off_truth"] = abs(found[name] - unknown.true) / bound
            if classical is not None:
                scores[f"{name}_off_classical"] = abs(found[name] - classical[name]) / bound
    return scores


def parameter_claims(problem: PDEProblem, metrics: dict[str, float], setting: Setting, title: str) -> list[Claim]:
    """Three claims for each unknown or for the data: exact data, noisy data, and the misfit.

    Measured for the methods in `ACCURATE` only, without gross errors.
    """
    keys = cast(Noisy, problem)
    ready = setting.trained and setting.method in ACCURATE and setting.dtype == "float64" and keys.outliers == 0
    exact, noisy = ready and keys.noise == 0, ready and keys.noise > 0
    claims = []
    for unknown in problem.unknowns():
        name = unknown.name
        claims += [
            Claim(
                f"pinn.{problem.name}.{name}_exact_data",
                f"{title}: exact data give {name} = {unknown.true:.6g} to 4 digits (relative error)",
                0.0,
                None,
                NOISE_FREE_TARGET,
                metrics[f"{name}_error"] if exact else None,
                "target of this project for noise-free data",
            ),
            Claim(
                f"pinn.{problem.name}.{name}_truth",
                f"{title}: from noisy data {name} lies within three standard errors of the truth (distance in standard "
                "errors)",
                0.0,
                None,
                3.0,
                metrics[f"{name}_off_truth"] if noisy else None,
                "Cramér-Rao bound of the linearised equation; a normal number leaves three of them once in 370",
            ),
        ]
    return [*claims, misfit_claim(problem, metrics if noisy else None, title)]


def misfit_claim(problem: PDEProblem, metrics: dict[str, float] | None, title: str, fitted: int = 0) -> Claim:
    """The solution passes the data at the distance of the noise; `fitted` parameters may lower the mean square."""
    observed = len(problem.observations(0))
    count = cast(Noisy, problem).num_observations * observed
    expected, scatter = 1.0 - fitted / count, 3.0 * math.sqrt(2.0 / count)
    return Claim(
        f"pinn.{problem.name}.noise",
        f"{title}: the solution passes the data at the distance of the noise, mean square misfit over variance = 1 "
        "within three standard deviations: the noise itself is not learned",
        expected,
        expected - scatter,
        expected + scatter,
        metrics["misfit_over_variance"] if metrics is not None else None,
        "chi-squared statistic with as many degrees of freedom as observations",
    )


def standardised(observations: Sequence[Observations], floor: float = 1e-12) -> tuple[np.ndarray, np.ndarray]:
    """All values one after the other, and what makes their residuals unit: the noise, or a small share of the signal.

    Args:
        observations: sets of data.
        floor: that share, for exact data.

    Returns:
        Values and divisors, [total] each.
    """
    sizes = [d.noise if d.noise > 0 else floor * float(np.sqrt(np.mean(d.values**2))) for d in observations]
    divisors = np.concatenate([np.full(len(d.points), size) for d, size in zip(observations, sizes, strict=True)])
    return np.concatenate([d.values[:, 0] for d in observations]), divisors


def fit_unknowns(problem: PDEProblem, model: ForwardMap, start: np.ndarray | None = None) -> Fit:
    """Least squares on the parameters of an equation that is solved exactly; Huber's loss if there are `outliers`.

    All unknowns must be positive: steps are taken in their logarithms, each by a factor of at most e.

    Args:
        problem: gives initial guesses of the unknowns.
        model: parameters to standardised residuals and their derivatives.
        start: other initial values, [P]; or several, [S, P], of which the fit of lowest loss is returned.

    Returns:
        The fit; values and Jacobian are those of the parameters, not of the logarithms.
    """
    from dataclasses import replace

    from baselines.pinn_pde.robust import HUBER, SQUARES
    from baselines.pinn_pde.solvers.gauss_newton import levenberg_marquardt

    def in_logarithms(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = np.exp(logs)
        residuals, jacobian = model(theta)
        return residuals, jacobian * theta

    first = np.array([unknown.initial for unknown in problem.unknowns()]) if start is None else start
    loss = HUBER if cast(Noisy, problem).outliers else SQUARES
    fits = [
        levenberg_marquardt(in_logarithms, np.log(one), np.ones(len(one)), loss, longest=1.0)
        for one in np.atleast_2d(first)
    ]
    fit = min(fits, key=lambda found: float(np.sum(loss.value(found.residuals))))
    values = np.exp(fit.values)
    return replace(fit, values=values, jacobian=fit.jacobian / values)


def named(problem: PDEProblem, values: np.ndarray) -> dict[str, float]:
    """One number for each unknown, by name."""
    return {u.name: float(value) for u, value in zip(problem.unknowns(), values, strict=False)}


def standard_errors(problem: PDEProblem, fit: Fit) -> dict[str, float]:
    """Of the unknowns, the first parameters of a fit to standardised data; none where the data are exact."""
    if cast(Noisy, problem).noise == 0:
        return {}
    chosen = range(len(problem.unknowns()))
    return named(problem, np.sqrt(np.diag(gauss_newton_covariance(fit.jacobian, columns=chosen))))


def measure_parameters(problem: PDEProblem, evaluation: Evaluation, model: ForwardMap) -> dict[str, float]:
    """Data scores and parameter scores, the classical estimate from the same data among them.

    Args:
        problem: the problem.
        evaluation: a method's solution.
        model: as in `fit_unknowns`.
    """
    unknowns = problem.unknowns()
    truth = np.array([unknown.true for unknown in unknowns])
    bounds = np.zeros(len(unknowns))
    if cast(Noisy, problem).noise > 0:
        bounds = np.sqrt(np.diag(gauss_newton_covariance(model(truth)[1])))
    classical = named(problem, fit_unknowns(problem, model, truth).values)
    found = parameter_scores(unknowns, evaluation.unknowns, named(problem, bounds), classical)
    return data_scores(problem, evaluation) | found


def fit_coefficient(
    problem: PDEProblem, observed: ForwardMap, roughness: np.ndarray, observations: Sequence[Observations]
) -> SmoothFit:
    """Fit a coefficient field: Gauss-Newton with a penalty whose size the evidence of the data decides.

    Args:
        problem: Huber's loss is taken if it says `outliers`.
        observed: coefficient vector to predicted data and their derivatives.
        roughness: penalty matrix.
        observations: the data.
    """
    from baselines.pinn_pde.robust import HUBER, SQUARES
    from baselines.pinn_pde.solvers.gauss_newton import smooth_gauss_newton

    data, sigma = standardised(observations, floor=1e-9)

    def residuals(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, slopes = observed(c)
        return (values - data) / sigma, slopes / sigma[:, None]

    return smooth_gauss_newton(residuals, roughness, loss=HUBER if cast(Noisy, problem).outliers else SQUARES)


def field_claims(
    problem: PDEProblem, metrics: dict[str, float], setting: Setting, title: str, target: float | None = None
) -> list[Claim]:
    """For a coefficient field a: more accurate than its edge values alone would make it, the target, the misfit."""
    keys = cast(Noisy, problem)
    ready = setting.trained and setting.method in ACCURATE and keys.outliers == 0
    claims = [
        Claim(
            f"pinn.{problem.name}.learns",
            f"{title}: the data teach more than the edge values of a, which alone give a relative L2 error of "
            f"{metrics['edge_only_l2']:.2g}",
            None,
            None,
            metrics["edge_only_l2"],
            metrics["judged_l2"] if ready else None,
            "transfinite interpolation of the known edge values",
        ),
        misfit_claim(problem, metrics if ready and keys.noise > 0 else None, title),
    ]
    if target is not None:
        claims.append(
            Claim(
                f"pinn.{problem.name}.target",
                f"{title}: with noise of standard deviation 0.1 the relative L2 error of a is at most {target:g}",
                None,
                None,
                target,
                metrics["judged_l2"] if ready else None,
                "target of this project",
            )
        )
    return claims
