"""What the IsoFLOP study measures and claims."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import allocation
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.bootstrap import Array, interval
from baselines.scaling_law.isoflop_fit import Bias, IsoFlops, Method, Optima, optima, simulated
from baselines.scaling_law.parametric_fit import ScalingLaw
from baselines.scaling_law.studies import _isoflop_conventions as conventions

if TYPE_CHECKING:
    from baselines.scaling_law.studies.isoflop import Study

LLAMA3 = "Llama 3 2024, arXiv:2407.21783, section 3.2.1"
NANOCHAT = "nanochat, dev/LOG.md, January 2026"
EXACT = "the surface that made the losses"
BIAS = "expansion of the surface around the optimum, docs/scaling_fits.md"
ENOUGH_BOOTSTRAPS = 200
REFERENCE_WIDTH = 0.5  # decades of D: the formula of the bias is its leading order


class NoiseFree(NamedTuple):
    """Largest errors of exponent and log D* at 3.8e25 FLOP on noise-free surfaces; grids of +-1 decade, ten budgets."""

    symmetric: dict[Method, float]
    """alpha = beta, grid around the optimum."""
    asymmetric: dict[Method, float]
    """The simulated surface, grid shifted by 0.3 decades: every method's exponent."""
    asymmetric_surface: float
    """There, the surface's exponents alpha and beta as well."""


class Found(NamedTuple):
    """Everything the study computed."""

    runs: IsoFlops
    best: dict[Method, Optima]
    resampled: dict[Method, Array]
    """Exponents and intercepts of bootstrap tables.  Shapes [k, 2]."""
    vertices: Array
    """log D* of the parabolas of those tables; nan without a minimum.  Shape [k, m]."""
    bias: Bias
    exact: NoiseFree
    counted: conventions.Conventions | None
    left_out: int
    """Rows that could not be used, or that lie in a budget of too few runs."""


def simulated_law(alpha: float, beta: float) -> ScalingLaw:
    """The surface of the simulation: a billion parameters and 20 billion tokens are compute-optimal.

    There both terms fall by 0.12 nats when N or D grows by a factor e, as those of Chinchilla's law do.
    """
    return ScalingLaw(A=0.12 / alpha * 1e9**alpha, B=0.12 / beta * 2e10**beta, E=1.69, alpha=alpha, beta=beta)


def noise_free(alpha: float, beta: float) -> NoiseFree:
    """Every method on a symmetric and on an asymmetric surface without noise."""
    budgets, grid = np.geomspace(6e18, 1e22, 10), np.log(10) * np.linspace(-1, 1, 11)
    law = simulated_law(0.31, 0.31)
    runs = simulated(law, budgets, grid)
    symmetric = {method: _worst(optima(runs, method), law) for method in Method}
    law = simulated_law(alpha, beta)
    runs = simulated(law, budgets, grid + 0.3 * np.log(10))
    found = {method: optima(runs, method) for method in Method}
    asymmetric = {method: abs(one.exponent - (1 - law.compute_exponent)) for method, one in found.items()}
    surface = found[Method.SURFACE]
    assert surface.law is not None
    parts = (surface.law.alpha / alpha - 1, surface.law.beta / beta - 1, _worst(surface, law))
    return NoiseFree(symmetric, asymmetric, max(abs(part) for part in parts))


def _worst(found: Optima, law: ScalingLaw) -> float:
    """Error of the exponent or of log D* at the budget of Llama 3, whichever is larger."""
    true = published.LLAMA3_COMPUTE / 6 / float(law.optimal_parameters(published.LLAMA3_COMPUTE))
    error = abs(np.log(found.tokens_at(published.LLAMA3_COMPUTE) / true))
    return float(max(abs(found.exponent - (1 - law.compute_exponent)), error))


def surface_check(found: Found) -> Optima:
    """The parabola on noise-free losses of the fitted surface at the very points of the table."""
    law = found.best[Method.SURFACE].law
    assert law is not None
    logs = found.runs.logs()
    loss = law.loss(np.exp(logs.parameters), np.exp(logs.tokens))
    return optima(IsoFlops(found.runs.compute, found.runs.log_tokens, loss, found.runs.group), Method.PARABOLA)


def _without_last(runs: IsoFlops) -> float:
    """Exponent of the parabola without the largest budget: how much rests on it."""
    last = len(runs.compute) - 1
    kept = runs.take(np.flatnonzero(runs.group < last))
    return optima(IsoFlops(runs.compute[:last], kept.log_tokens, kept.loss, kept.group), Method.PARABOLA).exponent


def metrics(study: "Study", found: Found) -> dict[str, float]:
    """Exponents, allocation at the target, checks."""
    values: dict[str, float] = {}
    for method, best in found.best.items():
        name = "exponent_tokens" if method is Method.PARABOLA else f"exponent_tokens_{method.value}"
        known = found.resampled[method][np.isfinite(found.resampled[method][:, 0])]
        values[f"{method.value}_budgets_without_minimum"] = float(np.isnan(best.log_tokens).sum())
        if not (np.isfinite(best.exponent) and len(known)):
            continue  # no minimum anywhere: there is nothing to report but that
        low, high = interval(known[:, 0], 0.95)
        values |= {name: best.exponent, f"{name}_low": low, f"{name}_high": high}
        target = allocation.of_power_law(known[:, 0], known[:, 1], np.array([study.target]))
        low_d, high_d = target.band("tokens", 0.95)
        low_n, high_n = target.band("parameters", 0.95)
        tokens = best.tokens_at(study.target)
        key = f"{method.value}_target"
        values |= {f"{key}_tokens": tokens, f"{key}_tokens_low": low_d[0], f"{key}_tokens_high": high_d[0]}
        values |= {f"{key}_parameters": study.target / 6 / tokens}
        values |= {f"{key}_parameters_low": low_n[0], f"{key}_parameters_high": high_n[0]}
    law = found.best[Method.SURFACE].law
    assert law is not None
    check = surface_check(found)
    values["tokens_exponent_without_last_budget"] = _without_last(found.runs)
    values |= {f"surface_{name}": getattr(law, name) for name in ("E", "alpha", "beta")}
    values |= {
        "parabola_on_surface_exponent": check.exponent,
        "parabola_on_surface_shift_percent": 100
        * (check.tokens_at(study.target) / found.best[Method.SURFACE].tokens_at(study.target) - 1),
        "symmetric_error": max(found.exact.symmetric.values()),
        "asymmetric_surface_error": found.exact.asymmetric_surface,
        "bias_exponent_error": found.bias.exponent_error,
        "runs_fitted": float(len(found.runs)),
        "budgets": float(len(found.runs.compute)),
        "rows_left_out": float(found.left_out),
    }
    if found.counted:
        values |= conventions.metrics(found.counted)
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}


def curves(found: Found, target: float) -> dict[str, Any]:
    """What the figure is drawn from."""
    bias = found.bias
    law = found.best[Method.SURFACE].law
    assert law is not None
    stored: dict[str, Any] = {
        "budgets": found.runs.compute,
        "tokens": np.exp(found.runs.log_tokens),
        "loss": found.runs.loss,
        "budget_number": found.runs.group,
        "surface": [law.A, law.B, law.E, law.alpha, law.beta],
        "target": target,
        "parabola_log_tokens_ends": _ends(found.vertices),
        "bias_half_widths": bias.half_widths,
        "bias_noisy": bias.noisy,
        "bias_noise_free": bias.noise_free,
        "bias_predicted": bias.predicted,
    }
    for method, best in found.best.items():
        stored[f"{method.value}_log_tokens"] = best.log_tokens
        stored[f"{method.value}_line"] = [best.exponent, best.intercept]
        stored[f"{method.value}_bootstrap"] = found.resampled[method]
    return stored | (conventions.curves(found.counted) if found.counted else {})


def _ends(vertices: Array) -> Array:
    """Ends of the 95 % interval of each budget over the tables in which it has a minimum.  Shape [2, m]."""
    columns = [column[np.isfinite(column)] for column in vertices.T]
    return np.array([interval(column, 0.95) if len(column) else (np.nan, np.nan) for column in columns]).T


def table(found: Found) -> dict[str, Any]:
    """One row a run: what the surface says of it."""
    law = found.best[Method.SURFACE].law
    assert law is not None
    logs = found.runs.logs()
    n, d = np.exp(logs.parameters), np.exp(logs.tokens)
    return {
        "compute": found.runs.compute[found.runs.group], "parameters": n, "tokens": d, "loss": found.runs.loss,
        "surface_loss": law.loss(n, d),
    }  # fmt: skip


def claims(study: "Study", found: Found) -> list[Claim]:
    """Exactness and bias on simulated surfaces for any table; Llama 3 and the counts for the published tables."""
    missing = float(np.isnan(found.best[Method.PARABOLA].log_tokens).sum())
    minima = Claim(
        "isoflop.minima",
        "Every budget has a minimum: number of budgets whose parabola has none inside its grid (left out of the law)",
        0.0, None, 0.5, missing, "an IsoFLOP analysis needs runs on both sides of the optimum",
    )  # fmt: skip
    general = [minima, *_exactness(study, found), *_bias(study, found)]
    return [*_llama3(found), *general, *_counts(found)] if study.is_published else general


def _exactness(study: "Study", found: Found) -> list[Claim]:
    surface = f"alpha = {study.alpha:g}, beta = {study.beta:g}"
    return [
        Claim(
            "isoflop.symmetric",
            "Noise-free surface with alpha = beta = 0.31, grids around the optimum: largest error of the exponent and "
            "of log D* at 3.8e25 FLOP, all three methods",
            0.0, None, 1e-6, max(found.exact.symmetric.values()), EXACT,
        ),
        Claim(
            "isoflop.surface_exact",
            f"Variable projection on a noise-free surface with {surface}, grids 0.3 decades off centre: largest error "
            "of alpha, beta, the exponent and log D* at 3.8e25 FLOP",
            0.0, None, 1e-6, found.exact.asymmetric_surface, EXACT,
        ),
        Claim(
            "isoflop.parabola_exponent",
            f"Parabola on that surface ({surface}), the same off-centre grid at every budget: error of the exponent",
            0.0, None, 1e-6, found.exact.asymmetric[Method.PARABOLA], EXACT,
        ),
    ]  # fmt: skip


def _bias(study: "Study", found: Found) -> list[Claim]:
    """The intercept is wrong by what the expansion says."""
    widths = [width for width in study.half_widths if width <= REFERENCE_WIDTH]
    bias = found.bias
    measurable = bool(widths) and abs(study.alpha - study.beta) > 1e-6
    ratio = None
    if measurable:
        column = study.half_widths.index(max(widths))
        ratio = float(bias.noise_free[column] / bias.predicted[column])
    return [
        Claim(
            "isoflop.parabola_intercept",
            f"Parabola, alpha = {study.alpha:g}, beta = {study.beta:g}, noise-free grids of half a decade or less to "
            "either side: shift of log D* over its prediction (beta - alpha) <x^4>/(6 <x^2>)",
            1.0, 0.9, 1.1, ratio, BIAS,
        )
    ]  # fmt: skip


def _llama3(found: Found) -> list[Claim]:
    parabola = found.best[Method.PARABOLA]
    exponents, intercepts = found.resampled[Method.PARABOLA].T
    tokens = np.exp(intercepts + exponents * np.log(published.LLAMA3_COMPUTE))
    below = float(np.mean(tokens < published.LLAMA3_TOKENS))
    return [
        Claim(
            "isoflop.exponent_tokens",
            "Llama 3, 133 runs at 10 budgets, parabola in log D: optimal tokens ~ C^d, d (goal 0.537 within 0.02)",
            published.LLAMA3_TOKENS_EXPONENT, 0.517, 0.557, parabola.exponent, LLAMA3,
        ),
        Claim(
            "isoflop.allocation",
            "Llama 3's 16.55e12 tokens at 3.8e25 FLOP are inside the 95 % band of the extrapolated parabola: share of "
            "bootstrap tables that give fewer",
            0.5, 0.025, 0.975, below if len(tokens) >= ENOUGH_BOOTSTRAPS else None, LLAMA3,
        ),
    ]  # fmt: skip


def _counts(found: Found) -> list[Claim]:
    """The exponent of N* rises as less is counted."""
    counted = found.counted
    sizes = {name: line.size for name, line in counted.lines.items()} if counted else {}
    printed = published.NANOCHAT_EXPONENTS
    everything = len(sizes) == len(printed)
    every, head, body = ("all", "without_embedding", "without_embedding_and_head")

    def shift(other: str) -> float | None:
        return sizes[other] - sizes[every] if everything else None

    surfaces = counted.surfaces if counted else {}
    share = None
    if everything and len(surfaces[every].resampled) >= ENOUGH_BOOTSTRAPS:
        share = float(np.mean(surfaces[head].resampled > surfaces[every].resampled))
    distance = None
    if counted and everything:
        lines = counted.lines.items()
        distance = max(abs(line.size - printed[name].parameters) / line.size_half for name, line in lines)
    return [
        Claim(
            "isoflop.without_embedding",
            "nanochat, exponent of N* ~ C^a: without the embedding minus with it (printed 0.54 - 0.37)",
            printed[head].parameters - printed[every].parameters, 1e-9, None, shift(head), NANOCHAT,
        ),
        Claim(
            "isoflop.without_head",
            "nanochat, exponent of N* ~ C^a: without embedding and head minus with both (printed 0.70 - 0.37)",
            printed[body].parameters - printed[every].parameters, 1e-9, None, shift(body), NANOCHAT,
        ),
        Claim(
            "isoflop.printed_exponents",
            "nanochat, exponents of N*: largest distance from the printed ones, in half-widths of the 95 % interval",
            0.0, None, 1.0, distance, NANOCHAT,
        ),
        Claim(
            "isoflop.misfitting",
            "81 runs of (Mis)Fitting, surface: share of bootstrap tables in which the exponent of N* is larger without "
            "the embedding than with it",
            1.0, 0.95, None, share, "the direction of the shift in nanochat",
        ),
    ]  # fmt: skip
