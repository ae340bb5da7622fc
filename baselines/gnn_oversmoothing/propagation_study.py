"""Study `propagation`: linear propagation P^l X, both Dirichlet energies and rank, against the spectrum of P."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.common.compute import numpy_generator
from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing import spectra
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.metrics import dirichlet_energy, measure, normalised_energy
from baselines.gnn_oversmoothing.propagation_claims import (
    EXACT,
    NARROW,
    TOLERANCE,
    WINDOWS,
    Floor,
    Setting,
    heat_claim,
    is_regular,
    limit_claim,
    rate_claim,
    regular_claim,
    spectrum_claims,
)
from baselines.gnn_oversmoothing.sparse import SparseOperator

MODULI = 8  # leading moduli of the spectrum that are looked at
LEAST_LAYERS = 64  # earliest layer from which the slope in the end is measured
SECOND_MODE = 1e-3  # energy of the next mode relative to the first where that measurement starts
PROBE_COLUMNS = 16  # columns of X that are propagated that far
SETTLED = 5e-4  # share of the survey's energy's root above its limit where the limit is measured
ROUNDING = 1e-24  # Rayleigh quotients below this are rounding error of float64
STRIDE = 16  # layers between two looks at whether the survey's energy has settled
TIMES = 17  # points of the heat equation's curve

FloatArray = NDArray[np.float64]


def run(cfg: Config, record: Record) -> Outcome:
    """Propagate, measure every layer, compare with the predictions."""
    with record.timed("spectrum"):
        setting = prepare(cfg)
    with record.timed("propagation"):
        curves = propagate(setting, cfg.study.layers)
    with record.timed("end"):
        end = slopes_in_the_end(setting, cfg.study.most_layers)
        floor = measured_floor(setting, cfg.study.most_layers)
    record.save(**curves, **predicted_curves(setting))
    metrics = summary(setting, curves) | {name: value for name, value in end.items() if value is not None}
    if floor is not None:
        metrics["settled_ratio"] = floor.measured / floor.predicted
        metrics["settled_layer"] = float(floor.layer)
    found = [
        rate_claim(setting, end["slope_end"]),
        heat_claim(setting, end["heat_slope_end"]),
        regular_claim(setting, curves) if is_regular(setting.graph) else limit_claim(setting, floor),
    ]
    if setting.gaussian and setting.values is not None:
        found += spectrum_claims(setting, setting.values, metrics.get("slope_64_128"))
    return Outcome(metrics, found)


def prepare(cfg: Config) -> Setting:
    """Load the graph, take its largest component if wanted, draw X, and compute the spectrum."""
    task: Task = cfg.dataset.load(cfg)
    graph = cfg.rewiring.rewire(task.graph, cfg.seed)
    adjacency = graph.adjacency()
    nodes = np.arange(graph.num_nodes)
    if cfg.study.largest_component:
        nodes = spectra.largest_component(adjacency)
        adjacency = adjacency[nodes][:, nodes]
    gaussian = cfg.study.features == "gaussian"
    if gaussian:
        x = numpy_generator(cfg.seed, "propagation").standard_normal((len(nodes), cfg.study.columns))
    else:
        x = narrowed(dense_features(task)[nodes])
    probe = x
    if x.shape[1] > NARROW:
        probe = x @ numpy_generator(cfg.seed, "probe").standard_normal((x.shape[1], cfg.study.columns))
    all_values = gaussian and len(nodes) <= cfg.study.spectrum_nodes
    return Setting(
        task.name,
        Graph.from_edges(torch.from_numpy(np.stack(adjacency.nonzero()).astype(np.int64)), len(nodes)),
        adjacency,
        x,
        probe,
        gaussian,
        spectra.decay_eigenvalues(adjacency, MODULI),
        spectra.diffusion_rates(adjacency, MODULI),
        spectra.eigenvalues(adjacency) if all_values else None,
    )


def dense_features(task: Task) -> FloatArray:
    """Return the dataset's features as a dense matrix [N, F] of float64."""
    features = task.features.dense() if isinstance(task.features, SparseOperator) else task.features
    return features.double().numpy()


def narrowed(x: FloatArray) -> FloatArray:
    """Return X Q [N, min(N, F)] with orthonormal columns Q: all energies, cosines and singular values stay the same."""
    return np.linalg.qr(x.T).R.T if x.shape[1] > x.shape[0] else x


def propagate(setting: Setting, layers: int) -> dict[str, FloatArray]:
    """Return the measurements of P^l X for l = 0..layers (wide X: at powers of two), and of the heat equation.

    X is multiplied with P again and again, nothing is projected or rescaled; energies below rounding are NaN.
    """
    marks = [0, *(2**k for k in range(layers.bit_length()) if 2**k <= layers)] if setting.wide else range(layers + 1)
    p, x, probe = spectra.propagation_matrix(setting.adjacency), setting.x, setting.probe
    rows: list[dict[str, float]] = []
    for layer in range(layers + 1):
        if layer in marks:
            row = measure(torch.from_numpy(probe), setting.graph)
            rows.append(row | energies(x, setting.graph) if setting.wide else row)
        x = p @ x
        probe = p @ probe if setting.wide else x
    curves = {f"layer_{name}": np.array([row[name] for row in rows]) for name in rows[0]}
    rounding = curves["layer_rayleigh_quotient"] < ROUNDING
    for name in ("normalised_energy", "rayleigh_quotient"):
        curves[f"layer_{name}"][rounding] = np.nan
    times = np.linspace(0.0, layers, TIMES)
    heat = spectra.continuous_decay(setting.adjacency, setting.probe, times)
    return {"layer": np.array(marks, dtype=float), **curves, "heat_time": times, "heat_log_energy": heat}


def energies(x: FloatArray, graph: Graph) -> dict[str, float]:
    """Return both energies and their quotients, without the metrics that are dear for wide X [N, F]."""
    columns = torch.from_numpy(x).split(NARROW, dim=1)  # energies add over the columns
    energy = sum(dirichlet_energy(part, graph) for part in columns)
    normalised = sum(normalised_energy(part, graph) for part in columns)
    size = float(np.sum(x**2))
    return {
        "energy": energy,
        "normalised_energy": normalised,
        "energy_quotient": energy / size,
        "rayleigh_quotient": normalised / size,
    }


def predicted_curves(setting: Setting) -> dict[str, FloatArray]:
    """Return what the theory's lines are drawn from: the spectrum and the limit of the survey's energy."""
    curves = {
        "spectral_lambda": setting.moduli[0],
        "diffusion_rate": setting.rates[0],
        "energy_limit": np.array(spectra.survey_limit(setting.adjacency, setting.x)),
    }
    return curves if setting.values is None else curves | {"eigenvalue": setting.values}


def summary(setting: Setting, curves: dict[str, FloatArray]) -> dict[str, float]:
    """Return sizes, spectrum, slopes of the windows, and the energies after 64 layers."""
    layer = curves["layer"].astype(int).tolist()
    energy, normalised = curves["layer_energy"], curves["layer_normalised_energy"]
    metrics = {
        "nodes": float(setting.graph.num_nodes),
        "edges": float(setting.graph.edge_index.shape[1] // 2),
        "spectral_lambda": float(setting.moduli[0]),
        "diffusion_rate": float(setting.rates[0]),
        "predicted_slope": setting.rate,
        "energy_ratio_limit": spectra.survey_limit(setting.adjacency, setting.x),
        "energy_ratio_limit_gaussian": spectra.expected_survey_limit(setting.adjacency),
    }
    to_rate = spectra.layers_to_rate(setting.moduli, TOLERANCE)
    if math.isfinite(to_rate):
        metrics["layers_to_rate"] = to_rate
    for first, last in WINDOWS:
        if last <= layer[-1]:
            a, b = layer.index(first), layer.index(last)
            slope = float(np.log(normalised[b] / normalised[a])) / (last - first)
            if math.isfinite(slope):
                metrics[f"slope_{first}_{last}"] = slope
    for depth in (64, layer[-1]):
        if depth in layer:
            row = layer.index(depth)
            metrics[f"energy_ratio_{depth}"] = float(energy[row] / energy[0])
            if math.isfinite(normalised[row]):
                metrics[f"normalised_energy_ratio_{depth}"] = float(normalised[row] / normalised[0])
    for name in ("effective_rank", "rank_one_distance"):
        metrics[f"{name}_last"] = float(curves[f"layer_{name}"][-1])
    return metrics


def slopes_in_the_end(setting: Setting, most_layers: int) -> dict[str, float | None]:
    """Return the slopes of log E_sym where one mode is left, for layers and for the heat equation.

    Each is measured between a and 2a, a the layer (time) from which the next mode is below `SECOND_MODE`; None where
    that is deeper than `most_layers`.
    """
    found: dict[str, float | None] = {"slope_end": None, "heat_slope_end": None}
    x = setting.probe[:, :PROBE_COLUMNS] if setting.gaussian or setting.wide else setting.probe
    first = _ceil(spectra.layers_to_rate(setting.moduli, SECOND_MODE))
    if first is not None and 2 * first <= most_layers:
        found["slope_end"] = spectra.slope(spectra.linear_decay(setting.adjacency, x, 2 * first), first, 2 * first)
    begin = _ceil(spectra.layers_to_rate(np.exp(-setting.rates), SECOND_MODE))  # exp(-t (I - P)) has these moduli
    if begin is not None and 2 * begin <= most_layers:
        logs = spectra.continuous_decay(setting.adjacency, x, np.array([begin, 2.0 * begin]))
        if np.isfinite(logs).all():
            found["heat_slope_end"] = float(logs[1] - logs[0]) / begin
    return found


def measured_floor(setting: Setting, most_layers: int) -> Floor | None:
    """Measure the survey's energy where it has settled, by plain multiplication with P.

    sqrt(E) is a seminorm, so |sqrt E(P^l X) - sqrt E(limit)| <= sqrt E(Y_l), Y_l the part outside the invariant
    subspace, and E(Y_l) <= 4/N d_max ||Y_l||^2.  None where that bound is above `SETTLED` of the limit's root up to
    `most_layers`, or the limit is 0.
    """
    if is_regular(setting.graph):
        return None
    p, basis = spectra.propagation_matrix(setting.adjacency), spectra.invariant_subspace(setting.adjacency)
    x, limit = setting.probe, basis @ (basis.T @ setting.probe)
    start = dirichlet_energy(torch.from_numpy(x), setting.graph)
    ratio = spectra.survey_limit(setting.adjacency, x)
    factor = math.sqrt(4.0 * float(setting.graph.degree.max()) / setting.graph.num_nodes / (ratio * start))
    for layer in range(0, most_layers, STRIDE):
        left = factor * float(np.linalg.norm(x - limit))
        if left <= SETTLED:
            measured = dirichlet_energy(torch.from_numpy(x), setting.graph) / start
            return Floor(measured, ratio, layer, 2.0 * left + left**2 + EXACT)
        for _ in range(STRIDE):
            x = p @ x
    return None


def _ceil(layers: float) -> int | None:
    return math.ceil(max(LEAST_LAYERS, layers)) if math.isfinite(layers) else None
