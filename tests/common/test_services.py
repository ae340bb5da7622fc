"""Claims, compute, data, plotting: the small services."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines.common import compute, data, options, plotting
from baselines.common.claims import Claim, band, verdict
from baselines.common.config import VOLATILE, RunConfig
from baselines.common.errors import UserError


@pytest.mark.parametrize(
    "measured,low,high,expected",
    [
        (1.0, 0.9, 1.1, "holds"),
        (0.9, 0.9, 1.1, "holds"),
        (0.89, 0.9, 1.1, "fails"),
        (1.11, 0.9, 1.1, "fails"),
        (5.0, 0.9, None, "holds"),
        (-5.0, None, 0.0, "holds"),
        (5.0, None, 0.0, "fails"),
        (float("nan"), 0.0, 1.0, "fails"),
        (float("inf"), 0.0, None, "fails"),
        (None, 0.0, 1.0, "not measured"),
    ],
)
def test_verdict(measured: float | None, low: float | None, high: float | None, expected: str) -> None:
    assert verdict(measured, low, high) == expected


def test_a_claim_that_cannot_fail_is_refused() -> None:
    with pytest.raises(ValueError, match="could not fail"):
        Claim("a", "anything goes", 1.0, None, None, 1.0, "nowhere")
    with pytest.raises(ValueError, match="empty band"):
        Claim("a", "nothing goes", 1.0, 2.0, 1.0, 1.0, "nowhere")


def test_a_stored_verdict_is_not_believed() -> None:
    stored = Claim("a", "s", 1.0, 0.0, 2.0, 5.0, "x").as_dict() | {"verdict": "holds"}
    assert Claim.from_dict(stored).verdict == "fails"


def test_band_text() -> None:
    assert (band(None, 2.0), band(0.5, None), band(0.98, 1.05)) == ("≤ 2", "≥ 0.5", "0.98 … 1.05")


def test_streams_depend_on_seed_and_name_only() -> None:
    seeds = {compute.subseed(seed, name) for seed in range(50) for name in ("data", "init", "sampler")}
    assert len(seeds) == 150 and all(0 <= seed < 2**63 for seed in seeds)
    assert compute.subseed(0, "data") == 736872305540241488
    first = compute.numpy_generator(3, "data").random(4)
    compute.numpy_generator(3, "init").random(100)
    assert (compute.numpy_generator(3, "data").random(4) == first).all()


def test_prepare_makes_everything_repeat() -> None:
    import torch

    def draw() -> tuple[float, float, float]:
        compute.prepare(RunConfig(seed=5, threads=1))
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def test_cost_sees_memory_and_time() -> None:
    cost: dict[str, float] = {}
    with compute.measured_cost(cost):
        block = np.ones(30_000_000)  # 240 MB
        total = block.sum()
    small: dict[str, float] = {}
    del block
    with compute.measured_cost(small):
        pass
    assert total == 3e7 and cost["wall_s"] > 0 and cost["cpu_s"] > 0
    if sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK):
        assert cost["peak_mb"] > small["peak_mb"] + 150  # the second block does not inherit the first one's peak


def test_missing_and_wrong_data_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a/b.csv is missing; get it from the authors' page and put it at .*a/b.csv"):
        data.require(str(tmp_path), "a/b.csv", source="the authors' page")
    path = tmp_path / "b.csv"
    path.write_text("1,2\n")
    digest = "78a27f41e9ad5f64447a31d5ee0c9a51a71fef9e5e0a1bd5f1cc3a0b3a24b3b4"
    with pytest.raises(UserError, match="is not the expected file"):
        data.require(str(tmp_path), "b.csv", source="x", sha256=digest)
    assert data.require(str(tmp_path), "b.csv", source="x", sha256=data.sha256(path)) == path


def test_config_checks_and_volatile_keys() -> None:
    with pytest.raises(ValueError, match="device must be one of cpu, cuda, auto; got 'gpu'"):
        RunConfig(device="gpu")
    with pytest.raises(ValueError, match="seed must be at least 0; got -1"):
        RunConfig(seed=-1)
    with pytest.raises(ValueError, match="threads must be at least 1; got 0"):
        RunConfig(threads=0)
    assert VOLATILE == {"device", "threads", "results", "data_dir", "force", "lang"}


def test_help_comes_from_the_comments() -> None:
    shown = {key.name: key.help for key in options.keys(RunConfig)}
    assert shown["dtype"] == "float32 or float64" and all(shown.values())


def test_chinese_labels_have_glyphs_and_fall_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalogue = {"training step": "训练步数"}
    if plotting.chinese_font() is not None:
        text, used = plotting.translator("zh", catalogue)

        def draw() -> object:
            figure, (axis,) = plotting.panels()
            axis.set_title(text("training step") + " λ −1 ² ≤")
            return figure

        figure = plotting.drawn(draw, lang=used)  # a missing glyph is a warning, and warnings are errors here
        plotting.save(figure, tmp_path / "zh", used)
        assert used == "zh" and (tmp_path / "zh.pdf").stat().st_size > 1000
    monkeypatch.setattr(plotting, "chinese_font", lambda: None)
    text, used = plotting.translator("zh", catalogue)
    assert used == "en" and text("training step") == "training step"


def test_the_fall_back_warns_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(plotting, "chinese_font", lambda: None)
    plotting.translator("zh", {})
    assert len(caplog.messages) == 1 and "labels stay English" in caplog.messages[0]


def test_figures_are_vector_and_bitmap_and_repeat(tmp_path: Path) -> None:
    def draw() -> object:
        figure, (axis,) = plotting.panels()
        axis.plot([1, 2], [3, 4], "o")
        return figure

    for name in ("a", "b"):
        plotting.save(plotting.drawn(draw), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
