"""Datasets: sizes and splits as published, closed forms of the generated graphs, what is checked and what is said."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
import torch

from baselines.common import options
from baselines.common.errors import UserError
from baselines.gnn_oversmoothing import metrics, spectra
from baselines.gnn_oversmoothing.datasets import _files, chameleon_filtered, citeseer, minesweeper, texas
from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.pair_metrics import Pairs, measure_pairs
from baselines.gnn_oversmoothing.sparse import SparseOperator

# name: task name, score, N, m, F, C, sizes of the first split
PUBLISHED = {
    "cora": ("Cora", "accuracy", 2708, 5278, 1433, 7, (140, 500, 1000)),
    "citeseer": ("CiteSeer", "accuracy", 3327, 4552, 3703, 6, (120, 500, 1000)),
    "cornell": ("Cornell", "accuracy", 183, 277, 1703, 5, (87, 59, 37)),
    "texas": ("Texas", "accuracy", 183, 279, 1703, 5, (87, 59, 37)),
    "wisconsin": ("Wisconsin", "accuracy", 251, 450, 1703, 5, (120, 80, 51)),
    "minesweeper": ("Minesweeper", "roc_auc", 10000, 39402, 7, 2, (5000, 2500, 2500)),
    "chameleon_filtered": ("Chameleon (filtered)", "accuracy", 890, 8854, 2325, 5, (409, 287, 194)),
}
FILES = [name for name in PUBLISHED if name != "cora"]
TEN_SPLITS = ["cornell", "texas", "wisconsin", "minesweeper", "chameleon_filtered"]


def load(name: str, data_dir: str = "", seed: int = 0, **keys: object) -> Task:
    option = options.option_class("gnn_oversmoothing", "dataset", name)
    task = option(**keys).load(SimpleNamespace(data_dir=data_dir, seed=seed))
    assert isinstance(task, Task)
    return task


def masks(task: Task) -> torch.Tensor:
    return torch.stack([task.train, task.validation, task.test])


def check_is_a_task(task: Task) -> None:
    """Whatever the source: a simple undirected graph, disjoint splits, finite features, labels from 0."""
    row, col = task.graph.edge_index
    n = task.graph.num_nodes
    codes = row * n + col
    assert not (row == col).any() and len(codes.unique()) == len(codes)
    assert set(codes.tolist()) == set((col * n + row).tolist())
    assert masks(task).sum(dim=0).max() == 1 and masks(task).any(dim=1).all()
    assert task.labels.shape == (n,) and task.labels.dtype == torch.int64 and task.labels.min() == 0
    assert task.features.shape[0] == n
    dense = task.features.dense() if isinstance(task.features, SparseOperator) else task.features
    assert dense.isfinite().all()


# Generated graphs


def test_cycle_is_the_cycle() -> None:
    task = load("cycle", nodes=9)
    check_is_a_task(task)
    expected = nx.to_numpy_array(nx.cycle_graph(9))
    np.testing.assert_array_equal(task.graph.adjacency().toarray(), expected)
    assert task.labels.tolist() == [0] * 5 + [1] * 4


@pytest.mark.parametrize("periodic", [False, True])
def test_grid_is_the_grid(periodic: bool) -> None:
    task = load("grid", rows=4, columns=6, periodic=periodic)
    check_is_a_task(task)
    network = nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 6, periodic=periodic), ordering="sorted")
    np.testing.assert_array_equal(task.graph.adjacency().toarray(), nx.to_numpy_array(network, nodelist=range(24)))
    quadrants = task.labels.view(4, 6)
    assert [int(quadrants[i, j]) for i, j in ((0, 0), (0, 5), (3, 0), (3, 5))] == [0, 1, 2, 3]
    assert torch.bincount(task.labels).tolist() == [6] * 4
    assert task.name == ("torus" if periodic else "grid")


def test_features_are_the_class_with_noise() -> None:
    clean = load("grid", noise=0.0)
    torch.testing.assert_close(clean.features, torch.eye(16, dtype=torch.float64)[clean.labels])
    noisy = load("grid", rows=60, columns=60, noise=0.5)
    rest = noisy.features - torch.eye(16, dtype=torch.float64)[noisy.labels]
    assert float(rest.std()) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("name", ["cycle", "grid"])
def test_generated_tasks_depend_on_the_seed_only(name: str) -> None:
    one, same, other = load(name), load(name), load(name, seed=1)
    assert torch.equal(one.features, same.features) and torch.equal(masks(one), masks(same))
    assert not torch.equal(one.features, other.features) and torch.equal(one.labels, other.labels)


@pytest.mark.parametrize(
    "name,keys,reason",
    [
        ("cycle", {"nodes": 4}, "nodes must be at least 5"),
        ("cycle", {"features": 1}, "at least the number of classes 2; got 1"),
        ("grid", {"rows": 2}, "must be at least 3; got 2, 10"),
        ("grid", {"noise": -1.0}, "noise must be at least 0"),
        ("texas", {"split": 10}, "split must lie between 0 and 9"),
        ("minesweeper", {"split": -2}, "split must lie between 0 and 9"),
        ("chameleon_filtered", {"split": 11}, "split must lie between 0 and 9"),
    ],
)
def test_wrong_keys_are_refused(name: str, keys: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load(name, **keys)


# Graphs read from files


@pytest.mark.data
@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name: str, data_dir: str) -> None:
    task = load(name, data_dir)
    check_is_a_task(task)
    found = (
        task.name,
        task.score,
        task.graph.num_nodes,
        task.graph.edge_index.shape[1] // 2,
        task.num_features,
        task.num_classes,
        tuple(masks(task).sum(dim=1).tolist()),
    )
    assert found == PUBLISHED[name]


@pytest.mark.data
@pytest.mark.parametrize("name", TEN_SPLITS)
def test_the_seed_chooses_one_of_ten_splits(name: str, data_dir: str) -> None:
    first, second = load(name, data_dir, seed=3), load(name, data_dir, seed=13)
    named, other = load(name, data_dir, seed=0, split=3), load(name, data_dir, seed=4)
    assert torch.equal(masks(first), masks(second)) and torch.equal(masks(first), masks(named))
    assert not torch.equal(masks(first), masks(other))
    assert masks(first).sum() == first.graph.num_nodes


@pytest.mark.data
def test_texas_agrees_with_pyg(data_dir: str, tmp_path: Path) -> None:
    """PyG reads the same files on its own; it keeps direction and self-loops."""
    from torch_geometric.datasets import WebKB

    shutil.copytree(Path(data_dir) / "graphs/WebKB/texas", tmp_path / "texas", copy_function=shutil.copyfile)
    data = WebKB(str(tmp_path), "Texas")[0]
    task = load("texas", data_dir, seed=7, normalise=False)
    torch.testing.assert_close(task.features.dense(), data.x)
    assert torch.equal(task.labels, data.y)
    pyg = torch.stack([data.train_mask[:, 7], data.val_mask[:, 7], data.test_mask[:, 7]])
    assert torch.equal(masks(task), pyg)
    assert torch.equal(task.graph.edge_index, Graph.from_edges(data.edge_index, 183).edge_index)
    sums = load("texas", data_dir).features.dense().sum(dim=1)
    torch.testing.assert_close(sums, (data.x.sum(dim=1) > 0).float())


@pytest.mark.data
def test_minesweeper_shows_the_number_of_mines_around(data_dir: str) -> None:
    """The features of the shown cells can be computed from the labels: they and the edges fit together."""
    task = load("minesweeper", data_dir)
    mines = torch.from_numpy(task.graph.adjacency() @ task.labels.numpy().astype(float)).long()
    shown = task.features[:, 0] == 0
    assert float(shown.double().mean()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(task.features[shown, 1:].argmax(dim=1), mines[shown].clamp(max=5))


@pytest.mark.data
def test_isolated_nodes_survive_everything(data_dir: str) -> None:
    task = load("citeseer", data_dir)
    isolated = task.graph.degree == 0
    assert int(isolated.sum()) == 48
    p = task.graph.propagation(torch.float64)
    x = torch.randn(3327, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = p @ x
    torch.testing.assert_close(y[isolated], x[isolated])
    found = metrics.measure(y, task.graph) | measure_pairs(y, Pairs.of(task.graph, task.labels, task.features))
    assert np.isfinite(list(found.values())).all() and "mad_gap" in found
    assert 0.99 < spectra.decay_eigenvalues(task.graph.adjacency())[0] < 1.0


@pytest.mark.data
@pytest.mark.parametrize("option", [texas, citeseer, minesweeper, chameleon_filtered])
def test_a_changed_file_is_refused(option: object, data_dir: str, tmp_path: Path) -> None:
    name = option.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    digests = getattr(option, "SHA256", None) or option.Dataset.SHA256  # type: ignore[attr-defined]
    last = list(digests)[-1]
    folder = {"texas": "graphs/WebKB/texas/raw", "citeseer": "graphs/Planetoid/CiteSeer/raw"}.get(
        name, getattr(option, "FOLDER", "")
    )
    copy = tmp_path / folder
    copy.mkdir(parents=True)
    for file in digests:
        shutil.copyfile(Path(data_dir) / folder / file, copy / file)
    load(name, str(tmp_path))
    (copy / last).write_bytes(b"something else")
    with pytest.raises(UserError, match=f"{last} is not the expected file"):
        load(name, str(tmp_path))


@pytest.mark.parametrize("name", FILES)
def test_offline_says_what_to_get(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_geometric.data

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch_geometric.data, "download_url", offline)
    title = PUBLISHED[name][0].replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(UserError, match=rf"the {title} files are missing.*no network.*https://github.com.*{tmp_path}"):
        load(name, str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_download_is_checked_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_geometric.data

    def fetch(url: str, folder: str, log: bool) -> None:
        (Path(folder) / url.rpartition("/")[2]).write_text(url)

    monkeypatch.setattr(torch_geometric.data, "download_url", fetch)
    url = "https://example.org/a.txt"
    with pytest.raises(UserError, match="not the expected file"):
        _files.checked_folder(str(tmp_path), "toy", "raw", {"a.txt": "0" * 64}, {"a.txt": url})
    assert not (tmp_path / "raw").exists()
    right = hashlib.sha256(url.encode()).hexdigest()
    raw = _files.checked_folder(str(tmp_path), "toy", "raw", {"a.txt": right}, {"a.txt": url})
    assert (raw / "a.txt").read_text() == url
