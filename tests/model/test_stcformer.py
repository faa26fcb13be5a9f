"""STCFormer: the original's numbers, its variant for MPI-INF-3DHP, what each half of its channels sees."""
import numpy as np
import pytest
import torch

from common.loss import mpjpe_loss
from common.weights import releases
from experiments.network_speed import count_macs
from model.stcformer import CrissCrossAttention, STCFormer, drop_path
from tests.golden.peers import PEERS, gradient_norms, keypoints, published_state, truth

SMALL = {"frames": 9, "dim": 64, "depth": 2}
CASES = {"stcformer/9": SMALL, "stcformer/27": {}, "stcformer_3dhp/9": {"frames": 9, "variant": "3dhp"}}
TOLERANCES = {torch.float64: (2e-6, 1e-9, {"rel": 1e-6, "abs": 1e-12}),
              torch.float32: (3e-5, 1e-5, {"rel": 5e-4, "abs": 1e-6})}


def with_stand_in_weights(case, factor=1):
    """The network with the golden weights, its part embedding times `factor`; what makes names ours."""
    state = published_state(case)
    release = releases.recognise(state)
    saved = releases.read_release(release, state)
    model = STCFormer(**CASES[case])
    model.load_state_dict({name: factor * value if name.endswith("emb.weight") and name.count(".") > 1
                           else value for name, value in saved["model"].items()})
    return model.eval(), release.our_name


def largest_difference(found, name):
    return np.abs(found.detach().numpy() - PEERS[name]).max()


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("case", CASES)
def test_poses_loss_and_gradients_equal_the_original(case, kind):
    (model, our_name), frames, (limit, loss_limit, norm_limits) = (
        with_stand_in_weights(case), int(case.split("/")[1]), TOLERANCES[kind])
    poses = model.to(kind)(keypoints(frames).to(kind))
    assert largest_difference(poses, f"{case}/output") < limit
    loss = mpjpe_loss(poses, truth(frames).to(kind))
    assert loss.item() == pytest.approx(float(PEERS[f"{case}/loss"]), abs=loss_limit)
    loss.backward()
    found = {name: weight.grad.norm().item() for name, weight in model.named_parameters()}
    expected = {our_name(name): norm for name, norm in gradient_norms(case).items()}
    assert found.keys() == expected.keys()
    for name, norm in expected.items():
        if kind == torch.float64 or not name.endswith("stc_att.emb.weight"):
            assert found[name] == pytest.approx(norm, **norm_limits), name


@pytest.mark.parametrize("case", ["stcformer/9", "stcformer_3dhp/9"])
def test_the_part_embedding_equals_the_original_where_it_is_large(case):
    model, _ = with_stand_in_weights(case, factor=10_000)
    found = model.double()(keypoints(9).double())
    assert largest_difference(found, f"{case}/output_embedding_x1e4") < 2e-6
    assert largest_difference(found, f"{case}/output") > 1e-3


def test_the_centre_frame_alone_is_the_middle_of_every_frames_poses():
    every, center = (with_stand_in_weights("stcformer/9")[0] for _ in range(2))
    center.every_frame = False
    assert torch.equal(center(keypoints(9)), every(keypoints(9))[:, 4])


def test_weights_that_give_millimetres_answer_in_metres():
    torch.manual_seed(0)
    metres = STCFormer(**SMALL).eval()
    millimetres = STCFormer(**SMALL, millimetres=True).eval()
    millimetres.load_state_dict(metres.state_dict())
    assert torch.allclose(millimetres(keypoints(9)), metres(keypoints(9)) / 1000)


@pytest.mark.parametrize("variant", ["h36m", "3dhp"])
def test_half_of_the_channels_looks_along_joints_and_the_other_along_frames(variant):
    torch.manual_seed(0)
    layer = CrissCrossAttention(32, variant).double().eval()
    layer.proj = torch.nn.Identity()
    x = torch.randn(1, 9, 17, 32, dtype=torch.float64, requires_grad=True)
    answer = layer(x)[0, 4, 8].unflatten(0, (layer.heads, 2, -1))           # (H, spatial and temporal, W)
    for half, reached in ((0, {"joints"}), (1, {"frames"})):
        gradient, = torch.autograd.grad(answer[:, half].square().sum(), x, retain_graph=True)
        felt = gradient[0].abs().sum(-1) > 0                                # (T, J)
        assert felt[4].all() == ("joints" in reached) and felt[:, 8].all() == ("frames" in reached)
        assert felt[3:6, 7:10].all() and not felt[0, 0]                     # the convolution's neighbours


def test_drop_path_drops_or_doubles_the_whole_term_half_of_the_time():
    torch.manual_seed(0)
    term = torch.arange(1.0, 7).view(3, 2)
    draws = [drop_path(term, training=True) for _ in range(400)]
    assert all(torch.equal(draw, 0 * term) or torch.equal(draw, 2 * term) for draw in draws)
    assert torch.stack(draws).mean(0) == pytest.approx(term.numpy(), rel=0.15)
    assert drop_path(term, training=False) is term


@pytest.mark.parametrize("arguments", [{"frames": 8}, {"dim": 24}, {"num_joints": 16}])
def test_sizes_that_it_cannot_have_are_refused(arguments):
    with pytest.raises(ValueError, match="odd number of frames, 17 joints and a multiple of 16"):
        STCFormer(**arguments)


def test_multiply_adds_of_a_window_are_the_published_count():
    assert count_macs(STCFormer(depth=1), 27) == pytest.approx(2.20e9 / 6, rel=5e-3)
