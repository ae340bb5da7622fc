"""The keys of the topic gnn_oversmoothing: the recipe that every model is trained with."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig, check_at_least, check_choice

GROUPS: dict[str, str] = {
    "study": "studies",
    "model": "models",
    "dataset": "datasets",
    "norm": "norms",
    "drop": "drops",
    "rewiring": "rewirings",
}

ENDS = ("linear", "graph")
DECAY_ON = ("all", "first")


@dataclass
class Config(RunConfig):
    """Training recipe shared by all models; only the graph layer differs between them."""

    study: Any = MISSING  # what is investigated
    model: Any = MISSING  # graph layer to stack
    dataset: Any = MISSING  # graph with features, labels and splits
    norm: Any = MISSING  # normalisation after every graph layer
    drop: Any = MISSING  # what is left out of the graph while training
    rewiring: Any = MISSING  # edges added and removed before training
    hidden: int = 64  # width of the representations
    dropout: float = 0.5  # probability of dropping an entry before every map with weights, while training
    learning_rate: float = 0.01  # step size of Adam
    weight_decay: float = 5e-4  # L2 penalty of Adam
    decay_on: str = "all"  # parameters the penalty applies to: all, or first (those of the first map only)
    epochs: int = 200  # most full-batch steps; the weights of the best validation score are kept
    patience: int = 50  # steps without a better validation score that end training; 0: never
    ends: str = "linear"  # linear (encoder and decoder) or graph (first and last graph layer change the width)

    def __post_init__(self) -> None:
        """Check the recipe."""
        super().__post_init__()
        check_choice("ends", self.ends, ENDS)
        check_choice("decay_on", self.decay_on, DECAY_ON)
        check_at_least("hidden", self.hidden, 1)
        check_at_least("epochs", self.epochs, 1)
        check_at_least("patience", self.patience, 0)
        check_at_least("weight_decay", self.weight_decay, 0.0)
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1; got {self.dropout}")
        if not self.learning_rate > 0.0:
            raise ValueError(f"learning_rate must be above 0; got {self.learning_rate}")


def width_problem(cfg: Config) -> str | None:
    """Return why the layers of `cfg` cannot change the width although ``ends=graph`` asks for it, or None."""
    if cfg.ends == "graph" and not cfg.model.any_width:
        return f"{cfg.model.name} keeps the width in every layer, which ends=graph does not; use ends=linear"
    return None
