from dataclasses import replace

import pytest
import torch

from common.inputs import Inputs
from common.learning.batches import Sampling, TrainingBatches
from common.learning.teaching import Teachers
from common.windows import Window, Windows
from model.baselines import SingleFrame
from model.ftcm import FTCM
from tests.helpers import random_clip

CLIPS = [random_clip(12), random_clip(9, seed=5)]


def network(frames, *, every_frame=False, seed=0, mask=False):
    torch.manual_seed(seed)
    return FTCM(frames=frames, dim=16, depth=1, every_frame=every_frame, mask=mask)


def batch(window, *, teach=None, whole=False, augment=None):
    windows = Windows(CLIPS, teach.window if teach else window)
    one, = TrainingBatches(windows, Sampling(batch_size=99, whole=whole), augment=augment, teach=teach,
                           generator=torch.Generator().manual_seed(0))
    return one


def answer(model, keypoints):
    with torch.no_grad():
        return model.eval()(keypoints)


@pytest.mark.parametrize("augment", [None, lambda batch: batch], ids=["plain", "augmented"])
@pytest.mark.parametrize("target", ["center", "last"])
@pytest.mark.parametrize("tds", [1, 2])
def test_windows_are_the_students_and_the_pose_is_the_mean_of_the_teachers_on_theirs(tds, target, augment):
    student, models = Window(5, tds=tds, target=target), [network(9), network(3, seed=1), SingleFrame(dim=16)]
    found = batch(student, teach=Teachers(models, student, whole=False), augment=augment)
    alone = batch(student)
    assert torch.equal(found.keypoints, alone.keypoints) and torch.equal(found.pose, alone.pose)
    assert torch.equal(found.root, alone.root)
    own = [answer(model, batch(Window(model.frames, tds=tds, target=target)).keypoints) for model in models]
    assert torch.allclose(found.taught, torch.stack(own).mean(0), atol=1e-5)


@pytest.mark.parametrize("target", ["center", "last"])
def test_each_teacher_is_given_what_it_was_trained_on_and_the_student_its_own_window(target):
    def hide(batch):
        seen = torch.rand(batch.keypoints.shape[:3], generator=torch.Generator().manual_seed(0)) < 0.8
        return replace(batch, seen=seen)

    student = Window(5, target=target, inputs=Inputs("rays", mask=True))
    models, given = [network(9, mask=True), network(3)], [Inputs("virtual", True), Inputs("rays")]
    found = batch(student, teach=Teachers(models, student, whole=False, inputs=given), augment=hide)
    wide = batch(Window(9, target=target), augment=hide)
    own, last = (slice(2, 7), slice(3, 6)) if target == "center" else (slice(4, 9), slice(6, 9))
    assert torch.equal(found.seen, wide.seen[:, own]) and torch.equal(found.keypoints, wide.keypoints[:, own])
    poses = [inputs.lift(lambda x, model=model: answer(model, x), wide.keypoints[:, part], wide.seen[:, part],
                         wide.intrinsics, place)
             for model, inputs, part, place in (
                 (models[0], given[0], slice(0, 9), 4 if target == "center" else 8),
                 (models[1], given[1], last, 1 if target == "center" else 2))]
    assert torch.allclose(found.taught, sum(poses) / 2, atol=1e-5)


@pytest.mark.parametrize("frames", [5, 9])
def test_a_student_of_every_frame_learns_from_all_frames_of_its_window(frames):
    student, model = Window(5), network(frames, every_frame=True)
    found = batch(student, teach=Teachers([model], student, whole=True), whole=True)
    alone = batch(student, whole=True)
    assert torch.equal(found.keypoints, alone.keypoints) and torch.equal(found.pose, alone.pose)
    beyond = (frames - 5) // 2
    poses = answer(model, batch(Window(frames), whole=True).keypoints)[:, beyond:beyond + 5]
    assert torch.allclose(found.taught, poses, atol=1e-5)


def test_a_teacher_of_every_frame_teaches_one_frame_its_pose_there():
    student, model = Window(5), network(9, every_frame=True)
    found = batch(student, teach=Teachers([model], student, whole=False))
    assert torch.allclose(found.taught, answer(model, batch(Window(9)).keypoints)[:, 4], atol=1e-5)


@pytest.mark.parametrize("model", [network(9), network(3, every_frame=True)])
def test_teachers_that_do_not_know_every_frame_of_the_students_windows_are_refused(model):
    with pytest.raises(ValueError, match=f"one of --teacher has {model.frames} frames|One of --teacher has "
                                         f"{model.frames} frames"):
        Teachers([model], Window(5), whole=True)
