"""Names of coordinates, outputs and parameters as readers write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from baselines.common import options
from baselines.common.record import RunView

Text = Callable[[str], str]

AXES = {"x": "position x", "y": "position y", "t": "time t"}
GREEK = ("alpha", "beta", "gamma", "delta", "kappa", "lambda", "mu", "nu", "rho", "sigma", "omega")
# Where the picture shows something else than the first output.
SHOWN = {"schroedinger": "$|h|$", "cavity": "$|(u, v)|$", "poisson_field": "$a$", "heat_field": "$a$"}
ZH = {"position x": "位置 x", "position y": "位置 y", "time t": "时间 t"}


def math(name: str) -> str:
    r"""`lambda1` as $\lambda_1$, `kf` as $k_f$, `x` as $x$."""
    stem = next((greek for greek in GREEK if name.startswith(greek)), name[:1])
    rest = re.sub("^_", "", name[len(stem) :])
    symbol = f"\\{stem}" if stem in GREEK else stem
    return f"${symbol}_{{{rest}}}$" if rest else f"${symbol}$"


def coordinate(name: str, text: Text) -> str:
    """Label of an axis along a coordinate."""
    return text(AXES[name]) if name in AXES else math(name)


def problem(view: RunView) -> Any:
    """The problem of a record, rebuilt from its keys: true values, outputs, holes."""
    return options.option_class(view.topic, "problem", view.choices["problem"])(**view.config["problem"])


def output(view: RunView) -> str:
    """Symbol of the quantity shown."""
    name = view.choices["problem"]
    return SHOWN.get(name) or math(problem(view).outputs[0])
