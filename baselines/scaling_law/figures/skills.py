"""The figure of the multilinear skills, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels
from baselines.scaling_law.quanta import exponents

Text = Callable[[str], str]

ZH = {
    "Each skill switches on along its own sigmoid": "每项技能沿各自的 S 形曲线涌现",
    "strength of skill k, R / S": "技能 k 的强度 R / S",
    "time (steps × step size)": "时间（步数 × 步长）",
    "points: gradient descent, dashed: theory": "点：梯度下降；虚线：理论",
    "gradient descent minus theory": "梯度下降减理论",
    "all skills, mean over draws": "所有技能，多次训练的均值",
    "largest of the tasks": "各任务中的最大值",
    "Their sum is a smooth power law": "它们之和是光滑的幂律",
    "resource, 1 where 5 tasks are learned": "资源（以学会 5 项任务处为 1）",
    "loss": "损失",
    "measured loss / theory − 1 (%)": "实测损失 / 理论 − 1（%）",
    "Local slopes approach the predicted exponents": "局部斜率趋于预测的指数",
    "local slope of the loss": "损失的局部斜率",
    "time": "时间",
    "data": "数据",
    "parameters": "参数",
    "compute": "计算量",
    "exponent": "指数",
    "measured (points in the fit)": "实测（参与拟合的点）",
    "closed form, many tasks": "闭式解，任务数很多",
    "predicted": "预测",
    "Exponents: predicted and measured": "指数：预测与实测",
    "tolerance": "容差",
}
LAWS = ("time", "data", "parameters", "compute")


def draw(view: RunView, text: Text) -> Figure:
    """Skill curves and their residual, the four losses and theirs, local slopes, exponents."""
    figure, axes = panels(3, 2, width=14.0, height=7.4)
    _skills(axes[0, 0], axes[1, 0], view, text)
    _losses(axes[0, 1], axes[1, 1], view, text)
    _slopes(axes[0, 2], view, text)
    _exponents(axes[1, 2], view, text)
    return figure


def _skills(axis: Axes, below: Axes, view: RunView, text: Text) -> None:
    curves, study = view.curves, view.config["study"]
    time, measured, theory = (curves[name] for name in ("time", "strength", "strength_predicted"))
    target = study["target"]
    shown = [k for k in (1, 2, 5, 10, 20, 50) if k <= study["last"]]
    for k, color in zip(shown, COLORS, strict=False):
        axis.plot(time, theory[:, k - 1] / target, **PREDICTION | {"color": color})
        axis.plot(time, measured[:, k - 1] / target, "o", color=color, markersize=3, label=f"k = {k}")
        below.plot(time, (measured - theory)[:, k - 1] / target, "o-", color=color, markersize=2.5, linewidth=0.7)
    axis.set(xscale="log", xlabel=text("time (steps × step size)"), ylabel=text("strength of skill k, R / S"))
    axis.set_xlim(float(view.curves["time_x"][view.curves["time_fitted"]][0]) / 30, float(time[-1]) * 1.1)
    axis.set_title(text("Each skill switches on along its own sigmoid"))
    axis.legend(loc="upper left", title=text("points: gradient descent, dashed: theory"), ncols=2)
    axis.set_ylim(-0.03, 1.45)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
    largest = np.abs(measured - theory).max(1) / target
    below.fill_between(time, -largest, largest, color="0.85", linewidth=0, label=text("largest of the tasks"))
    for sign in (-1, 1):
        below.axhline(sign * 0.05, color="0.5", linewidth=1.0, label=text("tolerance") if sign > 0 else None)
    below.axhline(0, **PREDICTION)
    below.set(xscale="log", xlim=axis.get_xlim(), ylim=(-0.075, 0.075))
    below.set(xlabel=text("time (steps × step size)"), ylabel=text("gradient descent minus theory"))
    below.legend(loc="lower right", ncols=2)


def _losses(axis: Axes, below: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    for law, color, marker in zip(LAWS, COLORS, "osD^", strict=False):
        inside = curves[f"{law}_fitted"]
        x = curves[f"{law}_x"] / curves[f"{law}_x"][inside][0]
        near = (x > 0.02) & (x < 1.5 * x[inside][-1])
        mean, low, high, predicted = (curves[f"{law}_loss{part}"][near] for part in ("", "_low", "_high", "_predicted"))
        axis.plot(x[near], predicted, **PREDICTION | {"color": color})
        some = slice(None, None, 2)
        _panels.points(axis, x[near][some], mean[some], low[some], high[some], color, text(law), marker)
        _panels.residuals(below, x[near], mean, low, high, predicted, color, text(law), marker)
    axis.set(xscale="log", yscale="log", ylabel=text("loss"), xlabel=text("resource, 1 where 5 tasks are learned"))
    axis.set_title(text("Their sum is a smooth power law"))
    axis.legend(loc="upper right")
    below.set(xscale="log", xlim=axis.get_xlim(), xlabel=text("resource, 1 where 5 tasks are learned"))
    below.set_ylabel(text("measured loss / theory − 1 (%)"))
    below.legend(loc="upper right", ncols=4, columnspacing=0.8, handletextpad=0.1)
    low_end, high_end = below.get_ylim()
    below.set_ylim(low_end, high_end + 0.2 * (high_end - low_end))


def _slopes(axis: Axes, view: RunView, text: Text) -> None:
    expected = exponents(view.config["study"]["alpha"])._asdict()
    for law, color, marker in zip(LAWS, COLORS, "osD^", strict=False):
        inside = view.curves[f"{law}_fitted"]
        x = view.curves[f"{law}_x"] / view.curves[f"{law}_x"][inside][0]
        near = (x > 0.3) & (x < 1.2 * x[inside][-1])
        mean = view.curves[f"{law}_loss"][near]
        _panels.slopes(axis, x[near], mean, color, text(law), -expected[law], min(5, len(mean)), f"{marker}-")
    axis.set(xlabel=text("resource, 1 where 5 tasks are learned"), ylabel=text("local slope of the loss"))
    axis.set_title(text("Local slopes approach the predicted exponents"))
    axis.set_ylim(-1.1 * expected["parameters"] - 0.05, 0.15)
    axis.legend(loc="upper center", ncols=4, columnspacing=0.8, handletextpad=0.3)


def _exponents(axis: Axes, view: RunView, text: Text) -> None:
    expected = exponents(view.config["study"]["alpha"])._asdict()
    for row, law in enumerate(LAWS):
        first = row == 0
        value, low, high = (view.metrics[f"exponent_{law}{part}"] for part in ("", "_low", "_high"))
        axis.plot([expected[law]] * 2, [row - 0.3, row + 0.3], **PREDICTION, label=text("predicted") if first else None)
        axis.errorbar(
            [value], [row + 0.1], xerr=[[value - low], [high - value]], fmt="o", color=COLORS[row],
            label=text("measured (points in the fit)") if first else None,
        )  # fmt: skip
        far = view.metrics[f"theory_exponent_{law}"]
        axis.plot(
            [far],
            [row - 0.1],
            "D",
            color=COLORS[row],
            mfc="none",
            label=text("closed form, many tasks") if first else None,
        )
    axis.set_yticks(range(len(LAWS)), [text(law) for law in LAWS])
    axis.set(ylim=(-0.6, 4.9), xlim=(0, None), xlabel=text("exponent"))
    axis.set_title(text("Exponents: predicted and measured"))
    axis.legend(loc="upper left")
