"""Where a number comes from: command, source state, machine, versions."""
import os
import platform
import shlex
import subprocess
from pathlib import Path

import numpy as np
import torch

# What experiments/results.py writes: earlier results do not make a measurement's source another one.
WRITTEN = ("README.md", "checkpoint/results")


def provenance(argv: list[str], device: str, *, program: str = "run_ftcm.py") -> dict:
    """What stands beside every result: a dict of plain values. `program` is what Python was told to run."""
    return {"command": shlex.join(["python", *program.split(), *argv]), "commit": commit(), "device": device,
            "hardware": hardware(device), "python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__, "system": f"{platform.system()} {platform.machine()}"}


def commit() -> str | None:
    """The checked-out commit, `-dirty` behind it when files other than WRITTEN differ; None outside git."""
    name = git("rev-parse", "--short=12", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ":/",
                  *[f":(top,exclude){path}" for path in WRITTEN])
    return None if name is None or changes is None else name + ("-dirty" if changes else "")


def git(*words: str) -> str | None:
    """What git answers in this project's folder; None where there is no git or no checkout."""
    try:
        answer = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True,
                                timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def hardware(device: str) -> str:
    """The GPU's name, or the processor's name with the number of threads in use."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip()
                 for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {torch.get_num_threads()} of {os.cpu_count()} threads"
