"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

PACKAGES = ("numpy", "torch", "peft", "transformers")
#: Variables that change which kernels run.
AFFECTING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS",
             "ATEN_CPU_CAPABILITY")


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def numpy_blas() -> dict[str, str]:
    """Library, version and kernel of the BLAS that NumPy multiplies with."""
    import numpy as np  # noqa: F401  (loads the BLAS)
    for found in threadpool_info():
        if found["user_api"] == "blas":
            return {"blas": found["internal_api"], "version": found["version"] or "unknown",
                    "kernel": found.get("architecture") or found["internal_api"]}
    return {"blas": "unknown", "version": "unknown", "kernel": "unknown"}


def torch_blas() -> dict[str, str]:
    """Library and instruction set that PyTorch multiplies with."""
    import torch
    settings = torch.__config__.show()
    name = settings.partition("BLAS_INFO=")[2].partition(",")[0]
    return {"blas": name or "unknown", "kernel": torch.backends.cpu.get_cpu_capability()}


def describe() -> dict[str, Any]:
    """Processor, versions, and the BLAS of either library."""
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "python": platform.python_version(),
            "packages": {name: _version(name) for name in PACKAGES},
            "environment": {name: os.environ[name] for name in AFFECTING if name in os.environ},
            "numpy": numpy_blas(), "torch": torch_blas()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
