"""What fills the tables of results: `python -m experiments.NAME`."""
import os
import sys

if sys.argv[:1] == ["-m"]:      # what Python says while it looks for the study; as in run_ftcm.py
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
