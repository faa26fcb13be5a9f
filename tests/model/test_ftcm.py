"""The network gives the original release's numbers, loaded through the project's own checkpoint loader."""
import re

import numpy as np
import pytest
import torch

from common.loss import mpjpe_loss
from common.weights import building, checkpoint, originals
from model.ftcm import FTCM, FrequencyPoseMixing
from model.training_form import PRODUCTS
from tests.helpers import GOLDEN, release_state


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "model.npz")


def loaded(path, state):
    torch.save(state, path)
    saved = checkpoint.load(path)
    model = FTCM(**saved["model_args"]).eval()
    building.load_weights(model, saved["model"], path)
    return model


@pytest.mark.parametrize("product", [None, *PRODUCTS])
@pytest.mark.parametrize("frames", [9, 27, 81, 243, 351])
def test_output_loss_and_gradients_equal_the_release(frames, product, golden, tmp_path):
    model = loaded(tmp_path / "release.pth", release_state(frames)).use_fast(bool(product), product)
    assert model.frames == frames
    keypoints = np.random.RandomState(100 + frames).uniform(-1, 1, (2, frames, 17, 2)).astype(np.float32)
    target = np.random.RandomState(200 + frames).normal(0, 0.3, (2, 1, 17, 3)).astype(np.float32)
    output = model(torch.from_numpy(keypoints))
    loss = mpjpe_loss(output, torch.from_numpy(target[:, 0]))
    loss.backward()
    assert np.abs(output.detach().numpy() - golden[f"f{frames}/output"]).max() < 1e-5
    assert loss.item() == pytest.approx(float(golden[f"f{frames}/loss"]), abs=1e-5)
    ours = originals.release_names(depth=6, layout=1)
    parameters = dict(model.named_parameters())
    norms = [parameters[ours[name]].grad.norm().item() for name in golden[f"f{frames}/grad_names"]]
    assert len(norms) == len(parameters)
    np.testing.assert_allclose(norms, golden[f"f{frames}/grad_norms"], rtol=1e-4)


@pytest.mark.parametrize("layout", [1, 2])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_both_release_layouts_load_with_and_without_prefix(layout, prefix, golden, tmp_path):
    state = release_state(9, layout=layout)
    model = loaded(tmp_path / "release.pth", {prefix + key: value for key, value in state.items()})
    keypoints = np.random.RandomState(109).uniform(-1, 1, (2, 9, 17, 2)).astype(np.float32)
    with torch.no_grad():
        output = model(torch.from_numpy(keypoints)).numpy()
    assert np.abs(output - golden["f9/output"]).max() < 1e-5


def test_parameters_at_243_frames_are_those_of_the_paper():
    assert sum(p.numel() for p in FTCM(frames=243).parameters()) == pytest.approx(4.37e6, rel=2e-3)


@pytest.mark.parametrize("sizes", [{"num_joints": 5, "frames": 1, "dim": 8, "depth": 1},
                                   {"num_joints": 17, "frames": 15, "dim": 24, "depth": 0},
                                   {"num_joints": 28, "frames": 33, "dim": 64, "depth": 3}])
def test_any_size_lifts_and_learns(sizes):
    model = FTCM(**sizes)
    keypoints = torch.rand(3, sizes["frames"], sizes["num_joints"], 2)
    output = model(keypoints)
    assert output.shape == (3, sizes["num_joints"], 3)
    output.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_mixing_equals_one_real_matrix_of_the_window():
    unit = FrequencyPoseMixing(frames=27).double()
    x = torch.randn(2, 27, 4, dtype=torch.float64)
    matrix = unit(torch.eye(27, dtype=torch.float64)[None])[0]
    assert torch.allclose(matrix @ x, unit(x), atol=1e-12)


@pytest.mark.parametrize("sizes", [{"frames": 10}, {"frames": -3}, {"dim": 12}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match=re.escape(f"got {list(sizes.values())[0]}")):
        FTCM(**sizes)


@pytest.mark.parametrize("frames", [1, 9, 27])
def test_the_fast_layers_are_the_same_function_with_the_same_gradients(frames):
    torch.manual_seed(0)
    model, keypoints = FTCM(frames=frames, dim=16, depth=2).eval(), torch.randn(3, frames, 17, 2)

    def answer(fast):
        model.zero_grad()
        pose = model.use_fast(fast, "pytorch")(keypoints)
        pose.square().sum().backward()
        return pose.detach(), *(parameter.grad.clone() for parameter in model.parameters())
    for a, b in zip(answer(False), answer(True), strict=True):
        assert torch.allclose(a, b, atol=1e-5 * max(1, b.abs().max().item()))


def test_every_frame_applies_the_same_weights_to_each_frame_instead_of_their_mean():
    torch.manual_seed(0)
    center = FTCM(frames=9, dim=16, depth=1).eval()
    every = FTCM(frames=9, dim=16, depth=1, every_frame=True).eval()
    every.load_state_dict(center.state_dict())
    keypoints = torch.randn(2, 9, 17, 2)
    assert every(keypoints).shape == (2, 9, 17, 3)
    assert torch.allclose(every(keypoints).mean(1), center(keypoints), atol=1e-6)      # the head is linear
