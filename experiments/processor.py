"""The processor that a speed was measured on: maker, model, vector units, cores."""
import os
import platform
import re
from pathlib import Path

import torch

# As Linux names them. The widest vector unit comes first: it names the file of results.
MAKERS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "0x41": "ARM", "0x61": "Apple"}
VECTOR_UNITS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sve2": "SVE2", "sve": "SVE",
                "asimd": "NEON", "amx_tile": "AMX", "sme": "SME"}


def describe_processor(cpuinfo: str | None = None) -> dict:
    """Plain values: maker, model, vector units (widest first), logical cores, threads that PyTorch uses.

    `cpuinfo` is the text of Linux's /proc/cpuinfo, read where None. Without one (empty, other systems)
    Python's `platform` names the machine and PyTorch its vector units.
    """
    path = Path("/proc/cpuinfo")
    if cpuinfo is None:
        cpuinfo = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    fields = dict(re.findall(r"^([^:\n]*?)[ \t]*:[ \t]*(.*)$", cpuinfo, re.M))
    maker = fields.get("vendor_id") or fields.get("CPU implementer") or platform.machine()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    units = [name for flag, name in VECTOR_UNITS.items() if flag in flags]
    return {"maker": MAKERS.get(maker, maker),
            "model": fields.get("model name") or platform.processor() or platform.machine(),
            "vector_units": units or [torch.backends.cpu.get_cpu_capability()],
            "cores": os.cpu_count(), "threads": torch.get_num_threads()}


def name_processor(processor: dict) -> str:
    """Maker and widest vector unit, for people: Intel AVX-512."""
    return " ".join([processor["maker"], *processor["vector_units"][:1]])


def processor_file(processor: dict) -> str:
    """The same for a file: intel_avx512."""
    return re.sub(r"[^a-z0-9_]", "", name_processor(processor).lower().replace(" ", "_"))
