"""The normalisations: PyG's, torch's, closed forms, and what each keeps constant."""

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import DiffGroupNorm, PairNorm

from baselines.common import options
from baselines.gnn_oversmoothing.layers import norms
from baselines.gnn_oversmoothing.norms.batchnorm import Norm as BatchNormOption
from baselines.gnn_oversmoothing.norms.diffgroupnorm import Norm as DiffGroupNormOption
from baselines.gnn_oversmoothing.norms.nodenorm import Norm as NodeNormOption
from baselines.gnn_oversmoothing.norms.pairnorm import Norm as PairNormOption

TOPIC = "gnn_oversmoothing"
NODES, WIDTH = 30, 7
TOLERANCE = {torch.float32: {"atol": 1e-6, "rtol": 1e-5}, torch.float64: {"atol": 1e-10, "rtol": 1e-10}}


@pytest.fixture
def x() -> Tensor:
    return torch.randn(NODES, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5


def agree(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Compare values and gradients."""
    x = x.clone().requires_grad_()
    y, expected = ours(x), theirs(x)
    torch.testing.assert_close(y, expected, **TOLERANCE[x.dtype])
    towards = torch.sin(torch.arange(x.numel(), dtype=x.dtype)).view_as(x)
    found, wanted = (torch.autograd.grad(value, [x], towards)[0] for value in (y, expected))
    torch.testing.assert_close(found, wanted, **TOLERANCE[x.dtype])


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("individually", [False, True])
def test_pairnorm_is_that_of_pyg(individually: bool, dtype: torch.dtype, x: Tensor) -> None:
    agree(PairNormOption(2.0, individually).layer(WIDTH), PairNorm(2.0, individually), x.to(dtype))


def pair_distance(x: Tensor) -> float:
    return float(torch.cdist(x, x).square().sum())


def test_pairnorm_keeps_the_total_distance_of_all_pairs(x: Tensor) -> None:
    norm = norms.PairNorm(1.5, individually=False)
    for scale in (1.0, 100.0):
        assert pair_distance(norm(scale * x + 3.0)) == pytest.approx(2 * NODES**2 * 1.5**2, rel=1e-5)
    torch.testing.assert_close(norm(x).mean(dim=0), torch.zeros(WIDTH, dtype=x.dtype))
    rows = norms.PairNorm(1.5, individually=True)(x).norm(dim=1)
    torch.testing.assert_close(rows, torch.full_like(rows, 1.5), rtol=1e-4, atol=0.0)


def test_batchnorm_takes_the_statistics_of_all_nodes_also_in_evaluation(x: Tensor) -> None:
    norm = BatchNormOption().layer(WIDTH).double()
    expected = (x - x.mean(dim=0)) / (x.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm.eval()(x), expected)
    assert len(list(norm.parameters())) == 2 and not list(norm.buffers()), "no running averages"


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_centred_nodenorm_is_layernorm(dtype: torch.dtype, x: Tensor) -> None:
    agree(NodeNormOption(1.0, center=True).layer(WIDTH), nn.LayerNorm(WIDTH, elementwise_affine=False), x.to(dtype))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_nodenorm_is_its_formula_with_its_gradient(p: float, center: bool, x: Tensor) -> None:
    norm = NodeNormOption(p, center).layer(WIDTH)
    mean = x.mean(dim=1, keepdim=True)
    deviation = ((x - mean).square().mean(dim=1, keepdim=True) + norms.EPS).sqrt()
    torch.testing.assert_close(norm(x), (x - mean if center else x) / deviation ** (1 / p))
    assert torch.autograd.gradcheck(norm, (x[:4].clone().requires_grad_(),))
    large = 1e4 * x  # eps is then negligible
    torch.testing.assert_close(norm(10.0 * large), 10.0 ** (1 - 1 / p) * norm(large))


def test_nodenorm_gives_every_node_unit_variance(x: Tensor) -> None:
    variance = norms.NodeNorm(1.0, center=False)(x).var(dim=1, unbiased=False)
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("individually", [False, True])
def test_pairnorm_has_its_gradient(individually: bool, x: Tensor) -> None:
    assert torch.autograd.gradcheck(norms.PairNorm(0.7, individually), (x[:5].clone().requires_grad_(),))


def group_norms(groups: int, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(1)
    ours = DiffGroupNormOption(groups, 0.3).layer(WIDTH).to(dtype)
    ours.gamma.data = torch.randn_like(ours.gamma)
    ours.beta.data = torch.randn_like(ours.beta)
    theirs = DiffGroupNorm(WIDTH, groups, lamda=0.3, track_running_stats=False).to(dtype)
    theirs.lin.weight.data = ours.assign.data.T.clone()
    theirs.norm.weight.data, theirs.norm.bias.data = ours.gamma.data.flatten(), ours.beta.data.flatten()
    return ours, theirs


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("groups", [1, 4])
def test_group_normalisation_is_that_of_pyg(groups: int, dtype: torch.dtype, x: Tensor) -> None:
    agree(*group_norms(groups, dtype), x.to(dtype))


def test_group_normalisation_has_pygs_gradients_for_its_parameters(x: Tensor) -> None:
    ours, theirs = group_norms(4, torch.float64)
    found = torch.autograd.grad(ours(x).square().sum(), [ours.assign, ours.gamma, ours.beta])
    wanted = torch.autograd.grad(theirs(x).square().sum(), [theirs.lin.weight, theirs.norm.weight, theirs.norm.bias])
    torch.testing.assert_close(found[0], wanted[0].T)
    torch.testing.assert_close(found[1].flatten(), wanted[1])
    torch.testing.assert_close(found[2].flatten(), wanted[2])


@torch.no_grad()
def test_group_normalisation_stays_exact_where_nodes_are_nearly_equal(x: Tensor) -> None:
    collapsed = 100.0 + 0.05 * x  # the variances are 1e-7 of the squared means
    ours, theirs = group_norms(4, torch.float64)
    expected = theirs(collapsed) - collapsed
    torch.testing.assert_close(ours(collapsed) - collapsed, expected)
    rounded = collapsed.float()
    error, direct = (norm.float()(rounded) - rounded - expected for norm in (ours, theirs))
    assert float(error.abs().max()) < 0.02 * float(expected.std())
    assert float(error.abs().max()) < 3.0 * float(direct.abs().max()), "no worse than the definition in float32"


def test_one_group_is_batch_normalisation_added(x: Tensor) -> None:
    norm = norms.DifferentiableGroupNorm(WIDTH, 1, 0.25).double()
    torch.testing.assert_close(norm(x), x + 0.25 * BatchNormOption().layer(WIDTH).double()(x))
    assert torch.equal(norms.DifferentiableGroupNorm(WIDTH, 3, 0.0).double()(x), x)


@pytest.mark.parametrize("name", options.groups(TOPIC)["norm"])
def test_every_norm_is_equivariant_the_same_in_evaluation_and_deterministic(name: str, x: Tensor) -> None:
    torch.set_deterministic_debug_mode("error")
    try:
        norm = options.option_class(TOPIC, "norm", name)().layer(WIDTH) or nn.Identity()
        norm.double()
        order = torch.randperm(NODES, generator=torch.Generator().manual_seed(2))
        torch.testing.assert_close(norm(x[order]), norm(x)[order])
        leaf = x.clone().requires_grad_()
        y = norm.train()(leaf)
        assert y.dtype == torch.float64 and y.shape == x.shape
        torch.testing.assert_close(norm.eval()(x), y)
        (gradient,) = torch.autograd.grad(y.square().sum(), [leaf])
        assert bool(torch.isfinite(gradient).all())
    finally:
        torch.set_deterministic_debug_mode("default")


@pytest.mark.parametrize(
    "option,settings,message",
    [
        (PairNormOption, {"scale": 0.0}, "norm.scale must be above 0; got 0.0"),
        (NodeNormOption, {"p": -1.0}, "norm.p must be above 0; got -1.0"),
        (DiffGroupNormOption, {"groups": 0}, "norm.groups must be at least 1; got 0"),
        (DiffGroupNormOption, {"lamda": -0.1}, "norm.lamda must be at least 0; got -0.1"),
    ],
    ids=str,
)
def test_bad_settings_say_what_is_right(option: type, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        option(**settings)
    assert option().layer(WIDTH) is not None
