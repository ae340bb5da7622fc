"""What the table of thresholds groups: the runs of one optimizer at one setting on one problem."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from baselines.common.claims import FAILS, HOLDS, Claim, verdict
from baselines.common.record import RunView

ENOUGH_STEPS = 1000  # a shorter run has not settled


@dataclass(frozen=True)
class Known:
    """What the table says about an optimizer; its file in baselines/loss_landscape/optimizers has the mathematics."""

    name: str
    formula: str
    symbol: str
    """The setting that is compared."""


OPTIMIZERS = {
    "gd": Known("gradient descent", "2/η", "2/η"),
    "polyak": Known("heavy ball, β = 0.9", "2(1+β)/η", "edge"),
    "nesterov": Known("Nesterov, β = 0.9", "2(1+β)/((1+2β)η)", "edge"),
    "rmsprop": Known("RMSprop", "2/η, of inv(P) H", "η"),
    "adam": Known("Adam", "38/η, of inv(P) H", "η"),
    "sam": Known("SAM", "G (√(1+8r/(ηG)) - 1) / 2r", "2/η"),
    "sgd": Known("mini-batches", "below 2/η", "batch"),
}


@dataclass(frozen=True)
class Group:
    """The runs of one setting, one a seed."""

    optimizer: str
    value: float
    problem: str
    """Empty for digits."""
    views: tuple[RunView, ...]

    @property
    def on_digits(self) -> bool:
        """Whether it is the common task."""
        return not self.problem

    @property
    def degree(self) -> int:
        """Of the Chebyshev polynomial; 0 of other tasks."""
        task = self.views[0].config["task"]
        return int(task["degree"]) if self.views[0].choices["task"] == "chebyshev" else 0

    @property
    def curve(self) -> str:
        """Name of the training in the records."""
        return f"edge_{self.value:g}"

    @property
    def label(self) -> str:
        """Name of the optimizer or problem."""
        name = OPTIMIZERS[self.optimizer].name
        return f"{name}, {self.problem}" if self.problem else name

    def metric(self, name: str) -> list[float]:
        """A metric of every run that has it."""
        key = f"{name}_{self.value:g}"
        return [view.metrics[key] for view in self.views if key in view.metrics]

    @property
    def lr(self) -> float:
        """The step size."""
        first = self.views[0].curves
        return float(first[f"{self.curve}.time"][-1] / first[f"{self.curve}.step"][-1])

    @property
    def hover(self) -> Claim | None:
        """The claim of the first run that has one about this setting."""
        found = [
            claim
            for view in self.views
            for claim in view.claims
            if claim.id == f"landscape.{self.optimizer}.hover.{self.value:g}"
        ]
        measured = [claim for claim in found if claim.measured is not None]
        return next(iter(measured or found), None)

    @property
    def verdict(self) -> str:
        """That of the mean over the runs, if any of them is long enough."""
        claim = self.hover
        if claim is None or claim.measured is None:
            return "–"
        found = verdict(float(np.mean(self.metric("hover_ratio"))), claim.low, claim.high)
        return {HOLDS: "✓ holds", FAILS: "✗ fails"}[found]

    @property
    def gradients(self) -> float:
        """Processor time of a measurement over that of a gradient, median over the runs."""
        quotients = []
        for view in self.views:
            measuring, gradient = (view.curves[f"{self.curve}_loss.{part}_s"] for part in ("curvature", "gradient"))
            quotients.append(np.median(measuring[measuring > 0]) / np.median(gradient))
        return float(np.median(quotients))

    @property
    def settled(self) -> bool:
        """Whether the runs have settled."""
        return all(view.config["probe"]["steps"] >= ENOUGH_STEPS for view in self.views)


def groups(views: list[RunView]) -> Iterator[Group]:
    """The settings in the order of the table."""
    found: dict[tuple[str, float, str], list[RunView]] = {}
    for view in views:
        optimizer, task = view.choices["optimizer"], view.choices["task"]
        problem = {"chebyshev": f"Chebyshev {view.config['task'].get('degree')}", "cifar10": "CIFAR-10"}.get(task, "")
        names = [key for key in view.curves if key.startswith("edge_") and key.endswith(".sharpness")]
        for name in names:
            value = float(name.removeprefix("edge_").removesuffix(".sharpness"))
            found.setdefault((optimizer, value, problem), []).append(view)
    order = list(OPTIMIZERS)
    for key in sorted(found, key=lambda key: (key[2], order.index(key[0]), key[1])):
        yield Group(*key, tuple(found[key]))
