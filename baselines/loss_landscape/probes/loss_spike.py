"""Why Adam's loss spikes: the preconditioner decays until the step is too long (arXiv:2506.04805)."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config

PAPER = "loss spikes of Adam: arXiv:2506.04805"
DERIVED = "docs/training_dynamics.md"
OTHER_CURVATURE = 100.0  # the crossing must be the same there
WINDOW = 20  # steps before a spike of the network in which the curvature must have been beyond its threshold
ENOUGH_STEPS, ENOUGH_SPIKES = 400, 3
ENOUGH_DECAY = 1.0  # of sqrt(v) before the crossing, as a logarithm: below it the formulas for the spike do not apply


@dataclass
class Probe:
    """Loss spikes of Adam, also on a quadratic: first the preconditioned curvature crosses 2/eta.

    On f = a x^2/2, x shrinks faster than v = beta_2^t V, so a/sqrt(v) passes 2/eta at t = ln(1 + 4V/(eta a)^2) /
    ln(1/beta_2), and x grows again. On a network, with momentum, the threshold is 2 (1 + beta_1)/((1 - beta_1) eta).
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"lrs": [0.15], "beta2s": [0.9], "network_steps": 60, "every": 10},
        "paper": {"network_steps": 3000},
    }

    lrs: Any = field(default_factory=lambda: [0.15, 0.1, 0.01, 0.01])  # step sizes on the quadratic: one, or a list
    beta2s: Any = field(default_factory=lambda: [0.9, 0.95, 0.99, 0.999])  # and the decay of v for each of them
    network_lr: float = 0.03  # step size on the network
    network_beta1: float = 0.9  # decay of the gradients there
    network_beta2: float = 0.999  # decay of the squared gradients there
    network_steps: int = 800  # full-batch steps there
    every: int = 4  # steps between two measurements of the preconditioned curvature

    def __post_init__(self) -> None:
        """Check the keys; single values become lists of one."""
        for key in ("lrs", "beta2s"):
            setattr(self, key, values if isinstance(values := getattr(self, key), list) else [values])
        if len(self.lrs) != len(self.beta2s) or not self.lrs:
            raise ValueError(
                f"probe.lrs and probe.beta2s must have the same length; got {len(self.lrs)} and {len(self.beta2s)}"
            )
        if any(not 0 < lr <= 0.5 for lr in self.lrs):
            raise ValueError(f"probe.lrs must be above 0 and at most 0.5 (Adam starts at x = 1); got {self.lrs}")
        for key, given in (("beta2s", self.beta2s), ("network_beta2", [self.network_beta2])):
            if any(not 0.5 <= beta <= 0.9999 for beta in given):
                raise ValueError(f"probe.{key} must be from 0.5 to 0.9999; got {getattr(self, key)}")
        if not 0 <= self.network_beta1 < 1:
            raise ValueError(f"probe.network_beta1 must be at least 0 and below 1; got {self.network_beta1}")
        if not self.network_lr > 0:
            raise ValueError(f"probe.network_lr must be positive; got {self.network_lr}")
        check_at_least("probe.network_steps", self.network_steps, 20)
        check_at_least("probe.every", self.every, 1)

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """The quadratics, then the network."""
        with record.timed("quadratic"):
            quadratics = [self._quadratic(record, lr, beta2) for lr, beta2 in zip(self.lrs, self.beta2s, strict=True)]
        with record.timed("network"):
            network, size = self._network(cfg, record)
        metrics = {f"{name}_{tag}": value for tag, found in quadratics for name, value in found.items()}
        found = [found for _, found in quadratics]
        return Outcome(metrics | network, claims(self, found, network, cfg.task.describe(cfg)), size)

    def _quadratic(self, record: Record, lr: float, beta2: float) -> tuple[str, dict[str, float]]:
        """One setting: what was predicted, what happened, on two curvatures."""
        from baselines.loss_landscape import loss_spike

        rate = -math.log(beta2)
        steps = round(1.5 * loss_spike.crossing_estimate(lr, beta2) + 8 / rate)
        run = loss_spike.adam_on_quadratic(lr, beta2, steps)
        other = loss_spike.adam_on_quadratic(lr, beta2, steps, curvature=OTHER_CURVATURE)
        if None in (run.freed, run.crossing, run.onset(), run.comeback, other.crossing):
            raise Diverged(f"no spike of Adam with lr={lr}, beta2={beta2} in {steps} steps; smaller lr have one")
        freed = run.freed or 0
        formula = loss_spike.crossing_step(math.exp(run.log_v[freed - 1]), freed, lr, beta2)
        lag, comeback = loss_spike.onset_lag(beta2), loss_spike.comeback_lag(beta2, formula - freed)
        found = {
            "crossing": run.crossing or 0,
            "crossing_formula": formula,
            "onset": run.onset() or 0,
            "lag_formula": lag,
            "comeback": run.comeback or 0,
            "comeback_formula": formula + comeback,
            "crossing_shift": abs((other.crossing or 0) - (run.crossing or 0)),
            "decay_time": rate / 2 * (formula - freed),
            "deepest_log10_x": float(run.log_x.min()) / math.log(10),
        }
        tag = f"{lr:g}_{beta2:g}"
        kept = slice(0, round(found["comeback"] + 1 / rate))
        record.save(
            **{
                f"quadratic_{tag}.step": np.arange(1, steps + 1)[kept],
                f"quadratic_{tag}.log10_loss": (run.log_losses[kept] - math.log(2)) / math.log(10),
                f"quadratic_{tag}.ratio": run.ratio[kept],
            }
        )
        return tag, {name: float(value) for name, value in found.items()}

    def _network(self, cfg: "Config", record: Record) -> tuple[dict[str, float], int]:
        """Adam with the full batch: spikes of the loss, and where the preconditioned curvature was before them."""
        import torch

        from baselines.loss_landscape import thresholds
        from baselines.loss_landscape.descent import descend
        from baselines.loss_landscape.loss_spike import beyond_before, spike_onsets
        from baselines.loss_landscape.preconditioner import preconditioner

        objective = cfg.task.build(cfg)
        betas = (self.network_beta1, self.network_beta2)
        optimizer = torch.optim.Adam(objective.parameters, lr=self.network_lr, betas=betas)
        edge = thresholds.averaged(self.network_lr, self.network_beta1)
        rng = compute.numpy_generator(cfg.seed, "lanczos")
        states = descend(
            objective, optimizer, self.network_steps, every=self.every, tol=1e-2, rng=rng, preconditioner=preconditioner
        )
        losses_seen, measured = [], []
        with record.progress(self.network_steps + 1, "Adam on the network") as tick:
            try:
                for state in states:
                    losses_seen.append(state.loss)
                    record.log("network_loss", step=state.step, loss=state.loss)
                    if state.top is not None:
                        ratio = float(state.top.values[0]) / edge
                        measured.append((state.step, ratio))
                        record.log("network", step=state.step, ratio=ratio)
                    tick(1, loss=state.loss)
            except FloatingPointError as problem:
                raise Diverged(str(problem)) from problem
        losses, (steps, ratios) = np.array(losses_seen), np.array(measured).T
        onsets = np.array(spike_onsets(losses), dtype=int)
        record.save(**{"network.onsets": onsets})
        found = {"network_spikes": float(len(onsets)), "network_final_loss": float(losses[-1])}
        rising = np.flatnonzero((ratios[1:] > 1) & (ratios[:-1] <= 1)) + 1
        if len(rising):
            crossing = steps[rising[0]]
            found["network_crossing"] = float(crossing)
            found["network_spikes_before"] = float((onsets < crossing).sum())
            later = np.arange(crossing, len(losses))
            found["network_base_rate"] = float(beyond_before(later, steps, ratios, WINDOW).mean())
        if len(onsets):
            found["network_first_spike"] = float(onsets[0])
            found["network_preceded"] = float(beyond_before(onsets, steps, ratios, WINDOW).mean())
        return found, objective.size


def claims(probe: Probe, quadratics: list[dict[str, float]], network: dict[str, float], setting: str) -> list[Claim]:
    """What the run says about the predictions."""
    shown = ", ".join(f"({lr:g}, {beta2:g})" for lr, beta2 in zip(probe.lrs, probe.beta2s, strict=True))
    where = f"Adam with beta_1 = 0 on a quadratic from x = 1, (eta, beta_2) = {shown}"
    waits = [one["crossing"] - one["crossing_formula"] for one in quadratics]
    lags = [one["onset"] - one["crossing"] for one in quadratics]
    shares = [lag / one["crossing"] for lag, one in zip(lags, quadratics, strict=True)]
    free = [one["decay_time"] >= ENOUGH_DECAY for one in quadratics]
    slopes = [lag / one["lag_formula"] for lag, one, due in zip(lags, quadratics, free, strict=True) if due]
    returns = [
        (one["comeback"] - one["crossing_formula"]) / (one["comeback_formula"] - one["crossing_formula"])
        for one, due in zip(quadratics, free, strict=True)
        if due
    ]
    adam = f"{setting}, Adam with eta = {probe.network_lr:g}, beta = ({probe.network_beta1:g}, {probe.network_beta2:g})"
    settled = probe.network_steps >= ENOUGH_STEPS and network["network_spikes"] >= ENOUGH_SPIKES
    return [
        Claim(
            id="landscape.loss_spike.crossing",
            statement="first step with a preconditioned curvature beyond 2/eta, minus the formula, which is to be"
            f" rounded up: the value farthest from 1/2 ({where})",
            predicted=0.5,
            low=-0.01,
            high=1.01,
            measured=max(waits, key=lambda wait: abs(wait - 0.5)),
            source=f"ln(1 + 4V/(eta a)^2) / ln(1/beta_2): {DERIVED}; mechanism: {PAPER}",
        ),
        Claim(
            id="landscape.loss_spike.precedes",
            statement="the crossing comes first: steps from it until the loss is 100 times its minimum, smallest of the"
            f" settings ({where})",
            predicted=None,
            low=1.0,
            high=None,
            measured=min(lags),
            source=PAPER,
        ),
        Claim(
            id="landscape.loss_spike.lag",
            statement="and the spike follows soon: these steps over the step of the crossing, largest of the"
            f" settings ({where})",
            predicted=None,
            low=0.0,
            high=0.3,
            measured=max(shares),
            source=PAPER,
        ),
        Claim(
            id="landscape.loss_spike.growth",
            statement="the same steps over sqrt(ln 100 / ln(1/beta_2)): the value farthest from 1; one step is up to"
            f" 15 % of them ({where})",
            predicted=1.0,
            low=0.85,
            high=1.15,
            measured=max(slopes, key=lambda slope: abs(slope - 1), default=None),
            source=f"2 beta_2^(-j/2) - 1 at the j-th step after the crossing: {DERIVED}",
        ),
        Claim(
            id="landscape.loss_spike.comeback",
            statement="steps from the crossing until x is back where v began to decay freely, over the formula: the"
            f" value farthest from 1 ({where})",
            predicted=1.0,
            low=0.9,
            high=1.1,
            measured=max(returns, key=lambda share: abs(share - 1), default=None),
            source=f"dilogarithms: {DERIVED}",
        ),
        Claim(
            id="landscape.loss_spike.curvature",
            statement=f"change of the step of the crossing from curvature 1 to curvature {OTHER_CURVATURE:g}, largest"
            f" of the settings ({where})",
            predicted=0.0,
            low=None,
            high=0.0,
            measured=max(one["crossing_shift"] for one in quadratics),
            source=f"Adam does not see the scale of the loss: {DERIVED}",
        ),
        Claim(
            id="landscape.loss_spike.network.preceded",
            statement="share of the network's spikes (loss above 3 times its minimum) with a preconditioned curvature"
            f" beyond 2 (1 + beta_1)/((1 - beta_1) eta) in the {WINDOW} steps before the rise ({adam},"
            f" {probe.network_steps} steps)",
            predicted=1.0,
            low=0.9,
            high=1.0,
            measured=network.get("network_preceded") if settled else None,
            source=PAPER,
        ),
        Claim(
            id="landscape.loss_spike.network.quiet",
            statement="spikes of the network before the preconditioned curvature first crosses its threshold"
            f" ({adam}, {probe.network_steps} steps)",
            predicted=0.0,
            low=None,
            high=0.0,
            measured=network.get("network_spikes_before") if settled else None,
            source=PAPER,
        ),
    ]
