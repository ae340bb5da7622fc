"""Whole runs in one process: determinism, what is logged, the alarm."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.common import compose, compute
from baselines.common.errors import Diverged
from baselines.common.record import CURVES, Outcome, Record
from baselines.pinn_pde.problem import Function
from baselines.pinn_pde.run import ALARM, heldout_claim, residuals, run

SHORT = ["budget=smoke", "method=adam_lbfgs", "method.adam_iterations=8", "method.lbfgs_iterations=6", "method.every=2"]


def execute(tmp_path: Path, *overrides: str) -> tuple[Outcome, dict[str, np.ndarray], Any]:
    cfg: Any = compose.resolve("pinn_pde", [*SHORT, *overrides]).cfg
    compute.prepare(cfg)
    record = Record(tmp_path / "-".join(overrides or ("default",)).replace("=", "_"), {})
    record.start()
    outcome = run(cfg, record)
    record.finish("done", outcome)
    with np.load(record.folder / CURVES) as stored:
        return outcome, dict(stored), cfg


@pytest.mark.parametrize(
    ("problem", "dtype", "between"),
    [("burgers", "float64", "float32"), ("burgers", "float32", "float64"), ("poisson_inverse", "float64", "float32")],
)
def test_same_seed_same_metrics_whatever_ran_before(tmp_path: Path, problem: str, dtype: str, between: str) -> None:
    """Runs of either precision in one process, in both orders: DeepXDE's global state does not leak."""
    first, curves, _ = execute(tmp_path, f"problem={problem}", f"dtype={dtype}")
    execute(tmp_path, "problem=heat", f"dtype={between}", "seed=5")
    again, curves_again, _ = execute(tmp_path, f"problem={problem}", f"dtype={dtype}", "heldout_points=1000")
    assert first.metrics == again.metrics and first.parameters == again.parameters
    for name, values in curves.items():
        if not name.endswith("_s"):
            np.testing.assert_array_equal(values, curves_again[name])
    other, _, _ = execute(tmp_path, f"problem={problem}", f"dtype={dtype}", "seed=1")
    assert other.metrics["loss"] != first.metrics["loss"]


def test_what_a_run_logs(tmp_path: Path) -> None:
    outcome, curves, _ = execute(tmp_path, "problem=poisson_inverse")
    assert curves["history.iteration"].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    terms = sorted(name for name in curves if name.startswith("history.loss_"))
    assert terms == ["history.loss_boundary", "history.loss_equation", "history.loss_observations"]
    np.testing.assert_allclose(sum(curves[name] for name in terms), curves["history.loss"], rtol=1e-6)
    assert curves["history.a"][0] == 1.0 and outcome.metrics["diffusivity"] in curves["history.a"]
    assert outcome.metrics["loss"] == curves["history.loss"].min()
    error = np.linalg.norm(curves["prediction"] - curves["reference"]) / np.linalg.norm(curves["reference"])
    assert outcome.metrics["relative_l2"] == pytest.approx(error, rel=1e-6)
    assert outcome.metrics["lbfgs_iterations"] == 6 and outcome.parameters == 2 * 20 + 20 + 2 * 420 + 21 + 1


def test_untrained_runs_claim_nothing_about_accuracy(tmp_path: Path) -> None:
    outcome, _, _ = execute(tmp_path)
    verdicts = {claim.id: claim.verdict for claim in outcome.claims}
    assert verdicts.pop("pinn.burgers.reference") == "holds"
    assert set(verdicts.values()) == {"not measured"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_trained_has_the_type_asked_for(tmp_path: Path, dtype: str) -> None:
    import torch

    outcome, curves, _ = execute(tmp_path, f"dtype={dtype}")
    assert curves["collocation_points"].dtype == dtype
    assert np.isfinite(outcome.metrics["loss"]) and torch.get_default_dtype() == torch.float32


def test_divergence_is_reported_with_the_history_kept(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="history"):
        execute(tmp_path, "dtype=float32", "method.learning_rate=1e30")


def test_the_alarm_goes_when_fresh_points_see_a_larger_residual() -> None:
    points, fresh = np.zeros((3, 2)), np.ones((5, 2))

    def residual(ratio: float) -> Function:
        """1 on the method's points, `ratio` elsewhere."""
        return lambda x: np.where(np.any(x != 0, axis=1, keepdims=True), ratio, 1.0)

    assert residuals(residual(1.5), points, fresh)["residual_alarm"] == 0
    alarmed = residuals(residual(3.0), points, fresh)
    assert alarmed["residual_ratio"] == pytest.approx(3.0) and alarmed["residual_alarm"] == 1


@pytest.mark.parametrize(
    ("overrides", "ratio", "verdict"),
    [
        (["problem=heat"], 1.2, "holds"),
        (["problem=heat"], 2 * ALARM, "fails"),
        (["problem=burgers"], 2 * ALARM, "holds"),
        (["problem=burgers"], 1.2, "fails"),
        (["problem=burgers", "problem.num_domain=20000"], 2 * ALARM, "fails"),
    ],
)
def test_the_heldout_claim_knows_whether_the_points_resolve_the_solution(
    overrides: list[str], ratio: float, verdict: str
) -> None:
    cfg: Any = compose.resolve("pinn_pde", ["method=adam_lbfgs", *overrides]).cfg
    assert heldout_claim(cfg, {"residual_ratio": ratio}, True).verdict == verdict
    assert heldout_claim(cfg, {"residual_ratio": ratio}, False).verdict == "not measured"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method.every=1", "method.every"),
        ("method.activation=relu", "tanh, sin, silu"),
        ("heldout_points=0", "heldout"),
    ],
)
def test_wrong_values_are_one_clear_line(override: str, message: str) -> None:
    from baselines.common.errors import UserError

    with pytest.raises(UserError, match=message):
        compose.resolve("pinn_pde", ["method=adam_lbfgs", override])
