"""What is read off curves, on curves made by hand."""

import numpy as np
import pytest

from baselines.loss_landscape.trajectory import Trajectory, crossing, rising_quarters, rising_share


def test_crossing_is_interpolated():
    assert crossing(np.array([0, 10, 20]), np.array([1.0, 2.0, 6.0]), 3.0) == 12.5
    assert crossing(np.array([0, 10, 20]), np.array([1.0, 2.0, 6.0]), 2.0) == 10.0


def test_only_the_first_crossing_counts():
    assert crossing(np.arange(5.0), np.array([1.0, 3.0, 1.0, 3.0, 5.0]), 2.0) == 0.5


@pytest.mark.parametrize("values", [[3.0, 2.0, 4.0], [2.5, 1.0, 3.0], [1.0, 2.0, 2.4], [1.0]])
def test_no_crossing_from_above_or_without_reaching(values):
    assert crossing(np.arange(len(values)), np.array(values), 2.5) is None


def test_rising_share():
    assert rising_share(np.array([3.0, 2.0, 2.5, 2.5, 1.0])) == 0.25
    assert rising_share(np.array([1.0])) == 0.0
    assert rising_share(np.array([1.0, 1.0 + 1e-15, 1.0, 1.0 + 1e-9])) == pytest.approx(1 / 3)
    assert rising_share(np.array([])) == 0.0


def test_rising_quarters():
    falling = np.linspace(1, 0, 200)
    jumpy = falling + 0.02 * (-1.0) ** np.arange(200)
    assert rising_share(jumpy) > 0.4
    assert rising_quarters(jumpy) == 0
    assert rising_quarters(falling[::-1]) == 3
    bump = falling.copy()
    bump[100:150] += 1
    assert rising_quarters(bump) == 1


def test_trajectory():
    run = Trajectory("edge_4", 4.0, 0.5, steps=[0, 10, 20, 30], sharpness=[2.0, 3.0, 5.0, 4.2])
    run.losses = list(np.linspace(1, 0, 31))
    assert run.crossing_step == 15
    assert run.reaches(4.0) == 7.5
    assert run.reaches(9.0) is None
    assert run.ratios == pytest.approx([1.25, 1.05])
    assert len(run.losses_before()) == 16 and len(run.losses_after()) == 16


def test_losses_of_a_run_that_starts_beyond_its_edge_or_never_arrives():
    beyond = Trajectory("edge_1", 1.0, 2.0, steps=[0, 1], sharpness=[2.0, 1.0], losses=[1.0, 2.0])
    assert len(beyond.losses_before()) == len(beyond.losses_after()) == 0
    never = Trajectory("edge_9", 9.0, 2 / 9, steps=[0, 1], sharpness=[2.0, 3.0], losses=[1.0, 0.5])
    assert len(never.losses_before()) == 2 and len(never.losses_after()) == 0
