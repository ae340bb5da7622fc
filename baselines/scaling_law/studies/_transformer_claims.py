"""What the transformer study measures and claims."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator
from baselines.scaling_law.bootstrap import Array
from baselines.scaling_law.isoflop_ladder import Surface, Training, Valleys, surface, valleys
from baselines.scaling_law.parameter_convention import CONVENTIONS

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.scaling_law.studies.transformer import Study

HOFFMANN = "Hoffmann et al. 2022, arXiv:2203.15556, approaches 2 and 3"
ENTROPY = "entropy of Zipf's law, docs/scaling_emergence.md"
NANOCHAT = "direction of nanochat, dev/LOG.md: 0.37, 0.54, 0.70"
ENOUGH_COMPUTE = 3e12  # FLOP of the largest budget from which the claims are measured
ENOUGH_BUDGETS = 4


class Found(NamedTuple):
    """Everything the ladder gave."""

    trainings: list[Training]
    losses: list[list[float]]
    """Final losses of the repeats of each training."""
    mean: Array
    """Mean over the repeats.  Shape [n]."""
    sizes: dict[str, Array]
    """N of each training in each convention.  Shape [n]."""
    convention: str
    valleys: dict[str, Valleys]
    """For each convention."""
    surface: Surface
    """In the chosen convention."""
    spread: float
    """Standard deviation of a training over its repeats, pooled, nats; NaN without repeats."""
    entropy: float
    """H, nats; NaN if it is not known."""
    ladder: tuple[float, ...]
    """Loss of the perfect model that sees 0, 1, ... tokens; empty if not known."""

    @property
    def column(self) -> dict[str, Array]:
        """Budget, tokens and width of each training."""
        return {
            "budget": np.array([training.budget for training in self.trainings]),
            "tokens": np.array([float(training.tokens) for training in self.trainings]),
            "width": np.array([training.width for training in self.trainings]),
        }


def find(study: "Study", seed: int, language: Any, trainings: list[Training], losses: list[list[float]]) -> Found:
    """Fit valleys in every convention and the surface in the chosen one."""
    mean = np.array([float(np.mean(each)) for each in losses])
    budget = np.array([training.budget for training in trainings])
    tokens = np.array([float(training.tokens) for training in trainings])
    counted = [study.shape(language.vocabulary, training.width).parts for training in trainings]
    sizes = {name: np.array([float(parts.count(name)) for parts in counted]) for name in CONVENTIONS}
    found = {name: valleys(budget, sizes[name], mean, numpy_generator(seed, "valleys")) for name in CONVENTIONS}
    fitted = surface(sizes[study.convention], tokens, mean, numpy_generator(seed, "surface"), study.bootstraps)
    repeated = [np.var(each, ddof=1) for each in losses if len(each) > 1]
    spread = math.sqrt(float(np.mean(repeated))) if repeated else math.nan
    known = hasattr(language, "entropy")
    entropy, ladder = (language.entropy, language.ladder()) if known else (math.nan, ())
    return Found(trainings, losses, mean, sizes, study.convention, found, fitted, spread, entropy, ladder)


def store(study: "Study", record: "Record", found: Found) -> None:
    """Curves for the figure, and `runs.csv` with one row a training."""
    column, law = found.column, found.surface.law
    valley = found.valleys[found.convention]
    size = found.sizes[found.convention]
    record.save(
        budgets_flop=valley.budgets,
        optimal_parameters=valley.optima,
        valley_loss_nats=valley.losses,
        entropy_nats=found.entropy,
        parabolas=valley.parabolas,
        training_budget_flop=column["budget"],
        training_tokens=column["tokens"],
        training_width=column["width"],
        training_parameters=size,
        training_loss_nats=found.mean,
        training_loss_low_nats=[min(each) for each in found.losses],
        training_loss_high_nats=[max(each) for each in found.losses],
        fitted_loss_nats=law.loss(size, column["tokens"]),
        law=law.logs,
        bootstrap=found.surface.bootstrap,
        ngram_entropy_nats=found.ladder,
        **{f"parameters_{name}": values for name, values in found.sizes.items()},
        **{f"optimal_{name}": found.valleys[name].optima for name in found.sizes},
        **{f"optimal_{name}_band": found.valleys[name].band for name in found.sizes},
    )
    rows = [(i, k, value) for i, each in enumerate(found.losses) for k, value in enumerate(each)]
    of = [found.trainings[i] for i, _, _ in rows]
    record.table(
        "runs",
        budget_flop=[one.budget for one in of],
        compute_flop=[one.compute for one in of],
        width=[one.width for one in of],
        **{f"parameters_{name}": [int(values[i]) for i, _, _ in rows] for name, values in found.sizes.items()},
        tokens=[one.tokens for one in of],
        steps=[one.steps for one in of],
        windows_per_step=[one.windows for one in of],
        lr=[study.lr] * len(rows),
        repeat=[k for _, k, _ in rows],
        loss_nats=[value for _, _, value in rows],
    )


def metrics(found: Found) -> dict[str, float]:
    """Exponents in every convention, the law, and its distance from the entropy."""
    law, valley = found.surface.law, found.valleys[found.convention]
    values = valley.exponent.metrics("a")
    for name, one in found.valleys.items():
        values |= one.exponent.metrics(name)
    for name in ("E", "alpha", "beta", "compute_exponent"):
        low, high = found.surface.interval(name) if len(found.surface.bootstrap) else (math.nan, math.nan)
        key = "surface_a" if name == "compute_exponent" else name
        values |= {key: getattr(law, name), f"{key}_low": low, f"{key}_high": high}
    size, tokens = found.sizes[found.convention], found.column["tokens"]
    residual = np.log(found.mean / law.loss(size, tokens))
    values |= {
        "E_variable_projection": found.surface.projected.E,
        "A": law.A,
        "B": law.B,
        "lowest_loss_nats": float(found.mean.min()),
        "residual_percent": float(100 * np.sqrt(np.mean(residual**2))),
        "valley_deviation_nats": valley.deviation,
        "optima_inside": float(valley.inside),
        "repeat_spread_nats": found.spread,
        "tokens_per_parameter": float(law.tokens_per_parameter(valley.budgets[-1])),
        "compute_flop": float(
            sum(one.compute * len(each) for one, each in zip(found.trainings, found.losses, strict=True))
        ),
    }
    if math.isfinite(found.entropy):
        values |= {
            "entropy": found.entropy,
            "entropy_unigram": found.ladder[0],
            "E_over_entropy": law.E / found.entropy,
            "lowest_loss_over_entropy": float(found.mean.min()) / found.entropy,
            "learned_share": float((found.ladder[0] - found.mean.min()) / (found.ladder[0] - found.entropy)),
            "missed_share": (law.E - found.entropy) / (found.ladder[0] - found.entropy),
        }
    return {name: value for name, value in values.items() if math.isfinite(value)}


def claims(study: "Study", found: Found) -> list[Claim]:
    """That the fit finds the entropy, and what the valleys say."""
    enough = study.budgets[-1] >= ENOUGH_COMPUTE and len(study.budgets) >= ENOUGH_BUDGETS
    exponent = {name: valley.exponent.value for name, valley in found.valleys.items()}
    steps = np.diff([exponent[name] for name in CONVENTIONS])
    ladder = f"{len(study.budgets)} budgets, {study.budgets[0]:.0e} to {study.budgets[-1]:.0e} FLOP"
    known = math.isfinite(found.entropy)
    return [
        Claim(
            "transformer.entropy",
            f"E of the fitted law over the language's exact entropy ({study.text}, {ladder})",
            1.0, 0.97, 1.03, found.surface.law.E / found.entropy if enough and known else None, ENTROPY,
        ),
        Claim(
            "transformer.exponent_a",
            f"Best size at a budget grows as C^a, parabolas: a (N counts {study.convention}; {study.text}, {ladder})",
            0.5, 0.4, 0.6, exponent[study.convention] if enough and study.convention == "all" else None, HOFFMANN,
        ),
        Claim(
            "transformer.two_approaches",
            f"Parabolas and surface agree: difference of their a (N counts {study.convention}; {study.text}, {ladder})",
            0.0, -0.07, 0.07,
            exponent[study.convention] - found.surface.law.compute_exponent if enough else None, HOFFMANN,
        ),
        Claim(
            "transformer.convention",
            "The less N counts, the faster the best size grows: smallest increase of a from all, to without embedding,"
            f" to without embedding and head ({study.text}, {ladder})",
            None, 0.0, None, float(steps.min()) if enough else None, NANOCHAT,
        ),
    ]  # fmt: skip
