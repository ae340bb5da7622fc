"""Three IsoFLOP methods on the Llama 3 runs, and the exponent of the model size under several parameter counts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.claims import published
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = (
    "scaling/llama3_isoflops/isoflops.csv",
    "scaling/nanochat_isoflop/optima_by_param_convention.csv",
    "scaling/misfitting/scaling_results_last_ckpt_only.csv",
)
LLAMA3 = {
    "exponent_tokens": ("parabola", "parabola_target_tokens"),
    "exponent_tokens_akima": ("Akima", "akima_target_tokens"),
    "exponent_tokens_surface": ("surface", "surface_target_tokens"),
}
COUNTS = {
    "all": "all parameters",
    "without_embedding": "without the embedding",
    "without_embedding_and_head": "without embedding and head",
}


class Table:
    """IsoFLOP analyses: exponents of the compute-optimal tokens D* ~ C^d and parameters N* ~ C^a.

    Llama 3: 133 runs at 10 budgets, three methods; 95 % bootstrap over runs within budgets (500 tables), interval ends
    are means over the seeds of the bootstrap; tokens at 3.8e25 FLOP extrapolated by the power law. nanochat: power law
    through the printed optima at four budgets, 95 % t-interval. (Mis)Fitting: surface fitted to 81 runs of the best
    learning rate, 95 % bootstrap over runs (200 tables). Nothing is better or worse here: the rows of one data set
    would agree if the method, or the count of the parameters, made no difference.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Exponents with 95 % intervals": "指数及其 95% 区间",
        "Exponent of D* or N* in compute": "D* 或 N* 对计算量的指数",
        "this project": "本项目",
        "published": "已发表",
        "parabola": "抛物线",
        "Akima": "Akima 插值",
        "surface": "损失曲面",
        "all parameters": "全部参数",
        "without the embedding": "不含嵌入层",
        "without embedding and head": "不含嵌入层与输出层",
    }

    def needs(self, data_dir: str) -> str | None:
        """Three tables of runs are not part of the package."""
        missing = [name for name in FILES if not (Path(data_dir).expanduser() / name).is_file()]
        if not missing:
            return None
        return (
            f"{Path(data_dir).expanduser() / missing[0]} is missing; "
            "`python -m baselines.scaling_law study=isoflop` says where to get it"
        )

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds of the bootstrap; one for smoke."""
        return [["study=isoflop", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a fit."""
        known = published(self.topic)
        rows: list[list[Cell]] = []
        for data, method, key, target in _fits():
            value, low, high = ours(views, key)
            cells: list[Cell] = [data, method, "D*" if "tokens" in key else "N*", f"{value:.3f}"]
            cells.append(f"{low:.3f} … {high:.3f}")
            printed = known.get(f"isoflop.{key}")
            cells.append(printed["value"] if printed else None)
            if target:
                tokens = [end / 1e12 for end in ours(views, target)]
                printed = known.get(f"isoflop.{target}")
                cells += [
                    f"{tokens[0]:.1f}",
                    f"{tokens[1]:.1f} … {tokens[2]:.1f}",
                    printed["value"] if printed else None,
                ]
            else:
                cells += [None, None, None]
            rows.append(cells)
        columns = ["runs", "fit", "of", "exponent", "interval", "published"]
        columns += ["tokens at 3.8e25 FLOP (1e12)", "interval", "published"]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Every exponent with its interval and the published one."""
        from baselines.common.plotting import COLORS, panels

        known = published(self.topic)
        fits = _fits()
        figure, axes = panels(1, width=7.4, height=4.0)
        for position, (_, _, key, _) in enumerate(reversed(fits)):
            value, low, high = ours(views, key)
            axes[0].errorbar(
                value, position, xerr=[[max(value - low, 0)], [max(high - value, 0)]], fmt="o", color=COLORS[0],
                capsize=3, label=text("this project") if position == 0 else None,
            )  # fmt: skip
            if printed := known.get(f"isoflop.{key}"):
                axes[0].plot(float(printed["value"]), position + 0.18, "D", color=COLORS[1])
        axes[0].plot([], [], "D", color=COLORS[1], label=text("published"))
        axes[0].set_yticks(
            range(len(fits)), labels=[f"{data}: {text(method)}" for data, method, _, _ in reversed(fits)]
        )
        axes[0].set(xlabel=text("Exponent of D* or N* in compute"), ylim=(-0.6, len(fits) + 0.6))
        axes[0].set_title(text("Exponents with 95 % intervals"))
        axes[0].legend(loc="upper left", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """That the estimates do not depend on the seed, which draws the bootstrap."""
        found = np.array([[view.metrics[key] for key in LLAMA3] for view in views])
        spread = float(np.ptp(found, axis=0).max())
        return [
            Claim(
                "isoflop.same_estimates",
                f"The three estimates of d do not depend on the seed: largest spread over {len(views)} seeds",
                0.0, None, 1e-9, spread if len(views) > 1 else None, "this project",
            )
        ]  # fmt: skip


def _fits() -> list[tuple[str, str, str, str | None]]:
    """Data set, fit, metric of the exponent, metric of the extrapolated tokens."""
    rows: list[tuple[str, str, str, str | None]] = [
        ("Llama 3", method, key, target) for key, (method, target) in LLAMA3.items()
    ]
    rows += [("nanochat", label, f"nanochat_size_{name}", None) for name, label in COUNTS.items()]
    rows += [("(Mis)Fitting", COUNTS[name], f"misfitting_size_{name}", None) for name in ("all", "without_embedding")]
    return rows


def ours(views: list[RunView], name: str) -> tuple[float, float, float]:
    """Our value and the ends of its interval, means over the seeds."""
    found = [[view.metrics[key] for key in (name, f"{name}_low", f"{name}_high")] for view in views]
    value, low, high = np.mean(found, axis=0)
    return float(value), float(low), float(high)
