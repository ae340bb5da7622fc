"""What must hold for every model of the topic, and what relates models to each other."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.utils import erdos_renyi_graph

from baselines.common import options
from baselines.gnn_oversmoothing import assembly
from baselines.gnn_oversmoothing.drops.dropedge import Drop
from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.metrics import normalised_energy
from baselines.gnn_oversmoothing.models.gat import Model as GAT
from baselines.gnn_oversmoothing.models.jknet import Model as JKNet
from baselines.gnn_oversmoothing.network import DeepGNN, parameter_count
from baselines.gnn_oversmoothing.norms.none import Norm
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.rewirings.none import Rewiring
from baselines.gnn_oversmoothing.spectra import decay_eigenvalues
from baselines.gnn_oversmoothing.training import adam, train_step

TOPIC = "gnn_oversmoothing"
MODELS = options.groups(TOPIC)["model"]
NODES, FEATURES = 40, 6


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    """Kernels without a deterministic form are errors, as in a run."""
    torch.set_deterministic_debug_mode("error")
    torch.manual_seed(0)
    yield
    torch.set_deterministic_debug_mode("default")


@pytest.fixture
def task() -> Task:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(NODES) % 2
    features = torch.randn(NODES, FEATURES, generator=generator, dtype=torch.float64)
    graph = Graph.from_edges(erdos_renyi_graph(NODES - 1, 0.12), NODES)  # the last node has no neighbours
    train = torch.arange(NODES) < 20
    return Task("random", graph, features, labels, train, ~train, ~train)


def model(name: str) -> Any:
    return options.option_class(TOPIC, "model", name)()


def build(chosen: Any, task: Task, depth: int, **changes: Any) -> DeepGNN:
    recipe = {"seed": 0, "hidden": 8, "dropout": 0.5, "ends": "linear", "device": "cpu", "dtype": "float64"}
    cfg = SimpleNamespace(model=chosen, norm=Norm(), rewiring=Rewiring(), **(recipe | changes))
    return assembly.build(cfg, task, depth)  # type: ignore[arg-type]


def logits(network: DeepGNN, graph: Graph, x: Tensor) -> Tensor:
    network.eval()
    with torch.no_grad():
        result: Tensor = network(x, Operators(graph, x.dtype))
    return result


@pytest.mark.parametrize("name", MODELS)
def test_renaming_the_nodes_renames_the_logits(name: str, task: Task) -> None:
    network = build(model(name), task, 3)
    order = torch.randperm(NODES)  # the new node i is the old node order[i]
    place = torch.argsort(order)
    renamed = Graph.from_edges(place[task.graph.edge_index], NODES)
    expected = logits(network, task.graph, task.features)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(logits(network, renamed, task.features[order]), expected[order])


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_matters_unless_the_model_says_otherwise(name: str, task: Task) -> None:
    network = build(model(name), task, 3)
    other = Graph.from_edges(task.graph.edge_index[:, ::3], NODES)
    same = torch.equal(logits(network, task.graph, task.features), logits(network, other, task.features))
    assert same is (not network_sees_graph(name))


def network_sees_graph(name: str) -> bool:
    return bool(model(name).uses_graph)


def test_only_the_controls_have_no_graph() -> None:
    assert {name for name in MODELS if not network_sees_graph(name)} == {"mlp", "resnet"}


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_finite_at_64_layers(name: str, task: Task) -> None:
    task = task.to(torch.device("cpu"), torch.float32)
    network = build(model(name), task, 64, dtype="float32")
    loss = train_step(network, task, Operators(task.graph), adam(network, 0.01, 5e-4, "all"))
    assert bool(torch.isfinite(loss))
    for label, parameter in network.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), label


@pytest.mark.parametrize("name", MODELS)
def test_dropout_is_for_training_only(name: str, task: Task) -> None:
    network, operators = build(model(name), task, 2), Operators(task.graph, torch.float64)
    assert torch.equal(logits(network, task.graph, task.features), logits(network, task.graph, task.features))
    network.train()
    assert not torch.equal(network(task.features, operators), network(task.features, operators))
    without = build(model(name), task, 2, dropout=0.0)
    evaluated = logits(without, task.graph, task.features)
    torch.testing.assert_close(without.train()(task.features, operators), evaluated)


@pytest.mark.parametrize("name", MODELS)
def test_energy_factor_bounds_every_layer_that_has_one(name: str, task: Task) -> None:
    network = build(model(name), task, 4)
    factors = [layer.energy_factor() for layer in network.layers]  # type: ignore[operator]
    if not network.is_plain or None in factors:
        assert name not in {"gcn", "sgc", "jknet"}
        return
    decay = float(decay_eigenvalues(task.graph.adjacency(), 1)[0])
    with torch.no_grad():
        states = network.eval().states(task.features, Operators(task.graph, torch.float64))
    energies = [normalised_energy(state, task.graph) for state in states]
    for before, after, factor in zip(energies, energies[1:], factors, strict=False):
        assert 0.0 < after <= decay**2 * factor * before * (1.0 + 1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_layers_may_change_the_width_if_the_model_says_so(name: str, task: Task) -> None:
    if not model(name).any_width:
        assert name not in {"gcn", "sage", "mlp"}
        return
    network = build(model(name), task, 3, ends="graph", dropout=0.0)
    assert network.encoder is None and logits(network, task.graph, task.features).shape == (NODES, 2)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_with_dropped_edges(name: str, task: Task) -> None:
    network, drop = build(model(name), task, 2, dropout=0.0), Drop(rate=0.5)
    operators, optimizer = Operators(task.graph, torch.float64), adam(network, 0.01, 0.0, "all")
    before = [parameter.detach().clone() for parameter in network.parameters()]
    losses = [float(train_step(network, task, drop.sample(operators), optimizer)) for _ in range(40)]
    assert losses[-1] < losses[0]
    assert all(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("without,with_graph", [("mlp", "gcn"), ("resnet", "resgcn")])
def test_controls_are_the_graph_models_without_edges(without: str, with_graph: str, task: Task) -> None:
    edgeless = Graph(NODES, torch.zeros(2, 0, dtype=torch.long))
    control, network = build(model(without), task, 3), build(model(with_graph), task, 3)
    network.load_state_dict(control.state_dict())
    expected = logits(control, task.graph, task.features)
    torch.testing.assert_close(logits(network, edgeless, task.features), expected)
    assert not torch.allclose(logits(network, task.graph, task.features), expected)


def test_residual_models_are_the_identity_without_weights(task: Task) -> None:
    network = build(model("resgcn"), task, 5).eval()
    for layer in network.layers:
        layer.linear.weight.data.zero_()  # type: ignore[operator,union-attr]
    states = network.states(task.features, Operators(task.graph, torch.float64))
    assert torch.equal(states[0], states[5])


def test_number_of_parameters(task: Task) -> None:
    ends = FEATURES * 8 + 8 + 8 * 2 + 2  # encoder and decoder of width 8
    expected = {
        "gcn": 64 * 5,
        "mlp": 64 * 5,
        "sage": 2 * 64 * 5,
        "gat": (64 + 16) * 5,
        "gin": (2 * 64 + 16) * 5,
        "ggnn": 64 + 2 * 3 * 64 + 2 * 3 * 8,
        "appnp": 0,
        "dagnn": 8 + 1,
        "gprgnn": 6,
        "jknet": 64 * 5 + 4 * 16,
    }
    for name, inner in expected.items():
        assert parameter_count(build(model(name), task, 5)) == ends + inner, name
    assert parameter_count(build(JKNet("max"), task, 5)) == ends + 64 * 5


def test_heads_share_the_width(task: Task) -> None:
    assert GAT(heads=3).skip(SimpleNamespace(hidden=8)) == "model.heads=3 does not divide hidden=8; choose a divisor"
    assert GAT(heads=4).skip(SimpleNamespace(hidden=8)) is None
    network = build(GAT(heads=4), task, 2)
    assert parameter_count(network) == parameter_count(build(GAT(heads=1), task, 2)), "width 8: four heads of two"
    sparse = replace(task, graph=Graph(NODES, torch.zeros(2, 0, dtype=torch.long)))
    own = logits(network, sparse.graph, task.features)
    mlp = build(model("mlp"), task, 2)
    mlp.load_state_dict({key: value for key, value in network.state_dict().items() if "attend" not in key})
    torch.testing.assert_close(own, logits(mlp, sparse.graph, task.features))


@pytest.mark.parametrize(
    "name,settings,message",
    [
        ("gat", {"heads": 0}, "model.heads must be at least 1; got 0"),
        ("appnp", {"alpha": 1.5}, "model.alpha must lie between 0 and 1; got 1.5"),
        ("gprgnn", {"alpha": -0.1}, "model.alpha must lie between 0 and 1; got -0.1"),
        ("jknet", {"mode": "lstm"}, "model.mode must be cat or max; got lstm"),
    ],
    ids=str,
)
def test_bad_settings_say_what_is_right(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options.option_class(TOPIC, "model", name)(**settings)
