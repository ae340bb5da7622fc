"""What the study of memory measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim

if TYPE_CHECKING:
    from baselines.scaling_law.power_laws import Array, Exponent
    from baselines.scaling_law.state_space import Fit, Kernel
    from baselines.scaling_law.studies.memory import Study

ZOLOTAREV = "Zolotarev's problem for the Blaschke product of the rates, docs/scaling_emergence.md"
POTENTIAL = "potential theory of the rates on a logarithmic scale, docs/scaling_emergence.md"
TAIL = "the tail of the kernel beyond the slowest time scale, docs/scaling_emergence.md"
CURVATURE = "second derivative of the loss, docs/scaling_emergence.md; question: Wang and Li 2023 (arXiv:2311.14495)"
MOST_DISTURBED = 16  # modes; with more the slowest rate is so small that rounding is seen in its disturbed loss
STABLE = 0.05  # noise on directly stored rates, in units of the slowest rate, so that none turns negative
RESAMPLES = 1000


class Disturbed(NamedTuple):
    """Growth of the loss over the square of the noise, by parametrisation.  Arrays of shape [models]."""

    predicted: dict[str, "Array"]
    measured: dict[str, "Array"]
    low: dict[str, "Array"]
    high: dict[str, "Array"]
    unstable: "Array"
    """Share of the models with a rate below zero after noise of the size of `study.perturbation` on the rates."""

    def arrays(self) -> dict[str, "Array"]:
        """As curves of a record."""
        found = {"direct.unstable_share": self.unstable}
        for key in ("predicted", "measured", "low", "high"):
            found |= {f"{name}.sensitivity_{key}": values for name, values in getattr(self, key).items()}
        return found


class Found(NamedTuple):
    """All fits."""

    free: dict[float, "list[Fit]"]
    band_modes: "Array"
    band_error: "Array"
    bounded: "Array"
    """Shape [bounds, modes]."""
    needed: "Array"
    disturbed: Disturbed


def disturb(study: "Study", kernel: "Kernel", fits: "list[Fit]", generator: np.random.Generator) -> Disturbed:
    """Move every weight by plus or minus the noise, with all signs reversed as well, and measure the loss."""
    from baselines.scaling_law import state_space as ssm
    from baselines.scaling_law.power_laws import bootstrap_mean

    choices = ssm.parametrisations(study.time_step)
    tables: list[dict[str, list[float]]] = [{name: [] for name in choices} for _ in range(4)]
    unstable = []
    for fit in fits:
        coefficients = ssm.best_coefficients(kernel, fit.rates)
        signs = generator.choice([-1.0, 1.0], (study.perturbations, len(fit.rates)))
        unstable.append(float((fit.rates + study.perturbation * signs <= 0).any(1).mean()))
        for name, choice in choices.items():
            weights = choice.weight(fit.rates)
            size = STABLE * fit.rates[0] if name == "direct" else study.perturbation
            pairs = [
                ssm.disturbed_losses(kernel, choice.rate(weights + side * size * signs), coefficients)
                for side in (1, -1)
            ]
            growth = (np.mean(pairs, axis=0) - fit.error**2) / size**2  # [perturbations]
            band = bootstrap_mean(growth[:, None], generator)
            expected = ssm.sensitivity(kernel, fit.rates, coefficients, choice.slope(weights))
            for table, value in zip(tables, (expected, *(float(end[0]) for end in band)), strict=True):
                table[name].append(value)
    predicted, measured, low, high = ({name: np.array(found) for name, found in table.items()} for table in tables)
    return Disturbed(predicted, measured, low, high, np.array(unstable))


def metrics(study: "Study", found: Found, generator: np.random.Generator) -> dict[str, float]:
    """Rates, exponents (bootstrap over the fits), modes needed, growth of the loss."""
    modes = np.array(study.modes, dtype=float)
    error = {q: np.array([fit.error for fit in fits]) for q, fits in found.free.items()}
    late = modes >= modes[-1] / 2
    slowest = np.array([fit.rates[0] for fit in found.free[study.q]])
    linear = found.band_modes >= 2
    values = {
        "exponential_rate": -_line(found.band_modes[linear], np.log(found.band_error[linear])),
        "agreeing_starts_min": min(fit.agreeing for fits in found.free.values() for fit in fits),
        "error_exponential_last": float(found.band_error[-1]),
    }
    for q, errors in error.items():
        values[f"power_law_rate_q{q:g}"] = -_line(np.sqrt(modes[late]), np.log(errors[late]))
        values[f"error_q{q:g}_last"] = float(errors[-1])
    top = int(np.argmax(study.bounds))
    many = modes >= 4
    late_error = error[study.q][late]
    values |= _exponent(late_error, slowest[late], generator).metrics("slowest")
    values |= _exponent(modes[many], found.bounded[top][many], generator).decay.metrics("bounded")
    disturbed = found.disturbed
    values |= _exponent(slowest[_rows(study)], disturbed.measured["direct"], generator).metrics("sensitivity")
    for horizon, needed in zip(study.horizons, found.needed, strict=True):
        values[f"modes_needed_horizon_{horizon:g}"] = float(needed)
    for name in disturbed.predicted:
        values[f"sensitivity_{name}_last"] = float(disturbed.measured[name][-1])
        values[f"sensitivity_{name}_growth"] = float(disturbed.measured[name][-1] / disturbed.measured[name][0])
    ratios = np.concatenate([disturbed.measured[name] / disturbed.predicted[name] for name in disturbed.predicted])
    values["sensitivity_deviation_max_percent"] = float(100 * np.abs(ratios - 1).max())
    values["unstable_share_last"] = float(disturbed.unstable[-1])
    return {name: value for name, value in values.items() if np.isfinite(value)}


def claims(study: "Study", found: Found, measured: dict[str, float]) -> list[Claim]:
    """Exponential against power-law memory, bounded rates, and the sensitivity to the weights."""
    q, half, last = study.q, study.q - 0.5, study.modes[-1]
    enough = len(study.modes) >= 8 and last >= 24
    steep = 2 * q - 3
    return [
        *_rates(study, found, measured, enough),
        _band(
            "memory.exponent_slowest",
            f"A power law needs ever slower modes: slowest rate of the best model ~ error^x: x ((1+t)^-{q:g}, "
            f"m = {last // 2} … {last})",
            1 / half, 0.1 / half, measured["exponent_slowest"] if enough else None, TAIL,
        ),
        _band(
            "memory.exponent_bounded",
            f"Curse of memory: with all rates at least {max(study.bounds):g} the error falls as m^-x: x ((1+t)^-{q:g}, "
            f"m = 4 … {last})",
            half, 0.1 * half, measured["exponent_bounded"] if enough else None, TAIL,
        ),
        _band(
            "memory.exponent_sensitivity",
            "Rates stored directly: growth of the loss under weight noise ~ (slowest rate)^x: x "
            f"((1+t)^-{q:g}, m = 2 … {MOST_DISTURBED})",
            steep, 0.1, measured["exponent_sensitivity"] if enough and q < 1.25 else None, CURVATURE,
        ),
        Claim(
            "memory.sensitivity",
            "Growth of the loss under weight noise, three parametrisations: largest deviation from the second-order "
            f"formula, in % ({study.perturbations} draws)",
            0.0, None, 10.0, measured["sensitivity_deviation_max_percent"] if enough else None, CURVATURE,
        ),
        Claim(
            "memory.reparametrised",
            f"With rates exp(w) weight noise does not hurt more as m grows: growth of the loss at m = {MOST_DISTURBED} "
            f"over that at m = 2 ((1+t)^-{q:g})",
            None, None, 1.0, measured["sensitivity_exp_growth"] if enough else None, CURVATURE,
        ),
    ]  # fmt: skip


def _rates(study: "Study", found: Found, measured: dict[str, float], enough: bool) -> list[Claim]:
    """How the error falls with the number of modes: exponential against power-law memory."""
    from baselines.scaling_law.state_space import exponential_rate, power_law_rate

    last = study.modes[-1]
    starts = f"{study.starts} starts"
    expected = exponential_rate(study.slowest, study.fastest)
    done = [
        Claim(
            "memory.exponential_rate",
            f"Exponential forgetting (rates {study.slowest:g} … {study.fastest:g}): the error falls as exp(-x m): x"
            f" ({starts})",
            expected, 0.95 * expected, 1.05 * expected, measured["exponential_rate"] if enough else None, ZOLOTAREV,
        )
    ]  # fmt: skip
    for other in found.free:
        rate = power_law_rate(other)
        done.append(
            Claim(
                f"memory.power_law_rate_q{other:g}",
                f"Power-law forgetting (1+t)^-{other:g}, free rates: the error falls as exp(-x sqrt(m)) only: x"
                f" (m = {last // 2} … {last}, {starts})",
                rate, 0.9 * rate, 1.1 * rate,
                measured[f"power_law_rate_q{other:g}"] if enough else None, POTENTIAL,
            )
        )  # fmt: skip
    return done


def _band(name: str, statement: str, value: float, width: float, measured: float | None, source: str) -> Claim:
    return Claim(name, statement, value, value - width, value + width, measured, source)


def _rows(study: "Study") -> list[int]:
    """Positions of the models that are disturbed."""
    return [k for k, m in enumerate(study.modes) if 2 <= m <= MOST_DISTURBED]


def _line(x: "Array", y: "Array") -> float:
    """Least-squares slope."""
    return float(np.polyfit(x, y, 1)[0])


def _exponent(x: "Array", y: "Array", generator: np.random.Generator) -> "Exponent":
    """Slope in the log-log plane; the interval resamples the fits, which are the only units: nothing else is random."""
    from baselines.scaling_law.bootstrap import interval
    from baselines.scaling_law.power_laws import Exponent, slope

    found: list[float] = []
    while len(found) < RESAMPLES:
        rows = generator.integers(0, len(x), len(x))
        if len(set(rows.tolist())) > 1:
            found.append(slope(x[rows], y[rows]))
    return Exponent(slope(x, y), *interval(np.array(found), 0.95))
