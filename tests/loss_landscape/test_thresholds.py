"""The stability threshold on a quadratic: formula against running the optimizer."""

import pytest
import torch

from baselines.loss_landscape import thresholds


def sgd(lr):
    return lambda parameters: torch.optim.SGD(parameters, lr=lr)


@pytest.mark.parametrize("lr", [1e-3, 0.1, 2 / 3, 5.0])
def test_gradient_descent(lr):
    exact = thresholds.gradient_descent(lr)
    assert exact == pytest.approx(2 / lr, rel=1e-15)
    assert thresholds.measured(sgd(lr), exact / 3, exact * 5) == pytest.approx(exact, rel=1e-11)


def test_diverges_if_and_only_if_the_curvature_exceeds_the_threshold():
    for share in (0.1, 0.9, 1 - 1e-9):
        assert not thresholds.grows(sgd(0.5), share * 4)
    for share in (1 + 1e-9, 1.1, 3.0):
        assert thresholds.grows(sgd(0.5), share * 4)


def test_negative_curvature_always_grows():
    assert thresholds.grows(sgd(0.5), -1e-6)


def test_a_wrong_formula_would_be_noticed():
    """Bisection on another optimizer finds another threshold: heavy ball with beta = 0.5 has 2 (1 + beta) / eta."""
    momentum = thresholds.measured(lambda x: torch.optim.SGD(x, lr=0.5, momentum=0.5), 2.0, 12.0)
    assert momentum == pytest.approx(6.0, rel=0.02)
    assert abs(momentum - thresholds.gradient_descent(0.5)) > 1


def test_bad_arguments():
    with pytest.raises(ValueError, match="positive"):
        thresholds.gradient_descent(0.0)
    with pytest.raises(ValueError, match="no loss of stability"):
        thresholds.measured(sgd(0.5), 1.0, 3.0)
    with pytest.raises(ValueError, match="no loss of stability"):
        thresholds.measured(sgd(0.5), 5.0, 8.0)
