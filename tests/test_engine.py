import numpy as np
import pytest
import torch

from common import engine
from common.loss import mpjpe_loss
from common.skeleton import HUMAN36M, flip
from common.windows import TrainingBatches, Windows
from model.ftcm import FTCM
from tests.helpers import random_clip


def small_model(frames=5, seed=0):
    torch.manual_seed(seed)
    return FTCM(frames=frames, dim=16, depth=2)


CLIPS = [random_clip(6, seed=1), random_clip(1, seed=2), random_clip(11, seed=3)]


def test_prediction_does_not_depend_on_the_batch_size():
    model = small_model()
    one, many = (engine.predict(model, CLIPS, frames=5, batch_size=size)["pose"] for size in (1, 64))
    for a, b, clip in zip(one, many, CLIPS):
        assert a.shape == (len(clip), 17, 3)
        assert a == pytest.approx(b, abs=1e-6)


def test_flip_test_is_the_mean_with_the_mirrored_prediction_mirrored_back():
    model, clip = small_model(), CLIPS[0]
    poses, = engine.predict(model, [clip], frames=5, batch_size=4)["pose"]
    window = torch.from_numpy(clip.keypoints[[1, 2, 3, 4, 5]])[None]
    with torch.no_grad():
        both = (model.eval()(window) + flip(model(flip(window, HUMAN36M)), HUMAN36M)) / 2
    assert poses[3][1:] == pytest.approx(both[0, 1:].numpy(), abs=1e-6)
    assert poses[3][0].tolist() == [0, 0, 0]


def test_thinned_prediction_leaves_nan_in_the_other_frames():
    model = small_model()
    full, thinned = (engine.predict(model, CLIPS, frames=5, every=every)["pose"] for every in (1, 3))
    for a, b in zip(full, thinned):
        assert b[::3] == pytest.approx(a[::3], abs=1e-6)
        assert np.isnan(np.delete(b, np.s_[::3], axis=0)).all()


def test_evaluation_restores_the_training_mode():
    model = small_model().train()
    engine.predict(model, CLIPS[:1], frames=5)
    assert model.training


def training(model, clips, **options):
    batches = TrainingBatches(Windows(clips, frames=5), batch_size=8, generator=torch.Generator().manual_seed(0))
    return engine.train_one_epoch(model, batches, torch.optim.Adam(model.parameters(), lr=3e-3), desc="test", **options)


def test_training_lowers_the_loss_and_returns_metres():
    model = small_model()
    losses = [training(model, CLIPS)[0] for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]
    assert 0.3 < losses[0] < 1.5      # the poses' joints lie about 0.5 m from the root


def test_reported_training_error_puts_the_root_at_the_origin():
    predicted, pose = torch.ones(2, 17, 3), torch.zeros(2, 17, 3)
    assert mpjpe_loss(engine.without_root(predicted, 0), pose).item() == pytest.approx(np.sqrt(3) * 16 / 17)
    assert predicted.min() == 1


def test_a_loss_that_is_not_finite_stops_the_training():
    model = small_model()
    torch.nn.init.constant_(model.head.bias, float("inf"))
    with pytest.raises(FloatingPointError, match="training loss became"):
        training(model, CLIPS)
