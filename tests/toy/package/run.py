"""The run of the toy topic."""

import os
import time

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.errors import UserError
from baselines.common.record import Outcome, Record


def run(cfg, record: Record) -> Outcome:
    """Draw random numbers, step by step."""
    if cfg.log:
        with open(cfg.log, "a") as stream:
            stream.write(f"{cfg.seed}\n")
    if cfg.fault == "user":
        raise UserError("the toy is not available; choose another")
    draws = compute.numpy_generator(cfg.seed, "draws")
    total = 0.0
    with record.progress(cfg.steps, "counting") as tick:
        for step in range(cfg.steps):
            time.sleep(cfg.pause)
            total += draws.random()
            if cfg.fault == "nan" and step == cfg.steps // 2:
                total = float("nan")
            record.log("train", step=step, total=total)
            if cfg.fault == "raise":
                raise RuntimeError("the toy broke")
            if cfg.fault == "exit":
                os._exit(9)
            tick(1, total=total)
    mean = total / cfg.steps
    claim = Claim("toy.mean", "the mean of uniform draws is 1/2", 0.5, 0.0, 1.0, mean, "elementary")
    return Outcome({"mean": mean}, [claim])
