"""What the depth tables of gnn_oversmoothing share: the networks, and how to pick their runs and values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from baselines.common.record import RunView
from benchmarks.sheet import Estimate

NETWORKS: dict[str, tuple[str, ...]] = {
    "GCN": ("model=gcn",),
    "GAT": ("model=gat",),
    "GraphSAGE": ("model=sage",),
    "SGC": ("model=sgc",),
    "APPNP": ("model=appnp",),
    "GCNII": ("model=gcnii",),
    "JKNet": ("model=jknet",),
    "ResGCN": ("model=resgcn",),
    "DAGNN": ("model=dagnn",),
    "GPR-GNN": ("model=gprgnn",),
    "GCN + PairNorm": ("model=gcn", "norm=pairnorm"),
    "GCN + BatchNorm": ("model=gcn", "norm=batchnorm"),
    "GCN + NodeNorm": ("model=gcn", "norm=nodenorm"),
    "GCN + DiffGroupNorm": ("model=gcn", "norm=diffgroupnorm"),
    "GCN + DropEdge": ("model=gcn", "drop=dropedge"),
    "G2": ("model=g2",),
    "GraphCON": ("model=graphcon",),
    "GRAND": ("model=grand",),
    "ACMP": ("model=acmp",),
    "GREAD": ("model=gread",),
    "MLP": ("model=mlp",),
    "ResNet": ("model=resnet",),
}

SMOKE = ("GCN", "GCN + PairNorm", "MLP")  # one of each kind


def choices(suite: str, without: Iterable[str] = ()) -> list[tuple[str, ...]]:
    """The overrides of every network of a suite, except some."""
    return [own for name, own in NETWORKS.items() if name not in without and (suite != "smoke" or name in SMOKE)]


def of(views: Iterable[RunView], network: str) -> list[RunView]:
    """The runs of one network, by seed."""
    wanted = {"norm": "none", "drop": "none", **dict(choice.split("=") for choice in NETWORKS[network])}
    found = (view for view in views if all(view.choices[group] == name for group, name in wanted.items()))
    return sorted(found, key=lambda view: view.seed)


def depths(views: Iterable[RunView]) -> list[int]:
    """All depths, rising."""
    return sorted({depth for view in views for depth in view.config["study"]["depths"]})


def values(views: Iterable[RunView], metric: str, depth: int) -> list[float]:
    """A metric at one depth, one value a run that has it."""
    key = f"{metric}_depth_{depth}"
    return [view.metrics[key] for view in views if key in view.metrics]


def by_seed(views: Iterable[RunView], metric: str, depth: int) -> dict[int, float]:
    """A metric at one depth by seed."""
    key = f"{metric}_depth_{depth}"
    return {view.seed: view.metrics[key] for view in views if key in view.metrics}


def percent(found: list[float]) -> Estimate | None:
    """Mean ± standard deviation in %, or None without values."""
    return Estimate.of([100.0 * value for value in found], digits=1) if found else None


def with_interval(found: list[float]) -> Estimate | None:
    """Mean in % with its 95 % interval in the text."""
    estimate = percent(found)
    if estimate is None or estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, text=f"{estimate.value:.1f} [{estimate.low:.1f}, {estimate.high:.1f}] (n={estimate.n})")


def slug(network: str) -> str:
    """A network's name as it stands in the identity of a claim."""
    return "".join(letter for letter in network.lower().replace(" + ", "_") if letter.isalnum() or letter == "_")
