"""One-pass SGD: the exact mean loss beside simulation, and the phases of compute-optimal scaling."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies._online_sgd_claims import Curve

PER_DECADE = 10  # computes in a factor of ten


@dataclass
class Study:
    """One-pass SGD: exact mean loss against simulation, and compute-optimal phases with local slopes.

    Data x_j with variance j^(-2 alpha), labels sum_j j^-beta x_j, features W x with d random features, fresh data each
    step. In the eigenbasis of H = W^T Lambda W the mean loss L = E_0 + sum_j lambda_j m_j is exact:
    m_j <- m_j (1 - 2 g lambda_j + g^2 (1 + 1/B) lambda_j^2) + (g^2 / B) lambda_j L. Compute f = d * data seen; smallest
    loss at given f and the width that gives it, against the limits of Paquette et al. (2024), arXiv:2405.15074.
    """

    alphas: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])  # decay of the data, one a phase
    betas: list[float] = field(default_factory=lambda: [0.4, 0.7, 1.5])  # decay of the target, one a phase
    step: float = 0.2  # step size times the trace of Lambda; above 0.24 some draws of few features are unstable
    smallest: int = 8  # features d at the lower end of the ladder
    largest: int = 384  # features d at its upper end
    per_octave: int = 3  # widths of the ladder in a factor of two
    ratio: int = 4  # modes of the data per feature
    draws: int = 40  # independent draws of the largest features W; narrower ones have more, from blocks of columns
    computes: float = 1e9  # largest compute f; the frontier ends where its width leaves the ladder
    modes: int = 400  # modes of the simulated data
    width: int = 100  # features of the simulation, drawn once; decays of the first phase
    batches: list[int] = field(default_factory=lambda: [1, 8])  # data a step B of the simulations
    seen: int = 2000  # data seen by each simulated run
    runs: int = 400  # simulated runs with batch 1; fewer with larger batches, whose gradients are less noisy

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"largest": 40, "draws": 3, "modes": 60, "width": 12, "seen": 48, "runs": 24},
        "paper": {
            "smallest": 16,
            "largest": 2048,
            "draws": 40,
            "modes": 1000,
            "width": 200,
            "seen": 8000,
            "runs": 1000,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        from baselines.scaling_law.studies._online_sgd_claims import check_phases

        check_phases(self.alphas, self.betas)
        if not self.step > 0:
            raise ValueError(f"study.step must be positive; got {self.step}")
        for key in ("smallest", "per_octave", "width", "runs"):
            check_at_least(f"study.{key}", getattr(self, key), 2)
        check_at_least("study.largest", self.largest, 4 * self.smallest)
        check_at_least("study.ratio", self.ratio, 2)
        check_at_least("study.draws", self.draws, 2)
        check_at_least("study.computes", self.computes, 1e4)
        check_at_least("study.modes", self.modes, self.width)
        if not self.batches or min(self.batches) < 1 or self.batches != sorted(set(self.batches)):
            raise ValueError(f"study.batches must be at least 1, ascending and different; got {self.batches}")
        check_at_least("study.seen", self.seen, 4 * self.batches[-1])

    @property
    def widths(self) -> list[int]:
        """The ladder: widths d equally spaced on a logarithmic scale, up to rounding."""
        import math

        steps = round(self.per_octave * math.log2(self.largest / self.smallest))
        return sorted({round(self.smallest * (self.largest / self.smallest) ** (k / steps)) for k in range(steps + 1)})

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Simulate and compare; then the frontier of each phase."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _online_sgd_claims as claims

        with record.timed("simulation"):
            curves = [self._curve(cfg, record, batch) for batch in self.batches]
        computes = np.geomspace(1e2, self.computes, round(PER_DECADE * np.log10(self.computes / 1e2)) + 1)
        with record.timed("phases"):
            losses, margin = self._losses(cfg, record, computes)
        phases = [
            claims.measure(self, index, computes, losses[index], compute.numpy_generator(cfg.seed, "bootstrap", index))
            for index in range(len(self.alphas))
        ]
        record.save(
            compute=computes,
            widths=np.array(self.widths),
            loss=losses.mean(1),
            frontier_loss=np.stack([phase.loss for phase in phases]),
            frontier_width=np.stack([phase.width for phase in phases]),
            inside=np.stack([phase.inside for phase in phases]),
        )
        record.table("frontier", **claims.rows(phases, computes))
        return Outcome(claims.metrics(curves, phases, margin), claims.claims(self, curves, phases))

    def _curve(self, cfg: "Config", record: "Record", batch: int) -> "Curve":
        """Simulated losses of all runs, and the exact mean."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law import one_pass_sgd as sgd
        from baselines.scaling_law.power_laws import bootstrap_mean
        from baselines.scaling_law.sgd_phases import variances
        from baselines.scaling_law.studies._online_sgd_claims import Curve

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        draw = compute.torch_generator(cfg.seed, "features of the simulation")
        features = torch.randn(self.modes, self.width, generator=draw, dtype=dtype).to(device) / self.width**0.5
        lam = torch.as_tensor(variances(self.alphas[0], self.modes), dtype=dtype, device=device)
        target = torch.arange(1, self.modes + 1, dtype=dtype, device=device) ** -self.betas[0]
        step = self.step / float(lam.sum())
        given = sgd.problem((features.T * lam) @ features, features.T @ (lam * target), lam @ target**2)
        times = sorted({round(t) for t in np.geomspace(1, self.seen // batch, 30)})
        generator = compute.torch_generator(cfg.seed, "data", batch)
        runs = max(self.runs // batch, min(self.runs, 64))
        losses = sgd.simulate(features, lam, target, step, batch, times, runs, generator).cpu().numpy()
        at = torch.tensor(times, dtype=dtype, device=device)
        predicted = sgd.mean_loss(given, step, batch, at).cpu().numpy()
        noiseless = sgd.mean_loss(given, step, 10**12, at).cpu().numpy()
        if not np.isfinite(losses).all():
            raise Diverged(f"a simulated loss with batch {batch} is not finite; study.step={self.step:g} is too large")
        limit = float(sgd.stability_limit(given.eigenvalues, batch)) / step
        found = Curve(batch, np.array(times), losses, predicted, noiseless, limit)
        band = bootstrap_mean(losses, compute.numpy_generator(cfg.seed, "bars", batch))
        name = f"batch_{batch}"
        record.save(**{
            f"{name}.steps": found.steps, f"{name}.loss": band.mean, f"{name}.low": band.low, f"{name}.high": band.high,
            f"{name}.predicted_loss": predicted, f"{name}.noiseless_loss": noiseless,
        })  # fmt: skip
        return found

    def _losses(self, cfg: "Config", record: "Record", computes: "np.ndarray") -> "tuple[np.ndarray, float]":
        """Mean losses [phases, draws, widths, computes], and the smallest stability limit in units of the step."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law import one_pass_sgd as sgd
        from baselines.scaling_law import sgd_phases as phases

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        at, widths = torch.as_tensor(computes, dtype=dtype, device=device), self.widths
        found = np.empty((len(self.alphas), self.draws, len(widths), len(computes)))
        margin = np.inf
        with record.progress(self.draws, "draws of the features") as tick:
            for draw in range(self.draws):
                generator = compute.torch_generator(cfg.seed, "features", draw)
                shape = self.ratio * widths[-1], widths[-1]
                gaussians = torch.randn(*shape, generator=generator, dtype=dtype).to(device)
                for octave in phases.octaves(widths):
                    top, blocks = octave[-1], widths[-1] // octave[-1]  # smaller features: several draws in one
                    rows = gaussians[: self.ratio * top, : blocks * top].unflatten(1, (blocks, top)).movedim(1, 0)
                    for index, (alpha, beta) in enumerate(zip(self.alphas, self.betas, strict=True)):
                        for width, given in phases.ladder(rows, alpha, beta, octave, self.ratio):
                            step = self.step / float(phases.variances(alpha, self.ratio * width).sum())
                            margin = min(margin, float(sgd.stability_limit(given.eigenvalues, 1).min()) / step)
                            if margin <= 1:
                                raise Diverged(f"study.step={self.step:g} is unstable for a draw with {width} features")
                            losses = sgd.mean_loss(given, step, 1, at / width).mean(0)
                            found[index, draw, widths.index(width)] = losses.cpu().numpy()
                tick(1, margin=margin)
        return found, margin
