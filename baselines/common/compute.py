"""Where and how a run computes: device, dtype, threads, seeds, determinism, cost.

torch is imported inside the functions, so that a wrong override is answered before it is loaded.
"""

import hashlib
import os
import platform
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.common.config import RunConfig
from baselines.common.errors import UserError

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "torch-geometric", "deepxde", "numpy", "scipy", "scikit-learn", "hydra-core")


def torch_device(cfg: RunConfig) -> "torch.device":
    """The device that `cfg.device` names.

    Raises:
        UserError: If `cuda` is asked for and there is none; there is no silent fall-back to the CPU.
    """
    import torch

    available = torch.cuda.is_available()
    if cfg.device == "cuda" and not available:
        raise UserError(
            "device=cuda, but torch finds no CUDA GPU here; use device=cpu, or device=auto to take what there is"
        )
    return torch.device("cuda" if available and cfg.device != "cpu" else "cpu")


def torch_dtype(cfg: RunConfig) -> "torch.dtype":
    """The floating-point type that `cfg.dtype` names."""
    import torch

    return {"float32": torch.float32, "float64": torch.float64}[cfg.dtype]


def subseed(seed: int, *names: str | int) -> int:
    """A seed for one named random stream.

    Data, initialisation and sampling get independent streams, and methods that are compared share the stream
    of the data: the seed depends on the names alone (SHA-256), not on the order in which streams are asked for.

    Returns:
        An integer in [0, 2^63).
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for one named random stream."""
    return np.random.default_rng(subseed(seed, *names))


def torch_generator(seed: int, *names: str | int, device: "torch.device | str" = "cpu") -> "torch.Generator":
    """A torch generator for one named random stream."""
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(subseed(seed, *names))
    return generator


def prepare(cfg: RunConfig) -> None:
    """Set threads, seeds and determinism for one run; called before any work, for every run of a sweep."""
    # Waiting OpenMP threads must sleep: spinning ones slow other runs on the same cores down.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import scipy.linalg  # noqa: F401  # its BLAS must be loaded before the app limits the threads of all libraries
    import torch

    device = torch_device(cfg)
    torch.set_num_threads(cfg.threads)
    torch.set_default_dtype(torch.float32)
    random.seed(cfg.seed)
    np.random.seed(cfg.seed % 2**32)
    torch.manual_seed(cfg.seed)
    # Some CUDA kernels have no deterministic form: there it warns, on the CPU it is an error. This call does what
    # torch.use_deterministic_algorithms does, without importing torch's compiler, which takes a second.
    torch.set_deterministic_debug_mode("warn" if device.type == "cuda" else "error")
    # Not NaN into memory that is written at once anyway.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def environment(cfg: RunConfig) -> dict[str, Any]:
    """What a reader needs to judge a timing: versions, processor, threads, device, load."""
    import torch

    device = torch_device(cfg)
    return {
        "python": platform.python_version(),
        "platform": platform.system(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "threads": cfg.threads,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _cpu_name() -> str:
    """The processor's marketing name where the system tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextmanager
def measured_cost(into: dict[str, float]) -> Iterator[None]:
    """Fill `into` with `wall_s`, `cpu_s` and `peak_mb` of the block, also when it raises."""
    _reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        into["wall_s"] = time.perf_counter() - wall
        into["cpu_s"] = time.process_time() - cpu
        into["peak_mb"] = _peak_mb()


def _reset_peak() -> None:
    """Start a new peak of resident memory, so that a sweep's later runs do not inherit an earlier one's."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # not Linux, or not permitted: the peak is then that of the whole process
    if _cuda_in_use():
        sys.modules["torch"].cuda.reset_peak_memory_stats()


def _peak_mb() -> float:
    """Peak memory in MB (10^6 bytes): of the GPU if one is in use, else resident memory of the process."""
    if _cuda_in_use():
        return sys.modules["torch"].cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _cuda_in_use() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()
