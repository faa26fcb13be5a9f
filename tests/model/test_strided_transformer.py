"""StridedTransformer and P-STMO: the originals' numbers, start values, what overlapping windows share."""
import numpy as np
import pytest
import torch

from common.loss import mpjpe_loss
from common.weights import releases
from model.pstmo import PSTMO
from model.strided import StridedTransformer
from model.strided_transformer import STRIDES, StridedEncoder
from tests.golden.peers import PEERS, gradient_norms, keypoints, published_state, truth

SMALL = {"dim": 64, "depth": 2}
CASES = {"strided/9": (StridedTransformer, SMALL), "strided/27": (StridedTransformer, {}),
         "strided/351": (StridedTransformer, {}), "pstmo/27": (PSTMO, SMALL), "pstmo/243": (PSTMO, {}),
         "pstmo/243_4": (PSTMO, {"depth": 4})}
TOLERANCES = {torch.float64: {"output": 2e-6, "loss": 1e-9, "gradients": {"rtol": 1e-6, "atol": 1e-12}},
              torch.float32: {"output": 3e-5, "loss": 1e-5, "gradients": {"rtol": 5e-4, "atol": 1e-6}}}


def names_of(model) -> dict[str, str]:
    """Our name of each parameter and buffer by the original's."""
    rows = "strided" if isinstance(model, StridedTransformer) else "pstmo"
    release = next(row for row in releases.RELEASES if row.network == rows)
    return {release.published_name(name): name for name in model.state_dict()}


def with_stand_in_weights(model, case):
    """The network with the golden weights; every other key of the original is one that it never uses."""
    state, names = published_state(case), names_of(model)
    assert state.keys() - names.keys() == set(PEERS[f"{case}/unused"])
    model.load_state_dict({ours: state[name] for name, ours in names.items()})
    return model.eval()


def assert_close(found, case, field, limit):
    assert np.abs(found.detach().numpy() - PEERS[f"{case}/{field}"].reshape(found.shape)).max() < limit


def assert_gradients_are_the_originals(model, case, tolerance):
    norms, names, parameters = gradient_norms(case), names_of(model), dict(model.named_parameters())
    assert {names[name] for name in norms} == parameters.keys()
    np.testing.assert_allclose([parameters[names[name]].grad.norm().item() for name in norms],
                               list(norms.values()), **tolerance)


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("case", CASES)
def test_outputs_loss_and_gradients_equal_the_original(case, kind):
    network, sizes = CASES[case]
    frames, tolerance = int(case.split("/")[1].split("_")[0]), TOLERANCES[kind]
    model = with_stand_in_weights(network(frames=frames, **sizes), case).to(kind)
    pose = truth(frames).to(kind)
    center, every = model(keypoints(frames).to(kind), both=True)
    assert_close(center, case, "output", tolerance["output"])
    if f"{case}/every_frame" in PEERS:
        assert_close(every, case, "every_frame", tolerance["output"])
    loss = mpjpe_loss(every, pose) + mpjpe_loss(center, pose[:, frames // 2])
    assert loss.item() == pytest.approx(float(PEERS[f"{case}/loss"]), abs=tolerance["loss"])
    loss.backward()
    assert_gradients_are_the_originals(model, case, tolerance["gradients"])


@pytest.mark.parametrize("case", ["strided/9", "pstmo/27"])
def test_the_target_frame_alone_is_the_first_of_both_answers(case):
    network, sizes = CASES[case]
    model = network(frames=int(case.split("/")[1]), **sizes).eval()
    window = torch.randn(3, model.frames, 17, 2)
    assert torch.equal(model(window), model(window, both=True)[0])


@pytest.mark.parametrize("frames", [9, 27])
def test_overlapping_windows_share_their_embedding_and_nothing_else_changes(frames):
    torch.manual_seed(0)
    model = PSTMO(frames=frames, **SMALL).eval()
    sequence, starts = torch.randn(3 * frames, 2, 17, 2), torch.tensor([0, 2, 3, 7])
    index = starts + 2 * torch.arange(frames)[:, None]                                      # (T, B), step 2
    shared = model.lift_sequence(sequence, index, 2)                                        # (B, 2, J, 3)
    windows = sequence[index].permute(1, 2, 0, 3, 4)                                        # (B, 2, T, J, 2)
    alone = model(windows.flatten(0, 1)).unflatten(0, (4, 2))
    assert torch.allclose(shared, alone, atol=1e-5)


@pytest.mark.parametrize("network", [StridedTransformer, PSTMO])
def test_attentions_of_an_encoder_start_equal_and_strided_convolutions_do_not(network):
    model = network(frames=27, **SMALL)

    def weights(encoder, part):
        return [weight for name, weight in encoder.named_parameters() if part in name]
    for encoder in (model.temporal, model.strided):
        for dimensions in (1, 2):                                           # biases, weights
            same = [weight for weight in weights(encoder, "attention.") if weight.ndim == dimensions]
            assert len(same) == 4 * len(encoder.layers)
            assert all(torch.equal(weight, same[0]) for weight in same)
    for part in (".expand.weight", ".contract.weight"):
        first, second = weights(model.temporal, part)
        assert torch.equal(first, second)
        first, second, third = weights(model.strided, part)
        assert not torch.equal(first, second) and not torch.equal(second, third)
    assert not torch.equal(model.temporal.layers[0].attention.query.weight,
                           model.strided.layers[0].attention.query.weight)
    for position in (model.temporal.position, *model.strided.positions):
        assert position.std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("frames", STRIDES)
def test_strided_layers_leave_one_position_that_every_frame_reaches(frames):
    torch.manual_seed(0)
    encoder = StridedEncoder(frames, 16, dropout=0).double()
    x = torch.randn(1, frames, 16, dtype=torch.float64, requires_grad=True)
    answer = encoder(x)
    assert answer.shape == (1, 1, 16)
    answer.square().sum().backward()
    assert x.grad.abs().sum(-1).min() > 0


@pytest.mark.parametrize("make, words", [
    (lambda: StridedTransformer(frames=25), "frames must be one of 9, 27, 81, 243, 351, got 25"),
    (lambda: PSTMO(dim=20), "dim must be a multiple of 8, .* got 20"),
    (lambda: StridedTransformer(dropout=0.4), "dropout must be below 0.4"),
])
def test_impossible_sizes_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("network, parameters", [
    (StridedTransformer(), 4_346_214), (StridedTransformer(frames=27), 4_014_438), (PSTMO(), 6_482_278),
    (PSTMO(depth=4), 7_009_382), (PSTMO(frames=81), 5_527_142)])
def test_the_published_sizes_have_the_published_numbers_of_parameters(network, parameters):
    never_used = 4 * 256                # the final norms of both encoders, which the originals store
    assert sum(p.numel() for p in network.parameters()) + never_used == parameters


@pytest.mark.parametrize("network", [StridedTransformer, PSTMO])
def test_a_last_batch_of_one_window_trains(network):
    model = network(frames=9, **SMALL).train()
    center, every = model(torch.randn(1, 9, 17, 2), both=True)
    (center.sum() + every.sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
