"""The exponent of the compute-optimal model size under several counts of the parameters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from baselines.scaling_law import variable_projection
from baselines.scaling_law.parameter_convention import Convention
from baselines.scaling_law.parametric_fit import Array
from baselines.scaling_law.runs_table import runs_of
from baselines.scaling_law.studies import _tables

NANOCHAT_NAMES = {
    Convention.ALL.value: "Chinchilla",
    Convention.WITHOUT_EMBEDDING.value: "Kaplan",
    Convention.WITHOUT_EMBEDDING_AND_HEAD.value: "Transformer-only",
}
MISFITTING_COLUMNS = {Convention.ALL.value: "N", Convention.WITHOUT_EMBEDDING.value: "N_no_emb"}
MOST_BOOTSTRAPS = 200  # two surfaces each; more would take most of the study's time


@dataclass(frozen=True)
class Line:
    """Optima of one count, and the power law through them."""

    compute: Array
    """Budgets in FLOP.  Shape [4]."""
    parameters: Array
    """N*.  Shape [4]."""
    size: float
    """Exponent of N*."""
    size_half: float
    """Half of its 95 % t-interval."""
    tokens: float
    """Exponent of D*."""
    tokens_half: float


@dataclass(frozen=True)
class Surface:
    """Exponent of N* from the surface fitted to all runs."""

    size: float
    resampled: Array
    """Of bootstrap tables.  Shape [k]."""
    at_bound: bool
    """Whether E is zero: the table then does not fix the irreducible loss."""
    runs: int
    repeated: int
    """Rows of the file that repeat an earlier one."""


@dataclass(frozen=True)
class Conventions:
    """Results of each count; the runs behind the surfaces have no count without the head."""

    lines: dict[str, Line]
    surfaces: dict[str, Surface]


def compare(data_dir: str, chosen: tuple[str, ...], bootstraps: int, generator: np.random.Generator) -> Conventions:
    """Exponents on the nanochat optima and on the runs of (Mis)Fitting.

    Args:
        data_dir: Folder of data sets.
        chosen: Names of conventions.
        bootstraps: Resampled tables of the second.
        generator: Draws them; the same tables for every count.

    Raises:
        UserError: If a file is missing.
    """
    lines = {name: _line(data_dir, name) for name in chosen}
    seed = int(generator.integers(2**32))
    count = min(bootstraps, MOST_BOOTSTRAPS)
    surfaces = {name: _surface(data_dir, name, count, seed) for name in chosen if name in MISFITTING_COLUMNS}
    return Conventions(lines, surfaces)


def metrics(found: Conventions) -> dict[str, float]:
    """Exponents with their intervals."""
    values: dict[str, float] = {}
    for name, line in found.lines.items():
        for quantity, value, half in (("size", line.size, line.size_half), ("tokens", line.tokens, line.tokens_half)):
            key = f"nanochat_{quantity}_{name}"
            values |= {key: value, f"{key}_low": value - half, f"{key}_high": value + half}
    for name, surface in found.surfaces.items():
        low, high = np.percentile(surface.resampled, [2.5, 97.5])
        key = f"misfitting_size_{name}"
        values |= {key: surface.size, f"{key}_low": float(low), f"{key}_high": float(high)}
        values |= {f"{key}_at_bound": float(surface.at_bound), "misfitting_runs": float(surface.runs)}
        values["misfitting_rows_repeated"] = float(surface.repeated)
    return values


def curves(found: Conventions) -> dict[str, Any]:
    """The optima of each count."""
    stored: dict[str, Any] = {}
    for name, line in found.lines.items():
        stored |= {f"nanochat_{name}_compute": line.compute, f"nanochat_{name}_parameters": line.parameters}
    return stored | {f"misfitting_{name}_exponents": surface.resampled for name, surface in found.surfaces.items()}


def _line(data_dir: str, name: str) -> Line:
    wanted = {"c": "flops", "n": "opt_params", "d": "opt_tokens"}
    columns = _tables.read(data_dir, _tables.NANOCHAT, wanted, {"convention": NANOCHAT_NAMES[name]}).columns
    slopes = [stats.linregress(np.log(columns["c"]), np.log(columns[key])) for key in ("n", "d")]
    quantile = float(stats.t.ppf(0.975, len(columns) - 2))
    (size, size_half), (tokens, tokens_half) = ((float(s.slope), quantile * float(s.stderr)) for s in slopes)
    return Line(columns["c"], columns["n"], size, size_half, tokens, tokens_half)


def _surface(data_dir: str, name: str, bootstraps: int, seed: int) -> Surface:
    """Variable projection on the run of best learning rate at each N and D."""
    wanted = {"n": MISFITTING_COLUMNS[name], "d": "D", "loss": "loss"}
    read = _tables.read(data_dir, _tables.MISFITTING, wanted, drop_bad_rows=True, warn=False).columns
    runs = runs_of(read.smallest("loss", by=("n", "d"))).logs()
    best = variable_projection.fit(runs)
    start = (best.law.alpha, best.law.beta)
    generator = np.random.default_rng(seed)
    resampled = [
        variable_projection.fit(runs.take(generator.integers(0, len(runs), len(runs))), start).law.compute_exponent
        for _ in range(bootstraps)
    ]
    return Surface(best.law.compute_exponent, np.array(resampled), best.law.E == 0, len(runs), len(read.bad_rows))
