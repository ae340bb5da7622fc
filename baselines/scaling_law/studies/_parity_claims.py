"""What the study of multitask sparse parity measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.scaling_law import quanta
from baselines.scaling_law.power_laws import Array, slope
from baselines.scaling_law.sparse_parity import COIN

if TYPE_CHECKING:
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies.parity import Study

SOURCE = "Michaud et al. 2023, arXiv:2303.13506; derived in docs/scaling_emergence.md"
FIRST = 5  # quanta learned from which a slope is fitted; below, the sum over tasks is not yet like an integral
THRESHOLDS = (0.3, 0.7)  # beside the study's own


class Measured(NamedTuple):
    """Everything measured."""

    metrics: dict[str, float]
    curves: dict[str, Array]
    networks: dict[str, Array]
    """One entry a network."""


def measure(
    study: "Study", cfg: "Config", frequency: Array, parameters: Array, final: Array, steps: Array, looked: Array
) -> Measured:
    """Quanta learned, losses beside tail sums, exponents.

    Args:
        study: The setting.
        cfg: For the seed of the bootstrap.
        frequency: `p_k`.  Shape [tasks].
        parameters: Of every network.  Shape [networks].
        final: Loss of every network on every task, in nats.  Shape [networks, tasks].
        steps: Steps looked at.  Shape [m].
        looked: Losses there.  Shape [m, networks, tasks].
    """
    members = np.array(study.members())
    owners = [np.flatnonzero(members == width) for width in study.widths]
    count = (final < study.threshold * COIN).sum(1).astype(float)
    tail = tail_sum(final, frequency, study.threshold)
    ordered = COIN * quanta.tail(frequency, count)
    each = np.stack([final @ frequency, count, tail, ordered], 1)  # [networks, 4]
    loss_w, count_w, tail_w, ordered_w = _by_width(each, owners).T
    metrics = {
        "tail_sum_error_max_percent": float(_errors(loss_w, tail_w).max()),
        "tail_sum_error_median_percent": float(np.median(_errors(loss_w, tail_w))),
        "ordered_tail_sum_error_max_percent": float(_errors(loss_w, ordered_w).max()),
        "ordered_tail_sum_error_median_percent": float(np.median(_errors(loss_w, ordered_w))),
        "undecided_tasks_percent": 100 * float(((final > 0.1 * COIN) & (final < 0.9 * COIN)).mean()),
        "most_quanta_learned": float(count_w.max()),
        "loss_widest_bits": float(loss_w[-1] / COIN),
    }
    for level in THRESHOLDS:
        other = _by_width(tail_sum(final, frequency, level)[:, None], owners)[:, 0]
        metrics[f"tail_sum_error_max_percent_at_{round(100 * level)}"] = float(_errors(loss_w, other).max())
    for width, quantity, value in zip(study.widths, count_w, loss_w, strict=True):
        metrics |= {f"quanta_{width}": float(quantity), f"loss_nats_{width}": float(value)}
    fitted = count_w >= FIRST
    if fitted.sum() < 3:
        fitted = np.ones_like(fitted)
    size = np.array([parameters[owner[0]] for owner in owners])
    missing = COIN * quanta.beyond(study.tasks, study.alpha)  # of the tasks after the last
    resampled = _resampled(each[:, :2], owners, compute.numpy_generator(cfg.seed, "bootstrap"))
    metrics |= _exponents(size, resampled, fitted, missing)
    metrics["uncorrected_slope_parameters"] = slope(size[fitted], np.maximum(loss_w[fitted], 1e-9))
    metrics["quanta_slope_parameters"] = slope(size[fitted], np.maximum(count_w[fitted], 0.5))
    widest = looked[:, owners[-1]].mean(1)
    metrics |= _timing(study, frequency, steps, widest)
    low, high = np.percentile(resampled[1:, :, 0], [2.5, 97.5], axis=0)
    curves = {
        "frequency": frequency, "widths": np.array(study.widths, dtype=float), "parameters": size,
        "loss_nats": loss_w, "loss_nats_low": low, "loss_nats_high": high, "tail_sum_nats": tail_w,
        "ordered_tail_sum_nats": ordered_w, "quanta": count_w, "fitted": fitted, "beyond_nats": np.array(missing),
        "network_width": members, "network_quanta": count, "steps": steps, "task_loss_curve_nats": widest,
        "task_loss_nats": np.stack([final[owner].mean(0) for owner in owners]),
    }  # fmt: skip
    networks = {
        "width": members, "parameters": parameters.astype(int), "quanta_learned": count.astype(int),
        "loss_nats": each[:, 0], "tail_sum_nats": tail, "ordered_tail_sum_nats": ordered,
    }  # fmt: skip
    return Measured(metrics, curves, networks)


def _by_width(each: Array, owners: list[NDArray[np.intp]]) -> Array:
    """Means over the networks of a width.  [networks, q] to [widths, q]."""
    return np.stack([each[owner].mean(0) for owner in owners])


def _resampled(each: Array, owners: list[NDArray[np.intp]], source: np.random.Generator, count: int = 1000) -> Array:
    """Means by width, first of all networks, then of networks of each width drawn with replacement.

    Args:
        each: Quantities of every network.  Shape [networks, q].
        owners: Networks of each width.
        source: Draws them.
        count: Number of resamples.

    Returns:
        Shape [1 + count, widths, q].
    """
    drawn = [each[source.choice(owner, (count, len(owner)))].mean(1) for owner in owners]  # each [count, q]
    return np.concatenate([_by_width(each, owners)[None], np.stack(drawn, 1)])


def _exponents(size: Array, resampled: Array, fitted: NDArray[np.bool_], missing: float) -> dict[str, float]:
    """Exponents of the corrected loss in parameters and in quanta, with intervals from the resamples."""
    loss, count = resampled[:, fitted, 0] + missing, np.maximum(resampled[:, fitted, 1], 0.5)
    found: dict[str, float] = {}
    for name in ("parameters", "quanta"):
        values = []
        for y, quantity in zip(loss, count, strict=True):
            x = size[fitted] if name == "parameters" else quantity
            values.append(-slope(x, y) if len(np.unique(x)) > 1 else 0.0)
        low, high = np.percentile(values[1:], [2.5, 97.5])
        found |= {f"exponent_{name}": values[0], f"exponent_{name}_low": float(low)}
        found[f"exponent_{name}_high"] = float(high)
    return found


def tail_sum(final: Array, frequency: Array, threshold: float) -> Array:
    """`ln 2` times the frequency of the tasks not learned, in nats.  [networks, tasks] to [networks]."""
    return np.asarray(COIN * ((final >= threshold * COIN) @ frequency))


def _errors(loss: Array, predicted: Array) -> Array:
    """Deviation of the loss from a prediction, in % of it; a prediction of zero is taken as a thousandth of ln 2."""
    return np.asarray(100 * np.abs(loss / np.maximum(predicted, 1e-3 * COIN) - 1))


def _timing(study: "Study", frequency: Array, steps: Array, looked: Array) -> dict[str, float]:
    """Slope of the step at which the widest networks learn a task, against one over its frequency; 1 if proportional.

    Not a law of time: the step size goes through a cycle, and Adam divides a gradient by its size.
    """
    below = looked < study.threshold * COIN  # [m, tasks]
    found = below.any(0)
    first = steps[below.argmax(0)].astype(float)
    value = slope(1 / frequency[found], first[found]) if found.sum() >= 3 else 0.0
    return {"learning_step_slope": value, "tasks_learned_on_the_way": float(found.sum())}


def claims(study: "Study", found: Measured) -> list[Claim]:
    """The tail sum within 10 %, and the exponent alpha in quanta and in parameters within 0.07."""
    metrics = found.metrics
    whole = study.steps >= 2000 and len(study.widths) >= 8 and study.tasks >= 40
    enough = whole and metrics["most_quanta_learned"] < 0.9 * study.tasks and int(found.curves["fitted"].sum()) >= 4
    setting = (
        f"{study.tasks} tasks of {study.subset} of {study.bits} bits, alpha {study.alpha:g}, widths"
        f" {study.widths[0]} to {study.widths[-1]}, {len(study.members())} networks, {study.steps} steps"
    )
    alpha = study.alpha

    def measured(name: str) -> float | None:
        return metrics[name] if enough else None

    return [
        Claim(
            "parity.tail_sum",
            "The loss is the tail sum of the tasks not learned, ln 2 each: largest deviation over the widths in %"
            f" (learned: below {study.threshold:g} ln 2; {setting})",
            0.0, None, 10.0, measured("tail_sum_error_max_percent"), SOURCE,
        ),
        Claim(
            "parity.ordered_tail_sum",
            "Frequent tasks are learned first: with K tasks learned the loss is the tail sum over k > K; largest"
            f" deviation over the widths in % ({setting})",
            0.0, None, 10.0, measured("ordered_tail_sum_error_max_percent"), SOURCE,
        ),
        Claim(
            "parity.exponent_quanta",
            "Loss, corrected for the end of the list of tasks, ~ number of quanta learned to the power -x: x"
            f" (from {FIRST} quanta on; {setting})",
            alpha, alpha - 0.07, alpha + 0.07, measured("exponent_quanta"), SOURCE,
        ),
        Claim(
            "parity.exponent_parameters",
            "Loss, corrected for the end of the list of tasks, ~ parameters to the power -x: x"
            f" (from {FIRST} quanta on; {setting})",
            alpha, alpha - 0.07, alpha + 0.07, measured("exponent_parameters"), SOURCE,
        ),
    ]  # fmt: skip
