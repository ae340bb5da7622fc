"""The wheel, installed somewhere else, works without the checkout."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    def python(*args: str, **kwargs: object) -> str:
        done = subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=tmp_path, **kwargs)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    python(
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(site), str(wheel)
    )
    elsewhere = os.environ | {"PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}
    where = python("-c", "import baselines; print(baselines.__file__)", env=elsewhere)
    assert where.startswith(str(site))
    assert (site / "baselines" / "_configs" / "pinn_pde" / "config.yaml").exists()
    shown = python("-m", "baselines.loss_landscape", "budget=smoke", env=elsewhere)
    assert "verdict" in shown and list((tmp_path / "results" / "loss_landscape").glob("*/figure.png"))
    assert "edge_of_stability" in python("-m", "benchmarks", "--help", env=elsewhere)
