import numpy as np
import pytest
import torch

from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.loss import bone_loss, mpjpe_loss, velocity_loss
from common.refining import without_root
from common.skeleton import HUMAN36M
from common.windows import Window, Windows
from model.ftcm import FTCM
from tests.common.test_engine import CLIPS, small_model


def training(model, clips, step=steps.Step()):
    batches = TrainingBatches(Windows(clips, Window(5)), Sampling(batch_size=8),
                              generator=torch.Generator().manual_seed(0))
    return steps.train_one_epoch(model, batches, torch.optim.Adam(model.parameters(), lr=3e-3), step)


def test_training_lowers_the_loss_and_returns_metres():
    model = small_model()
    losses = [training(model, CLIPS)[0] for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]
    assert 0.3 < losses[0] < 1.5      # the poses' joints lie about 0.5 m from the root


def test_reported_training_error_puts_the_root_at_the_origin():
    predicted, pose = torch.ones(2, 17, 3), torch.zeros(2, 17, 3)
    assert mpjpe_loss(without_root(predicted, 0), pose).item() == pytest.approx(np.sqrt(3) * 16 / 17)
    assert predicted.min() == 1


def test_a_loss_that_is_not_finite_stops_the_training():
    model = small_model()
    torch.nn.init.constant_(model.head.bias, float("inf"))
    with pytest.raises(FloatingPointError, match="training loss became"):
        training(model, CLIPS)


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_micro_batches_do_not_change_the_step(micro_batch):
    def trained(size):
        model = small_model()
        for block in model.blocks:
            block.dropout.p = 0.0
        batches = TrainingBatches(Windows(CLIPS, Window(5)), Sampling(batch_size=8),
                                  generator=torch.Generator().manual_seed(0))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = steps.train_one_epoch(model, batches, optimizer, steps.Step(micro_batch=size))
        return loss, torch.cat([p.detach().flatten() for p in model.parameters()])
    (whole_loss, whole), (parts_loss, parts) = trained(None), trained(micro_batch)
    assert parts_loss == pytest.approx(whole_loss, rel=1e-5)
    assert torch.allclose(parts, whole, atol=1e-5)


def test_a_sequence_network_learns_from_every_frame_of_the_window():
    model = FTCM(frames=5, dim=16, depth=1, every_frame=True)
    batches = TrainingBatches(Windows(CLIPS, Window(5)), Sampling(batch_size=8, whole=True),
                              generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = [steps.train_one_epoch(model, batches, optimizer, desc="test")[0] for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_velocity_loss_is_that_of_the_steps_and_forgives_an_offset():
    pose = torch.zeros(2, 4, 17, 3)
    assert velocity_loss(pose + 5, pose).item() == 0
    moving = pose + 0.01 * torch.arange(4)[:, None, None] * torch.tensor([0.0, 3, 4])       # 50 mm a frame
    assert velocity_loss(moving, pose).item() == pytest.approx(0.05)


def test_the_velocity_loss_is_added_with_its_weight():
    def loss(weight):
        torch.manual_seed(0)
        model = FTCM(frames=5, dim=16, depth=1, every_frame=True, dropout=0)
        batches = TrainingBatches(Windows(CLIPS, Window(5)), Sampling(batch_size=64, whole=True),
                                  generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            batch, = batches
            expected = mpjpe_loss(model(batch.keypoints), batch.pose) + weight * velocity_loss(
                model(batch.keypoints), batch.pose)
        found, error = steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0),
                                             steps.Step(velocity=weight))
        assert found == pytest.approx(expected.item(), rel=1e-5)
        return found, error
    (plain, error), (weighted, same) = loss(0), loss(2)
    assert weighted > plain and error == same


def test_the_bone_loss_is_that_of_directions_and_forgives_lengths():
    pose = torch.randn(2, 4, 17, 3, generator=torch.Generator().manual_seed(0))
    assert bone_loss(2 * pose + 1, pose, HUMAN36M).item() == pytest.approx(0, abs=1e-6)
    assert bone_loss(-pose, pose, HUMAN36M).item() == pytest.approx(2)
    turned = torch.stack([-pose[..., 1], pose[..., 0], torch.zeros(2, 4, 17)], -1)      # by 90 degrees
    flat = pose * torch.tensor([1.0, 1, 0])
    assert bone_loss(turned, flat, HUMAN36M).item() == pytest.approx(2 ** 0.5, rel=1e-5)
    same = pose.clone().requires_grad_()
    bone_loss(same, pose, HUMAN36M).backward()
    assert same.grad.isfinite().all()


def test_the_bone_loss_is_added_with_its_weight():
    def loss(weight):
        torch.manual_seed(0)
        model = FTCM(frames=5, dim=16, depth=1, dropout=0)
        batches = TrainingBatches(Windows(CLIPS, Window(5)), Sampling(batch_size=64),
                                  generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            batch, = batches
            predicted = model(batch.keypoints)
            expected = mpjpe_loss(predicted, batch.pose) + weight * bone_loss(predicted, batch.pose, HUMAN36M)
        found, error = steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0),
                                             steps.Step(bones=weight))
        assert found == pytest.approx(expected.item(), rel=1e-5)
        return found, error
    (plain, error), (weighted, same) = loss(0), loss(2)
    assert weighted > plain and error == same
