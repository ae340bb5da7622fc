"""The embedding principle: critical points of narrow networks in wider ones, and their inertia."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
CLOSE = 0.01  # band of the claims about plateaus
SHAPES = {"split": "split", "zero share": "split, zero share", "repeated": "repeated split", "general": "general"}


class Table:
    """Embedding principle: loss, gradient and inertia of critical points embedded in wider networks.

    One row a kind of embedding of the lowest critical point of a width, then all embeddings of all others found.
    Number of embeddings over all seeds (a seed draws the starts of the search); largest change of the loss and largest
    norm of the gradient (lower is better, 0 predicted); inertia: numbers of negative, zero and positive eigenvalues of
    the dense Hessian, in the narrow and the wide network, and the wide one as predicted from the narrow network alone;
    verdict: every single embedding agrees with its prediction and no number decreases.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "standard deviation of the initial weights": "初始权重的标准差",
        "relative distance of the nearest plateau": "最近平台的相对距离",
        "two steps, one unit": "双台阶，单神经元",
        "curve, constant": "曲线，常数拟合",
        "curve, one unit": "曲线，单神经元",
        "curve, two units": "曲线，两个神经元",
        "band of the claims: below": "判据区间：线以下",
        "Which narrow critical values a wide network passes": "宽网络经过哪些窄网络的临界值",
        "count predicted from the narrow network": "由窄网络预测的个数",
        "count measured in the wide network": "宽网络中测得的个数",
        "negative": "负",
        "zero": "零",
        "positive": "正",
        "prediction: equal": "预测：相等",
        "Eigenvalues of every embedding": "每个嵌入的特征值个数",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run for each seed."""
        return [["probe=embedding", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each kind of embedding."""
        columns = [
            "width, loss", "embedding", "number", "change of loss", "gradient", "inertia (-, 0, +)", "predicted",
            "verdict",
        ]  # fmt: skip
        cases = _Cases(views)
        lowest = cases.rank == 0
        rows: list[list[Cell]] = []
        points = {(not bias, int(width)) for bias, width in zip(cases.bias, cases.width, strict=True)}
        for free, width in sorted(points):
            bias = not free
            point = lowest & (cases.bias == bias) & (cases.width == width)
            kinds = dict.fromkeys(zip(cases.kind[point], np.nan_to_num(cases.share[point], nan=9.0), strict=True))
            for kind, share in kinds:
                own = point & (cases.kind == kind) & (np.nan_to_num(cases.share, nan=9.0) == share)
                rows.append(_row(cases, own, _point(cases, own, bias, width), _name(kind, share)))
        if (~lowest).any():
            rows.append(_row(cases, ~lowest, "all others found", "all"))
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Counts of eigenvalues against their prediction, and plateaus of wide networks against critical values."""
        figure, (left, right) = panels(2, width=9.6, height=3.9)
        cases = _Cases(views)
        for i, sign in enumerate(("negative", "zero", "positive")):
            shift = 0.2 * (i - 1)  # along the line, so that a point off the line is a wrong one
            left.plot(cases.predicted[:, i] + shift, cases.after[:, i] + shift, "o", color=COLORS[i], label=text(sign),
                      markersize=4, alpha=0.6, markeredgewidth=0)  # fmt: skip
        line = [0, max(int(cases.after.max()), 1)]
        left.plot(line, line, **PREDICTION, label=text("prediction: equal"))
        left.locator_params(integer=True)
        left.set(xlabel=text("count predicted from the narrow network"))
        left.set(ylabel=text("count measured in the wide network"), title=text("Eigenvalues of every embedding"))
        left.legend(loc="upper left")
        series = {
            "steps_width1": "two steps, one unit",
            "curve_width0": "curve, constant",
            "curve_width1": "curve, one unit",
            "curve_width2": "curve, two units",
        }
        for i, (name, label) in enumerate(series.items()):
            for k, view in enumerate(views):
                found = {scale: view.metrics.get(f"{name}_{scale:g}") for scale in view.config["probe"]["init_scales"]}
                pairs = [(scale, distance) for scale, distance in found.items() if distance is not None]
                if pairs:
                    right.plot(*zip(*pairs, strict=True), "os^D"[i], color=COLORS[i], label=None if k else text(label))
        right.axhspan(1e-7, CLOSE, color="0.93", zorder=0)
        right.axhline(CLOSE, **PREDICTION, label=text("band of the claims: below"))
        right.set(
            xscale="log", yscale="log", xlabel=text("standard deviation of the initial weights"), ylim=(1e-7, 2.0)
        )
        right.set(ylabel=text("relative distance of the nearest plateau"))
        right.set_title(text("Which narrow critical values a wide network passes"))
        right.legend(loc="lower right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


class _Cases:
    """The embeddings of all runs, one array entry each."""

    def __init__(self, views: list[RunView]) -> None:
        def joined(key: str) -> np.ndarray:
            return np.concatenate([view.curves[f"case.{key}"] for view in views])

        self.bias, self.width, self.rank = joined("bias"), joined("width"), joined("rank")
        self.loss, self.kind, self.share = joined("loss"), joined("kind"), joined("share")
        self.loss_change, self.gradient = joined("loss_change"), joined("gradient")
        self.before, self.after, self.predicted = joined("before"), joined("after"), joined("predicted")


def _point(cases: _Cases, own: np.ndarray, bias: bool, width: int) -> str:
    lows = sorted({f"{loss:.8f}" for loss in cases.loss[own]})
    return f"{width}{'' if bias else ' without bias'}, {' or '.join(lows)}"


def _name(kind: str, share: float) -> str:
    shown = SHAPES.get(kind, kind)
    return f"{shown}, s = {share:g}" if kind == "split" else shown


def _row(cases: _Cases, own: np.ndarray, point: str, name: str) -> list[Cell]:
    before, after, predicted = cases.before[own], cases.after[own], cases.predicted[own]
    right = bool((after == predicted).all() and (after >= before).all())
    return [
        point,
        name,
        int(own.sum()),
        float(cases.loss_change[own].max()),
        float(cases.gradient[own].max()),
        f"{_counts(before)} → {_counts(after)}",
        _counts(predicted),
        "✓" if right else "✗",
    ]


def _counts(counts: np.ndarray) -> str:
    """The triple, with a range where embeddings differ."""
    parts = [
        f"{low}" if low == high else f"{low}…{high}" for low, high in zip(counts.min(0), counts.max(0), strict=True)
    ]
    return f"({', '.join(parts)})"
