"""A run's folder: held by one training, made with its first file, without what a killed process left."""
import pytest
import torch

from common.learning.run_folder import LOG, RunFolder
from common.weights import checkpoint


def state(p1s, best):
    """The state after as many epochs as `p1s`; `best` is the epoch that was best before the last one."""
    history = [{"epoch": epoch, "p1": p1} for epoch, p1 in enumerate(p1s, 1)]
    files = [f"no_refine_{best}_{100 * p1s[best - 1]}.pth"]
    return {"format": checkpoint.FORMAT, "epoch": len(p1s), "history": history, "model": {"w": torch.ones(2)},
            "best": {"epoch": best, "p1": p1s[best - 1], "files": files}}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_made_when_it_is_held_and_goes_again_where_nothing_was_written(tmp_path):
    run = RunFolder(tmp_path / "runs" / "a", resume=False)
    assert names(tmp_path) == []
    with pytest.raises(KeyError), run.held():
        assert names(tmp_path / "runs" / "a") == [LOG]
        raise KeyError
    assert names(tmp_path) == []


def test_a_second_training_is_refused_while_the_first_holds_the_folder(tmp_path):
    first, second = (RunFolder(tmp_path, resume=True) for _ in range(2))
    with first.held():
        first.log("epoch 1")
        with pytest.raises(ValueError) as error:
            with second.held():
                pass
        assert str(tmp_path) in str(error.value)
        assert "epoch 1" in (tmp_path / LOG).read_text()
        with RunFolder(tmp_path, resume=True, writes=False).held():     # another process of the same training
            pass
    with second.held():
        pass


def test_a_run_that_ended_between_the_first_look_and_the_lock_is_not_overwritten(tmp_path):
    run = RunFolder(tmp_path, resume=False)
    (tmp_path / "last.pth").write_text("the other's")
    with pytest.raises(ValueError, match="--resume"), run.held():
        pass
    assert (tmp_path / "last.pth").read_text() == "the other's"


def test_saving_removes_the_runs_own_replaced_checkpoints_and_no_others(tmp_path):
    (tmp_path / LOG).write_text("begun\n")
    kept = ["no_refine_6_4331.pth", "refine_6_4331.pth", "my_no_refine_1_5000.pth",
            "no_refine_2_4900.pth.txt"]
    killed = ["no_refine_1_5000.pth", "refine_1_5000.pth", "no_refine_2_4950.pth", "no_refine_3_4700.pth"]
    for name in [*kept, *killed]:
        (tmp_path / name).write_text("")
    run = RunFolder(tmp_path, resume=True)
    with run.held():
        run.save_epoch(state([50, 49.5, 48], 2), is_best=True)
    assert names(tmp_path) == sorted([*kept, LOG, "last.pth", "history.csv", "no_refine_3_4800.pth"])


def test_a_new_run_leaves_the_checkpoints_that_were_there_before_it(tmp_path):
    (tmp_path / "no_refine_1_4331.pth").write_text("somebody's own")
    run = RunFolder(tmp_path, resume=False)
    with run.held():
        run.log("begun")
        run.save_epoch(state([50], 1), is_best=True)
    assert names(tmp_path) == sorted(["no_refine_1_4331.pth", "no_refine_1_5000.pth", LOG, "last.pth",
                                      "history.csv"])
