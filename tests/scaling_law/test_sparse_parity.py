"""Labels by hand, losses of networks that know everything or nothing, and trainings that go on where they stopped."""

import itertools
import math

import pytest
import torch
from torch import nn

from baselines.scaling_law import sparse_parity as sp
from baselines.scaling_law.ensemble import MaskedEnsemble
from baselines.scaling_law.quanta import frequencies

FREQUENCY = torch.from_numpy(frequencies(6, 0.6))


def tasks(bits: int = 5, subset: int = 2, scale: float = 3.0) -> sp.Tasks:
    return sp.draw_tasks(FREQUENCY, bits, subset, scale, torch.Generator().manual_seed(0))


class Knows(nn.Module):
    """Answers the tasks up to `last` rightly and for sure, and does not answer others; two members."""

    def __init__(self, given: sp.Tasks, last: int) -> None:
        super().__init__()
        self.given, self.last = given, last

    def forward(self, x):
        strings, task = x[:, : self.given.bits], x[:, self.given.bits :].argmax(1)
        label = strings.gather(1, self.given.subsets[task]).prod(1)
        sure = torch.where(task <= self.last, 100 * label, 0.0)
        return torch.stack([sure, 0 * sure])[..., None]


def test_every_bit_string_comes_once():
    found = {tuple(row) for row in sp.all_strings(4, torch.float32).tolist()}
    assert found == set(itertools.product((-1.0, 1.0), repeat=4))


@pytest.mark.parametrize("subset", [1, 2, 3])
def test_labels_are_products_of_the_tasks_bits(subset: int):
    given = tasks(subset=subset if subset > 1 else 1, bits=6)
    strings = sp.all_strings(6, torch.float64)
    for task in range(6):
        inputs, labels = given.encode(torch.full((64,), task), strings)
        for row, label in zip(strings, labels, strict=True):
            assert label == math.prod(float(row[place]) for place in given.subsets[task])
        assert inputs.shape == (64, given.inputs)
        assert torch.equal(inputs[:, 6:], 3.0 * torch.eye(6, dtype=torch.float64)[task].expand(64, 6))
        assert labels.mean() == 0, "without the right bits a label is a coin"


def test_subsets_differ_and_need_enough_bits():
    given = tasks()
    assert len({tuple(row) for row in given.subsets.tolist()}) == 6
    assert all(len(set(row)) == 2 for row in given.subsets.tolist())
    with pytest.raises(ValueError, match="take more bits"):
        tasks(bits=4, subset=4)


def test_batches_have_the_frequencies():
    given = tasks()
    inputs, labels = given.batch(40_000, torch.Generator().manual_seed(1), torch.float32)
    share = (inputs[:, 5:] > 0).double().mean(0)
    error = (share - FREQUENCY) / (FREQUENCY * (1 - FREQUENCY) / 40_000).sqrt()
    assert error.abs().max() < 4
    assert inputs[:, :5].unique().tolist() == [-1.0, 1.0] and set(labels.tolist()) == {-1.0, 1.0}
    assert inputs[:, :5].mean().abs() < 0.02


def test_what_is_known_costs_nothing_and_what_is_not_ln_2():
    given = tasks()
    found = sp.task_losses(Knows(given, last=2), given, sp.all_strings(5, torch.float64), rows=64)
    expected = torch.tensor([[0.0] * 3 + [sp.COIN] * 3, [sp.COIN] * 6], dtype=torch.float64)
    torch.testing.assert_close(found, expected)
    loss = found @ FREQUENCY
    assert float(loss[0]) == pytest.approx(math.log(2) * float(FREQUENCY[3:].sum()))


def training(steps: int = 30) -> sp.Training:
    given = tasks()
    model = MaskedEnsemble(given.inputs, 1, [4, 16], 1, torch.Generator().manual_seed(2), dtype=torch.float32)
    return sp.Training(model, given, 0.02, steps, 32, torch.Generator().manual_seed(3))


def test_a_stopped_training_goes_on_to_the_same_bits():
    whole, first, second = training(), training(), training()
    losses = torch.stack(list(whole.advance(30)))
    before = list(first.advance(11))
    second.restore(first.state())
    after = list(second.advance(30))
    assert torch.equal(torch.stack(before + after), losses)
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_one_wide_network_learns_the_frequent_task():
    run = training(steps=400)
    for _ in run.advance(400):
        pass
    found = sp.task_losses(run.model, run.tasks, sp.all_strings(5, torch.float32))
    assert found[1, 0] < 0.1 * sp.COIN
    assert found[0].mean() > found[1].mean(), "the narrow network learns less"
