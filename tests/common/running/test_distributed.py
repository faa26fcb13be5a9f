"""Two gloo processes give the losses and the table of one; what can be checked of GPUs without one."""
import json
import multiprocessing
import os
import socket

import pytest
import torch

import run_ftcm
from common.running.distributed import Processes
from dataset import human36m
from tests.helpers import draw_nothing, write_human36m

TRAINING = ("-k gt -f 3 --d_hid 16 --layers 1 --train 1 --nepoch 2 -b 7 --lr 3e-3 --stride 4 --device cpu "
            "--micro_batch 3").split()


def command(folder, output, *more):
    return [*TRAINING, "--root_path", str(folder), "--output", str(output), *more]


def peer(rank, port, argv, answers):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    answers.put((run_ftcm.main(argv), torch.distributed.is_initialized()))


def run_two(argv):
    """Exit status of each of two processes, and whether it is still in the group."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    forking = multiprocessing.get_context("fork")
    answers = forking.Queue()
    peers = [forking.Process(target=peer, args=(rank, port, argv, answers)) for rank in (0, 1)]
    for process in peers:
        process.start()
    for process in peers:
        process.join(timeout=240)
    return [answers.get(timeout=5) for _ in peers]


def results(folder):
    history = (folder / "history.csv").read_text().splitlines()
    losses = [float(line.split(",")[2]) for line in history[1:]]
    scores = json.loads((folder / "scores.json").read_text())
    return losses, [row["mpjpe"] for row in scores["rows"]], scores["average"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("options", [[], ["--every_frame", "1"], ["--refine"]])
def test_two_processes_train_and_score_like_one(tmp_path, options, monkeypatch):
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)     # its draws depend on the batch
    options = [*options, "--dropout", "0"]
    draw_nothing(monkeypatch)
    lengths = {(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"]}
    lengths |= {("S9", "Walking"): 8, ("S9", "Eating"): 7, ("S11", "Walking"): 5}
    write_human36m(tmp_path, lengths=lengths)
    assert run_ftcm.main(command(tmp_path, tmp_path / "one", *options)) == 0
    assert run_two(command(tmp_path, tmp_path / "two", *options)) == [(0, False)] * 2
    losses, rows, average = results(tmp_path / "one")
    losses_2, rows_2, average_2 = results(tmp_path / "two")
    assert losses_2 == pytest.approx(losses, rel=1e-4)
    assert rows_2 == pytest.approx(rows, rel=1e-3)
    assert average_2 == pytest.approx(average, rel=1e-3, nan_ok=True)
    assert sorted(os.listdir(tmp_path / "one")) == sorted(os.listdir(tmp_path / "two"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_bad_input_ends_both_processes_with_status_2(tmp_path):
    assert [status for status, _ in run_two(command(tmp_path / "empty", tmp_path / "out"))] == [2, 2]


def test_a_process_uses_its_own_gpu_before_it_joins_and_waits_for_the_others(monkeypatch):
    calls = []
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: calls.append(device))
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend: calls.append(backend))
    monkeypatch.setattr(torch.distributed, "barrier", lambda: calls.append("barrier"))
    assert Processes.start("cuda:3").count == 4
    assert calls == ["cuda:3", "nccl", "barrier"]
