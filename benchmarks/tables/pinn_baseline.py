"""The common PINN baseline on four problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEMS = {  # the front needs iterations, which float32 buys; smooth problems need precision
    "burgers": "float32",
    "poisson2d": "float64",
    "heat": "float64",
    "poisson_inverse": "float32",
}
SEEDS = {"smoke": 1, "standard": 3, "paper": 5}


class Table:
    """Adam then L-BFGS through DeepXDE: errors against references with a known bar.

    Relative L2 and largest absolute error of the solution, relative error of the recovered parameter beside that of
    least squares on the same data, error bar of the reference, residual on fresh points over residual on training
    points: geometric mean [minimum … maximum] over n seeds. Training time: mean ± standard deviation. Lower is better.
    The parameters returned are those of lowest training loss. In float32 L-BFGS ends by itself where rounding hides
    the descent.
    """

    topic: ClassVar[str] = "pinn_pde"
    ZH: ClassVar[dict[str, str]] = {
        "relative L2 error": "相对 L2 误差",
        "training time / s": "训练时间 / 秒",
        "residual, fresh points / training points": "残差之比：新取的点 / 训练点",
        "Error against training time": "误差与训练时间",
        "Is the training loss to be believed?": "训练损失可信吗？",
        "alarm": "警戒线",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Each problem with the same seeds."""
        seeds = range(SEEDS[suite])
        return [
            [f"problem={name}", "method=adam_lbfgs", f"dtype={dtype}", f"seed={seed}"]
            for name, dtype in PROBLEMS.items()
            for seed in seeds
        ]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a problem."""
        columns = [
            "problem",
            "type",
            "relative L2 error",
            "largest error",
            "parameter error",
            "least-squares error",
            "reference's bar",
            "residual ratio",
            "training time / s",
        ]
        return Sheet(columns, [self._row(name, of(views, name)) for name in PROBLEMS if of(views, name)])

    def _row(self, name: str, views: list[RunView]) -> list[Cell]:
        metrics = [view.metrics for view in views]

        def estimate(metric: str) -> Cell:
            values = [m[metric] for m in metrics if metric in m]
            return Estimate.log10(values) if values else None

        floor = max(m["reference_error"] for m in metrics)
        error: Cell = estimate("judged_l2")
        if any(m["at_floor"] for m in metrics):
            error = f"at the reference's floor, < {3 * floor:.1e}"
        return [
            name,
            PROBLEMS[name],
            error,
            estimate("max_error"),
            estimate("diffusivity_error"),
            estimate("least_squares_error"),
            f"{floor:.0e}",
            estimate("residual_ratio"),
            Estimate.of([view.cost["training_s"] for view in views], digits=1),
        ]

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Error against training time, and the residual ratio with its alarm."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, axes = panels(2, width=10.0, height=3.6)
        for i, (name, color) in enumerate(zip(PROBLEMS, COLORS, strict=False)):
            own = of(views, name)
            seconds, error = [v.cost["training_s"] for v in own], [v.metrics["judged_l2"] for v in own]
            axes[0].loglog(seconds, error, "o", color=color, label=name)
            axes[1].semilogy([i] * len(own), [v.metrics["residual_ratio"] for v in own], "o", color=color)
        axes[0].set_xlabel(text("training time / s"))
        axes[0].set_ylabel(text("relative L2 error"))
        axes[0].set_title(text("Error against training time"))
        axes[0].legend()
        axes[1].axhline(2.0, label=text("alarm"), **PREDICTION)
        axes[1].set_xticks(range(len(PROBLEMS)), list(PROBLEMS))
        axes[1].set_xlim(-0.5, len(PROBLEMS) - 0.5)
        axes[1].set_ylabel(text("residual, fresh points / training points"))
        axes[1].set_title(text("Is the training loss to be believed?"))
        axes[1].legend()
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Smooth problems are solved better than the one with a front."""
        means = {}
        for name in ("burgers", "poisson2d", "heat"):
            own = [v.metrics["judged_l2"] for v in of(views, name) if v.metrics["iterations"] > 1000]
            means[name] = Estimate.log10(own).value if own else None
        front, smooth = means["burgers"], [means["poisson2d"], means["heat"]]
        ratio = front / max(s for s in smooth if s) if front and all(smooth) else None
        return [
            Claim(
                "pinn.front_is_hard",
                "The front of Burgers costs at least a factor 5 in relative L2 error against the worse of two smooth "
                "problems, with the same network and training",
                None,
                5.0,
                None,
                ratio,
                "collocation points 0.028 apart cannot see a front 0.013 thick; geometric means over seeds",
            )
        ]


def of(views: list[RunView], name: str) -> list[RunView]:
    """The records of one problem."""
    return [view for view in views if view.choices["problem"] == name]
