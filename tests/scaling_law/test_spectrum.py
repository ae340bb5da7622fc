"""Spectra with counts: sums and predictions must be those of the modes written out."""

import math

import numpy as np
import pytest
import torch

from baselines.scaling_law import simulate
from baselines.scaling_law.ridge import predict
from baselines.scaling_law.spectrum import Spectrum, binned_power_law, power_law


@pytest.mark.parametrize(("decay", "signal_decay"), [(1.5, 2.0), (1.1, 1.2), (1.2, 4.0)])
def test_binning_keeps_the_sums(decay, signal_decay):
    full, binned = power_law(200_000, decay, signal_decay), binned_power_law(200_000, decay, signal_decay)
    assert len(binned.eigenvalues) < 700
    assert binned.is_binned and not full.is_binned
    assert binned.modes == full.modes == 200_000
    assert binned.trace == pytest.approx(full.trace, rel=1e-10)
    assert binned.signal_variance == pytest.approx(full.signal_variance, rel=1e-12)
    tail = slice(300, None)
    lost = binned.counts[tail] @ binned.signal[tail] / full.signal[tail].sum()
    assert lost == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("n", "p"), [(100, 300), (3000, 500), (20_000, 1000), (500, math.inf)])
def test_predictions_from_bins_are_those_of_all_modes(n, p):
    """Also where the resolved modes lie in the bins, at 20,000 data."""
    full, binned = power_law(200_000, 1.5, 2.0), binned_power_law(200_000, 1.5, 2.0)
    one, other = (predict(spectrum, n, p, 1e-3) for spectrum in (full, binned))
    assert other.bias == pytest.approx(one.bias, rel=2e-4)
    assert other.variance == pytest.approx(one.variance, rel=2e-4)
    assert other.train_factor == pytest.approx(one.train_factor, rel=2e-4)


def test_ten_million_modes_are_cheap_and_their_sums_are_zeta_functions():
    from scipy.special import zeta

    binned = binned_power_law(10_000_000, 1.5, 2.0)
    assert len(binned.eigenvalues) < 900
    assert binned.modes == 10_000_000
    assert binned.trace == pytest.approx(zeta(1.5) - zeta(1.5, 10_000_001), rel=1e-12)
    assert binned.signal_variance == pytest.approx(zeta(2.0) - zeta(2.0, 10_000_001), rel=1e-12)


def test_few_modes_stay_single():
    assert not binned_power_law(300, 1.5, 2.0).is_binned


def test_wrong_counts_are_refused():
    ones = np.ones(3)
    with pytest.raises(ValueError, match="one length"):
        Spectrum(ones, ones, np.ones(2))
    with pytest.raises(ValueError, match="positive"):
        Spectrum(ones, ones, np.zeros(3))
    with pytest.raises(ValueError, match="exact >= 1"):
        binned_power_law(1000, 1.5, 2.0, exact=0)


def test_a_draw_needs_every_mode():
    with pytest.raises(ValueError, match="predictions only"):
        simulate.draw(
            binned_power_law(1000, 1.5, 2.0), 5, 5, torch.Generator(), torch.device("cpu"), torch.float64
        )  # fmt: skip
