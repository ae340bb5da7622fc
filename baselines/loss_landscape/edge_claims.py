"""What the runs of the probe `edge_of_stability` say about its predictions."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from baselines.common.claims import Claim
from baselines.loss_landscape.optimizer import BaseOptimizer
from baselines.loss_landscape.trajectory import Trajectory, rising_quarters, rising_share

if TYPE_CHECKING:
    from baselines.loss_landscape.probes.edge_of_stability import Probe

COHEN = "Cohen et al. 2021 (arXiv:2103.00065), abstract and Figure 1"
ADAPTIVE = "Cohen et al. 2022 (arXiv:2207.14484)"
LONG = "Long and Bartlett 2023 (arXiv:2309.12488)"
STOCHASTIC = "arXiv:2412.20553"
SOURCES = {"sam": LONG, "adam": ADAPTIVE, "rmsprop": ADAPTIVE}
ENOUGH_STEPS = 1000  # a shorter run is over before the sharpness has settled: its claims are not measured
LONG_AFTER = 4  # times the arrival: how long gradient flow must be followed for the distance to it to count
FAR_BELOW = 0.6  # of 2/eta: where SAM's sharpness must stay


@dataclass
class Claims:
    """Every claim of a run."""

    probe: "Probe"
    optimizer: BaseOptimizer
    edges: list[Trajectory]
    control: Trajectory | None
    setting: str
    squares: bool = True
    """Whether the loss is the squared error; with cross-entropy the sharpness falls late: only the quadratic counts."""

    def all(self) -> list[Claim]:
        """Every claim, in the order of the story."""
        return [self.quadratic(), *self.of_the_runs()]

    def of_the_runs(self) -> list[Claim]:
        """Those that need training."""
        claims: list[Claim] = []
        if self.optimizer.BAND:
            claims += [self.hover(one, self.optimizer.BAND) for one in self.edges]
        if self.name == "sam":
            claims += [self.far_below(one) for one in self.edges]
        if self.optimizer.batch_size(self.edges[0].value):
            claims.append(self.order_of_batch_sizes())
        if not self.optimizer.FOLLOWS_FLOW:
            return claims
        if self.control:
            claims += [self.arrival(one, self.control) for one in self.edges]
            claims += [self.sharpening(self.control)]
        claims += [self.leaves_flow(one) for one in self.edges if one.flow_distance]
        return claims + self.losses()

    @property
    def name(self) -> str:
        """The optimizer's name on the command line."""
        return type(self.optimizer).__module__.rpartition(".")[2]

    @property
    def prefix(self) -> str:
        """Start of the claims' names."""
        return f"landscape.{self.name}"

    @property
    def settled(self) -> bool:
        """Whether the runs are long enough, and their loss is such, that what happens in the end is predicted."""
        return self.probe.steps >= ENOUGH_STEPS and self.squares

    def quadratic(self) -> Claim:
        """The formula behind the edge, against the spectral radius of a step and against running the optimizer."""
        from baselines.loss_landscape import thresholds

        norm, resting = 1.0, self.optimizer.resting()
        rates = list(dict.fromkeys(map(self.optimizer.learning_rate, self.optimizer.settings())))
        steps = [self.optimizer.step_matrix(lr, norm) for lr in rates]
        edges = [self.optimizer.edge(lr, norm) for lr in rates]
        ratios = [thresholds.threshold(step) / edge for step, edge in zip(steps, edges, strict=True)]
        # Running it takes longer, and the answer depends on lr * curvature alone: one step size is enough.
        found = thresholds.measured(
            partial(self.optimizer.build, lr=rates[0]),
            edges[0] * resting / 2,
            edges[0] * resting * 2,
            rtol=1e-10,
            steps=thresholds.memory(steps[0]),
            start=1e-100,
            slope=norm,
        )
        ratios.append(found / resting / edges[0])
        return Claim(
            id=f"{self.prefix}.quadratic",
            statement=f"on a quadratic {self.optimizer.NAME} starts to diverge at the curvature {self.optimizer.EDGE}"
            " (found by bisection, on the step's spectral radius and on running it, divided by the formula)",
            predicted=1.0,
            low=1 - 1e-9,
            high=1 + 1e-9,
            measured=max(ratios, key=lambda ratio: abs(ratio - 1)),
            source="linear stability of the step, docs/loss_landscape.md",
        )

    def hover(self, one: Trajectory, band: tuple[float, float]) -> Claim:
        """Measured if the edge is reached, or by the control should be, in the first half of the run."""
        arrivals = [one.reaches(one.edge), self.control.reaches(one.edge) if self.control else None]
        if not self.optimizer.FOLLOWS_FLOW and one.crossing_step is not None:
            arrivals = [one.crossing_step * one.lr]
        early = [time for time in arrivals if time is not None and time < self.probe.steps * one.lr / 2]
        due = bool(early) or one.starts_beyond
        setting = f"{self.optimizer.SYMBOL} = {one.value:g}"
        if self.optimizer.SYMBOL in ("2/eta", "edge") and self.name != "sam":
            quantity = f"sharpness / {one.value:g}"
        else:
            sharpness = "largest eigenvalue of P^-1 H" if self.optimizer.ADAPTIVE else "sharpness"
            quantity = f"{sharpness} / ({self.optimizer.EDGE})"
        return Claim(
            id=f"{self.prefix}.hover.{one.value:g}",
            statement=f"{setting}: mean of {quantity} in the second half of {self.probe.steps} steps ({self.setting})",
            predicted=1.0,
            low=band[0],
            high=band[1],
            measured=float(one.ratios.mean()) if due and self.settled else None,
            source=f"the edge of stability: {SOURCES.get(self.name, COHEN)}",
        )

    def far_below(self, one: Trajectory) -> Claim:
        """The same run against gradient descent's own edge."""
        return Claim(
            id=f"{self.prefix}.below.{one.value:g}",
            statement=f"2/eta = {one.value:g}: SAM keeps the sharpness far below the edge of gradient descent: mean of"
            f" sharpness / {one.value:g} in the second half of {self.probe.steps} steps ({self.setting})",
            predicted=None,
            low=None,
            high=FAR_BELOW,
            measured=one.sharpness_eta_half if self.settled else None,
            source=f"the edge of SAM: {LONG}",
        )

    def order_of_batch_sizes(self) -> Claim:
        """The sharpness stays the farther below 2/eta, the smaller the mini-batches are."""
        ordered = sorted(self.edges, key=lambda one: one.value)
        sizes = ", ".join(f"{one.value:g}" for one in ordered)
        gaps = [below.ratios.mean() / above.ratios.mean() for below, above in pairwise(ordered)]
        return Claim(
            id=f"{self.prefix}.order",
            statement=f"at 2/eta = {2 / ordered[0].lr:g} the mean sharpness of the second half of {self.probe.steps}"
            f" steps rises with the batch size ({sizes}): largest quotient of a size and the next ({self.setting})",
            predicted=None,
            low=None,
            high=1.0,
            measured=float(max(gaps)) if self.settled and gaps else None,
            source=f"the edge of stochastic stability: {STOCHASTIC}",
        )

    def arrival(self, one: Trajectory, control: Trajectory) -> Claim:
        """Below its edge a run follows gradient flow, so the control tells when it arrives there."""
        reached, predicted = one.reaches(one.edge), control.reaches(one.edge)
        return Claim(
            id=f"{self.prefix}.arrival.{one.value:g}",
            statement=f"{self.optimizer.EDGE} = {one.value:g}: training time eta*step at which the sharpness reaches"
            f" {one.value:g}, divided by that of the control ({self.optimizer.EDGE} = {control.value:g};"
            f" {self.setting})",
            predicted=1.0,
            low=0.9,
            high=1.15,
            measured=reached / predicted if self.settled and reached and predicted else None,
            source=f"gradient descent follows gradient flow up to the edge: {COHEN}",
        )

    def sharpening(self, control: Trajectory) -> Claim:
        """The step size is what stops the sharpness: with a smaller one the same network goes on."""
        top = max(one.edge for one in self.edges)
        enough = self.probe.control_steps >= ENOUGH_STEPS and self.squares
        return Claim(
            id=f"{self.prefix}.sharpening",
            statement=f"the control ({self.optimizer.EDGE} = {control.value:g}) sharpens past every edge above:"
            f" its sharpness after {self.probe.control_steps} steps / {top:g} ({self.setting})",
            predicted=None,
            low=1.0,
            high=None,
            measured=control.sharpness[-1] / top if enough else None,
            source=f"progressive sharpening: {COHEN}",
        )

    def leaves_flow(self, one: Trajectory) -> Claim:
        """Gradient descent tracks gradient flow until its edge, and leaves it there."""
        before, crossing = one.distance_before, one.crossing_step
        end = one.steps[len(one.flow_distance) - 1]
        due = before is not None and crossing is not None and end >= LONG_AFTER * crossing and self.settled
        return Claim(
            id=f"{self.prefix}.flow",
            statement=f"{self.optimizer.EDGE} = {one.value:g}: distance of the weights to gradient flow at the same"
            f" training time, at step {end} / mean up to the arrival at the edge ({self.setting})",
            predicted=None,
            low=10.0,
            high=None,
            measured=one.flow_distance[-1] / before if due and before else None,
            source=f"gradient descent follows gradient flow up to the edge: {COHEN}",
        )

    def losses(self) -> list[Claim]:
        """The loss falls at every step below the edge; at the edge only over long times."""
        everyone = [*self.edges, *([self.control] if self.control else [])]
        stable = max(rising_share(one.losses_before()) for one in everyone)
        curves = [one.losses_after() for one in self.edges if len(one.losses_after()) >= ENOUGH_STEPS / 4]
        measured = self.settled and bool(curves)
        return [
            Claim(
                id=f"{self.prefix}.stable",
                statement="below the edge no step raises the loss: share of rising steps, largest of all runs"
                f" ({self.setting})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=stable if self.settled else None,
                source="descent lemma, docs/loss_landscape.md",
            ),
            Claim(
                id=f"{self.prefix}.not_monotone",
                statement="at the edge many steps raise the loss: share of rising steps, smallest of the step sizes"
                f" ({self.setting})",
                predicted=None,
                low=0.01,
                high=None,
                measured=min(map(rising_share, curves)) if measured else None,
                source=f"non-monotone over short times: {COHEN}",
            ),
            Claim(
                id=f"{self.prefix}.long_run",
                statement="yet the loss falls over long times: quarters of the time at the edge with a higher mean loss"
                f" than the quarter before, largest number of the step sizes ({self.setting})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=float(max(map(rising_quarters, curves))) if measured else None,
                source=f"decreases over long times: {COHEN}",
            ),
        ]
