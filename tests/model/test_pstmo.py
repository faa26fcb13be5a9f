"""P-STMO's pre-training: the original's numbers, its masks, what a lifter takes over."""
import pytest
import torch

from common.loss import mpjpe_loss
from model.pstmo import PSTMO, PSTMOPretraining
from tests.golden.peers import PEERS, keypoints, published_state
from tests.model.test_strided_transformer import (
    SMALL,
    TOLERANCES,
    assert_close,
    assert_gradients_are_the_originals,
    names_of,
    with_stand_in_weights,
)


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("case, sizes", [("pstmo_pretrain/27", SMALL), ("pstmo_pretrain/243", {})])
def test_guesses_loss_and_gradients_of_the_pretraining_equal_the_original(case, sizes, kind):
    frames, tolerance = int(case.split("/")[1]), TOLERANCES[kind]
    model = with_stand_in_weights(PSTMOPretraining(frames=frames, **sizes), case).to(kind)
    frame_mask, joint_mask = (torch.from_numpy(PEERS[f"{case}/{name}"])
                              for name in ("frame_mask", "joint_mask"))
    points = keypoints(frames).to(kind)
    guessed = model(points, frame_mask, joint_mask)
    visible_first = torch.cat([guessed[:, ~frame_mask], guessed[:, frame_mask]], 1)
    assert_close(visible_first, case, "output", tolerance["output"])
    loss = mpjpe_loss(guessed, points)
    assert loss.item() == pytest.approx(float(PEERS[f"{case}/loss"]), abs=tolerance["loss"])
    loss.backward()
    assert_gradients_are_the_originals(model, case, tolerance["gradients"])


@pytest.mark.parametrize("frames, share, hidden", [(243, 0.8, 194), (243, 0.6, 145), (81, 0.7, 56)])
def test_masks_hide_the_published_numbers_of_frames_and_joints(frames, share, hidden):
    model = PSTMOPretraining(frames=frames, dim=16, masked_frames=share, masked_joints=3)
    generator = torch.Generator().manual_seed(0)
    draws = [model.draw_masks(generator) for _ in range(20)]
    for frame_mask, joint_mask in draws:
        assert frame_mask.sum() == hidden
        assert (joint_mask.sum(1) == 3).all() and not joint_mask[:, -1].any()
    assert not torch.equal(draws[0][0], draws[1][0])
    assert torch.stack([frames for frames, _ in draws]).any(0).all()            # every frame's turn comes


def test_hidden_keypoints_change_nothing_and_visible_ones_do():
    torch.manual_seed(0)
    model = PSTMOPretraining(frames=9, **SMALL).eval()
    frame_mask, joint_mask = model.draw_masks(torch.Generator().manual_seed(1))
    points = torch.randn(2, 9, 17, 2)
    hidden = (frame_mask[:, None] | joint_mask)[..., None]                      # (T, J, 1)
    first = model(points, frame_mask, joint_mask)
    assert torch.equal(first, model(torch.where(hidden, 7.0, points), frame_mask, joint_mask))
    assert not torch.allclose(first, model(torch.where(hidden, points, points + 1), frame_mask, joint_mask))


@pytest.mark.parametrize("kind, limit", [(torch.float64, 2e-6), (torch.float32, 3e-5)])
def test_a_lifter_with_what_it_takes_over_gives_the_originals_answers(kind, limit):
    model = with_stand_in_weights(PSTMO(frames=27, **SMALL), "pstmo/27")
    pretraining = PSTMOPretraining(frames=27, **SMALL)
    stored = published_state("pstmo_pretrain/27", named="pretrained.{}".format)
    taken = {ours: stored[name] for name, ours in names_of(pretraining).items()
             if ours.startswith(pretraining.taken)}
    assert len(taken) == len(PEERS["pstmo_finetune/27/taken"]) - 2              # but for the unused norm
    model.load_state_dict(model.state_dict() | taken)
    model = model.to(kind)
    center, every = model(keypoints(27).to(kind), both=True)
    assert_close(center, "pstmo_finetune/27", "output", limit)
    assert_close(every, "pstmo_finetune/27", "every_frame", limit)


def test_tokens_and_positions_of_the_pretraining_start_normally_distributed_and_its_layers_equal():
    torch.manual_seed(0)
    model = PSTMOPretraining(frames=81, dim=64, depth=3)
    assert model.decoder_position.std().item() == pytest.approx(1, abs=0.1)
    assert model.frame_token.std().item() == pytest.approx(1, abs=0.3) and model.joint_token.abs().max() > 0
    first, second = model.decoder
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    assert sum(p.numel() for p in PSTMOPretraining().parameters()) == pytest.approx(2.66e6, rel=2e-3)
