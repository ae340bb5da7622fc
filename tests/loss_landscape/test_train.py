"""Plain training: full batch against the closed form, mini-batches as permutations."""

import pytest
import torch

from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.sam import SAM
from baselines.loss_landscape.train import minibatches, train


def quadratic():
    """L(w) = (w - 3)^2 / 2."""
    model = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    model.weight.data.fill_(0.0)
    ones = torch.ones(4, 1, dtype=torch.float64)
    return Objective(model, ones, 3 * ones)


def test_gradient_descent_on_a_quadratic():
    objective = quadratic()
    losses = list(train(objective, torch.optim.SGD(objective.parameters, lr=0.5), 5))
    assert losses == pytest.approx([4.5 * 0.25**t for t in range(5)])
    assert objective.vector().item() == pytest.approx(3 * (1 - 0.5**5))


def test_an_optimizer_that_looks_again():
    """SAM on (w - 3)^2 / 2 takes the gradient at w - rho: w' = w - eta (w - rho - 3)."""
    objective = quadratic()
    list(train(objective, SAM(objective.parameters, lr=0.5, rho=0.1), 1))
    assert objective.vector().item() == pytest.approx(0.5 * 3.1)


def test_divergence_is_reported_at_its_step():
    objective = quadratic()
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) at step \d+"):
        list(train(objective, torch.optim.SGD(objective.parameters, lr=1e200), 5))


def test_an_epoch_is_a_permutation():
    rows = minibatches(10, 3, torch.Generator().manual_seed(0))
    epochs = [torch.cat([next(rows) for _ in range(3)]) for _ in range(2)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 9
    assert epochs[0].tolist() != epochs[1].tolist()


@pytest.mark.parametrize(
    ("batch", "generator", "message"), [(3, None, "generator"), (11, torch.Generator(), "1 to 10 examples; got 11")]
)
def test_wrong_batches(batch, generator, message):
    with pytest.raises(ValueError, match=message):
        next(minibatches(10, batch, generator))
