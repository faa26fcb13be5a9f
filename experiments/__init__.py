"""What fills the tables of results: `python -m experiments.NAME`."""
import os
import sys

# Before torch loads OpenMP. Threads that spin for long stall a machine with other work; those that sleep at
# once lose time between two small operations. GNU's OpenMP spins 10,000 times, less than a millisecond;
# others know the policy only.
if sys.argv[:1] == ["-m"]:      # what Python says while it looks for the study; as in run_ftcm.py
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ |= {"GOMP_SPINCOUNT": "10000"} | os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
