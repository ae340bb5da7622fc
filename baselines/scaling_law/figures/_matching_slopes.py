"""Panels of the matching study that show slopes: exponents beside their formulas, and how slopes get there."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from baselines.common.plotting import COLORS, PREDICTION
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels
from baselines.scaling_law.power_laws import local_slopes

Text = Callable[[str], str]


def exponents(axes: Axes, view: RunView, text: Text) -> None:
    """Simulated exponents with their intervals, each over its formula, beside the theory."""
    expected, labels = formulas(view), [text(label) for _, label in MEASURED]
    for row, (key, _) in enumerate(MEASURED):
        value, low, high = (view.metrics[f"exponent_{key}{end}"] / expected[key] for end in ("", "_low", "_high"))
        bars = np.maximum([[value - low], [high - value]], 0)
        first = row == 0
        axes.errorbar(value, row, xerr=bars, fmt="o", color=COLORS[1], label=text("simulated") if first else None)
        for prefix, marker, color, label in (
            ("expected", "|", "black", "theory, same sizes"),
            ("theory", "x", COLORS[0], "theory, large sizes"),
        ):
            x = view.metrics[f"{prefix}_{key}"] / expected[key]
            axes.plot(x, row, marker, color=color, markersize=8, label=text(label) if first else None, zorder=2)
    axes.axvline(1, ymin=0.14, **PREDICTION)
    axes.set_yticks(range(len(labels)), labels=labels)
    axes.set_ylim(len(labels) + 1.8, -0.7)
    axes.set_xlabel(text("Exponent over formula"))
    axes.set_title(text("Every exponent, simulated, beside its formula"))
    axes.legend(loc="lower center", ncols=3, handletextpad=0.2, columnspacing=0.8)


MEASURED = (
    ("data_hard", "hard task, limited n"),
    ("parameters_hard", "hard task, limited p"),
    ("data_easy", "easy task, limited n"),
    ("parameters_easy", "easy task, limited p"),
    ("online_loss_hard", "smallest error, C = p t"),
    ("online_parameters_hard", "optimal p, C = p t"),
    ("online_loss_easy", "easy task, smallest error"),
    ("online_parameters_easy", "easy task, optimal p"),
    ("matching_parameters_hard", "matched p in δ"),
    ("matching_data_hard", "matched n in δ"),
    ("stopping_time_hard", "optimal t, noise"),
    ("excess_hard", "error at t*, noise"),
    ("learning_quality_hard", "optimal δ, noise"),
)


def ratios(axes: Axes, view: RunView, text: Text) -> None:
    """Local slopes of the theory, each over its formula, against the size at which it is taken."""
    curves, expected = view.curves, formulas(view)
    online, batch, noisy = "theory.online_hard", "theory.full_batch_hard", "theory.stopping_hard"
    rows = (
        ("smallest error, C = p t", f"{online}_compute", f"{online}_error", f"{online}_p", "online_loss_hard"),
        ("optimal p, C = p t", f"{online}_compute", f"{online}_p", f"{online}_p", "online_parameters_hard"),
        ("matched p in δ", f"{batch}_delta", f"{batch}_p", f"{batch}_p", "matching_parameters_hard"),
        ("matched n in δ", f"{batch}_delta", f"{batch}_n", f"{batch}_n", "matching_data_hard"),
        ("optimal t, noise", f"{noisy}_n", f"{noisy}_t", f"{noisy}_n", "stopping_time_hard"),
        ("optimal δ, noise", f"{noisy}_n", f"{noisy}_delta", f"{noisy}_n", "learning_quality_hard"),
    )
    for color, (label, x, y, size, key) in zip(COLORS, rows, strict=False):
        slopes = np.diff(np.log(curves[y])) / np.diff(np.log(curves[x]))
        at = np.sqrt(curves[size][1:] * curves[size][:-1])
        axes.plot(at, np.abs(slopes) / expected[key], "o-", color=color, markersize=3, linewidth=1.0, label=text(label))
    axes.axhline(1, label=text("formula"), **PREDICTION)
    axes.set(xscale="log", xlabel=text("Size: p or n"), ylabel=text("Local slope over formula"))
    axes.set_title(text("Local slopes of the theory reach the formulas"))
    axes.legend(loc="upper right")


def parameter_slopes(axes: Axes, view: RunView, text: Text) -> None:
    """Local slopes against p, hard and easy task: the theory, and the simulated points."""
    curves, expected = view.curves, formulas(view)
    for which, color in (("hard", COLORS[0]), ("easy", COLORS[1])):
        sizes = np.concatenate([curves["features"], curves["theory.sizes"]])
        error = np.concatenate([curves[f"predicted.parameters_{which}"], curves[f"theory.parameters_{which}"]])
        apart = len(curves["features"]) - 1  # the two pieces have different numbers of modes
        middle, slopes = (np.delete(one, apart) for one in local_slopes(sizes, error))
        axes.plot(middle, slopes, color=color, linewidth=1.2)
        middle, slopes = local_slopes(curves["features"], curves[f"measured.parameters_{which}"])
        axes.plot(middle, slopes, "o", color=color, label=text(f"{which} task, limited p"))
        axes.axhline(-expected[f"parameters_{which}"], **PREDICTION | {"color": color})
    axes.axhline(-expected["data_easy"], color="0.45", linestyle=":", label=text("slope -min(a-1, 2b)"))
    axes.plot([], [], label=text("slope -min(a-1, b)"), **PREDICTION)
    axes.set(xscale="log", xlabel=text("Number of features p"), ylabel=text("Local slope"))
    axes.set_title(text("The parameter exponent is b, not 2b"))
    axes.legend(loc="center right")


def tasks(axes: Axes, view: RunView, text: Text) -> None:
    """Local slopes of the optimal number of features in compute, for the three tasks."""
    study, expected = view.config["study"], formulas(view)
    ends = view.curves["theory.online_hard_compute"][[0, -1]]
    axes.set_xlim(*ends)  # now: a smoke run has one slope, which spans no axis
    for color, which in zip(COLORS, ("hard", "harder", "easy"), strict=False):
        prefix = "" if which == "hard" else f"{which}_"
        label = text("a = {a:g}, b = {b:g}").format(a=study[f"{prefix}signal_decay"], b=study[f"{prefix}decay"])
        compute, p = (view.curves[f"theory.online_{which}_{x}"] for x in ("compute", "p"))
        _panels.slopes(axes, compute, p, color, label, expected[f"online_parameters_{which}"])
    for which, label in (("easy", "easy: (a-b)/a"), ("harder", "hard: 1/(1+b)")):
        at = compute[-2], expected[f"online_parameters_{which}"]
        axes.annotate(text(label), at, xytext=(0, 6), textcoords="offset points", ha="right", va="bottom")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))
    axes.set(xlabel=text("Compute C = p t"), ylabel=text("Local slope of p*(C)"))
    axes.set_title(text("Easy tasks spend more compute on features"))
    axes.legend(loc="center right")


def formulas(view: RunView) -> dict[str, float]:
    """The predicted exponents by law, as the claims of the record state them."""
    prefix = "matching.theory_"
    return {
        claim.id.removeprefix(prefix): claim.predicted or 0.0 for claim in view.claims if claim.id.startswith(prefix)
    }
