"""Small transformers at fixed compute: the best size, the law of the loss, and the entropy of the language."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice

if TYPE_CHECKING:
    from threading import Event

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.char_text import CharText
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.isoflop_ladder import Training
    from baselines.scaling_law.transformer import Shape, Transformers
    from baselines.scaling_law.zipf_markov import ZipfMarkov

SHAKESPEARE = "text/tinyshakespeare.txt"
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_SOURCE = (
    "the public repository github.com/karpathy/char-rnn (commit 6f9487a, data/tinyshakespeare/input.txt)"
)
TEXTS = ("zipf_markov", "tinyshakespeare")
CONVENTIONS = ("all", "without_embedding", "without_embedding_and_head")
CHUNK = 16384  # tokens of one evaluation pass
LOGGED = 60  # points of a loss curve
Curve = list[tuple[int, float]]  # tokens seen, mean loss since the last point in nats


@dataclass
class Study:
    """Small transformers at fixed compute: best size, loss surface, entropy of the language.

    GPT with muP on text of known entropy H. At each budget C = 6 N D several sizes N are trained once through D fresh
    tokens; fitted L = E + A/N^alpha + B/D^beta, with E beside H, and N* ~ C^a. Hoffmann et al. (2022),
    arXiv:2203.15556; Yang et al. (2021), arXiv:2203.03466.
    """

    text: str = "zipf_markov"  # zipf_markov (generated, entropy known) or tinyshakespeare (characters)
    budgets: list[float] = field(default_factory=lambda: [1e11, 3e11, 1e12, 3e12])  # compute C = 6 N D in FLOP
    sizes: list[int] = field(default_factory=lambda: [5, 5, 5, 4])  # model sizes at each budget
    repeats: list[int] = field(default_factory=lambda: [2, 1, 1, 1])  # trainings of each size, at each budget
    tokens_per_parameter: float = 15.0  # D/N in the middle of each budget
    decades: float = 1.0  # range of N at each budget, in factors of ten
    convention: str = "all"  # what N counts: all, without_embedding or without_embedding_and_head
    lr: float = 0.03  # learning rate of Adam at the base width; muP carries it to the others
    base_width: int = 16  # width at which muP is the standard parametrisation
    layers: int = 2  # blocks
    heads: int = 2  # attention heads of each block
    context: int = 16  # tokens that the model sees
    warmup: float = 0.1  # share of the steps in which the learning rate rises; then it falls linearly to zero
    evaluation: int = 4096  # windows of fresh text on which the final loss is taken
    bootstraps: int = 300  # resampled tables of trainings
    precision: str = "float32"  # of the networks: float32 or float64
    vocabulary: int = 128  # zipf_markov: tokens V
    order: int = 2  # zipf_markov: tokens that decide the next one, 1 or 2
    zipf: float = 1.5  # zipf_markov: the token of rank r follows with probability ~ r^-zipf
    decay: float = 0.75  # zipf_markov: the scores' singular values fall as k^-decay
    mix: float = 0.3  # zipf_markov, order 2: share of the last token but one in the scores

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "budgets": [1e8, 2e8],
            "sizes": [3, 3],
            "repeats": [2, 1],
            "tokens_per_parameter": 5.0,
            "layers": 1,
            "vocabulary": 16,
            "evaluation": 64,
            "bootstraps": 10,
        },
        "paper": {
            "budgets": [1e11, 3e11, 1e12, 3e12, 1e13, 3e13],
            "sizes": [7, 7, 7, 7, 6, 5],
            "repeats": [3, 3, 2, 1, 1, 1],
            "bootstraps": 1000,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        check_choice("study.text", self.text, TEXTS)
        check_choice("study.convention", self.convention, CONVENTIONS)
        check_choice("study.precision", self.precision, ("float32", "float64"))
        if len(self.budgets) < 2 or self.budgets != sorted(set(self.budgets)) or self.budgets[0] <= 0:
            raise ValueError(f"study.budgets must be at least two positive numbers, ascending; got {self.budgets}")
        for key, low in (("sizes", 3), ("repeats", 1)):
            values = getattr(self, key)
            if len(values) != len(self.budgets) or min(values) < low:
                count = len(self.budgets)
                raise ValueError(
                    f"study.{key} must have one number from {low} for each of {count} budgets; got {values}"
                )
        for key in ("layers", "heads", "base_width", "evaluation"):
            check_at_least(f"study.{key}", getattr(self, key), 1)
        check_at_least("study.vocabulary", self.vocabulary, 4)
        check_at_least("study.context", self.context, 4)
        check_at_least("study.bootstraps", self.bootstraps, 2)
        for key in ("tokens_per_parameter", "decades", "lr", "zipf"):
            if not getattr(self, key) > 0:
                raise ValueError(f"study.{key} must be positive; got {getattr(self, key)}")
        for key in ("warmup", "mix"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"study.{key} must be from 0 to below 1; got {getattr(self, key)}")
        if self.order not in (1, 2):
            raise ValueError(f"study.order must be 1 or 2; got {self.order}")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Train every size at every budget, fit, compare."""
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _transformer_claims as claims

        language = self._language(cfg)
        trainings = self._plan(language)
        losses = self._train_all(cfg, record, language, trainings)
        with record.timed("fit"):
            found = claims.find(self, cfg.seed, language, trainings, losses)
        claims.store(self, record, found)
        parts = [self.shape(language.vocabulary, training.width).parts.count("all") for training in trainings]
        return Outcome(claims.metrics(found), claims.claims(self, found), parameters=max(parts))

    def shape(self, vocabulary: int, width: int) -> "Shape":
        """The transformer of a width."""
        from baselines.scaling_law.transformer import Shape

        return Shape(vocabulary, width, self.layers, self.heads, self.context)

    def _language(self, cfg: "Config") -> "ZipfMarkov | CharText":
        """The text that is learned."""
        from baselines.common import compute
        from baselines.common.data import require
        from baselines.scaling_law import char_text
        from baselines.scaling_law.zipf_markov import zipf_markov

        device = compute.torch_device(cfg)
        if self.text == "tinyshakespeare":
            path = require(cfg.data_dir, SHAKESPEARE, source=SHAKESPEARE_SOURCE, sha256=SHAKESPEARE_SHA256)
            return char_text.read(path, device=device)
        generator = compute.torch_generator(cfg.seed, "language")
        return zipf_markov(self.vocabulary, self.order, self.zipf, self.decay, self.mix, generator).to(device)

    def _plan(self, language: "ZipfMarkov | CharText") -> "list[Training]":
        """Sizes and steps of all trainings."""
        from baselines.common.errors import UserError
        from baselines.scaling_law.isoflop_ladder import plan

        try:
            return plan(
                self.budgets,
                self.sizes,
                lambda width: self.shape(language.vocabulary, width).parts.count("all"),
                tokens_per_parameter=self.tokens_per_parameter,
                decades=self.decades,
                scored=self.context - language.skip,
                multiple=2 * self.heads,
            )
        except ValueError as problem:
            raise UserError(f"study.budgets, study.sizes: {problem}") from problem

    def _train_all(
        self, cfg: "Config", record: "Record", language: "ZipfMarkov | CharText", trainings: "list[Training]"
    ) -> "list[list[float]]":
        """Final losses of all trainings, a list a training; `threads` of them at a time.

        Those of a killed run are taken up.
        """
        from baselines.scaling_law.workers import side_by_side

        kept = record.kept() or {}
        losses: list[list[float]] = kept.get("losses") or [[] for _ in trainings]
        missing = [number for number, found in enumerate(losses) if not found]
        missing.sort(key=lambda number: -trainings[number].compute)

        def work(number: int, stop: "Event") -> "tuple[list[float], Curve]":
            return self._train(cfg, language, trainings[number], stop)

        everything = sum(training.compute for training in trainings)
        with record.progress(len(trainings), "trainings") as tick, record.timed("training"):
            tick(len(trainings) - len(missing))
            for number, (final, curve) in side_by_side(missing, work, cfg.threads):
                for tokens, loss in curve:
                    record.log(f"training_{number:02d}", tokens=tokens, loss_nats=loss)
                losses[number] = final
                tick(1, compute=trainings[number].compute / everything, loss=final[0])
                record.keep({"losses": losses})
        return losses

    def _train(
        self, cfg: "Config", language: "ZipfMarkov | CharText", training: "Training", stop: "Event"
    ) -> "tuple[list[float], Curve]":
        """Train the repeats of one size together; their final losses on fresh text, and the first one's loss curve."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.scaling_law.mup import mup
        from baselines.scaling_law.transformer import Adam, Transformers, train

        device = compute.torch_device(cfg)
        dtype = {"float32": torch.float32, "float64": torch.float64}[self.precision]
        repeats = self.repeats[self.budgets.index(training.budget)]
        name = (f"{training.budget:g}", training.width)
        shape = self.shape(language.vocabulary, training.width)
        starts = [compute.torch_generator(cfg.seed, "init", *name, member) for member in range(repeats)]
        model = Transformers(shape, mup(shape, self.base_width), starts, dtype, device)
        generator = compute.torch_generator(cfg.seed, "text", *name, device=device)
        text = batches(language, training, repeats, self.context, generator)
        optimizer = Adam(model, [self.lr] * repeats)
        marks = set(np.unique(np.geomspace(1, training.steps, LOGGED).round().astype(int)).tolist())
        curve, total, since = [], 0.0, 0
        steps = train(model, optimizer, text, training.steps, warmup=self.warmup, skip=language.skip)
        for step, loss in enumerate(steps, 1):
            if stop.is_set():
                break
            total, since = total + float(loss[0]), since + 1
            if step in marks:
                tokens = step * training.windows * (self.context - language.skip)
                curve.append((tokens, total / since))
                total, since = 0.0, 0
                if not math.isfinite(curve[-1][1]):
                    break
        return self._final_losses(cfg, language, model), curve

    def _final_losses(self, cfg: "Config", language: "ZipfMarkov | CharText", model: "Transformers") -> list[float]:
        """Loss of each member on the same fresh text.

        Where the source is known, the mean of log p - log q is taken and H is added: this has the same expectation as
        the mean of -log q, without the noise of the text's own surprise.
        """
        import torch

        from baselines.common import compute
        from baselines.scaling_law.char_text import CharText

        generator = compute.torch_generator(cfg.seed, "evaluation", device=compute.torch_device(cfg))
        source = language.held_out if isinstance(language, CharText) else language.sample
        fresh = source(self.evaluation, self.context, generator)
        windows = max(1, CHUNK // self.context)
        with torch.no_grad():
            parts = [
                model.losses(part.expand(model.members, -1, -1), language.skip).double()
                for part in fresh.tokens.split(windows)
            ]
        losses = torch.cat(parts, dim=1)  # [K, windows, length]
        if not isinstance(language, CharText) and fresh.surprise is not None:
            losses = losses - fresh.surprise[:, language.skip :] + language.entropy
        return [float(value) for value in losses.mean((1, 2))]


def batches(language: Any, training: "Training", repeats: int, context: int, generator: Any) -> "Any":
    """Fresh tokens [repeats, windows, context + 1] for every step, each repeat its own."""
    each = training.windows * repeats
    while True:
        tokens = language.sample(32 * each, context, generator).tokens  # many steps at once: few kernel calls
        for part in tokens.split(each):
            yield part.view(repeats, training.windows, context + 1)
