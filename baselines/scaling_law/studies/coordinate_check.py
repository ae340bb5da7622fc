"""muP's coordinate check: activations move as much at every width, so one learning rate serves all widths."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.claims import Claim
from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record, Tick
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.transformer import Transformers
    from baselines.scaling_law.zipf_markov import ZipfMarkov

RULES = ("mup", "standard")
YANG = "Yang et al. 2021, arXiv:2203.03466, table 8"
FLAT = 0.1  # of a slope that should be zero: stated before the first measurement
ENOUGH = 8  # ratio of the largest to the smallest width from which the slopes are judged


@dataclass
class Study:
    """Coordinate check of muP: how far a step moves each layer's output, against the width.

    Under Adam a matrix of fan-in d moves its output by about lr d. muP divides by d: slope 0 of log size against
    log width in every layer, and the same best learning rate at every width. Yang et al. (2021), arXiv:2203.03466.
    """

    widths: list[int] = field(default_factory=lambda: [32, 64, 128, 256, 512])  # of the coordinate check, ascending
    base_width: int = 32  # width at which both parametrisations agree
    steps: int = 5  # steps of Adam
    lr: float = 0.01  # learning rate of the coordinate check
    windows: int = 4  # windows of text in the batch, the same every step
    start: float = 0.0  # coordinate check: initial readout and queries over the usual random ones
    repeats: int = 2  # models of each width
    transfer_widths: list[int] = field(default_factory=lambda: [16, 32, 64])  # of the search for the best rate
    transfer_rates: list[float] = field(
        default_factory=lambda: [0.005, 0.01, 0.02, 0.04, 0.08, 0.16]
    )  # learning rates tried, ascending
    transfer_steps: int = 100  # steps of each training
    transfer_windows: int = 16  # windows of text in a step
    layers: int = 2  # blocks
    heads: int = 2  # attention heads of each block
    context: int = 16  # tokens that the model sees
    vocabulary: int = 128  # tokens of the generated language

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "widths": [8, 16, 32],
            "base_width": 8,
            "steps": 2,
            "transfer_widths": [4, 8],
            "transfer_rates": [0.01, 0.04, 0.16],
            "transfer_steps": 20,
            "transfer_windows": 8,
            "vocabulary": 16,
        },
        "paper": {
            "widths": [32, 64, 128, 256, 512, 1024],
            "transfer_widths": [16, 32, 64, 128, 256],
            "transfer_steps": 1000,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        for key, low in (("widths", 2), ("transfer_widths", 2), ("transfer_rates", 3)):
            values = getattr(self, key)
            if len(values) < low or values != sorted(set(values)) or values[0] <= 0:
                raise ValueError(f"study.{key} must be at least {low} positive numbers, ascending; got {values}")
        for key in (
            "base_width",
            "steps",
            "windows",
            "repeats",
            "transfer_steps",
            "transfer_windows",
            "layers",
            "heads",
        ):
            check_at_least(f"study.{key}", getattr(self, key), 1)
        check_at_least("study.vocabulary", self.vocabulary, 4)
        check_at_least("study.context", self.context, 4)
        check_at_least("study.steps", self.steps, 2)
        check_at_least("study.start", self.start, 0)
        if any(width % self.heads for width in (*self.widths, *self.transfer_widths)):
            raise ValueError(f"study.widths and study.transfer_widths must be multiples of {self.heads} heads")
        if not self.lr > 0:
            raise ValueError(f"study.lr must be positive; got {self.lr}")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Move the activations, search the learning rates, compare the parametrisations."""
        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.mup import best_rate
        from baselines.scaling_law.power_laws import slope
        from baselines.scaling_law.zipf_markov import zipf_markov

        generator = compute.torch_generator(cfg.seed, "language")
        language = zipf_markov(self.vocabulary, 2, 1.5, 0.75, 0.3, generator).to(compute.torch_device(cfg))
        metrics: dict[str, float] = {}
        total = len(RULES) * (len(self.widths) + len(self.transfer_widths))
        with record.progress(total, "models") as tick:
            for rule in RULES:
                with record.timed("check"):
                    layers, moved = self._check(cfg, language, rule, tick)  # [widths, layers, steps, repeats]
                with record.timed("transfer"):
                    losses = self._transfer(cfg, language, rule, tick)  # [widths, rates]
                slopes = self._slopes(moved)
                best = [best_rate(self.transfer_rates, row) for row in losses]
                record.save(
                    **{
                        f"{rule}.change": moved,
                        f"{rule}.slope": slopes,
                        f"{rule}.loss_nats": losses,
                        f"{rule}.best_rate": best,
                    }
                )
                final = dict(zip(layers, slopes[:, -1].tolist(), strict=True))
                metrics |= {f"{rule}_slope_{layer.replace(' ', '_')}": one for layer, one in final.items()}
                metrics[f"{rule}_largest_slope"] = max(final.values(), key=abs)
                metrics |= {f"{rule}_best_rate_{d}": one for d, one in zip(self.transfer_widths, best, strict=True)}
                metrics[f"{rule}_rate_slope"] = slope(self.transfer_widths, best)
        record.save(layers=layers)
        return Outcome(metrics, self._claims(metrics))

    def _slopes(self, moved: "np.ndarray") -> "np.ndarray":
        """Log-log slope of each layer's change against the width, after each step.  Shape [layers, steps].

        Behind a readout that is zero nothing moves in the first step: there the slope is not defined (NaN).
        """
        import numpy as np

        from baselines.scaling_law.power_laws import slope

        with np.errstate(divide="ignore"):
            mean = np.exp(np.log(moved).mean(-1))  # [widths, layers, steps]
        lines = mean.transpose(1, 2, 0)
        return np.array([[slope(self.widths, line) if line.all() else np.nan for line in layer] for layer in lines])

    def _models(
        self, cfg: "Config", rule: str, width: int, members: int, start: float, *, same: bool
    ) -> "Transformers":
        """Models of one width; `same` gives every member the same start."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law.mup import RULES
        from baselines.scaling_law.transformer import Shape, Transformers

        shape = Shape(self.vocabulary, width, self.layers, self.heads, self.context)
        starts = [compute.torch_generator(cfg.seed, "init", width, 0 if same else member) for member in range(members)]
        return Transformers(
            shape, RULES[rule](shape, self.base_width, start), starts, torch.float32, compute.torch_device(cfg)
        )

    def _check(self, cfg: "Config", language: "ZipfMarkov", rule: str, tick: "Tick") -> "tuple[list[str], np.ndarray]":
        """Layers, and how far each step moved their outputs.  Shape [widths, layers, steps, repeats]."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.scaling_law.mup import movements

        generator = compute.torch_generator(cfg.seed, "batch", device=compute.torch_device(cfg))
        tokens = language.sample(self.windows * self.repeats, self.context, generator).tokens
        tokens = tokens.view(self.repeats, self.windows, -1)
        found = []
        for width in self.widths:
            model = self._models(cfg, rule, width, self.repeats, self.start, same=False)
            after = list(movements(model, tokens, self.lr, self.steps, language.skip))
            layers = list(after[0])
            moved = torch.stack([torch.stack([step[layer] for step in after]) for layer in layers])
            found.append(moved.double().cpu().numpy())
            tick(1)
        return layers, np.array(found)

    def _transfer(self, cfg: "Config", language: "ZipfMarkov", rule: str, tick: "Tick") -> "np.ndarray":
        """Loss at the end of a short training: mean of its last tenth.  All rates of a width are trained together.

        The members share start and text, so that the rates differ in nothing else.  Shape [widths, rates].
        """
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.scaling_law.transformer import Adam, train

        count, last, found = len(self.transfer_rates), max(1, self.transfer_steps // 10), []
        for width in self.transfer_widths:
            generator = compute.torch_generator(cfg.seed, "text", device=compute.torch_device(cfg))
            text = language.sample(self.transfer_steps * self.transfer_windows, self.context, generator).tokens
            batches = (part.expand(count, -1, -1) for part in text.split(self.transfer_windows))
            model = self._models(cfg, rule, width, count, 1.0, same=True)
            optimizer = Adam(model, self.transfer_rates)
            losses = list(train(model, optimizer, batches, self.transfer_steps, skip=language.skip))
            final = torch.stack(losses[-last:]).double().mean(0).cpu().numpy()
            found.append(np.where(np.isfinite(final), final, np.inf))
            tick(1, loss=float(final.min()))
        return np.array(found)

    def _claims(self, metrics: dict[str, float]) -> list[Claim]:
        """Flat under muP, growing without; the best rate stays, or falls with the width."""
        wide = self.widths[-1] / self.widths[0] >= ENOUGH
        spread = self.transfer_widths[-1] / self.transfer_widths[0] >= 4 and self.transfer_steps >= 100
        setting = f"widths {self.widths[0]} to {self.widths[-1]}, {self.steps} steps of Adam"
        rates = f"widths {self.transfer_widths[0]} to {self.transfer_widths[-1]}, {self.transfer_steps} steps"
        return [
            Claim(
                "coordinate_check.mup",
                f"muP: change of each layer's output against width, log-log slope of largest size ({setting})",
                0.0, -FLAT, FLAT, metrics["mup_largest_slope"] if wide else None, YANG,
            ),
            Claim(
                "coordinate_check.standard",
                f"Standard parametrisation: change of each layer's output, largest log-log slope ({setting})",
                1.0, 0.5, None, metrics["standard_largest_slope"] if wide else None, YANG,
            ),
            Claim(
                "coordinate_check.rate_mup",
                f"muP: best learning rate against width, log-log slope ({rates})",
                0.0, -0.25, 0.25, metrics["mup_rate_slope"] if spread else None, YANG,
            ),
            Claim(
                "coordinate_check.rate_standard",
                f"Standard parametrisation: best learning rate against width, log-log slope ({rates})",
                -1.0, None, -0.5, metrics["standard_rate_slope"] if spread else None, YANG,
            ),
        ]  # fmt: skip
