"""Where a number comes from: command, source state, machine, versions."""
import os
import platform
import shlex
import subprocess
from pathlib import Path

import numpy as np
import torch


def provenance(argv: list[str], device: str) -> dict:
    """What stands beside every result: a dict of plain values."""
    return {"command": shlex.join(["python", "run_ftcm.py", *argv]), "commit": commit(), "device": device,
            "hardware": hardware(device), "python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__, "system": f"{platform.system()} {platform.machine()}"}


def commit() -> str | None:
    """The checked-out commit, `-dirty` behind it when files differ; None outside a git checkout."""
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=folder,
                                capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


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
