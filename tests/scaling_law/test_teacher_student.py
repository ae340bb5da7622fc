"""The students: their count of parameters, that they learn alone, training that can be interrupted."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from baselines.scaling_law import teacher_student as ts
from baselines.scaling_law.manifold_interpolation import TanhTargets

PLACE = {"dtype": torch.float64}


def parts(dimensions=(2, 3), targets=2, widths=(3, 5), restarts=2, roughness=2.0, pool=256):
    source = np.random.default_rng(0)
    groups = [TanhTargets.draw(targets, d, 8, roughness, source) for d in dimensions]
    train, test = ts.pools(groups, [pool, 128], source, **PLACE)
    generator = torch.Generator().manual_seed(0)
    return ts.Students(dimensions, targets, widths, restarts, 2, generator, **PLACE), train, test


def test_parameters_are_those_of_an_ordinary_network():
    for d, width, depth in ((3, 4, 2), (6, 20, 3)):
        layers = [d, *[width] * depth, 1]
        network = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in pairwise(layers)))
        assert ts.parameter_count(d, width, depth) == sum(p.numel() for p in network.parameters())
    students, _, _ = parts()
    assert students.parameters.tolist() == [[ts.parameter_count(d, w, 2) for w in (3, 5)] for d in (2, 3)]


def test_targets_are_standardised_on_the_training_points():
    _, train, test = parts(pool=4096)
    assert train.values.mean(-1).abs().max() < 1e-12
    assert train.values.std(-1, correction=0) == pytest.approx(torch.ones(2, 2))
    assert test.values.mean(-1).abs().max() > 0
    assert train.points[0, :, 2].abs().max() == 0, "the smaller dimension is filled up with zeros"
    assert train.points[1].std(0) == pytest.approx(torch.ones(3), rel=0.05)


def test_losses_are_those_of_each_member_on_its_own_target():
    students, train, _ = parts()
    losses = students.losses(train.points[:, :20], train.values[:, :, :20]).detach()
    assert losses.shape == (2, 2, 2, 2)
    for number, place in enumerate(np.ndindex(*losses.shape)):
        outputs = students.ensemble.member(number)(train.points[place[0], :20])[:, 0].detach()
        expected = ((outputs - train.values[place[0], place[1], :20]) ** 2).mean()
        assert float(losses[place]) == pytest.approx(float(expected))


def test_the_test_error_is_the_mean_over_the_whole_pool(monkeypatch):
    students, _, test = parts()
    whole = students.test(test)
    monkeypatch.setattr(ts, "EVALUATED", 50)
    assert students.test(test) == pytest.approx(whole)
    assert whole == pytest.approx(students.losses(test.points, test.values).detach().numpy())


def test_training_lowers_the_error_and_wider_is_better():
    students, train, test = parts(dimensions=(1,), widths=(2, 12), restarts=2, roughness=3.0, pool=512)
    before = students.test(test)
    for _ in ts.Training(students, train, 250, 64, 0.03, torch.Generator().manual_seed(1)).run():
        pass
    after = students.test(test).min(-1).mean((0, 1))  # [widths]
    assert after[1] < 0.3 * after[0]
    assert after[1] < 0.05 * before.mean()


def test_an_interrupted_training_goes_on_to_the_same_result():
    def trained(stop: int | None) -> np.ndarray:
        students, train, test = parts()
        training = ts.Training(students, train, 30, 16, 0.01, torch.Generator().manual_seed(1))
        for step, _ in training.run():
            if step == stop:
                again, train, test = parts()
                resumed = ts.Training(again, train, 30, 16, 0.01, torch.Generator())
                resumed.restore(training.state())
                assert [step for step, _ in resumed.run()] == list(range(stop + 1, 31))
                return again.test(test)
        return students.test(test)

    assert trained(12).tobytes() == trained(None).tobytes()


def test_the_step_size_rises_and_falls_to_zero():
    students, train, _ = parts()
    training = ts.Training(students, train, 1000, 16, 0.01, torch.Generator())
    rates = np.array([training.rate(step) for step in range(1000)])
    assert rates[:100].argmax() == 99 and rates.max() == pytest.approx(0.01, rel=0.01)
    assert (np.diff(rates[100:]) < 0).all() and rates[-1] < 1e-5
