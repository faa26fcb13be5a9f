import numpy as np
import pytest
import torch

from common.weights import building, originals
from model.blocks_in_place import FORMS
from model.folded import FoldedFTCM, fold
from model.ftcm import FTCM
from tests.helpers import GOLDEN, predict, random_clip, release_state


def network(**sizes):
    """A network all of whose weights are random, so that no scale is 1 and no shift 0."""
    torch.manual_seed(1)
    model = FTCM(**sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture(params=[*FORMS, "plain"], autouse=True)
def form(request, monkeypatch):
    """Each form of a network on a CPU, and PyTorch's own functions."""
    if request.param == "plain":
        monkeypatch.setattr("model.folded.suits", lambda x: False)
    else:
        monkeypatch.setattr(FTCM, "form", request.param)


@pytest.mark.parametrize("frames", [9, 27, 81, 243, 351])
def test_outputs_equal_the_release(frames, tmp_path):
    saved = originals.from_release(release_state(frames), tmp_path)
    model = FTCM(**saved["model_args"])
    building.load_weights(model, saved["model"], tmp_path)
    keypoints = np.random.RandomState(100 + frames).uniform(-1, 1, (2, frames, 17, 2)).astype(np.float32)
    with torch.inference_mode():
        output = fold(model)(torch.from_numpy(keypoints)).numpy()
    assert np.abs(output - np.load(GOLDEN / "model.npz")[f"f{frames}/output"]).max() < 1e-5


@pytest.mark.parametrize("frames", [1, 3, 9])
@pytest.mark.parametrize("every_frame", [False, True])
def test_it_is_the_same_function(frames, every_frame):
    model = network(frames=frames, dim=16, depth=2, every_frame=every_frame)
    keypoints = torch.randn(5, frames, 17, 2)
    with torch.inference_mode():
        assert torch.allclose(fold(model)(keypoints), model(keypoints), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("frames", [1, 3, 5, 27])
@pytest.mark.parametrize("options", [{}, {"tds": 3}, {"every": 2}, {"target": "last"}, {"flip_test": False}],
                         ids=str)
def test_sharing_between_windows_changes_no_prediction(frames, options):
    model = network(frames=frames, dim=16, depth=2)
    clips = [random_clip(length, seed=length) for length in (1, 2, 7, 40)]
    plain = predict(model, clips, frames=frames, batch_size=6, **options)["pose"]
    shared = predict(fold(model), clips, frames=frames, batch_size=6, **options)["pose"]
    for a, b in zip(plain, shared, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=1e-4)


def test_folding_leaves_the_network_alone_and_later_training_leaves_the_folded_one_alone():
    model = network(frames=9, dim=16, depth=1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded, keypoints = fold(model), torch.randn(2, 9, 17, 2)
    answer = folded(keypoints)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(folded(keypoints), answer)


def test_ablated_networks_stay_as_they_are():
    for options in ({"units": "fpm"}, {"units": "tpm"}, {"fpm_filter": "elementwise"}):
        model = FTCM(frames=9, dim=16, depth=1, **options)
        assert fold(model) is model
    assert isinstance(fold(FTCM(frames=9, dim=16, depth=1)), FoldedFTCM)
