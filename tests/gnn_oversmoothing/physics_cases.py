"""Helpers of the tests of the gating and physics models."""

import importlib
from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import erdos_renyi_graph

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.operators import Operators

NODES, WIDTH = 12, 6
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("g2", {}),
    ("g2", {"p": 1.5, "reduce": "sum"}),
    ("graphcon", {}),
    ("graphcon", {"shared": True}),
    ("grand", {}),
    ("grand", {"integrator": "rk4", "heads": 2}),
    ("acmp", {}),
    ("acmp", {"weights": "gcn"}),
    ("gread", {"reaction": "fisher"}),
    ("gread", {"reaction": "allen_cahn"}),
    ("gread", {"reaction": "zeldovich"}),
    ("gread", {"reaction": "blurring_sharpening"}),
]
NAMES = [f"{name}-{'-'.join(map(str, keys.values()))}" for name, keys in VARIANTS]


def model(name: str, **keys: Any) -> Any:
    return importlib.import_module(f"baselines.gnn_oversmoothing.models.{name}").Model(**keys)


def layers_of(name: str, depth: int, width: int = WIDTH, **keys: Any) -> list[GraphLayer]:
    torch.manual_seed(2)
    return [layer.double() for layer in model(name, **keys).layers([width] * (depth + 1))]


def context_of(graph: Graph, first: Tensor) -> Context:
    return Context(Operators(graph, torch.float64), first)


def random_graph() -> Graph:
    """A random graph with an isolated node."""
    torch.manual_seed(0)
    edges = erdos_renyi_graph(NODES - 1, 0.35)
    return Graph.from_edges(edges, NODES)


def gaussian() -> Tensor:
    return torch.randn(NODES, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def stack(layers: list[GraphLayer], x: Tensor, graph: Graph) -> Tensor:
    context = context_of(graph, x)
    for layer in layers:
        x = layer(x, context)
    return x


def network_of(name: str, keys: dict[str, Any], depth: int, features: int, width: int = 16) -> DeepGNN:
    torch.manual_seed(5)
    option = model(name, **keys)
    layers = option.layers([width] * (depth + 1))
    return DeepGNN(layers, width=width, num_features=features, num_classes=2, dropout=0.5, relu=option.relu)


def hub_and_random() -> Graph:
    """A random graph with a hub next to all 200 nodes."""
    torch.manual_seed(7)
    spokes = torch.stack([torch.zeros(199, dtype=torch.int64), torch.arange(1, 200)])
    return Graph.from_edges(torch.cat([erdos_renyi_graph(200, 0.02), spokes], dim=1), 200)
