"""One run of the topic: the chosen study does the work."""

from __future__ import annotations

from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing.config import Config


def run(cfg: Config, record: Record) -> Outcome:
    """Run the study of `cfg`, log into `record`, and return metrics and claims."""
    outcome: Outcome = cfg.study.run(cfg, record)
    return outcome
