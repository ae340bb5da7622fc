"""The stability threshold on a quadratic: formula, spectral radius of a step, and running the optimizer."""

import importlib
from functools import partial

import numpy as np
import pytest
import torch

from baselines.loss_landscape import thresholds
from baselines.loss_landscape.sam import SAM

NAMES = ["gd", "polyak", "nesterov", "rmsprop", "adam", "sam", "sgd"]
LR, BETA, RHO, NORM = 0.3, 0.9, 0.1, 0.7


def option(name, **keys):
    return importlib.import_module(f"baselines.loss_landscape.optimizers.{name}").Optimizer(**keys)


def sgd(lr, **keys):
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, **keys)


@pytest.mark.parametrize("lr", [1e-3, 0.1, 2 / 3, 5.0])
def test_gradient_descent(lr):
    exact = thresholds.gradient_descent(lr)
    assert exact == pytest.approx(2 / lr, rel=1e-15)
    assert thresholds.measured(sgd(lr), exact / 3, exact * 5) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize(
    ("step", "formula", "number"),
    [
        (thresholds.momentum_step(LR), thresholds.gradient_descent(LR), 2.0),
        (thresholds.momentum_step(LR, BETA), thresholds.polyak(LR, BETA), 3.8),
        (thresholds.momentum_step(LR, BETA, nesterov=True), thresholds.nesterov(LR, BETA), 3.8 / 2.8),
        (thresholds.momentum_step(LR, BETA, average=True), thresholds.averaged(LR, BETA), 38.0),
    ],
)
def test_bisection_on_the_spectral_radius_agrees_with_the_formula(step, formula, number):
    assert thresholds.threshold(step) == pytest.approx(formula, rel=1e-12)
    assert formula * LR == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize("rho", [1e-6, 0.05, 2.0])
@pytest.mark.parametrize("norm", [1e-3, 0.7, 50.0])
def test_sam_edge(rho, norm):
    edge = thresholds.sam(LR, rho, norm)
    assert thresholds.threshold(thresholds.sam_step(LR, rho, norm)) == pytest.approx(edge, rel=1e-12)
    assert edge == pytest.approx(norm / (2 * rho) * (np.sqrt(1 + 8 * rho / (LR * norm)) - 1), rel=1e-8)
    assert edge < 2 / LR


@pytest.mark.parametrize(("name", "lr"), [(name, 0.013 * (i + 1)) for i, name in enumerate(NAMES)])
def test_every_optimizer_agrees_with_running_it(name, lr):
    """Formula, spectral radius and torch's own optimizer."""
    optimizer = option(name)
    step, edge = optimizer.step_matrix(lr, NORM), optimizer.edge(lr, NORM)
    resting = optimizer.resting()
    assert thresholds.threshold(step) == pytest.approx(edge, rel=1e-9)
    build = partial(optimizer.build, lr=lr)
    found = thresholds.measured(
        build, 0.97 * edge * resting, 1.03 * edge * resting, rtol=1e-10,
        steps=thresholds.memory(step), start=1e-100, slope=NORM,
    )  # fmt: skip
    assert found / resting == pytest.approx(edge, rel=1e-9)


@pytest.mark.parametrize("name", ["gd", "polyak", "nesterov", "sam"])
def test_a_setting_is_its_own_edge(name):
    """The values to compare are curvatures: the step size of one loses stability there (SAM's without its radius)."""
    optimizer = option(name)
    for value in optimizer.settings():
        far = optimizer.edge(optimizer.learning_rate(value), 1e12)
        assert far == pytest.approx(value, rel=1e-9)


def test_memory_is_long_for_momentum_and_short_without():
    assert thresholds.memory(thresholds.momentum_step(LR)) == 16
    assert thresholds.memory(thresholds.sam_step(LR, RHO, NORM)) == 16
    long = thresholds.memory(thresholds.momentum_step(LR, 0.9))
    assert 0.9**long < 1.1e-10 and long % 2 == 0


def test_diverges_if_and_only_if_the_curvature_exceeds_the_threshold():
    for share in (0.1, 0.9, 1 - 1e-9):
        assert not thresholds.grows(sgd(0.5), share * 4)
    for share in (1 + 1e-9, 1.1, 3.0):
        assert thresholds.grows(sgd(0.5), share * 4)


def test_negative_curvature_always_grows():
    assert thresholds.grows(sgd(0.5), -1e-6)


def test_a_wrong_formula_would_be_noticed():
    """Heavy ball with beta = 0.5 has 2 (1 + beta) / eta, neither 2 / eta nor Nesterov's edge."""
    steps = thresholds.memory(thresholds.momentum_step(0.5, 0.5))
    found = thresholds.measured(sgd(0.5, momentum=0.5), 2.0, 12.0, steps=steps)
    assert found == pytest.approx(6.0, rel=1e-9)
    assert abs(found - thresholds.gradient_descent(0.5)) > 1
    assert abs(found - thresholds.nesterov(0.5, 0.5)) > 1


def test_sam_without_radius_is_gradient_descent():
    found = thresholds.measured(lambda x: SAM(x, lr=0.5, rho=0.0), 2.0, 12.0, slope=1.0)
    assert found == pytest.approx(4.0, rel=1e-9)
    assert thresholds.sam(0.5, 1e-12, 1.0) == pytest.approx(4.0, rel=1e-9)


def test_bad_arguments():
    with pytest.raises(ValueError, match="positive"):
        thresholds.gradient_descent(0.0)
    with pytest.raises(ValueError, match="positive"):
        thresholds.sam(0.1, 0.0, 1.0)
    with pytest.raises(ValueError, match="no loss of stability"):
        thresholds.measured(sgd(0.5), 1.0, 3.0)
    with pytest.raises(ValueError, match="no loss of stability"):
        thresholds.measured(sgd(0.5), 5.0, 8.0)
    with pytest.raises(ValueError, match="unstable at every"):
        thresholds.threshold(lambda curvature: np.array([[2.0]]))
    with pytest.raises(ValueError, match="stable at every"):
        thresholds.threshold(lambda curvature: np.array([[0.5]]))


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("gd", {"two_over_eta": []}, "two_over_eta must be a positive number"),
        ("polyak", {"beta": 1.0}, "beta must be at least 0 and below 1"),
        ("nesterov", {"beta": 0.0}, "beta must be positive"),
        ("adam", {"lr": [1e-3, 1e-3]}, "lr must be a positive number or a list of different ones"),
        ("adam", {"eps": 0.0}, "eps must be positive"),
        ("rmsprop", {"beta2": -0.1}, "beta2 must be at least 0"),
        ("sam", {"rho": 0.0}, "rho must be positive"),
        ("sgd", {"batch": [2.5]}, "batch must be whole numbers"),
        ("sgd", {"two_over_eta": -1.0}, "two_over_eta must be positive"),
    ],
)
def test_wrong_keys(name, keys, message):
    with pytest.raises(ValueError, match=message):
        option(name, **keys)
