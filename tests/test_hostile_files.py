"""No file runs code, crashes the interpreter or ends in a traceback: each is refused with one sentence.

The files and what reads them: tests/hostile_files.py.
"""
import json
import os
import subprocess
import sys

import pytest

from tests.hostile_files import (
    CANARY,
    CASES,
    FORGED,
    LAST,
    MEMBERS,
    PAYLOADS,
    PROJECT,
    READERS,
    TENSORS,
    bombs,
)


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """(reader, kind, case) -> its result; the folder in which all ran; what the last line says."""
    folder = tmp_path_factory.mktemp("batch")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-m", "tests.hostile_files", str(folder)],
                          cwd=folder,
                          env=environment, capture_output=True, text=True, timeout=600)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"status {done.returncode} in {lines[-1:]}: {done.stderr[-3000:]}"
    return dict(zip(map(tuple, lines[:-1:2]), lines[1:-1:2])), folder, lines[-1]


@pytest.mark.parametrize("reader, kind", dict.fromkeys((reader, kind) for reader, kind, _ in CASES))
def test_every_case_ends_in_one_sentence_and_status_2(reader, kind, batch):
    found = {case: result for (of_reader, of_kind, case), result in batch[0].items()
             if (of_reader, of_kind) == (reader, kind)}
    assert found.keys() == {case for of_reader, of_kind,
                            case in CASES if (of_reader, of_kind) == (reader, kind)}
    wrong = {case: result for case, result in found.items()
             if result["status"] != 2 or len(result["lines"]) != 1 or "error: " not in result["lines"][0]
             or not result["lines"][0].isprintable() or len(result["lines"][0]) > 1500}
    assert not wrong


def test_at_least_sixty_payloads_meet_every_reader():
    for reader in READERS:
        assert len([case for of_reader, _, case in CASES if of_reader == reader]) >= 60
    assert min(map(len, (PAYLOADS, TENSORS, MEMBERS, FORGED, LAST, bombs("")))) > 10


def test_nothing_ran_and_nothing_was_removed_or_made_elsewhere(batch):
    folder = batch[1]
    assert not list(folder.rglob(CANARY)) and not (PROJECT / CANARY).exists()
    assert (folder / "victim").is_file() and (folder / "run" / "victim.pth").is_file()
    assert {path.name for path in folder.iterdir()} <= {
        "3dhp", "a.npz", "a.pth", "cmu", "good", "h36m", "run", "victim", "video.npz", "weights"}


def test_no_file_takes_more_than_a_gibibyte(batch):
    assert batch[2]["peak"] < 2 ** 20                   # KiB
