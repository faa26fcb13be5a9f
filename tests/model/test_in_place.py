"""The parts of the folded network on a CPU: convolutions, layers, arrays that are kept, threads."""
import pytest
import torch

from model import blocks_in_place, in_place
from model.folded import fold
from model.ftcm import FTCM, TimeConvolution
from tests.model.test_folded import network


@pytest.mark.parametrize("library", ["pytorch", "onednn"])
@pytest.mark.parametrize("step", [1, 2, 9])
@pytest.mark.parametrize("frames, windows", [(1, 1), (1, 4), (2, 1), (9, 1), (9, 4)])
def test_a_convolution_is_the_layers(frames, windows, step, library):
    torch.manual_seed(1)
    layer, x = TimeConvolution(16, 8), torch.randn(frames, windows, 16)
    with torch.inference_mode():
        expected = torch.empty(frames, windows, 8)
        for start in range(min(step, frames)):          # frames `step` apart are a sequence of their own
            expected[start::step] = layer(x[start::step].transpose(0, 1)).transpose(0, 1)
        shifts = blocks_in_place.Shifts(x.flatten(0, 1), torch.empty(frames * windows, 8), frames, step)
        found = blocks_in_place.Convolution(layer.weight, library)(shifts)
    assert torch.allclose(found.view_as(expected), expected, atol=1e-6)


@pytest.mark.parametrize("library", ["pytorch", "onednn"])
@pytest.mark.parametrize("gelu", [False, True])
def test_a_layer_writes_into_a_part_of_an_array(library, gelu):
    layer, x, whole = torch.nn.Linear(34, 64), torch.randn(5, 34), torch.zeros(5, 128)
    fast = blocks_in_place.Layer(layer.weight.detach(), layer.bias.detach(), library, gelu=gelu)
    for rows in (5, 1):                     # the weights are laid out once, for any number of rows
        fast.write(x[:rows], whole[:rows, 64:])
    expected = torch.nn.functional.gelu(layer(x)) if gelu else layer(x)
    assert torch.allclose(whole[:, 64:], expected, atol=1e-6) and whole[:, :64].count_nonzero() == 0


def test_each_call_answers_anew_and_its_answer_stays():
    folded, keypoints = fold(network(frames=9, dim=16, depth=2)), torch.randn(2, 3, 9, 17, 2)
    with torch.inference_mode():
        first = folded(keypoints[0])
        kept = first.clone()
        second = folded(keypoints[1])
        assert torch.equal(first, kept) and not torch.equal(first, second)
        assert torch.equal(folded(keypoints[0]), kept)
    with torch.no_grad():                               # the kept arrays serve outside inference mode too
        assert torch.equal(folded(keypoints[0]), kept)


def test_arrays_of_a_few_sizes_are_kept():
    folded = fold(network(frames=3, dim=16, depth=1))
    for windows in range(1, 3 * in_place.SIZES):
        folded(torch.randn(windows, 3, 17, 2))
    assert len(folded.in_place().spaces[0]) <= in_place.SIZES


@pytest.fixture
def three_threads():
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


def lift_sequence(folded, sequence, windows, at_once):
    index = torch.arange(folded.frames)[:, None] + torch.arange(windows)
    with torch.inference_mode():
        return folded.lift_sequence(sequence, index, 1, at_once)


def test_several_threads_give_every_window_its_pose(three_threads):
    model, sequence = network(frames=9, dim=16, depth=2), torch.randn(28, 2, 17, 2)
    folded = fold(model)
    shared = lift_sequence(folded, sequence, windows=20, at_once=3)                      # (20, 2, J, 3)
    assert torch.get_num_threads() == 3
    with torch.inference_mode():
        windows = torch.stack([sequence[start:start + 9] for start in range(20)])        # (20, T, 2, J, 2)
        expected = model(windows.transpose(1, 2).flatten(0, 1)).view_as(shared)
        apart = folded(windows.transpose(1, 2).flatten(0, 1)).view_as(shared)
    assert torch.allclose(shared, expected, atol=1e-4, rtol=1e-4)
    assert torch.allclose(apart, expected, atol=1e-4, rtol=1e-4)


def test_what_fails_in_a_thread_is_raised_and_the_number_of_threads_stays(three_threads):
    def fail(part, thread):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part"):
        fold(network(frames=3, dim=16, depth=1)).in_place().deal(fail, [0, 1, 2])
    assert torch.get_num_threads() == 3


def test_a_small_pass_is_computed_by_one_thread(three_threads, monkeypatch):
    used, answer = [], torch.zeros(1, 17, 3)
    monkeypatch.setattr(in_place.InPlace, "pass_blocks",
                        lambda *_: used.append(torch.get_num_threads()) or answer)
    folded = fold(FTCM(frames=9, dim=16, depth=1))
    for windows in (1, 30):
        folded(torch.zeros(windows, 9, 17, 2))
    assert used == [1] + 3 * [1]
    folded = fold(FTCM(frames=243, dim=16, depth=1))
    folded(torch.zeros(1, 243, 17, 2))
    assert used[4:] == [3]
