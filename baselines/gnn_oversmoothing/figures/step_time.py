"""The figure of ``study=step_time``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

NAMES = {
    "plain": "PyG, edge list",
    "cached": "PyG, cached edges",
    "sparse": "this suite, sparse",
}

ZH: dict[str, str] = {
    "PyG, edge list": "PyG，边列表",
    "PyG, cached edges": "PyG，缓存的边",
    "this suite, sparse": "本套件，稀疏",
    "five seeds in one network": "五个种子合为一个网络",
    "number of layers": "层数",
    "processor time of a training step / ms": "每个训练步的处理器时间 / 毫秒",
    "time relative to the alternative": "相对于对照方案的时间",
    "target": "目标",
    "Time of a step": "单步时间",
    "Ratios": "比值",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Draw the time of every timed block against depth, and the ratios of the medians with their targets."""
    figure, axes = panels(2, width=9.6, height=3.8)
    depth = view.curves["depth"].astype(int)
    for number, (name, label) in enumerate(NAMES.items()):
        for d in depth:
            times = 1e3 * view.curves[f"{name}_step_depth_{d}_s"]
            at = np.full(times.size, d * 2.0 ** (0.12 * (number - 1)))
            style = {"color": COLORS[number], "marker": "osD"[number], "linestyle": "", "markersize": 3.5}
            axes[0].plot(at, times, **style, label=text(label) if d == depth[0] else None)
    axes[0].set(yscale="log", ylabel=text("processor time of a training step / ms"), title=text("Time of a step"))
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ratio = [view.metrics[f"sparse_over_plain_depth_{d}"] for d in depth]
    axes[1].plot(depth, ratio, "o", color=COLORS[2], label=f"{text('this suite, sparse')} / {text('PyG, edge list')}")
    if f"together_over_one_by_one_depth_{depth[0]}" in view.metrics:
        together = [view.metrics[f"together_over_one_by_one_depth_{d}"] for d in depth]
        axes[1].plot(depth, together, "s", color=COLORS[3], label=text("five seeds in one network"))
    targets = [claim for claim in view.claims if claim.id.endswith(".ratio")]
    known = {d: claim.high for d in depth for claim in targets if f" {d}-layer " in claim.statement}
    if known:
        axes[1].plot(list(known), list(known.values()), **PREDICTION, label=text("target"))
    axes[1].axhline(1.0, color="black", linewidth=0.6)
    axes[1].set(ylim=(0.0, None), ylabel=text("time relative to the alternative"), title=text("Ratios"))
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(list(depth)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        ax.set_xlabel(text("number of layers"))
        ax.legend(loc="best")
    return figure
