import numpy as np
import pytest
import torch

from model.refine import Refine
from tests.golden.reference_weights import reference_tensor
from tests.helpers import GOLDEN


def golden_refine():
    refine = Refine().eval()
    refine.load_state_dict({key: torch.from_numpy(reference_tensor(key, value.shape))
                            for key, value in refine.state_dict().items()})
    return refine


def test_refined_poses_equal_the_release():
    golden = np.load(GOLDEN / "model.npz")
    lifted, back_projected = (torch.from_numpy(golden[f"refine/{name}"][:, 0])
                              for name in ("lifted", "backprojected"))
    with torch.no_grad():
        refined = golden_refine()(lifted, back_projected).numpy()
    assert np.abs(refined - golden["refine/output"][:, 0]).max() < 1e-5


def test_depth_is_the_lifted_one_and_x_y_lie_between():
    lifted, back_projected = torch.randn(2, 5, 17, 3).unbind(0)
    refined = golden_refine()(lifted, back_projected)
    assert torch.equal(refined[..., 2], lifted[..., 2])
    low, high = torch.minimum(lifted, back_projected), torch.maximum(lifted, back_projected)
    assert ((refined >= low - 1e-6) & (refined <= high + 1e-6))[..., :2].all()


@pytest.mark.parametrize("num_joints", [1, 17, 25])
def test_any_number_of_joints(num_joints):
    pose = torch.randn(3, num_joints, 3)
    assert torch.allclose(Refine(num_joints=num_joints)(pose, pose), pose, atol=1e-6)
