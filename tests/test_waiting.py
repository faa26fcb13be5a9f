"""Threads spin for a moment and then wait, unless the user says otherwise; one thread lifts a stream."""
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import run_ftcm

PROJECT = Path(__file__).parents[1]
NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
ASK = """
import os, runpy, sys
class Ask:
    def find_spec(name, *_):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
            raise SystemExit
sys.meta_path.insert(0, Ask)
sys.argv = {argv}
{start}
"""
STARTS = {"run_ftcm.py": (["run_ftcm.py"], "runpy.run_path('run_ftcm.py', run_name='__main__')",
                          "PASSIVE 10000"),
          "import run_ftcm": (["other.py"], "import run_ftcm", "None None"),
          "import experiments": (["other.py"], "import experiments.blocks", "None None"),
          "python -m experiments.blocks": (["-m"], "runpy._run_module_as_main('experiments.blocks')",
                                           "PASSIVE 10000")}


def policy_as_torch_is_loaded(argv, start, **extra):
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | extra
    done = subprocess.run([sys.executable, "-c", ASK.format(argv=argv, start=start)], cwd=PROJECT, text=True,
                          capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("start", STARTS)
def test_programs_set_the_policy_before_torch_is_loaded_and_imports_do_not(start):
    argv, code, policy = STARTS[start]
    assert policy_as_torch_is_loaded(argv, code) == policy


@pytest.mark.parametrize("start", STARTS)
def test_the_users_policy_stays(start):
    argv, code, _ = STARTS[start]
    assert policy_as_torch_is_loaded(argv, code, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE None"
    assert policy_as_torch_is_loaded(argv, code, GOMP_SPINCOUNT="7").endswith(" 7")


def test_a_stream_is_lifted_by_one_thread(monkeypatch):
    used, before = [], torch.get_num_threads()
    monkeypatch.setattr(run_ftcm.live, "lift_stream", lambda *_, **__: used.append(torch.get_num_threads()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    torch.set_num_threads(2)
    try:
        assert run_ftcm.main(["--predict", "-", "--width", "640", "--height", "480", "--fps", "50"]) == 0
    finally:
        torch.set_num_threads(before)
    assert used == [1]
