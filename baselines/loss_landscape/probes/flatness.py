"""Which hyper-parameters choose the flatness of the minimum: step size, momentum, batch size, and SAM's radius."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record
from baselines.loss_landscape.flatness import Training, common_loss, log_slope

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.config import Config

FORET = "Foret et al. 2021 (arXiv:2010.01412); edge of SAM: Long and Bartlett 2023 (arXiv:2309.12488)"
COHEN = "Cohen et al. 2021 (arXiv:2103.00065)"
WINDOW = 50  # steps of the mean loss, and on each side of the sharpness, in the comparison at equal loss
ENOUGH_STEPS = 1000  # a shorter training has not settled
CLAIMED_RHO = 0.05  # a smaller radius changes too little to be claimed
CLAIMED_BETA = 0.5  # with more momentum the loss is near zero so soon that sharpening ends: reported, not claimed
TOL = 1e-2  # residual of an eigenpair, relative; the eigenvalue's error is about its square


@dataclass
class Probe:
    """Flatness: the step size and not the data sets the final sharpness; SAM ends flatter still.

    Maps of the final sharpness: step size x momentum, predicted 2 (1 + beta)/eta, and step size x batch size. SAM
    against gradient descent of the same step size, at the same training loss.
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "two_over_eta": [4.0], "betas": [0.0], "batches": [16], "rhos": [0.1],
            "steps": 60, "momentum_steps": 60, "every": 20,
        },
        "paper": {"two_over_eta": [3.0, 4.0, 6.0, 8.0], "steps": 5000, "momentum_steps": 4000},
    }  # fmt: skip

    two_over_eta: Any = field(default_factory=lambda: [3.0, 4.0, 6.0])  # edges 2 (1 + beta)/eta: one, or a list
    betas: Any = field(default_factory=lambda: [0.0, 0.5, 0.9])  # heavy-ball momentum: one value, or a list
    batches: Any = field(default_factory=lambda: [8, 32, 128])  # examples of a mini-batch: one value, a list, or []
    rhos: Any = field(default_factory=lambda: [0.05, 0.1])  # radii of SAM: one value, a list, or []
    sam_two_over_eta: float = 4.0  # 2 / step size of SAM and of the gradient descent it is compared with
    steps: int = 1500  # steps of each training without momentum
    momentum_steps: int = 1000  # steps with momentum
    every: int = 50  # steps between two measurements of the sharpness

    def __post_init__(self) -> None:
        """Check the keys; single values become lists of one."""
        for key, good, right in (
            ("two_over_eta", lambda value: value > 0, "positive"),
            ("betas", lambda value: 0 <= value < 1, "at least 0 and below 1"),
            ("batches", lambda value: type(value) is int and value > 0, "positive integers"),
            ("rhos", lambda value: value > 0, "positive"),
        ):
            values = getattr(self, key) if isinstance(getattr(self, key), list) else [getattr(self, key)]
            if any(type(value) not in (int, float) or not good(value) for value in values):
                raise ValueError(f"probe.{key} must be {right}: one value or a list; got {values}")
            setattr(self, key, sorted(set(values)))
        if not self.two_over_eta or not self.betas:
            raise ValueError("probe.two_over_eta and probe.betas must not be empty")
        if not self.sam_two_over_eta > 0:
            raise ValueError(f"probe.sam_two_over_eta must be positive; got {self.sam_two_over_eta}")
        for key, low in (("steps", 20), ("momentum_steps", 20), ("every", 1)):
            check_at_least(f"probe.{key}", getattr(self, key), low)

    def skip(self, cfg: "Config") -> str | None:
        """Refuse a mini-batch larger than the data."""
        examples = getattr(cfg.task, "examples", None)
        if examples is not None and any(batch > examples for batch in self.batches):
            return f"probe.batches={self.batches} has a mini-batch larger than the {examples} examples of the task"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """All trainings, from the same initial weights."""
        runs = self._planned()
        trainings: dict[tuple[str, float, float], Training] = {}
        with record.progress(sum(steps for _, steps in runs.values()), "training") as tick:
            for key, (build, steps) in runs.items():
                with record.timed(key[0]):
                    trainings[key] = self._train(cfg, build, steps, int(key[1]) if key[0] == "batch" else 0, tick)
        self._save(record, trainings)
        if all(one.diverged for one in trainings.values()):
            raise Diverged("every training diverged; larger probe.two_over_eta make smaller steps")
        return Outcome(
            self._metrics(trainings), self._claims(trainings, cfg.task.describe(cfg)), cfg.task.build(cfg).size
        )

    def _planned(self) -> dict[tuple[str, float, float], tuple[Callable[..., Any], int]]:
        """Kind, its parameter and its edge, to the optimizer and the number of steps."""
        from functools import partial

        import torch

        from baselines.loss_landscape.sam import SAM

        def heavy_ball(beta: float, level: float) -> Callable[..., Any]:
            return partial(torch.optim.SGD, lr=2 * (1 + beta) / level, momentum=beta)

        runs: dict[tuple[str, float, float], tuple[Callable[..., Any], int]] = {}
        for beta in self.betas:
            for level in self.two_over_eta:
                steps = self.momentum_steps if beta else self.steps
                runs["momentum", beta, level] = (heavy_ball(beta, level), steps)
        for batch in self.batches:
            for level in self.two_over_eta:
                runs["batch", batch, level] = (heavy_ball(0.0, level), self.steps)
        level = self.sam_two_over_eta
        if self.rhos:
            runs["momentum", 0.0, level] = (heavy_ball(0.0, level), self.steps)
        for rho in self.rhos:
            runs["sam", rho, level] = (partial(SAM, lr=2 / level, rho=rho), self.steps)
        return runs

    def _train(
        self, cfg: "Config", build: Callable[..., "torch.optim.Optimizer"], steps: int, batch: int, tick: Any
    ) -> Training:
        """One training; a diverged one is kept as such."""
        from baselines.loss_landscape.descent import descend
        from baselines.loss_landscape.train import minibatches

        objective, one = cfg.task.build(cfg), Training()
        order = compute.torch_generator(cfg.seed, "order", batch)
        states = descend(
            objective,
            build(objective.parameters),
            steps,
            every=self.every,
            tol=TOL,
            rng=compute.numpy_generator(cfg.seed, "lanczos"),
            batches=minibatches(len(objective.inputs), batch, order) if batch else None,
        )
        try:
            for state in states:
                one.losses.append(state.loss)
                if state.top is not None:
                    one.steps.append(state.step)
                    one.sharpness.append(float(state.top.values[0]))
                tick(int(state.step > 0), loss=state.loss)
        except FloatingPointError:
            one.diverged = True
            return one
        held_out = cfg.task.held_out(cfg, objective.model)
        if held_out is not None and cfg.task.CLASSES:
            one.accuracy = held_out.accuracy()
        return one

    def _save(self, record: Record, trainings: dict[tuple[str, float, float], Training]) -> None:
        """The maps, and the courses of SAM and of the descent it is compared with."""
        for kind, values in (("momentum", self.betas), ("batch", self.batches)):
            for value in values:
                cells = [trainings[kind, value, level] for level in self.two_over_eta]
                record.save(
                    **{
                        f"{kind}_{value:g}.two_over_eta": np.array(self.two_over_eta),
                        f"{kind}_{value:g}.sharpness": np.array([one.settled for one in cells]),
                        f"{kind}_{value:g}.accuracy": np.array([one.accuracy for one in cells]),
                    }
                )
        for rho in [0.0, *self.rhos] if self.rhos else []:
            one = trainings[("sam", rho, self.sam_two_over_eta) if rho else ("momentum", 0.0, self.sam_two_over_eta)]
            loss = one.smooth(WINDOW)[one.steps]
            record.save(**{f"sam_{rho:g}.sharpness": np.array(one.sharpness), f"sam_{rho:g}.smooth_loss": loss})

    def _compared(self, trainings: dict[tuple[str, float, float], Training], rho: float) -> dict[str, float]:
        """SAM against gradient descent at the loss that both reach; nothing if one of them diverged."""
        level = self.sam_two_over_eta
        descent, sam = trainings["momentum", 0.0, level], trainings["sam", rho, level]
        if descent.diverged or sam.diverged:
            return {}
        loss = common_loss([descent, sam], WINDOW)
        found = [one.sharpness_at(loss, WINDOW) for one in (descent, sam)]
        if None in found:
            return {}
        sharp, flat = (value or 0.0 for value in found)
        accuracy = {"sam_accuracy_gain": sam.accuracy - descent.accuracy} if sam.accuracy == sam.accuracy else {}
        return {"sam_ratio": flat / sharp, "sam_loss": loss, "sam_sharpness": flat, "gd_sharpness": sharp} | accuracy

    def _slope(self, trainings: dict[tuple[str, float, float], Training], beta: float) -> float | None:
        """Slope of ln sharpness against ln eta over the step sizes that reach their edge."""
        reached = [level for level in self.two_over_eta if trainings["momentum", beta, level].reaches(level)]
        if len(reached) < 2:
            return None
        lrs = [2 * (1 + beta) / level for level in reached]
        return log_slope(lrs, [trainings["momentum", beta, level].settled for level in reached])

    def _metrics(self, trainings: dict[tuple[str, float, float], Training]) -> dict[str, float]:
        """Final sharpness over 2 (1 + beta)/eta (2/eta for mini-batches), accuracies, slopes, SAM."""
        found: dict[str, float] = {}
        for (kind, value, level), one in trainings.items():
            if kind != "sam" and not one.diverged:
                found[f"{kind}_{value:g}_ratio_{level:g}"] = one.settled / level
                if one.accuracy == one.accuracy:
                    found[f"{kind}_{value:g}_accuracy_{level:g}"] = one.accuracy
        for beta in self.betas:
            if (slope := self._slope(trainings, beta)) is not None:
                found[f"slope_{beta:g}"] = slope
        for rho in self.rhos:
            found |= {f"{name}_{rho:g}": value for name, value in self._compared(trainings, rho).items()}
        return found | {"diverged": float(sum(one.diverged for one in trainings.values()))}

    def _claims(self, trainings: dict[tuple[str, float, float], Training], setting: str) -> list[Claim]:
        """Slopes of the map, and SAM against gradient descent."""
        levels = ", ".join(f"{level:g}" for level in self.two_over_eta)
        claims = []
        for beta in [beta for beta in self.betas if beta <= CLAIMED_BETA]:
            steps = self.momentum_steps if beta else self.steps
            claims.append(
                Claim(
                    id=f"landscape.flatness.slope.{beta:g}",
                    statement=f"momentum {beta:g}: slope of ln(sharpness) against ln(eta), mean of the second half of"
                    f" {steps} steps, over the step sizes with 2 (1 + beta)/eta = {levels} that reach their edge"
                    f" ({setting})",
                    predicted=-1.0,
                    low=-1.05,
                    high=-0.95,
                    measured=self._slope(trainings, beta) if steps >= ENOUGH_STEPS else None,
                    source=f"the edge 2 (1 + beta)/eta: {COHEN}",
                )
            )
        edge = trainings.get(("momentum", 0.0, self.sam_two_over_eta))
        due = self.steps >= ENOUGH_STEPS and edge is not None and edge.reaches(self.sam_two_over_eta)
        for rho in [rho for rho in self.rhos if rho >= CLAIMED_RHO]:
            claims.append(
                Claim(
                    id=f"landscape.flatness.sam.{rho:g}",
                    statement=f"SAM, rho = {rho:g}: its sharpness over that of gradient descent at its edge, at the"
                    f" smallest loss that both reach in {self.steps} steps, 2/eta = {self.sam_two_over_eta:g}"
                    f" ({setting})",
                    predicted=None,
                    low=0.0,
                    high=0.6,
                    measured=self._compared(trainings, rho).get("sam_ratio") if due else None,
                    source=FORET,
                )
            )
        return claims
