"""One run of a DeepXDE method: build, train in stages, log, return the parameters of lowest training loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from baselines.common.compute import numpy_generator, subseed, torch_device
from baselines.pinn_pde.deepxde_model import PINN, session
from baselines.pinn_pde.deepxde_training import History
from baselines.pinn_pde.method import Case, Solution

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config

Stages = Callable[[PINN, History], dict[str, int]]
"""Trains and returns the number of iterations of each stage."""


def solve(
    case: Case,
    cfg: Config,
    record: Record,
    *,
    layers: list[int],
    activation: str,
    stages: Stages,
    total: int,
    trained: bool,
) -> Solution:
    """Train a DeepXDE network on a case.

    Args:
        case: what is solved.
        cfg: the run's config.
        record: where the history goes.
        layers: widths of the hidden layers.
        activation: name that DeepXDE knows.
        stages: what is done to the network.
        total: iterations of all stages, for the progress bar.
        trained: whether that is enough for a statement about accuracy.
    """
    problem, device = case.problem, torch_device(cfg)
    fresh = problem.domain().sample(problem.num_domain, numpy_generator(cfg.seed, "monitor"))
    with session(subseed(cfg.seed, "points"), device, cfg.dtype):
        with record.timed("data"):
            pinn = PINN(
                problem,
                layers,
                activation,
                observations=case.observations,
                monitor=fresh,
                point_seed=subseed(cfg.seed, "points"),
                network_seed=subseed(cfg.seed, "network"),
                device=device,
            )
        pinn.evaluations = 0
        with record.progress(total, "training") as tick:
            begin, watching, before = time.perf_counter(), 0.0, 0

            def on_row(iteration: int, row: dict[str, float]) -> None:
                nonlocal before, watching
                now = time.perf_counter()
                error = case.error(pinn.predict)
                elapsed = now - begin - watching
                record.log(
                    "history",
                    iteration=iteration,
                    elapsed_s=elapsed,
                    evaluations=pinn.evaluations,
                    error=error,
                    **row,
                )
                tick(iteration - before, loss=row["loss"], error=error)
                before = iteration
                watching += time.perf_counter() - now

            history = History(pinn, on_row)
            iterations = stages(pinn, history)
            record.cost["training_s"] = time.perf_counter() - begin - watching
        pinn.load(history.best_state)
    return Solution(
        predict=pinn.predict,
        residual=pinn.residual,
        points=pinn.points,
        parameters=sum(parameter.numel() for parameter in pinn.parameters()),
        trained=trained,
        unknowns=pinn.unknowns(),
        metrics={
            "loss": history.best_loss,
            "evaluations": float(pinn.evaluations),
            "iterations": float(sum(iterations.values())),
            **{f"{name}_iterations": float(count) for name, count in iterations.items()},
        },
    )
