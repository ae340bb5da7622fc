"""The tasks: their examples, and what a run may choose."""

import gzip
import importlib
import struct

import numpy as np
import pytest
import torch

from baselines.common import compose, options
from baselines.common.errors import UserError
from baselines.loss_landscape import config, images
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.networks import mlp
from baselines.loss_landscape.task import standardised
from baselines.loss_landscape.tasks import chebyshev, curve1d, digits, gaussian_mixture
from baselines.loss_landscape.tasks.cifar10 import Task as Cifar
from baselines.loss_landscape.tasks.mnist import Task as Mnist


def setting(task, seed=0, **keys):
    return Config(task=task, network=mlp.Network(**{"width": 4} | keys), seed=seed)


def test_digits():
    task = digits.Task()
    cfg = setting(task, width=32)
    objective = task.build(cfg)
    assert objective.size == 3466
    assert objective.inputs.shape == (500, 64) and objective.targets.shape == (500, 10)
    assert objective.inputs.dtype == objective.targets.dtype == torch.float64
    assert objective.targets.argmax(1)[:10].tolist() == list(range(10))  # the file begins 0, 1, ..., 9
    torch.testing.assert_close(objective.inputs.mean(0), torch.zeros(64, dtype=torch.float64), atol=1e-12, rtol=0)
    spread = objective.inputs.std(0, correction=0)
    assert ((spread > 0.95) & (spread < 1)).logical_or(spread == 0).all()
    held_out = task.held_out(cfg, objective.model)
    assert held_out.inputs.shape == (297, 64) and held_out.model is objective.model
    assert held_out.inputs.abs().max() < 50  # pixels that never change in training stay out
    assert digits.Task(examples=1797).held_out(cfg, objective.model) is None


def test_standardised_leaves_constant_pixels_at_zero():
    like = np.array([[1.0, 5.0], [3.0, 5.0]])
    found = standardised(np.array([[2.0, 9.0], [3.0, 5.0]]), like, softening=0.0)
    np.testing.assert_array_equal(found, [[0.0, 0.0], [1.0, 0.0]])


def test_a_seed_changes_the_weights_and_not_the_digits():
    task = digits.Task(examples=20)
    one, other = (task.build(setting(task, seed)) for seed in (0, 1))
    assert torch.equal(one.inputs, other.inputs)
    assert not torch.equal(one.parameters[0], other.parameters[0])
    assert not torch.equal(one.parameters[0], task.build(setting(task, 0), "second").parameters[0])


def test_curves():
    x = np.linspace(-1, 1, 20)
    cubic = chebyshev.Task(degree=3).train(None)
    np.testing.assert_allclose(cubic.targets[:, 0], 4 * x**3 - 3 * x, atol=1e-14)
    curve = curve1d.Task(examples=20).train(None)
    np.testing.assert_allclose(curve.targets[:, 0], np.sin(3 * x) + 0.5 * np.cos(7 * x), atol=1e-15)
    assert len(curve1d.Task(examples=20).test(None).inputs) == 19


def test_gaussian_clouds():
    task = gaussian_mixture.Task(classes=3, dimensions=400, examples=600)
    cfg = setting(task)
    points, labels = task.train(cfg)
    assert np.bincount(labels).tolist() == [200] * 3
    centres = np.stack([points[labels == c].mean(0) for c in range(3)])
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2.0, rtol=0.02)
    assert np.var(points - centres[labels]) == pytest.approx(1 / 400, rel=0.02)
    again = task.test(cfg).inputs
    np.testing.assert_allclose(again[labels == 0].mean(0), centres[0], atol=0.02)
    assert not np.allclose(again, points)
    assert not np.allclose(task.train(setting(task, seed=1)).inputs, points)


def test_real_values_have_no_cross_entropy():
    with pytest.raises(ValueError, match=r"task.loss must be one of squares; got 'cross_entropy'"):
        curve1d.Task(loss="cross_entropy")


@pytest.mark.parametrize("wrong", [5, 2000])
def test_wrong_number_of_digits(wrong):
    with pytest.raises(ValueError, match=f"task.examples must be from 10 to 1797; got {wrong}"):
        digits.Task(examples=wrong)


def test_idx_format():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = b"\x00\x00\x08\x03" + struct.pack(">3I", 2, 3, 4) + array.tobytes()
    np.testing.assert_array_equal(images.idx(content), array)
    with pytest.raises(ValueError, match="not an IDX file"):
        images.idx(gzip.compress(content))


def test_cifar_format():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    content = b"".join(bytes([label]) + image.tobytes() for label, image in zip((7, 2), pixels, strict=True))
    found, labels = images.cifar_batch(content)
    assert labels.tolist() == [7, 2]
    np.testing.assert_array_equal(found, pixels.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(images.flat(found), pixels.reshape(2, -1) / 255)


def test_mnist(data_dir):
    cfg = Config(task=Mnist(examples=50), network=mlp.Network(width=4), data_dir=data_dir)
    objective = cfg.task.build(cfg)
    assert objective.inputs.shape == (50, 784)
    assert objective.targets.argmax(1)[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert cfg.task.held_out(cfg, objective.model).targets.argmax(1)[:5].tolist() == [7, 2, 1, 0, 4]


def test_cifar10(data_dir):
    cfg = Config(task=Cifar(examples=50), network=mlp.Network(width=4), data_dir=data_dir)
    assert cfg.task.build(cfg).targets.argmax(1)[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    raw = images.cifar10(data_dir)
    assert raw.train[0, 0, 0].tolist() == [59, 62, 63] and raw.test_labels[:5].tolist() == [3, 8, 8, 0, 6]
    np.testing.assert_allclose(images.flat(raw.train[:1])[0, [0, 1024, 2048]] * 255, [59, 62, 63])


def test_what_to_do_offline(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is missing .* get it from https"):
        images.mnist(str(tmp_path))


def test_a_wrong_file_is_refused(tmp_path):
    folder = tmp_path / "images" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(UserError, match="not the expected file"):
        images.mnist(str(tmp_path))


def test_the_named_defaults_are_those_of_the_config_file():
    chosen = compose.resolve("loss_landscape", []).choices
    assert {group: chosen[group] for group in config.DEFAULTS} == config.DEFAULTS


def test_every_probe_says_what_it_looks_at():
    for name in options.groups("loss_landscape")["probe"]:
        uses = importlib.import_module(f"baselines.loss_landscape.probes.{name}").Probe.USES
        assert set(uses) <= set(config.DEFAULTS), name


class Deaf:
    """A probe that looks at nothing."""

    USES = ()


@pytest.mark.parametrize("task", [digits.Task(), digits.Task(examples=100)])
def test_defaults_and_budgets_are_no_choice(task):
    assert Config(probe=Deaf(), task=task, network=mlp.Network(), optimizer=gd()).task is task


def test_a_choice_without_effect_is_refused():
    with pytest.raises(ValueError, match=r"does not look at the task; leave out task=curve1d"):
        Config(probe=Deaf(), task=curve1d.Task(), network=mlp.Network(), optimizer=gd())
    with pytest.raises(ValueError, match=r"does not look at the network; leave out network.depth=..."):
        Config(probe=Deaf(), task=digits.Task(), network=mlp.Network(depth=5), optimizer=gd())


def gd():
    return importlib.import_module("baselines.loss_landscape.optimizers.gd").Optimizer()
