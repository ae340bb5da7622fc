"""Small transformers at fixed compute: best size by the count of parameters, and the entropy that the law finds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.claims import published
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 1, "paper": 3}
CONVENTIONS = {
    "all": "a, N counts everything",
    "without_embedding": "a, N without the embedding",
    "without_embedding_and_head": "a, N without embedding and head",
}


class Table:
    """Small transformers on text of known entropy H: IsoFLOP ladder, generated text, one pass.

    Best size N* ~ C^a by parabolas, with the 95 % interval of the training noise, for three counts of N; the law
    L = E + A/N^alpha + B/D^beta with 95 % bootstrap intervals over the trainings. E/H should be 1. One seed (a ladder
    takes minutes), final loss on fresh text. nanochat: larger models, real text: compare the order.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "The less is counted, the larger the exponent": "计数越少，指数越大",
        "exponent a of the best size": "最优规模的指数 a",
        "these trainings, 95 % interval": "本实验，95% 区间",
        "nanochat (larger models, real text)": "nanochat（更大的模型，真实文本）",
        "everything": "全部",
        "without embedding": "不计嵌入层",
        "without embedding\nand head": "不计嵌入层\n与输出层",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """One ladder; three for paper."""
        return [["study=transformer", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """Exponents, law and entropy; means over the seeds."""
        rows: list[list[Cell]] = []
        for name, label in CONVENTIONS.items():
            rows.append([label, *_value(views, f"exponent_{name}"), f"{_nanochat(name):.2f} (nanochat)"])
        rows.append(["a of the law", *_value(views, "surface_a"), None])
        for name in ("alpha", "beta", "E"):
            known = f"{_mean(views, 'entropy'):.4f} (exact entropy)" if name == "E" else None
            rows.append([name, *_value(views, name), known])
        rows.append(["E/H", f"{_mean(views, 'E_over_entropy'):.4f}", None, "1"])
        rows.append(["lowest loss/H", f"{_mean(views, 'lowest_loss_over_entropy'):.4f}", None, "≥ 1"])
        rows.append(
            ["learned share of the loss that can be learned", f"{_mean(views, 'learned_share'):.3f}", None, "1"]
        )
        rows.append(["best D/N at the largest budget", f"{_mean(views, 'tokens_per_parameter'):.1f}", None, None])
        return Sheet(["quantity", "measured", "95 % interval", "to compare with"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Exponents by convention beside nanochat's."""
        from baselines.common.plotting import COLORS, panels

        figure, (axes,) = panels(1, width=6.4, height=3.8)
        places = np.arange(len(CONVENTIONS))
        ours = np.array(
            [[_mean(views, f"exponent_{name}{end}") for name in CONVENTIONS] for end in ("", "_low", "_high")]
        )
        bars = np.maximum([ours[0] - ours[1], ours[2] - ours[0]], 0)
        axes.errorbar(
            places - 0.06, ours[0], bars, fmt="o", color=COLORS[0], label=text("these trainings, 95 % interval")
        )
        label = text("nanochat (larger models, real text)")
        axes.plot(places + 0.06, [_nanochat(name) for name in CONVENTIONS], "s", color=COLORS[1], label=label)
        names = ("everything", "without embedding", "without embedding\nand head")
        axes.set_xticks(places, labels=[text(name) for name in names])
        axes.set(ylabel=text("exponent a of the best size"), xlim=(-0.5, len(places) - 0.5))
        axes.set_title(text("The less is counted, the larger the exponent"))
        axes.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _nanochat(convention: str) -> float:
    """The exponent that nanochat's log prints for a way of counting: larger models, real text."""
    return float(published("scaling_law")[f"isoflop.nanochat_size_{convention}"]["value"])


def _mean(views: list[RunView], name: str) -> float:
    """Mean of a metric over the runs that have it; NaN if none has."""
    found = [view.metrics[name] for view in views if name in view.metrics]
    return float(np.mean(found)) if found else float("nan")


def _value(views: list[RunView], name: str) -> tuple[str, str]:
    """Mean of a metric, and of the ends of its interval."""
    low, high = _mean(views, f"{name}_low"), _mean(views, f"{name}_high")
    return f"{_mean(views, name):.3f}", f"{low:.3f} … {high:.3f}"
