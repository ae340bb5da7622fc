"""Directions, rescaling, and the probe's claims, which can fail."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from baselines.common import app, compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.common.record import RunView
from baselines.common.terminal import Terminal
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.filter_normalisation import random_direction, rescaled, weight_layers, with_activation
from baselines.loss_landscape.layers import ACTIVATIONS, mlp
from baselines.loss_landscape.networks.mlp import Network
from baselines.loss_landscape.optimizers.gd import Optimizer
from baselines.loss_landscape.probes.slice import Probe, _claims
from baselines.loss_landscape.probes.surface_time import Probe as TimeProbe
from baselines.loss_landscape.tasks.digits import Task


def smoke(results: Path, *overrides: str) -> RunView:
    """A smoke run without its figures."""
    resolved = compose.resolve("loss_landscape", ["budget=smoke", f"results={results}", *overrides])
    with mock.patch.object(app, "pictures", return_value=[]):
        view = app.execute(resolved, Terminal(compact=True))
    assert view is not None
    return view


def network(activation="relu", widths=(6, 8, 7, 3), **keys) -> nn.Sequential:
    return mlp(list(widths), activation, torch.Generator().manual_seed(0), torch.float64, **keys)


def convolutions() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 5, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5, 3),
    ]
    return nn.Sequential(*layers).double()


def direction(model: nn.Module, normalisation="filter") -> torch.Tensor:
    return random_direction(list(model.parameters()), torch.Generator().manual_seed(7), normalisation)


def parts(model: nn.Module, vector: torch.Tensor) -> list[torch.Tensor]:
    sizes = [p.numel() for p in model.parameters()]
    return [part.reshape(p.shape) for part, p in zip(vector.split(sizes), model.parameters(), strict=True)]


def moved(model: nn.Module, vector: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    named = {name: p + d for (name, p), d in zip(model.named_parameters(), parts(model, vector), strict=True)}
    return torch.func.functional_call(model, named, (x,))


@pytest.mark.parametrize("model", [network(), convolutions()], ids=["mlp", "cnn"])
def test_filters_have_the_norms_of_the_weights(model):
    for draw, weight in zip(parts(model, direction(model)), model.parameters(), strict=True):
        if weight.ndim > 1:
            torch.testing.assert_close(draw.flatten(1).norm(dim=1), weight.detach().flatten(1).norm(dim=1))
        else:
            assert not draw.any()
    for draw, weight in zip(parts(model, direction(model, "layer")), model.parameters(), strict=True):
        assert weight.ndim == 1 or float(draw.norm()) == pytest.approx(float(weight.detach().norm()))


def test_the_draw_does_not_depend_on_the_weights():
    one, other = network(), mlp([6, 8, 7, 3], "relu", torch.Generator().manual_seed(9), torch.float64)
    cosine = nn.functional.cosine_similarity(direction(one, "none"), direction(other, "none"), dim=0)
    assert float(cosine) == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="normalisation must be one of filter, layer, none"):
        direction(one, "weight")


@pytest.mark.parametrize("model", [network(), convolutions(), network(output_bias=False)], ids=["mlp", "cnn", "bias"])
def test_rescaling_keeps_the_function_and_the_normalised_slice(model):
    shape = (20, 6) if isinstance(model[0], nn.Linear) else (20, 1, 7, 7)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    twin = rescaled(model, [7.3, 0.19])
    torch.testing.assert_close(twin(x), model(x), rtol=1e-12, atol=1e-13)
    for a in (-1.0, 0.3):
        before = moved(model, a * direction(model), x)
        torch.testing.assert_close(moved(twin, a * direction(twin), x), before, rtol=1e-10, atol=1e-12)
        fixed = a * direction(model, "none")
        assert (moved(twin, fixed, x) - moved(model, fixed, x)).abs().max() > 0.1


def test_rescaling_single_units_changes_the_normalised_slice():
    """Filter normalisation matches rows; factors that differ within a layer also act on the columns of the next."""
    model = network()
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    factors = [torch.linspace(0.2, 5, n, dtype=torch.float64) for n in (8, 7)]
    twin = rescaled(model, factors)
    torch.testing.assert_close(twin(x), model(x), rtol=1e-12, atol=1e-13)
    assert (moved(twin, direction(twin), x) - moved(model, direction(model), x)).abs().max() > 0.1


def test_tanh_is_not_homogeneous():
    model = network("tanh")
    x = torch.ones(1, 6, dtype=torch.float64)
    assert not torch.allclose(rescaled(model, [3.0, 1.0])(x), model(x))
    relu = with_activation(model, nn.ReLU, list(ACTIVATIONS.values()))
    assert [type(m) for m in relu] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert type(model[1]) is nn.Tanh and relu[0].weight is not model[0].weight
    torch.testing.assert_close(rescaled(relu, [3.0, 1.0])(x), relu(x))


def test_what_cannot_be_rescaled():
    with pytest.raises(ValueError, match="only models made of linear"):
        weight_layers(network(batch_norm=True))
    with pytest.raises(ValueError, match="2 hidden layers need as many factors; got 1"):
        rescaled(network(), [1.0])


GOOD = {
    "rescaling_change_filter": 1e-15,
    "rescaling_change_none": 3.0,
    "curvature_error": 1e-9,
    "surface_difference": 1e-15,
}
CLAIMS = ("invariant", "fixed_direction", "curvature", "same_numbers")


def verdicts(dtype="float64", activation="tanh", **metrics) -> list[str]:
    cfg = Config(probe=Probe(), task=Task(), network=Network(activation=activation), optimizer=Optimizer(), dtype=dtype)
    return [claim.verdict for claim in _claims(cfg, GOOD | metrics)]


@pytest.mark.parametrize("number", range(4))
def test_each_claim_can_fail_alone(number):
    bad = {**dict.fromkeys(GOOD, 1e-3)}
    name = list(GOOD)[number]
    assert verdicts(**{name: bad[name]}) == [FAILS if i == number else HOLDS for i in range(4)]


def test_what_is_not_measured():
    assert verdicts(dtype="float32") == [NOT_MEASURED] * 4
    assert verdicts(activation="relu")[CLAIMS.index("curvature")] == NOT_MEASURED


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["probe=slice", "probe.points=3"], "probe.points must be at least 5"),
        (["probe=slice", "probe.normalisation=units"], "probe.normalisation must be one of filter"),
        (["probe=slice", "probe.span=0"], "probe.span must be positive"),
        (["probe=surface_time", "probe.points=1"], "probe.points must be at least 2"),
    ],
)
def test_wrong_keys(overrides, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", overrides)


@pytest.mark.parametrize(
    "overrides",
    [["network=cnn"], ["network.batch_norm=true"], ["network=deep_linear", "probe.lr=0.001"], ["task=curve1d"]],
)
def test_slice_of_other_networks_and_tasks(tmp_path, overrides):
    view = smoke(tmp_path, "probe=slice", "probe.steps=20", "probe.points=5", *overrides)
    assert view.status == "done"
    assert view.metrics["surface_difference"] < 1e-10
    assert ("rescaling_change_filter" in view.metrics) == (overrides != ["network.batch_norm=true"])
    if "rescaling_change_filter" in view.metrics:
        assert view.metrics["rescaling_change_filter"] < 1e-10


@pytest.mark.parametrize(("override", "reason"), [("network=cnn", "network=mlp"), ("network.batch_norm=true", "batch")])
def test_networks_without_batches_are_refused(override, reason):
    cfg = compose.resolve("loss_landscape", ["probe=surface_time", override]).cfg
    assert reason in cfg.probe.skip(cfg)


def test_a_large_step_size_diverges(tmp_path):
    view = smoke(tmp_path, "probe=slice", "probe.lr=1000", "network=deep_linear")
    assert view.status == "diverged" and "a smaller probe.lr may help" in view.error


def test_times_are_measured_on_equal_numbers(tmp_path):
    view = smoke(tmp_path, "probe=surface_time", "task=curve1d")
    same, speed = view.claims
    assert same.verdict == HOLDS and speed.verdict == NOT_MEASURED
    assert np.all(view.curves["batched_row_s"] >= 0) and view.metrics["batched_speedup"] > 0


def test_a_slow_batch_fails():
    cfg = Config(probe=TimeProbe(), task=Task(), network=Network(), optimizer=Optimizer())
    slow = {"largest_difference": 1e-3, "fewer_multiplications": 9.0, "batched_speedup": 3.0}
    assert [claim.verdict for claim in TimeProbe()._claims(cfg, slow)] == [FAILS, FAILS]
