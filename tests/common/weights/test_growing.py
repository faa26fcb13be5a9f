"""A network grown to more frames does to slow motions what the short one does."""
import math

import pytest
import torch

from common.weights import checkpoint
from common.weights.growing import extend, grow
from dataset import human36m
from model.ftcm import FrequencyPoseMixing
from tests.helpers import run, write_human36m

SUBJECTS = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
TURN = 2 * math.pi


@pytest.mark.parametrize("target, first", [("center", 1), ("last", 2)])
@pytest.mark.parametrize("short", [3, 9])
def test_the_fpm_answers_to_slow_signals_as_before(short, target, first):
    torch.manual_seed(0)
    before, after = FrequencyPoseMixing(short), FrequencyPoseMixing(3 * short)
    before.mixing.data = torch.randn_like(before.mixing)
    saved = {"model_args": {"frames": short}, "data": {"tds": 3, "target": target},
             "model": {"blocks.0.fpm.mixing": before.mixing.data, "head.bias": torch.ones(2)}}
    grown = grow(saved, 3 * short)
    after.mixing.data = grown["model"]["blocks.0.fpm.mixing"]
    time = torch.arange(3 * short)[:, None] / (3 * short)
    signal = sum(torch.randn(1, 4) * torch.cos(TURN * (k * time + torch.rand(1, 4)))
                 for k in range(short // 2 + 1))                                        # (T, 4)
    expected = before(signal[first::3])
    assert expected.abs().max() > 1
    assert torch.allclose(after(signal)[first::3], expected, atol=1e-4)
    assert torch.equal(grown["model"]["head.bias"], torch.ones(2))
    assert grown["model_args"]["frames"] == 3 * short and grown["data"]["tds"] == 1


def test_new_frequencies_begin_without_effect():
    grown = extend(torch.ones(2, 2, 2), 9, 1)
    assert grown.shape == (5, 5, 2) and not grown[2:].any() and not grown[:, 2:].any() and grown[0, 0].any()


@pytest.mark.parametrize("frames, tds, longer", [(9, 3, 26), (9, 3, 18), (9, 3, 45), (9, 1, 27), (9, 3, 9)])
def test_windows_that_do_not_go_up_are_refused(frames, tds, longer):
    saved = {"model_args": {"frames": frames}, "data": {"tds": tds}, "model": {}}
    if longer == frames:
        assert grow(saved, longer)["data"]["tds"] == tds            # by a factor of one nothing changes
    else:
        with pytest.raises(ValueError, match=f"the checkpoint has {frames} frames and -tds {tds}"):
            grow(saved, longer)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="of an FTCM"):
        grow({"network": "strided", "model_args": {"frames": 9}, "data": {"tds": 3}, "model": {}}, 27)


def test_a_training_goes_on_with_more_frames_in_the_same_time(tmp_path, without_pictures, capsys):
    write_human36m(tmp_path, lengths={(subject, "Walking"): 12 for subject in SUBJECTS})
    begin = "--train 1 -k gt -b 16 --nepoch 1 --d_hid 16 --layers 1 --every_frame 1 --lr 1e-9"
    assert run(f"{begin} -f 3 -tds 3", tmp_path, tmp_path / "short") == 0
    short, = (tmp_path / "short").glob("no_refine_*.pth")
    more = f"--train 1 -k gt -b 16 --nepoch 1 --lr 1e-9 --reload 1 --previous_dir {short} --grow 1"
    assert run(more, tmp_path, tmp_path / "no") == 2
    assert "the longer window, -f" in capsys.readouterr().err and not (tmp_path / "no").exists()
    assert run(f"{more} -f 15", tmp_path, tmp_path / "no") == 2
    assert "the checkpoint has 3 frames and -tds 3" in capsys.readouterr().err
    assert run(f"{more} -f 9 -tds 3", tmp_path, tmp_path / "no") == 2
    assert "t_downsample 1" in capsys.readouterr().err and not (tmp_path / "no").exists()
    assert run(f"{more} -f 9", tmp_path, tmp_path / "long") == 0
    saved = checkpoint.load(next((tmp_path / "long").glob("no_refine_*.pth")))
    assert saved["data"]["tds"] == 1 and saved["model_args"]["frames"] == 9
    kept = checkpoint.load(short)["model"]["head.bias"]
    assert torch.allclose(saved["model"]["head.bias"], kept, atol=1e-6)
