"""The figure of the embedding principle, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "number of units": "神经元个数",
    "critical value of the loss": "损失的临界值",
    "Every critical value stays one in all wider networks": "每个临界值在所有更宽的网络中仍是临界值",
    "minimum": "极小点",
    "strict saddle": "严格鞍点",
    "embedded: strict saddle": "嵌入后：严格鞍点",
    "dashed: loss of the narrow network": "虚线：窄网络的损失",
    "share s of the first copy": "第一个副本的份额 s",
    "curvature where copies separate": "两副本分离方向的曲率",
    "A split minimum: the share decides, as predicted": "分裂后的极小点：份额决定曲率符号，与预测一致",
    "with bias, B indefinite": "有偏置，B 不定",
    "without bias, B > 0": "无偏置，B > 0",
    "curves: s(1 − s) v'Bv / ((1 − s)² + s²)": "曲线：s(1 − s) v'Bv / ((1 − s)² + s²)",
    "time of gradient flow": "梯度流时间",
    "training loss": "训练损失",
    "Two steps: a wide network waits where one unit is best": "双台阶：宽网络停在单神经元的最优值处",
    "Curve: from small weights it passes other values": "曲线：小初值训练经过的是别的值",
    "initial weights": "初始权重",
    "start next to the embedded minimum": "从嵌入的极小点旁出发",
    "plateau (least gradient)": "平台（梯度最小处）",
    "dashed: best of width": "虚线：最优值，宽度",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Critical values against width, curvature against share, and the loss of wide networks against time.

    Args:
        view: A record of `probe=embedding`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=11.5, height=7.6)
    _levels(axes[0, 0], view, text)
    _scan(axes[0, 1], view, text)
    _flow(axes[1, 0], view, text, "steps")
    _flow(axes[1, 1], view, text, "curve")
    axes[1, 0].set_title(text("Two steps: a wide network waits where one unit is best"))
    axes[1, 1].set_title(text("Curve: from small weights it passes other values"))
    return figure


def _levels(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    """A point of width m appears at m, and again at every width that it was embedded in."""
    curves = view.curves
    shown = np.isin(curves["case.kind"], ["general", "zero share"], invert=True)  # much wider; no verdict by B
    own = curves["case.bias"].astype(bool) & shown
    widest = int(curves["case.wide"][own].max())
    for loss in np.unique(curves["case.loss"][own]):
        these = own & (curves["case.loss"] == loss)
        width = int(curves["case.width"][these][0])
        before, after = curves["case.before"][these][0], curves["case.after"][these]
        axis.plot([width, widest + 0.3], [loss, loss], **PREDICTION | {"linewidth": 0.8})
        axis.plot(
            [width], [loss], "s" if before[0] else "o", color=COLORS[1 if before[0] else 0], markersize=7, zorder=3
        )
        for wide in np.unique(curves["case.wide"][these]):
            negative = after[curves["case.wide"][these] == wide, 0]
            saddle = bool((negative > 0).all())
            axis.plot([wide], [loss], "D" if saddle else "o", color=COLORS[1 if saddle else 0], fillstyle="none",
                      markersize=6, zorder=3)  # fmt: skip
    for marker, color, fill, label in (
        ("o", COLORS[0], "full", "minimum"),
        ("s", COLORS[1], "full", "strict saddle"),
        ("D", COLORS[1], "none", "embedded: strict saddle"),
    ):
        axis.plot([], [], marker, color=color, fillstyle=fill, label=text(label))
    axis.plot([], [], label=text("dashed: loss of the narrow network"), **PREDICTION)
    axis.set(yscale="log", xlabel=text("number of units"), ylabel=text("critical value of the loss"))
    axis.set_ylim(curves["point.loss"].min() / 4, curves["point.loss"].max() * 1.8)
    axis.set_xlim(0.7, widest + 0.3)
    axis.set_xticks(range(1, widest + 1))
    axis.set_title(text("Every critical value stays one in all wider networks"))
    axis.legend(loc="lower left", ncols=2)


def _scan(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    """Predicted curvature as curves, measured as points, in units of the largest eigenvalue of B."""
    curves = view.curves
    share = curves["scan.share"]
    for name, color, label in (
        ("bias", COLORS[1], "with bias, B indefinite"),
        ("free", COLORS[0], "without bias, B > 0"),
    ):
        unit = np.abs(curves[f"scan_{name}.inner_eigenvalues"]).max()
        axis.plot(share, curves[f"scan_{name}.predicted"] / unit, **PREDICTION | {"color": color})
        axis.plot(share, curves[f"scan_{name}.measured"] / unit, "o", color=color, markersize=3.2)
        axis.plot([], [], "o", color=color, label=text(label))
    axis.plot([], [], label=text("curves: s(1 − s) v'Bv / ((1 − s)² + s²)"), **PREDICTION)
    for edge in (0, 1):
        axis.axvline(edge, color="0.6", linewidth=0.8)
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.set(xlabel=text("share s of the first copy"), ylabel=f"{text('curvature where copies separate')} / ‖B‖")
    axis.set_ylim(-0.75, 1.05)
    axis.set_title(text("A split minimum: the share decides, as predicted"))
    axis.legend(loc="upper center")


def _flow(axis: Axes, view: RunView, text: Callable[[str], str], name: str) -> None:
    """Loss against time; plateaus as triangles, critical values of narrow networks as dashed lines."""
    curves = view.curves
    levels = curves[f"levels_{name}.loss"]
    for i, scale in enumerate(view.config["probe"]["init_scales"]):
        _trajectory(axis, view, f"flow_{name}_{scale:g}", COLORS[i], f"{text('initial weights')} {scale:g}")
    if name == "curve":
        _trajectory(axis, view, "flow_escape", COLORS[6], text("start next to the embedded minimum"))
    axis.plot([], [], "v", color="black", markersize=5, label=text("plateau (least gradient)"))
    widths = ", ".join(str(width) for width in range(len(levels)))
    for level in levels:
        axis.axhline(level, **PREDICTION | {"linewidth": 0.9})
    axis.plot([], [], label=f"{text('dashed: best of width')} {widths}", **PREDICTION)
    axis.set(xscale="log", yscale="log", xlabel=text("time of gradient flow"), ylabel=text("training loss"))
    axis.set_ylim(levels.min() / 20, levels.max() * 2)
    axis.set_xlim(left=1e-1)
    axis.legend(loc="lower left")


def _trajectory(axis: Axes, view: RunView, key: str, color: str, label: str) -> None:
    curves = view.curves
    times, losses, at = curves[f"{key}.time"], curves[f"{key}.loss"], curves[f"{key}.plateau"].astype(int)
    axis.plot(times, losses, "o", color=color, markersize=1.8, markeredgewidth=0, rasterized=True)
    axis.plot([], [], "o", color=color, label=label)
    axis.plot(
        times[at], losses[at], "v", color=color, markeredgecolor="black", markeredgewidth=0.6, markersize=6, zorder=4
    )
