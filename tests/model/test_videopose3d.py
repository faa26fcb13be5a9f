"""VideoPose3D: the original's numbers in windows, over sequences, causal, in training."""
import numpy as np
import pytest
import torch

from common import engine
from common.learning.schedule import Schedule
from common.lift import Lifting
from common.loss import mpjpe_loss
from common.windows import Window
from experiments.network_speed import count_macs
from model.videopose3d import VideoPose3D
from tests.golden.peers import PEERS, gradient_norms, keypoints, published_state, truth
from tests.golden.reference_weights import reference_tensor
from tests.helpers import random_clip

SMALL = {"frames": 27, "dim": 64}
TOLERANCES = {torch.float64: (2e-6, 1e-9, {"rel": 1e-6, "abs": 1e-12}),
              torch.float32: (3e-5, 1e-5, {"rel": 5e-4, "abs": 1e-6})}


def with_stand_in_weights(**arguments):
    """The network whose tensors follow from their names."""
    model = VideoPose3D(**arguments)
    model.load_state_dict({name: torch.as_tensor(reference_tensor(name, tuple(value.shape)))
                           for name, value in model.state_dict().items()})
    return model.eval()


def with_statistics(model):
    """The network after its normalisations have seen data: away from mean 0 and spread 1."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        model.train()(torch.randn(8, model.frames, 17, 2, generator=generator))
    return model.eval()


def over_sequence(model, sequence, step=1):
    """Poses (W, B, J, 3) of all W windows in sequences (B, L, J, 2), by the whole-clip form."""
    sequence = sequence.transpose(0, 1)
    windows = len(sequence) - (model.frames - 1) * step
    return model.lift_sequence(sequence, torch.arange(windows)[None].expand(model.frames, -1), step)


def largest_difference(found, name):
    return np.abs(found.detach().numpy() - PEERS[name]).max()


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("case, arguments", [("videopose3d/27", SMALL), ("videopose3d/243", {})])
def test_poses_loss_and_gradients_equal_the_original(case, arguments, kind):
    limit, loss_limit, norm_limits = TOLERANCES[kind]
    model = VideoPose3D(**arguments)
    model.load_state_dict(published_state(case))
    model = model.to(kind).eval()
    window, pose = keypoints(model.frames).to(kind), truth(model.frames)[:, model.frames // 2].to(kind)
    for answer in (model(window), over_sequence(model, window)[0]):
        assert largest_difference(answer[:, None], f"{case}/output") < limit
        model.zero_grad()
        loss = mpjpe_loss(answer, pose)
        assert loss.item() == pytest.approx(float(PEERS[f"{case}/loss"]), abs=loss_limit)
        loss.backward()
        found = {name: weight.grad.norm().item() for name, weight in model.named_parameters()}
        assert found == {name: pytest.approx(norm, **norm_limits)
                         for name, norm in gradient_norms(case).items()}


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("target, name", [("center", "clip_output"), ("last", "causal_output")])
def test_a_whole_clip_equals_the_original(target, name, kind):
    model = with_stand_in_weights(**SMALL, target=target).to(kind)
    clip = torch.from_numpy(PEERS["videopose3d/27/clip"]).to(kind)                      # (2, 40, 17, 2)
    assert largest_difference(over_sequence(model, clip).transpose(0, 1), f"videopose3d/27/{name}"
                              ) < TOLERANCES[kind][0]
    windows = clip.unfold(1, 27, 1).permute(0, 1, 4, 2, 3)                              # (2, 14, 27, 17, 2)
    assert largest_difference(model(windows.flatten(0, 1)).unflatten(0, (2, 14)), f"videopose3d/27/{name}"
                              ) < TOLERANCES[kind][0]


def test_other_widths_equal_the_original():
    model = with_stand_in_weights(frames=45, dim=64, widths=[3, 5, 3]).double()
    clip = torch.from_numpy(PEERS["videopose3d/27/clip"]).double().repeat(1, 2, 1, 1)[:, :45]
    assert largest_difference(model(clip)[:, None], "videopose3d/45/output") < 2e-6
    assert largest_difference(over_sequence(model, clip)[:1].transpose(0, 1), "videopose3d/45/output") < 2e-6


@pytest.mark.parametrize("kind", TOLERANCES)
def test_a_training_step_equals_the_original(kind):
    case, (limit, loss_limit, norm_limits) = "videopose3d/27/train", TOLERANCES[kind]
    model = VideoPose3D(**SMALL, dropout=0)
    model.load_state_dict(published_state("videopose3d/27"))
    answer = model.to(kind).train()(keypoints(27).to(kind))
    assert largest_difference(answer[:, None], f"{case}/output") < limit
    for name in ("running_mean", "running_var"):
        assert largest_difference(getattr(model.expand_bn, name), f"{case}/{name}") < 1e-6
    loss = mpjpe_loss(answer, truth(27)[:, 13].to(kind))
    assert loss.item() == pytest.approx(float(PEERS[f"{case}/loss"]), abs=loss_limit)
    loss.backward()
    assert {name: weight.grad.norm().item() for name, weight in model.named_parameters()} == {
        name: pytest.approx(norm, **norm_limits) for name, norm in gradient_norms(case).items()}


@pytest.mark.parametrize("target", ["center", "last"])
def test_a_dense_network_with_the_dilated_ones_weights_between_zeros_gives_its_answers(target):
    dilated = with_statistics(VideoPose3D(frames=45, widths=[3, 5, 3], dim=16, target=target)).double()
    dense = VideoPose3D(frames=45, widths=[3, 5, 3], dim=16, target=target, dense=True).double().eval()
    state = {name: value.clone() for name, value in dilated.state_dict().items()}
    for layer, spacing in ((0, 3), (2, 15)):
        narrow = state[f"layers_conv.{layer}.weight"]
        wide = torch.zeros_like(dense.state_dict()[f"layers_conv.{layer}.weight"])
        wide[..., ::spacing] = narrow
        state[f"layers_conv.{layer}.weight"] = wide
    dense.load_state_dict(state)
    sequence = torch.randn(2, 60, 17, 2, dtype=torch.float64)
    assert torch.allclose(dense(sequence[:, :45]), dilated(sequence[:, :45]), atol=1e-12)
    assert torch.allclose(over_sequence(dense, sequence), over_sequence(dilated, sequence), atol=1e-12)


@pytest.mark.parametrize("target", ["center", "last"])
@pytest.mark.parametrize("tds, every", [(1, 1), (2, 1), (1, 2), (3, 5)])
def test_predicting_whole_clips_gives_what_each_window_gives(target, tds, every, monkeypatch):
    model = with_statistics(VideoPose3D(frames=27, dim=32, target=target))
    clips = [random_clip(number, seed=number) for number in (90, 7, 130)]
    window, lifting = Window(27, tds=tds, target=target), Lifting(batch_size=3, every=every)
    shared = []
    original = model.lift_sequence
    model.lift_sequence = lambda *arguments: shared.append(1) or original(*arguments)
    found = engine.predict(model, clips, window, lifting)["pose"]
    assert bool(shared) == (every == 1)
    monkeypatch.setattr(VideoPose3D, "sharing_gain", 0)
    apart = engine.predict(model, clips, window, lifting)["pose"]
    for a, b in zip(found, apart, strict=True):
        assert a == pytest.approx(b, abs=1e-5, nan_ok=True)


def test_the_root_stays_where_it_was_predicted_when_asked_for():
    model, clip = with_statistics(VideoPose3D(frames=9, dim=16)), random_clip(20)
    kept, zeroed = (engine.predict(model, [clip], Window(9), Lifting(keep_root=keep))["pose"][0]
                    for keep in (True, False))
    assert np.abs(zeroed[:, 0]).max() == 0 and np.abs(kept[:, 0]).min() > 0
    assert (kept[:, 1:] == zeroed[:, 1:]).all()


def test_momentum_falls_from_a_tenth_to_a_thousandth_as_published():
    model = VideoPose3D(frames=9, dim=16)
    schedule = Schedule(80, 0.95, 0.5, 80, norm_momentum=0.001)
    for epoch in (1, 2, 41, 80):
        schedule.set_momentum(model, epoch)
        expected = 0.1 * np.exp(-(epoch - 1) / 80 * np.log(100))
        assert [bn.momentum for bn in (model.expand_bn, *model.layers_bn)] == [pytest.approx(expected)] * 3
    untouched = VideoPose3D(frames=9, dim=16)
    Schedule(80, 0.95, 0.5, 80).set_momentum(untouched, 80)
    assert untouched.expand_bn.momentum == 0.1


@pytest.mark.parametrize("frames, macs", [(27, 0.0178e9), (81, 0.0574e9), (243, 0.176e9)])
def test_multiply_adds_of_a_window_are_the_published_count(frames, macs):
    assert count_macs(VideoPose3D(frames=frames), frames) == pytest.approx(macs, rel=5e-3)


@pytest.mark.parametrize("arguments, words", [
    ({"frames": 25}, "power of 3 .* got 25"), ({"frames": 27, "widths": [3, 3]}, "product of odd widths"),
    ({"frames": 12, "widths": [3, 4]}, "product of odd widths")])
def test_windows_that_its_widths_do_not_divide_away_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        VideoPose3D(**arguments)
