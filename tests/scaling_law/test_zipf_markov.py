"""The generated language against brute force, and windows of a real text."""

import math

import numpy as np
import pytest
import torch

from baselines.scaling_law import char_text
from baselines.scaling_law.zipf_markov import stationary_distribution, zipf_markov


def language(order, vocabulary=6, mix=0.3):
    return zipf_markov(vocabulary, order, 1.3, 0.75, mix, torch.Generator().manual_seed(0))


def chain(source):
    """The chain over contexts as a dense matrix."""
    rows, vocabulary = source.transition().numpy(), source.vocabulary
    matrix = np.zeros((len(rows), len(rows)))
    for context, row in enumerate(rows):
        for token, probability in enumerate(row):
            matrix[context, (context * vocabulary + token) % len(rows)] += probability
    return matrix


@pytest.mark.parametrize("order", [1, 2])
def test_long_run_distribution_is_the_eigenvector(order):
    source = language(order)
    matrix = chain(source)
    assert matrix.sum(1) == pytest.approx(np.ones(len(matrix)))
    values, vectors = np.linalg.eig(matrix.T)
    vector = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    assert source.stationary.numpy() == pytest.approx(vector / vector.sum(), abs=1e-10)


@pytest.mark.parametrize("order", [1, 2])
def test_entropy_by_its_formula_and_by_its_definition(order):
    source = language(order)
    rows = source.transition().numpy()
    defined = -float(source.stationary.numpy() @ (rows * np.log(rows)).sum(1))
    ranks = np.arange(1, 7) ** -1.3
    formula = math.log(ranks.sum()) + 1.3 / ranks.sum() * float((ranks * np.log(np.arange(1, 7))).sum())
    assert source.entropy == pytest.approx(formula, rel=1e-13)
    assert source.entropy == pytest.approx(defined, rel=1e-13)
    assert source.ladder()[-1] == pytest.approx(defined, rel=1e-10)


def test_every_token_seen_lowers_the_loss():
    ladder = language(2).ladder()
    assert len(ladder) == 3 and ladder[0] > ladder[1] > ladder[2]
    pairs = language(2).stationary.reshape(6, 6).numpy()
    unigram = pairs.sum(0)
    assert ladder[0] == pytest.approx(-float(unigram @ np.log(unigram)), rel=1e-9)


def test_without_a_share_of_the_last_token_but_one_two_tokens_say_no_more_than_one():
    ladder = language(2, mix=0.0).ladder()
    assert ladder[1] == pytest.approx(ladder[2], rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_samples_follow_the_chain(order):
    source = language(order)
    text = source.sample(4000, 12, torch.Generator().manual_seed(1))
    tokens, rows = text.tokens.numpy(), source.transition().numpy()
    assert tokens.shape == (4000, 13) and text.surprise.shape == (4000, 12)
    context = tokens[:, order - 1 : -1] if order == 1 else tokens[:, :-2] * 6 + tokens[:, 1:-1]
    expected = -np.log(rows[context, tokens[:, order:]])
    assert text.surprise[:, source.skip :].numpy() == pytest.approx(expected)
    for place in (0, context.shape[1] - 1):  # in the long-run distribution from the first token to the last
        found = np.bincount(context[:, place], minlength=len(rows)) / 4000
        error = np.sqrt(source.stationary.numpy() / 4000)
        assert np.abs((found - source.stationary.numpy()) / error).max() < 4.5
    surprise = text.surprise[:, source.skip :].mean(1)
    assert abs(float(surprise.mean()) - source.entropy) < 4 * float(surprise.std()) / math.sqrt(4000)


def test_the_generator_decides_the_text():
    source = language(2)
    first, second = (source.sample(5, 8, torch.Generator().manual_seed(2)).tokens for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, source.sample(5, 8, torch.Generator().manual_seed(3)).tokens)


def test_scores_without_decay_are_almost_independent_permutations():
    flat, steep = (
        zipf_markov(32, 1, 1.5, decay, 0.0, torch.Generator().manual_seed(0)).transition().log() for decay in (0.0, 2.0)
    )
    share = [
        float(torch.linalg.svdvals(rows - rows.mean(1, keepdim=True))[:3].square().sum()) for rows in (flat, steep)
    ]
    assert share[1] > 2 * share[0]


def test_a_chain_that_settles_slowly_is_refused(monkeypatch):
    source = language(1)
    with pytest.raises(RuntimeError, match="settle"):
        stationary_distribution(source.successors, source.rank_probability, tolerance=-1.0)


@pytest.mark.parametrize("values", [(6, 3, 0.3), (1, 1, 0.3), (6, 2, 1.5)])
def test_impossible_languages_are_refused(values):
    vocabulary, order, mix = values
    with pytest.raises(ValueError, match="must be"):
        zipf_markov(vocabulary, order, 1.3, 0.75, mix, torch.Generator())


def test_windows_of_a_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abcd" * 50 + "xy" * 20)
    text = char_text.read(path, held_out=1 / 6)
    assert text.characters == "abcdxy" and len(text.training) == 200 and len(text.validation) == 40
    tokens, surprise = text.sample(20, 7, torch.Generator().manual_seed(0))
    assert surprise is None and tokens.shape == (20, 8)
    assert torch.equal((tokens[:, 1:] - tokens[:, :-1]) % 4, torch.ones(20, 7, dtype=torch.long))
    assert set(text.held_out(20, 7, torch.Generator().manual_seed(0)).tokens.unique().tolist()) == {4, 5}
    with pytest.raises(ValueError, match="held_out"):
        char_text.read(path, held_out=1.0)
