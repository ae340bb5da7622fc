"""What the study of the multilinear skills measures and claims."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.scaling_law import quanta
from baselines.scaling_law.multilinear_skills import Array, Skills, surface
from baselines.scaling_law.power_laws import bootstrap_mean, bootstrap_slope, slope

if TYPE_CHECKING:
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies.skills import Study

NAM = "Nam et al. 2024, arXiv:2404.17563; derived in docs/scaling_emergence.md"
FIRST = 5  # tasks learned from which a slope is fitted; below, the sum over tasks is not yet like an integral
NAMES = {"time": "time t", "data": "data n", "parameters": "parameters N", "compute": "compute C = N t"}


class Comparison(NamedTuple):
    """Everything measured."""

    metrics: dict[str, float]
    curves: dict[str, Any]


def compare(
    study: "Study", cfg: "Config", skills: Skills, times: Array, strength: Array, samples: Array, data_loss: Array
) -> Comparison:
    """Skill curves and losses beside their closed forms, exponents of both.

    Args:
        study: The setting.
        cfg: For the seed of the bootstrap.
        skills: The closed forms.
        times: Times looked at.  Shape [m].
        strength: Strengths of the first tasks.  Shape [draws, m, tasks].
        samples: Sizes of the data sets.  Shape [s].
        data_loss: Losses after learning from them.  Shape [data draws, s].
    """
    single = Skills(quanta.frequencies(study.modes, study.alpha)[: study.tasks], np.ones(study.tasks), *_ends(study))
    theory = single.strength(times)  # [m, tasks]
    error = np.abs(strength.mean(0) - theory)
    laws = _measured(study, skills, single, times, strength, samples, data_loss)
    metrics = {
        "skill_curve_error_max": float(error.max()),
        "skill_curve_error_max_one_draw": float(np.abs(strength - theory).max()),
        "skills_learned": float((strength.mean(0)[-1] > study.target / 2).sum()),
        "skill_order_inversions": float((np.diff(strength.mean(0)[-1]) > 0).sum()),
    }
    curves: dict[str, Any] = {"time": times, "strength": strength.mean(0), "strength_predicted": theory}
    for name, (x, draws, fitted) in laws.items():
        source = compute.numpy_generator(cfg.seed, "bootstrap", name)
        inside = (x >= fitted[0]) & (x <= fitted[1])
        metrics |= bootstrap_slope(x[inside], draws[:, inside], source).decay.metrics(name)
        band = bootstrap_mean(draws, source)
        predicted = _closed(skills, name, x)
        metrics[f"{name}_loss_error_max_percent"] = float(100 * np.abs(band.mean / predicted - 1)[inside].max())
        curves |= {f"{name}_x": x, f"{name}_loss": band.mean, f"{name}_loss_low": band.low}
        curves |= {f"{name}_loss_high": band.high, f"{name}_loss_predicted": predicted, f"{name}_fitted": inside}
    for name, (x, predicted) in _far(study, skills).items():
        metrics[f"theory_exponent_{name}"] = -slope(x, predicted)
        curves |= {f"{name}_far_x": x, f"{name}_far_loss": predicted}
    return Comparison(metrics, curves)


def _ends(study: "Study") -> tuple[float, float]:
    return study.target, study.start


def _measured(
    study: "Study", skills: Skills, single: Skills, times: Array, strength: Array, samples: Array, data_loss: Array
) -> dict[str, tuple[Array, Array, tuple[float, float]]]:
    """For each law: x [m], losses [draws, m], ends of the fit.

    The fits start where five tasks are learned (a quarter of a short list) and end where two thirds of those are that
    training reaches: closer to either end, the loss is not yet, or no longer, a power law.
    """
    first = min(float(FIRST), study.last / 4)
    end = 2 * study.last / 3
    rest = 1 - single.frequency.sum()
    losses = surface(strength, single.frequency, study.target, rest)  # [draws, m, tasks]
    # With all skill functions, the tasks after the last trained one are at their start; without, they are at zero.
    everything = losses[..., -1] - 0.5 * rest * (study.target**2 - (study.target - study.start) ** 2)
    sizes = np.arange(1, study.last + 1)
    from_time, to_time = (float(t) for t in single.time_learned(np.array([first, end]), study.alpha))
    budgets = np.geomspace(times[0], study.last * times[-1], 60)
    best = np.stack([_frontier(times, one, budgets) for one in losses])  # [draws, 60]
    per_sample = 1 / single.frequency[0]
    return {
        "time": (times, everything, (from_time, to_time)),
        "data": (samples, data_loss, (per_sample * first ** (1 + study.alpha), samples[-1])),
        "parameters": (sizes.astype(float), losses[:, -1, : study.last], (first, end)),
        "compute": (budgets, best, (first * from_time, end * to_time)),
    }


def _frontier(times: Array, losses: Array, budgets: Array) -> Array:
    """Least measured loss over the sizes N at time C / N; log-log interpolation in time.  Losses [m, tasks]."""
    sizes = np.arange(1, losses.shape[1] + 1)
    found = np.full(len(budgets), np.inf)
    for size in sizes:
        t = budgets / size
        inside = (t >= times[0]) & (t <= times[-1])
        value = np.exp(np.interp(np.log(t[inside]), np.log(times), np.log(losses[:, size - 1])))
        found[inside] = np.minimum(found[inside], value)
    return found


def _closed(skills: Skills, name: str, x: Array) -> Array:
    """The closed form of one law at the measured places."""
    if name == "time":
        return skills.loss(np.inf, x)
    if name == "data":
        return skills.loss_from_data(x)
    if name == "parameters":
        return skills.loss(x, np.inf)
    return skills.frontier(x, np.unique(np.geomspace(1, 500, 120).round()))[0]


def _far(study: "Study", skills: Skills) -> dict[str, tuple[Array, Array]]:
    """The closed forms where 100 to 1000 tasks in a million are learned: x and loss of each law.

    Farther out the end of the list bends them: at K learned of M tasks the loss lacks the share `(K / M)^alpha`.
    """
    ranks = np.geomspace(study.modes / 10_000, study.modes / 1000, 25)
    times, sizes = skills.time_learned(ranks, study.alpha), np.geomspace(1, study.modes, 200)
    samples = ranks ** (1 + study.alpha) / skills.frequency[0]
    return {
        "time": (times, skills.loss(np.inf, times)),
        "data": (samples, skills.loss_from_data(samples)),
        "parameters": (ranks, skills.loss(ranks, np.inf)),
        "compute": (ranks * times, skills.frontier(ranks * times, sizes)[0]),
    }


def claims(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    """Skill curves within 0.05, exponents of the closed forms within 0.03, of the trainings within 0.07."""
    setting = f"alpha {study.alpha:g}, {study.tasks} tasks, batch {study.batch}, {study.draws} draws"
    enough = study.tasks >= 100 and study.last >= 30 and study.draws >= 4
    far = study.modes >= 1_000_000
    found = [
        Claim(
            "skills.curves",
            "Skill curves R_k(t) / S of gradient descent, mean over the draws, follow the sigmoid: largest difference"
            f" over all tasks and times ({setting})",
            0.0, None, 0.05, metrics["skill_curve_error_max"] / study.target if enough else None, NAM,
        )
    ]  # fmt: skip
    for name, expected in quanta.exponents(study.alpha)._asdict().items():
        law = f"loss ~ {NAMES[name]} to the power -x"
        found.append(
            Claim(
                f"skills.exponent_{name}",
                f"Measured exponent, {law}: x (fitted at {FIRST} to {2 * study.last // 3} tasks learned; {setting})"
                if name != "data"
                else f"Measured exponent, {law}: x (alpha {study.alpha:g}, n up to {study.samples},"
                f" {study.data_draws} data sets each)",
                expected, expected - 0.07, expected + 0.07, metrics[f"exponent_{name}"] if enough else None, NAM,
            )
        )  # fmt: skip
        found.append(
            Claim(
                f"skills.theory_{name}",
                f"Exponent of the closed form, {law}: x ({study.modes:.0e} tasks, 100 to 1000 of them learned,"
                f" alpha {study.alpha:g})",
                expected, expected - 0.03, expected + 0.03, metrics[f"theory_exponent_{name}"] if far else None, NAM,
            )
        )  # fmt: skip
    return found
