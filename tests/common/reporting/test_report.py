"""What an evaluation says about itself."""
import numpy as np
import pytest
import torch
from PIL import Image

from common import scores
from common.reporting import report
from tests.helpers import random_clip

FACTS = {"dataset": "cmu", "keypoints": "gt", "frames": 27, "tds": 1, "target": "center", "hop": None,
         "smooth": None, "refine": None, "mirrored_test": True, "test_stride": 1, "cameras": None,
         "actions": None, "downsample": 1, "shared_joints": None}
SAVED = {"data": {"dataset": "cmu", "keypoints": "gt"}}
HISTORY = [{"epoch": number, "seconds": 60.0 * number, "cpu_seconds": 30.0 * number}
           for number in (1, 2, 3, 4)]
OPTIONS = {"epochs": 6, "seed": 1, **dict.fromkeys(("stride", "downsample", "subset"), 1),
           **dict.fromkeys(("cameras", "actions", "val_subjects"))}


def notes(saved=None, **facts):
    clip = random_clip(6)
    summary = report.summarise([clip], {"pose": [clip.pose]}, SAVED | (saved or {}), FACTS | facts)
    return " ".join(summary["notes"])


def test_the_yardstick_counts_the_frames_of_the_network():
    clips = [random_clip(8, seed=1), random_clip(5, seed=2, action="Eating")]
    thinned = [np.where(np.arange(len(clip))[:, None, None] % 4 == 0, clip.pose + 0.01, np.nan)
               for clip in clips]
    flat = scores.mean_pose(clips)
    saved = {**SAVED, "mean_pose": torch.from_numpy(flat)}
    summary = report.summarise(clips, {"pose": thinned}, saved, FACTS)
    assert summary["mean_pose"]["all_frames"]["frames"] == summary["all_frames"]["frames"] == 2 + 2
    predicted = scores.mean_pose_prediction(clips, flat)
    chosen = [1000 * np.linalg.norm(poses - clip.pose, axis=-1)[::4].mean()
              for poses, clip in zip(predicted, clips)]
    assert summary["mean_pose"]["average"]["mpjpe"] == pytest.approx(np.mean(chosen))


@pytest.mark.parametrize("facts, words", [({"hop": 9}, "tds 1, hop 9"), ({"target": "last"}, "target last")])
def test_the_notes_name_hop_and_target(facts, words):
    assert words in notes(**facts) and words not in notes()


def test_noise_is_called_simulated_and_training_on_it_is_said():
    unseen, same = "no detector saw these people", "The training used the same noise model."
    exact, noisy = notes(), notes(keypoints="detected")
    assert unseen not in exact and same not in noisy
    assert "simulated detector noise" in noisy and unseen in noisy
    for saved in ({"data": {"dataset": "cmu", "keypoints": "detected"}},
                  {"options": {**OPTIONS, "augment": ["camera", "detector"]}}):
        assert same in notes(saved, keypoints="detected")
    assert unseen not in notes(dataset="h36m", keypoints="detected")


def test_costs_are_the_whole_runs_and_the_selected_epoch_stands_beside_them():
    clip, saved = random_clip(6), {**SAVED, "history": HISTORY, "options": OPTIONS, "epoch": 2}
    for selection, epoch in (("test subjects", 2), (None, None)):
        summary = report.summarise([clip], {"pose": [clip.pose]}, {**saved, "selection": selection}, FACTS)
        epochs = [summary[key] for key in ("selected_epoch", "training_epochs", "planned_epochs")]
        assert epochs == [epoch, 4, 6]
        assert (summary["training_minutes"], summary["training_cpu_minutes"]) == (10, 5)
    assert "Trained for 4 of 6 epochs (10.0 min in all)" in notes(saved)
    selected = notes({**saved, "selection": "held-out subjects 05"})
    assert "Epoch 2 of 4 trained (after 3.0 min) was selected on the held-out subjects 05, not on" in selected
    assert "a last epoch: it was not selected" in notes(saved)
    last = {**saved, "selection": "test subjects", "optimizer": {}}
    assert "a last epoch: it was not selected" in notes(last)


def test_the_animation_has_the_asked_frames_at_the_clips_speed(tmp_path):
    clip = random_clip(9)
    report.save_animation(tmp_path / "a.gif", clip, clip.pose, every=2, most=4)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4 and picture.info["duration"] == 40
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
