from dataclasses import replace

import numpy as np
import pytest
import torch

from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.refining import Refiner
from common.skeleton import HUMAN36M, flip
from common.windows import Window, Windows
from model.ftcm import FTCM
from model.refine import Refine
from tests.helpers import predict, random_clip


def small_model(frames=5, seed=0):
    torch.manual_seed(seed)
    return FTCM(frames=frames, dim=16, depth=2)


CLIPS = [random_clip(6, seed=1), random_clip(1, seed=2), random_clip(11, seed=3)]


def test_prediction_does_not_depend_on_the_batch_size():
    model = small_model()
    one, many = (predict(model, CLIPS, frames=5, batch_size=size)["pose"] for size in (1, 64))
    for a, b, clip in zip(one, many, CLIPS):
        assert a.shape == (len(clip), 17, 3)
        assert a == pytest.approx(b, abs=1e-6)


def test_flip_test_is_the_mean_with_the_mirrored_prediction_mirrored_back():
    model, clip = small_model(), CLIPS[0]
    poses, = predict(model, [clip], frames=5, batch_size=4)["pose"]
    window = torch.from_numpy(clip.keypoints[[1, 2, 3, 4, 5]])[None]
    with torch.no_grad():
        both = (model.eval()(window) + flip(model(flip(window, HUMAN36M)), HUMAN36M)) / 2
    assert poses[3][1:] == pytest.approx(both[0, 1:].numpy(), abs=1e-6)
    assert poses[3][0].tolist() == [0, 0, 0]


def test_thinned_prediction_leaves_nan_in_the_other_frames():
    model = small_model()
    full, thinned = (predict(model, CLIPS, frames=5, every=every)["pose"] for every in (1, 3))
    for a, b in zip(full, thinned):
        assert b[::3] == pytest.approx(a[::3], abs=1e-6)
        assert np.isnan(np.delete(b, np.s_[::3], axis=0)).all()


def test_evaluation_restores_the_training_mode():
    model = small_model().train()
    predict(model, CLIPS[:1], frames=5)
    assert model.training


def test_a_frame_without_a_root_estimate_keeps_its_lifted_pose():
    clip = random_clip(3)
    clip = replace(clip, keypoints=np.zeros_like(clip.keypoints))
    refiner = Refiner(Refine(), root_source="estimate", clips=[clip])
    found = predict(small_model(), [clip], frames=5, refiner=refiner)
    assert np.isnan(found["root"][0]).all()
    assert (found["pose"][0] == found["lifted"][0]).all()


def test_poses_that_are_not_finite_are_an_error():
    model = small_model()
    torch.nn.init.constant_(model.head.bias, float("inf"))
    with pytest.raises(FloatingPointError, match="poses are not finite"):
        predict(model, CLIPS[:1], frames=5)


def test_refine_needs_intrinsics_and_for_ground_truth_depth_a_root():
    clip = random_clip(3)
    with pytest.raises(ValueError, match="needs each clip's intrinsics"):
        Refiner(Refine(), root_source="estimate", clips=[replace(clip, intrinsics=None)])
    with pytest.raises(ValueError, match="needs each clip's root"):
        Refiner(Refine(), root_source="gt", clips=[replace(clip, root=None)])


@pytest.mark.parametrize("field", ["intrinsics", "root"])
def test_refine_looks_at_every_clip(field):
    lacking = replace(CLIPS[2], **{field: None})
    with pytest.raises(ValueError, match=f"{field}, which {lacking.name} lacks"):
        Refiner(Refine(), root_source="gt", clips=[CLIPS[0], lacking])


class Oracle(torch.nn.Module):
    """Answers the true pose of the frame whose keypoints lie at `place` of each window."""

    def __init__(self, clip, place):
        super().__init__()
        self.clip, self.place, self.nothing = clip, place, torch.nn.Parameter(torch.zeros(1))

    def forward(self, keypoints):
        rows = (keypoints[:, None, self.place] - torch.from_numpy(self.clip.keypoints)).abs().sum((2, 3))
        return torch.from_numpy(self.clip.pose)[rows.argmin(1)] + self.nothing


@pytest.mark.parametrize("source", ["gt", "estimate"])
@pytest.mark.parametrize("target, place", [("center", 2), ("last", 4)])
def test_refine_keeps_true_poses_in_evaluation_and_training_wherever_the_target_lies(target, place, source):
    clip = random_clip(9)
    model, refiner = Oracle(clip, place), Refiner(Refine(), root_source=source, clips=[clip])
    found = predict(model, [clip], frames=5, flip_test=False, refiner=refiner, target=target)
    assert found["pose"][0] == pytest.approx(clip.pose, abs=1e-3)
    batches = TrainingBatches(Windows([clip], Window(5, target=target)), Sampling(batch_size=4),
                              generator=torch.Generator().manual_seed(0))
    loss, _ = steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0), desc="test",
                                    refiner=refiner)
    assert loss < 1e-3                                              # metres


def test_estimated_and_true_root_give_the_same_refined_pose_where_the_lifted_pose_is_perfect():
    clip, refine = random_clip(4), Refine()
    found = [predict(Oracle(clip, 0), [clip], frames=1, flip_test=False, batch_size=4,
                            refiner=Refiner(refine, root_source=source, clips=[clip]))
             for source in ("gt", "estimate")]
    assert found[0]["root"][0] == pytest.approx(clip.root)
    assert found[1]["root"][0] == pytest.approx(clip.root, abs=1e-3)
    assert found[0]["pose"][0] == pytest.approx(clip.pose, abs=1e-4)
    assert found[1]["pose"][0] == pytest.approx(clip.pose, abs=1e-3)


def test_a_frame_between_overlapping_windows_gets_the_mean_of_their_answers_that_trusts_middles_more():
    torch.manual_seed(0)
    model, clip = FTCM(frames=5, dim=16, depth=1, every_frame=True).eval(), CLIPS[2]          # 11 frames
    poses, = predict(model, [clip], frames=5, hop=3, flip_test=False)["pose"]
    sums, weights = np.zeros((11, 17, 3)), np.zeros((11, 1, 1))
    trust = np.array([1, 2, 3, 2, 1])[:, None, None] / 3
    for start in (0, 3, 6):
        with torch.no_grad():
            answers = model(torch.from_numpy(clip.keypoints[start:start + 5])[None])[0].numpy()
        sums[start:start + 5] += trust * answers
        weights[start:start + 5] += trust
    assert poses[:, 1:] == pytest.approx((sums / weights)[:, 1:], abs=1e-6)


@pytest.mark.parametrize("options", [{"hop": 2}, {"target": "last"}])
def test_thinning_keeps_the_same_frames_of_sequences_and_causal_networks(options):
    model = FTCM(frames=5, dim=16, depth=1, every_frame="hop" in options)
    full, thinned = (predict(model, CLIPS, frames=5, every=every, **options)["pose"]
                     for every in (1, 3))
    for a, b in zip(full, thinned):
        assert b[::3] == pytest.approx(a[::3], abs=1e-6)
        assert np.isnan(np.delete(b, np.s_[::3], axis=0)).all()


def test_reduced_precision_stays_near_the_full_one():
    model = small_model()
    full, reduced = (predict(model, CLIPS, frames=5, amp=amp)["pose"][2] for amp in (False, True))
    assert reduced.dtype == np.float32
    assert 0 < np.abs(full - reduced).max() < 0.03
