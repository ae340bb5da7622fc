"""muP's coordinate check and the transfer of the learning rate across widths."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 5}
YANG = "Yang et al. 2021, arXiv:2203.03466, table 8"
RULES = {"mup": "muP", "standard": "standard"}


class Table:
    """muP's coordinate check: change of each layer's output by a few steps of Adam, log-log slope against the width.

    muP should give 0 in every layer; without it the layers grow, up to a slope of 1 (the embedding has no fan-in that
    grows: 0 in both). Last rows: best learning rate of a short training at each width and its slope, which should be
    0 and -1. Mean ± standard deviation over the seeds (language, text, initial weights).
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "muP moves every layer alike at all widths": "muP 在各宽度上以相同幅度更新每一层",
        "slope of log change against log width": "变化对宽度的对数斜率",
        "muP": "muP",
        "standard": "标准参数化",
        "predicted": "预测",
        "embedding": "嵌入层",
        "attention": "注意力",
        "block": "块",
        "logits": "logits",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of the study for each seed."""
        return [["study=coordinate_check", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a layer, then the learning rates."""
        rows: list[list[Cell]] = []
        for layer in _layers(views):
            key = f"slope_{layer.replace(' ', '_')}"
            rows.append([f"slope: {layer}", *[_estimate(views, f"{rule}_{key}", 3) for rule in RULES]])
        for width in views[0].config["study"]["transfer_widths"]:
            rows.append([f"best rate, width {width}", *[_estimate(views, f"{r}_best_rate_{width}", 3) for r in RULES]])
        rows.append(["slope: best rate", *[_estimate(views, f"{rule}_rate_slope", 2) for rule in RULES]])
        return Sheet(["quantity", "muP", "standard parametrisation"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Slope of every layer under both parametrisations, one point a seed."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, (axes,) = panels(1, width=6.4, height=3.8)
        layers = _layers(views)
        places = np.arange(len(layers))
        for color, (rule, label), expected in zip(COLORS, RULES.items(), (0.0, 1.0), strict=False):
            for view in views:
                values = [view.metrics[f"{rule}_slope_{layer.replace(' ', '_')}"] for layer in layers]
                axes.plot(places, values, "o", color=color)
            axes.plot([], [], "o", color=color, label=text(label))
            axes.axhline(expected, **PREDICTION, label=text("predicted") if expected else None)
        named = [" ".join([text(layer.split()[0]), *layer.split()[1:]]) for layer in layers]
        axes.set_xticks(places, labels=named)
        axes.set(ylabel=text("slope of log change against log width"), ylim=(-0.3, 1.7))
        axes.set_title(text("muP moves every layer alike at all widths"))
        axes.legend(loc="upper left", ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The slopes of the best learning rate, mean over the seeds: one seed alone is noisy."""
        study = views[0].config["study"]
        widths = study["transfer_widths"]
        setting = f"mean of {len(views)} seeds, widths {widths[0]} to {widths[-1]}, {study['transfer_steps']} steps"
        enough = len(views) > 2 and all(claim.measured is not None for view in views for claim in view.claims)
        bands = {"mup": (0.0, -0.25, 0.25), "standard": (-1.0, None, -0.5)}
        return [
            Claim(
                f"coordinate_check.pooled_rate_{rule}",
                f"{name}: best learning rate against width, log-log slope ({setting})",
                *bands[rule],
                float(np.mean([view.metrics[f"{rule}_rate_slope"] for view in views])) if enough else None,
                YANG,
            )
            for rule, name in (("mup", "muP"), ("standard", "Standard parametrisation"))
        ]


def _layers(views: list[RunView]) -> list[str]:
    return [str(layer) for layer in views[0].curves["layers"]]


def _estimate(views: list[RunView], name: str, digits: int) -> Estimate:
    return Estimate.of([view.metrics[name] for view in views], digits)
