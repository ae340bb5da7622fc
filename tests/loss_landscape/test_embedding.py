"""Embeddings keep what they must keep, the inertia is as derived, gradient flow is exact, every claim can fail."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import smoke

from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.loss_landscape.critical_points import TwoLayer, find
from baselines.loss_landscape.embedding import (
    Inertia,
    check,
    embed,
    gap,
    inertia,
    null_direction,
    null_inertia,
    one_split,
    predicted,
    repeated_split,
    split_inertia,
    splitting_curvature,
    splitting_direction,
)
from baselines.loss_landscape.plateaus import escape_time, gradient_flow, nearest, plateaus, two_steps
from baselines.loss_landscape.probes.embedding import Probe, claims
from benchmarks.tables.embedding import Table

X = np.linspace(-1, 1, 40)
Y = np.sin(3 * X) + 0.5 * np.cos(7 * X)
CURVE = TwoLayer.curve(X, Y)
FREE = TwoLayer.curve(X, Y, bias=False)
NOTHING = np.zeros(2)


def lowest(problem: TwoLayer, width: int) -> np.ndarray:
    return find(problem, width, 60, np.random.default_rng(0))[0].theta


@pytest.fixture(scope="module")
def one() -> np.ndarray:
    return lowest(CURVE, 1)


@pytest.fixture(scope="module")
def two() -> np.ndarray:
    return lowest(CURVE, 2)


@pytest.fixture(scope="module")
def free() -> np.ndarray:
    return lowest(FREE, 1)


def torch_gradient(problem: TwoLayer, theta: np.ndarray) -> np.ndarray:
    """The gradient by automatic differentiation, from the definition."""
    m, D = problem.width(theta), problem.inputs.shape[1]
    leaf = torch.tensor(theta, requires_grad=True)
    u = leaf[m : m + m * D].reshape(m, D)
    outputs = torch.tanh(torch.tensor(problem.inputs) @ u.T) @ leaf[:m] + torch.tensor(problem.skip) @ leaf[m + m * D :]
    (gradient,) = torch.autograd.grad(0.5 * (outputs - torch.tensor(problem.targets)).square().mean(), leaf)
    return gradient.numpy()


# embeddings


@pytest.mark.parametrize("shares", [[(0.3, 0.7), (1.0,)], [(1.0,), (-0.7, 1.2, 0.5)], [(1.0, 0.0), (2.0, -1.0)]])
def test_the_function_stays_the_same_anywhere(shares):
    theta = np.random.default_rng(1).standard_normal(CURVE.size(2))
    wide = embed(CURVE, theta, shares, [np.array([0.4, -1.0])])
    assert CURVE.width(wide) == sum(map(len, shares)) + 1
    assert np.allclose(CURVE.forward(wide)[1], CURVE.forward(theta)[1], rtol=0, atol=1e-14)


def test_a_critical_point_stays_critical_and_only_that(two):
    shares = [(0.3, 0.7), (-0.7, 1.2, 0.5)]
    assert np.linalg.norm(torch_gradient(CURVE, embed(CURVE, two, shares, [NOTHING]))) < 1e-14
    nonzero = np.linalg.norm(torch_gradient(CURVE, embed(CURVE, two + 1e-3, shares, [NOTHING])))
    assert nonzero > 1e-5
    arbitrary = embed(CURVE, two, [(1.0,), (1.0,)], [np.array([5.0, 2.5])])  # silent, but <e tanh(v . x)> is not zero
    assert np.linalg.norm(torch_gradient(CURVE, arbitrary)) > 1e-6


def test_bad_shares_are_refused(two):
    with pytest.raises(ValueError, match=r"add up to 1; got \[0.3, 0.3\]"):
        embed(CURVE, two, [(0.3, 0.3), (1.0,)])
    with pytest.raises(ValueError, match="2 units need as many lists of shares; got 1"):
        embed(CURVE, two, [(1.0,)])


def test_repeated_splits_are_splits_one_after_another():
    shares = repeated_split(2, 5, np.random.default_rng(3))
    assert sum(map(len, shares)) == 7
    assert all(sum(each) == pytest.approx(1, abs=1e-12) for each in shares)
    theta = np.random.default_rng(4).standard_normal(CURVE.size(1))
    at_once = embed(CURVE, theta, [(0.3, 0.7 * -0.5, 0.7 * 1.5)])
    in_turn = embed(CURVE, embed(CURVE, theta, [(0.3, 0.7)]), [(1.0,), (-0.5, 1.5)])
    assert np.allclose(at_once, in_turn, rtol=1e-15)


# inertia


def test_inertia_of_a_known_matrix():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    matrix = rotation @ np.diag([-2.0, -1e-6, 0.0, 0.0, 3e-6, 1.0]) @ rotation.T
    assert inertia(matrix) == Inertia(2, 2, 2)
    zero, nonzero = gap(matrix)
    assert zero < 1e-15 and nonzero == pytest.approx(5e-7, rel=1e-6)
    assert inertia(matrix, rank=1e-5) == Inertia(1, 4, 1)
    assert inertia(np.zeros((3, 3))) == Inertia(0, 3, 0)
    assert Inertia(1, 2, 3).plus(Inertia(3, 0, 1)) == Inertia(4, 2, 4)
    assert (Inertia(1, 2, 3).times(2), Inertia(1, 2, 3).times(-1)) == (Inertia(2, 4, 6), Inertia(3, 2, 1))


@pytest.mark.parametrize(
    "shares", [(0.3, 0.7), (-0.7, 1.7), (1.0, 0.0), (0.2, 0.3, 0.5), (-1.0, -1.0, 3.0), (0.0, 2.0, 0.0, -1.0)]
)
def test_split_inertia_is_that_of_the_separation_form(shares):
    """diag(s) x B on the space sum_k s_k v_k = 0, written out, and the zeros of the outgoing weights."""
    B = np.diag([-1.0, 2.0, 5.0])
    form = np.kron(np.diag(shares), B)
    constraint = np.kron(np.array(shares)[None], np.eye(3))
    basis = np.linalg.svd(constraint)[2][3:].T
    written = inertia(basis.T @ form @ basis).plus(Inertia(0, len(shares) - 1, 0))
    assert split_inertia(inertia(B), shares) == written


CASES = [
    [(0.3, 0.7), (1.0,)],
    [(1.0,), (-0.7, 1.7)],
    [(0.5, 0.5), (1.9, -0.9)],
    [(1.0,), (0.2, -0.5, 1.3)],
    [(1.0, 0.0), (1.0,)],
]


@pytest.mark.parametrize("shares", CASES)
@pytest.mark.parametrize("null", [[], [NOTHING], [NOTHING, np.array([0.0, 0.8])]])
def test_the_narrow_network_predicts_the_inertia_of_the_wide_one(two, shares, null):
    done = check(CURVE, two, shares, null)  # a unit that is constant, v = (0, b), is a null unit too: <e> = 0
    assert done.before == Inertia(0, 0, 7)
    assert done.after == done.predicted and done.decreases == 0
    assert done.loss_change < 1e-16 and done.gradient < 1e-15
    assert done.zero < 1e-14 and done.nonzero > 1e-9


def test_three_inputs_and_a_random_target():
    rng = np.random.default_rng(0)
    problem = TwoLayer(rng.standard_normal((30, 3)), rng.standard_normal(30), np.ones((30, 1)))
    for point in find(problem, 1, 60, rng):
        for share in (-0.7, 0.3, 1.9):
            done = check(problem, point.theta, [(share, 1 - share)])
            assert done.after == done.predicted and done.after.zero == done.before.zero + 1


def test_without_bias_the_share_decides_whether_the_minimum_survives(free):
    assert FREE.inner_hessians(free).item() > 0
    for share, saddle in ((0.3, False), (0.5, False), (-0.7, True), (1.9, True)):
        wide = embed(FREE, free, [(share, 1 - share)])
        noise = np.random.default_rng(0).standard_normal((500, len(wide)))
        values = FREE.loss(wide + 1e-2 * noise) - FREE.loss(wide)
        d = splitting_direction(FREE, free, 0, share, np.ones(1))
        down = float(FREE.loss(wide + 0.05 * d) - FREE.loss(wide))
        assert (down < 0) is saddle
        assert saddle or values.min() > 0
        assert inertia(FREE.hessian(wide)).negative == int(saddle)


@pytest.mark.parametrize("share", [-0.7, 0.2, 0.5, 1.9])
def test_splitting_curvature_equals_a_finite_difference(one, share):
    (inner,) = CURVE.inner_hessians(one)
    for v in np.linalg.eigh(inner)[1].T:
        d, h = splitting_direction(CURVE, one, 0, share, v), 1e-2
        wide = embed(CURVE, one, one_split(1, 0, share))
        second = CURVE.loss(wide + h * d) - 2 * CURVE.loss(wide) + CURVE.loss(wide - h * d)
        assert np.linalg.norm(d) == pytest.approx(1)
        assert second / h**2 == pytest.approx(splitting_curvature(inner, share, v), rel=1e-2)


def test_equal_copies_have_the_inner_hessian_over_their_number_in_their_spectrum(one):
    copies = 5
    values = np.linalg.eigvalsh(CURVE.hessian(embed(CURVE, one, [(1 / copies,) * copies])))
    for value in np.linalg.eigvalsh(CURVE.inner_hessians(one)[0]) / copies:
        assert np.sum(np.abs(values - value) < 1e-14) == copies - 1


def test_null_units(one, free):
    v = null_direction(CURVE, one, np.random.default_rng(0))
    assert v is not None and np.linalg.norm(v) > 0.1
    _, e = CURVE.forward(one)
    assert abs(np.tanh(CURVE.inputs @ v) @ e) / len(e) < 1e-16
    assert check(CURVE, one, [(1.0,)], [v]).after == Inertia(1, 1, 5)
    assert null_direction(FREE, free, np.random.default_rng(0)) is None  # the only root is the unit itself
    with pytest.raises(ValueError, match="q = "):
        null_inertia(FREE, free, FREE.unpack(free)[1][0])


def test_a_wrong_prediction_would_be_noticed(free):
    """The prediction is not the measurement in disguise: that of another share is wrong."""
    measured = check(FREE, free, [(0.3, 0.7)]).after
    assert measured == predicted(FREE, free, [(0.4, 0.6)]) != predicted(FREE, free, [(1.9, -0.9)])


# gradient flow


def test_gradient_flow_of_a_constant_is_exponential():
    constant = TwoLayer.curve(X, Y)
    flow = gradient_flow(constant, np.zeros(1), 5.0, rtol=1e-10, atol=1e-12)
    exact = 0.5 * (Y.var() + (Y.mean() * np.exp(-flow.times)) ** 2)
    assert np.allclose(flow.losses, exact, rtol=1e-9)
    assert np.allclose(flow.gradients, abs(Y.mean()) * np.exp(-flow.times), rtol=1e-6)
    level = float(0.5 * (Y.var() + 0.25 * Y.mean() ** 2))
    stopped = gradient_flow(constant, np.zeros(1), 5.0, until=level, rtol=1e-10, atol=1e-12)
    assert stopped.times[-1] == pytest.approx(np.log(2), rel=1e-7)


def test_escape_from_a_split_minimum_takes_the_predicted_time(one):
    start = embed(CURVE, one, [(0.5, 0.5)])
    rate = -np.linalg.eigvalsh(CURVE.hessian(start))[0]
    direction = np.random.default_rng(0).standard_normal(len(start))
    first, second = escape_time(CURVE, start, (1e-4, 1e-5), direction, 1e6, 0.005)
    assert np.log(10) / (second - first) == pytest.approx(rate, rel=0.02)


def test_plateaus_and_their_distance():
    norms = np.array([5, 4, 3, 4, 5, 6, 5, 2, 1, 2, 3, 0.5])
    assert plateaus(norms).tolist() == [2, 8]
    assert nearest(np.array([0.5, 1.02]), 1.0) == pytest.approx(0.02)
    assert nearest(np.array([]), 1.0) == 1.0


def test_a_wide_network_with_small_weights_waits_at_the_best_single_unit():
    steps = TwoLayer.curve(*two_steps())
    level = find(steps, 1, 60, np.random.default_rng(0))[0].loss
    start = 0.01 * np.random.default_rng(1).standard_normal(steps.size(20))
    flow = gradient_flow(steps, start, 1e3)
    assert nearest(flow.losses[plateaus(flow.gradients)], level) < 0.01
    assert level == pytest.approx(0.0791715, abs=1e-6)


# probe and table


IDEAL = {
    "loss_change": 1e-17,
    "gradient": 1e-15,
    "decreases": 0.0,
    "extra_zeros": 0.0,
    "wrong_inertia": 0.0,
    "curvature_error": 1e-13,
    "least_negative": 1.0,
    "negative_inside": 0.0,
    "negative_outside": 1.0,
    "escape_rate_measured": 1e-3,
    "escape_rate_predicted": 1e-3,
    "escape_width2": 1e-5,
    "curve_width0_0.01": 0.004,
    "steps_width1_0.01": 1e-4,
}
PROBE = Probe(init_scales=[0.1, 0.01])


def verdicts(probe: Probe, **changed: float) -> dict[str, str]:
    found = claims(probe, IDEAL | changed)
    return {claim.id.removeprefix("landscape.embedding."): claim.verdict for claim in found}


def test_all_claims_hold_on_ideal_numbers():
    assert set(verdicts(PROBE).values()) == {HOLDS} and len(verdicts(PROBE)) == 13


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [
        ("loss", "loss_change", 2e-14),
        ("gradient", "gradient", 2e-10),
        ("monotone", "decreases", 1.0),
        ("zeros", "extra_zeros", 1.0),
        ("inertia", "wrong_inertia", 1.0),
        ("curvature", "curvature_error", 1e-7),
        ("strict_saddle", "least_negative", 0.0),
        ("still_minimum", "negative_inside", 1.0),
        ("saddle_outside", "negative_outside", 0.0),
        ("escape", "escape_rate_measured", 1.03e-3),
        ("visits_width_0", "curve_width0_0.01", 0.02),
        ("visits_width_2", "escape_width2", 0.02),
        ("visits_width_1", "steps_width1_0.01", 0.02),
    ],
)
def test_each_claim_can_fail_alone(name, metric, value):
    assert {key for key, verdict in verdicts(PROBE, **{metric: value}).items() if verdict == FAILS} == {name}


@pytest.mark.parametrize("probe", [Probe(init_scales=[0.1]), Probe(wide=200), Probe(horizon=10.0)])
def test_small_weights_are_judged_only_where_tried(probe):
    found = verdicts(probe)
    assert {key for key, verdict in found.items() if verdict == NOT_MEASURED} == {"visits_width_0", "visits_width_1"}


def test_bad_keys_are_refused():
    for wrong, message in (
        ({"shares": [0.3, 1.0]}, "other than 0 and 1"),
        ({"init_scales": [0.0]}, "positive numbers"),
        ({"copies": 1}, "probe.copies must be at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            Probe(**wrong)
    assert "dtype=float64" in (PROBE.skip(SimpleNamespace(dtype="float32")) or "")
    assert PROBE.skip(SimpleNamespace(dtype="float64")) is None


def test_table_shows_agreement_and_disagreement(tmp_path):
    view = smoke("loss_landscape", tmp_path, "probe=embedding")
    rows = Table().sheet([view]).rows
    assert rows[0][:3] == ["1, 0.07977214", "split, s = -0.7", 1]
    assert rows[0][5:] == ["(0, 0, 4) → (1, 1, 5)", "(1, 1, 5)", "✓"]
    assert {row[-1] for row in rows} == {"✓"}
    curves = view.curves | {"case.after": view.curves["case.after"] + np.array([0, -1, 1])}
    wrong = SimpleNamespace(curves=curves, metrics=view.metrics, config=view.config)
    assert {row[-1] for row in Table().sheet([wrong]).rows} == {"✗"}
    assert Table().figure([view], str) is not None
