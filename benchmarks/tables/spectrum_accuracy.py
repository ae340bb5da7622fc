"""Estimates of the Hessian's spectrum against the exact one, and its outliers."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

MIXTURE = ["probe=spectrum", "task=gaussian_mixture", "network.depth=1"]
BRIEF = ["probe.oracle=0", "probe.starts=1", "probe.repeats=2"]  # outliers and gradient need no exact spectrum
SETTINGS: list[list[str]] = [
    ["probe=spectrum", "network.width=16"],
    [*MIXTURE, "task.orthogonal=true"],
    [*MIXTURE, *BRIEF, "task.orthogonal=true", "task.classes=8"],
    [*MIXTURE, *BRIEF, "task.orthogonal=true", "network.batch_norm=true"],
    [*MIXTURE, *BRIEF],
]
METHODS = {"hutchinson": "Hutchinson", "hutch_plus_plus": "Hutch++", "xtrace": "XTrace"}


class Table:
    """Hessian spectra: Lanczos, density and trace estimates against exact eigenvalues; outliers.

    Networks after 300 steps of gradient descent. Lanczos, 100 products: largest relative error of the 10 largest
    eigenvalues with reorthogonalisation, and how often the largest eigenvalue is found without and with it (exact:
    once). Density: largest difference of the distribution functions (Kolmogorov), both smoothed with the width that
    100 steps resolve. Traces: mean relative error with 90 products, in %; all lower is better. Gap: after which of
    the 20 largest eigenvalues the largest ratio of neighbours comes, for each seed where they differ. Gradient: length
    of its projection on the space of the first C eigenvectors (C classes) over its length. Mean ± standard deviation
    over the seeds; – where the exact spectrum was not computed.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "Trace with 90 products": "90 次乘积的迹估计",
        "mean relative error": "平均相对误差",
        "target": "目标",
        "number of the eigenvalue": "特征值序号",
        "eigenvalue / largest": "特征值 / 最大特征值",
        "One outlier a class": "每类一个离群特征值",
        "{classes} classes": "{classes} 类",
        "number of eigenvectors k": "特征向量个数 k",
        "share of the gradient's length": "梯度长度的占比",
        "The gradient and the top eigenvectors": "梯度与主特征向量",
        "with batch norm": "有批归一化",
        "without batch norm": "无批归一化",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Every setting for each seed; one run for smoke."""
        if suite == "smoke":
            return [["probe=spectrum"]]
        seeds = range(3 if suite == "standard" else 10)
        return [[*setting, f"seed={seed}"] for setting in SETTINGS for seed in seeds]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each setting."""
        columns = [
            "task", "network", "parameters", "top-10 error", "copies without / with", "Kolmogorov",
            *[f"{name} / %" for name in METHODS.values()], "gap after", "gradient",
        ]  # fmt: skip
        return Sheet(columns, [_row(group) for group in _groups(views)])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Trace errors; the largest eigenvalues of the mixtures; the gradient with and without batch norm."""
        figure, (left, middle, right) = panels(3, width=13.0, height=3.8)
        for i, (method, label) in enumerate(METHODS.items()):
            errors = [error for view in views if (error := view.metrics.get(f"trace_error_{method}")) is not None]
            left.plot(np.full(len(errors), i), errors, "o", color=COLORS[i], label=label)
        left.axhline(0.03, **PREDICTION, label=text("target"))
        left.set_xticks(range(len(METHODS)), list(METHODS.values()))
        left.set(ylim=(0, None), xlim=(-0.6, len(METHODS) - 0.4), ylabel=text("mean relative error"))
        left.set(title=text("Trace with 90 products"))
        left.legend(handles=left.lines[-1:], loc="lower left")
        mixtures = [view for view in views if view.choices["task"] == "gaussian_mixture"] or views
        without = [view for view in mixtures if not _batch_norm(view)]
        plain = [view for view in without if view.metrics["class_mean_cosine"] < 0.1] or without
        counts = sorted({int(view.metrics["outputs"]) for view in plain})
        for i, classes in enumerate(counts):
            for view in plain:
                values = view.curves["largest_eigenvalues"]
                if int(view.metrics["outputs"]) == classes:
                    middle.plot(np.arange(1, len(values) + 1), values / values[0], "o", color=COLORS[i], markersize=3)
            middle.plot([], [], "o", color=COLORS[i], label=text("{classes} classes").format(classes=classes))
            middle.axvline(classes + 0.5, **PREDICTION | {"color": COLORS[i]})
        middle.set(yscale="log", xlabel=text("number of the eigenvalue"), ylabel=text("eigenvalue / largest"))
        for axis in (middle, right):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        middle.set_title(text("One outlier a class"))
        middle.legend(loc="upper right")
        for view in mixtures:
            share = view.curves["gradient_shares"]
            color = COLORS[1 if _batch_norm(view) else 0]
            right.plot(np.arange(1, len(share) + 1), share, "o", color=color, markersize=3)
        for i, label in enumerate(("without batch norm", "with batch norm")):
            right.plot([], [], "o", color=COLORS[i], label=text(label))
        right.set(ylim=(-0.03, 1.05), xlabel=text("number of eigenvectors k"))
        right.set(ylabel=text("share of the gradient's length"), title=text("The gradient and the top eigenvectors"))
        right.legend(loc="center right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The contrast of batch norm is reported, not asserted."""
        return []


def _batch_norm(view: RunView) -> bool:
    return bool(view.config["network"].get("batch_norm"))


def _groups(views: list[RunView]) -> list[list[RunView]]:
    """The runs of each setting, in order."""
    found: dict[tuple[object, ...], list[RunView]] = {}
    for view in views:
        task, network = view.config["task"], view.config["network"]
        name = (view.choices["task"], *sorted(map(str, task.items())), *sorted(map(str, network.items())))
        found.setdefault(name, []).append(view)
    return list(found.values())


def _row(views: list[RunView]) -> list[Cell]:
    first = views[0]

    def estimate(metric: str, digits: int, scale: float = 1.0) -> Cell:
        values = [scale * view.metrics[metric] for view in views if metric in view.metrics]
        return Estimate.of(values, digits) if values else None

    errors = [max(view.metrics["top_error_kept"], 1e-16) for view in views if "top_error_kept" in view.metrics]
    copies = [(int(v.metrics["copies_first_plain"]), int(v.metrics["copies_first_kept"])) for v in views if errors]
    gaps = [str(int(view.metrics["gap_after"])) for view in views]
    return [
        _task(first), _network(first), int(first.metrics["parameters"]),
        Estimate.log10(errors) if errors else None,
        ", ".join(f"{plain} / {kept}" for plain, kept in copies) or None,
        estimate("kolmogorov", 4),
        *[estimate(f"trace_error_{method}", 2, 100.0) for method in METHODS],
        gaps[0] if len(set(gaps)) == 1 else ", ".join(gaps), estimate("gradient_share", 4),
    ]  # fmt: skip


def _task(view: RunView) -> str:
    task = view.config["task"]
    if view.choices["task"] != "gaussian_mixture":
        return str(view.choices["task"])
    return f"{task['classes']} Gaussian clouds" + (" at right angles" if task.get("orthogonal") else "")


def _network(view: RunView) -> str:
    network = view.config["network"]
    name = f"{view.choices['network']} {network.get('depth', '')} x {network.get('width', network.get('channels'))}"
    return name + (", batch norm" if _batch_norm(view) else "")
