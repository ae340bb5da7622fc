"""Every exponent of the topic: predicted, measured with its interval, published."""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from baselines.common.claims import HOLDS, Claim
from baselines.common.record import RunView
from benchmarks.claims import published
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 3}
STUDIES = (
    "three_variables", "matching", "online_sgd", "kernel", "skills", "parity", "manifold", "memory", "chinchilla",
    "isoflop", "transformer",
)  # fmt: skip
"""Studies that measure an exponent."""
DATA = {
    "chinchilla": "scaling/epoch_chinchilla/svg_extracted_data.csv",
    "isoflop": "scaling/llama3_isoflops/isoflops.csv",
}
"""The file that a study needs."""
LONG = ("transformer",)
"""Studies of which the standard suite does one seed."""


VERDICTS = {"within its band": "#0072B2", "outside": "#D55E00", "not judged": "0.6"}
"""What the runs say, and its colour."""


class Found(NamedTuple):
    """One exponent as the runs of a study measured it."""

    study: str
    claim: Claim
    """That of the first run; the statement says which exponent it is."""
    measured: float
    low: float
    high: float
    predicted: float | None
    holding: int
    runs: int


class Table:
    """Exponents: predicted, measured, published.

    Each run fits the slope of a power law in the log-log plane and gives it a 95 % interval by bootstrap over its draws
    (data, features, initial weights; for real tables over the runs). Shown: means over the seeds of the exponent and of
    the two ends. A prediction is one of infinite size; the band of the verdict allows for finite size where the
    statement says so.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Measured exponents against their predictions": "测得的指数与预测值",
        "measured minus predicted": "测量值减预测值",
        "within its band": "在允许范围内",
        "outside": "超出范围",
        "not judged": "不作判断",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The runs that the studies' own tables make."""
        return [
            [f"study={study}", f"seed={seed}"]
            for study in STUDIES
            for seed in range(1 if suite == "standard" and study in LONG else SEEDS[suite])
        ]

    def available(self, run: list[str], data_dir: str) -> bool:
        """Whether the data of a run are here."""
        needed = DATA.get(run[0].removeprefix("study="))
        return needed is None or (Path(data_dir).expanduser() / needed).is_file()

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row an exponent."""
        known = published(self.topic)
        rows: list[list[Cell]] = []
        for one in exponents(views):
            row = known.get(one.claim.id)
            rows.append(
                [
                    one.study,
                    one.claim.statement,
                    _prediction(one),
                    f"{one.measured:.3f}",
                    f"{one.low:.3f} … {one.high:.3f}",
                    f"{row['value']} ({row['source']})" if row else None,
                    f"{one.holding}/{one.runs}" if one.runs else "not measured",
                ]
            )
        columns = ["study", "exponent", "predicted", "measured", "95 % interval", "published", "runs that hold"]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Measured minus predicted with the interval, one line an exponent."""
        from baselines.common.plotting import panels

        found = [one for one in exponents(views) if (_prediction(one) or "≥")[0] not in "≥≤"]
        if not found:
            return None
        figure, (axis,) = panels(1, width=8.0, height=1.2 + 0.24 * len(found))
        seen: set[str] = set()
        for position, one in enumerate(reversed(found)):
            assert one.predicted is not None
            label = _verdict(one)
            bar = [[max(one.measured - one.low, 0)], [max(one.high - one.measured, 0)]]
            axis.errorbar(
                one.measured - one.predicted, position, xerr=bar, fmt="o", capsize=2,
                color=VERDICTS[label],
                label=None if label in seen else text(label),
            )  # fmt: skip
            seen.add(label)
        axis.axvline(0, color="0.5", linewidth=0.9)
        names = [one.claim.id.replace(".exponent_", ": ").replace("_", " ") for one in reversed(found)]
        axis.set_yticks(range(len(found)), labels=names)
        axis.set(xlabel=text("measured minus predicted"), ylim=(-0.7, len(found) - 0.3))
        axis.set_title(text("Measured exponents against their predictions"))
        axis.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def exponents(views: list[RunView]) -> list[Found]:
    """All exponents that a claim is made of, in the order of the runs."""
    groups: dict[str, list[tuple[RunView, Claim]]] = {}
    for view in views:
        for claim in view.claims:
            name = _metric(claim)
            if name.startswith("exponent_") and name + "_low" in view.metrics:
                groups.setdefault(claim.id, []).append((view, claim))
    found = []
    for pairs in groups.values():
        view, claim = pairs[0]
        name = _metric(claim)
        value, low, high = (fmean(one.metrics[name + end] for one, _ in pairs) for end in ("", "_low", "_high"))
        predictions = [other.predicted for _, other in pairs if other.predicted is not None]
        judged = [other for _, other in pairs if other.measured is not None]
        holding = sum(other.verdict == HOLDS for other in judged)
        predicted = fmean(predictions) if predictions else None
        found.append(Found(view.choices["study"], claim, value, low, high, predicted, holding, len(judged)))
    return found


def _verdict(found: Found) -> str:
    """Whether all runs that judge the exponent find it in its band."""
    if not found.runs:
        return "not judged"
    return "within its band" if found.holding == found.runs else "outside"


def _prediction(found: Found) -> str | None:
    """The predicted exponent, or the bound if only a bound is known."""
    if found.predicted is None:
        return None
    ends = (found.claim.low, found.claim.high)
    bound = {(found.predicted, None): "≥ ", (None, found.predicted): "≤ "}.get(ends, "")
    return f"{bound}{found.predicted:.3f}"


def _metric(claim: Claim) -> str:
    """Name of the metric that a claim on an exponent is made of."""
    return claim.id.partition(".")[2]
