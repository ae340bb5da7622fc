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


def by_hand(level, lr, sharpness, losses=(), **keys):
    steps = [10 * i for i in range(len(sharpness))]
    return Trajectory(
        "edge", level, lr, steps, sharpness=sharpness, edges=[level] * len(steps), losses=list(losses), **keys
    )


def test_trajectory():
    run = by_hand(4.0, 0.5, [2.0, 3.0, 5.0, 4.2], np.linspace(1, 0, 31))
    assert run.crossing_step == 15
    assert run.reaches(4.0) == 7.5
    assert run.reaches(9.0) is None
    assert run.ratios == pytest.approx([1.25, 1.05])
    assert run.sharpness_eta_half == pytest.approx(4.6 * 0.25)
    assert len(run.losses_before()) == 16 and len(run.losses_after()) == 16


def test_an_edge_that_moves():
    """As SAM's does: the ratio is taken against the momentary edge."""
    run = by_hand(4.0, 0.5, [2.0, 3.0, 3.0, 3.0])
    run.edges = [4.0, 4.0, 2.0, 3.0]
    assert run.ratios == pytest.approx([1.5, 1.0])
    assert run.crossing_step == pytest.approx(10 + 10 * 0.25 / 0.75)


def test_losses_of_a_run_that_starts_beyond_its_edge_or_never_arrives():
    beyond = by_hand(1.0, 2.0, [2.0, 1.0], [1.0, 2.0])
    assert beyond.starts_beyond and len(beyond.losses_before()) == len(beyond.losses_after()) == 0
    never = by_hand(9.0, 2 / 9, [2.0, 3.0], [1.0, 0.5])
    assert len(never.losses_before()) == 2 and len(never.losses_after()) == 0


def test_distance_to_the_flow_before_the_arrival():
    run = by_hand(4.0, 0.5, [2.0, 3.0, 5.0, 4.2], flow_distance=[0.0, 0.2, 5.0])
    assert run.distance_before == pytest.approx(0.2)  # the start, where it is zero, does not count
    assert by_hand(4.0, 0.5, [2.0, 3.0, 5.0]).distance_before is None
    assert by_hand(9.0, 0.5, [2.0, 3.0, 5.0], flow_distance=[0.0, 0.2, 5.0]).distance_before is None
    assert by_hand(4.0, 0.5, [2.0, 3.0, 5.0], flow_distance=[0.0, 0.2]).distance_before is None


def test_batch_sharpness_in_the_second_half():
    run = by_hand(4.0, 0.5, [2.0], batch_sharpness=[1.0, 1.0, 3.0, 5.0])
    assert run.batch_ratio == pytest.approx(4.0 / 4)
