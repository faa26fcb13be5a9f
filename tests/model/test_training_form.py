"""What a training on a CPU computes is the function of the layers in model/ftcm.py, and its gradients."""
import copy

import pytest
import torch
from torch import nn

from common.loss import mpjpe_loss
from model import training_form
from model.ftcm import FTCM, TimeConvolution
from model.training_form import LEVELS, PRODUCTS, Convolution, Dropout, JoinedConvolution


def network(dtype=torch.float64, **options):
    torch.manual_seed(0)
    model = FTCM(**{"frames": 9, "dim": 16, "depth": 2} | options).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():                # norms start as ones and zeros
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def answer(model, keypoints):
    """The poses, and the gradients of all weights and of the keypoints."""
    model.zero_grad()
    keypoints = keypoints.clone().requires_grad_()
    pose = model(keypoints)
    pose.square().sum().backward()
    return [pose.detach(), keypoints.grad, *(parameter.grad for parameter in model.parameters())]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("options", [
    {}, {"frames": 1}, {"mask": True}, {"frames": 27, "num_joints": 5}, {"every_frame": True}, {"depth": 0},
    {"units": "fpm"}, {"units": "tpm"}, {"units": "none"}, {"fpm_filter": "elementwise"}], ids=str)
def test_poses_and_all_gradients_are_the_literal_networks(options, batch):
    model = network(**options).eval()
    keypoints = torch.randn(batch, model.frames, model.num_joints, 2 + model.mask, dtype=torch.float64)
    literal = [value.clone() for value in answer(model, keypoints)]
    for value, expected in zip(answer(model.use_fast(True, "pytorch"), keypoints), literal, strict=True):
        assert torch.allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("product", PRODUCTS)
def test_single_precision_differs_in_the_last_bits_alone(product):
    model = network(torch.float32, frames=27, dim=64).eval()
    keypoints = torch.randn(4, 27, 17, 2)
    literal = [value.clone() for value in answer(model, keypoints)]
    for value, expected in zip(answer(model.use_fast(True, product), keypoints), literal, strict=True):
        assert (value - expected).abs().max() < 1e-5 * max(1, expected.abs().max())


@pytest.mark.parametrize("frames, windows", [(1, 1), (1, 3), (2, 1), (3, 2), (5, 3)])
@pytest.mark.parametrize("inputs, outputs", [(8, 4), (4, 8)])
@pytest.mark.parametrize("convolution", [Convolution, JoinedConvolution])
def test_the_convolution_and_its_gradients_are_the_layers(frames, windows, inputs, outputs, convolution):
    torch.manual_seed(1)
    layer = TimeConvolution(inputs, outputs).double()
    x = torch.randn(frames, windows, inputs, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(convolution.apply(x, layer.weight), layer(x.transpose(0, 1)).transpose(0, 1))
    assert torch.autograd.gradcheck(convolution.apply, (x, layer.weight))


def test_in_bfloat16_gradients_are_as_near_as_the_literal_networks():
    model = network(torch.float32, frames=9, dim=64).eval()
    keypoints = torch.randn(4, 9, 17, 2)
    exact = [value.clone() for value in answer(model, keypoints)]

    def distances(fast):
        model.use_fast(fast, "pytorch")
        with torch.autocast("cpu", torch.bfloat16):
            values = answer(model, keypoints)
        return [((value - expected).norm() / expected.norm()).item()
                for value, expected in zip(values, exact, strict=True)]

    literal, here = distances(False), distances(True)
    assert max(literal) > 1e-3                              # autocast did round
    assert all(own < 2 * other + 0.01 for own, other in zip(here, literal))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    torch.manual_seed(2)
    block = network(torch.float32, dropout=rate).blocks[0]
    x = torch.ones(1, 500, 1001, requires_grad=True)            # not a multiple of four values
    dropped = Dropout.apply(x, round(LEVELS * rate))
    dropped.sum().backward()
    assert set(dropped.unique().tolist()) == {0, 1} and torch.equal(x.grad, dropped)
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=3e-3)        # 4 deviations
    x = torch.randn(9, 3000, 16)
    block.merge.weight.data *= 1e-3                             # where GELU is linear, the mean output stays
    kept = [training_form.pass_block(block.train(training), x, "pytorch").mean((0, 1)) - x.mean((0, 1))
            for training in (True, False)]
    assert torch.allclose(*kept, atol=2e-5) and kept[1].abs().max() > 1e-3


def test_dropout_follows_the_seed_and_rates_of_none_and_all_are_exact():
    x = torch.ones(4, 4, 16)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(Dropout.apply(x, LEVELS // 2))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    for rate in (0.0, 1.0):
        model = network(dropout=rate).train()
        keypoints = torch.randn(2, 9, 17, 2, dtype=torch.float64)
        literal = model(keypoints)
        assert torch.allclose(model.use_fast(True, "pytorch")(keypoints), literal, atol=1e-12)


class SameDropout(nn.Module):
    """Dropout of x (B, T, C) by the masks of the form for training."""

    def forward(self, x):
        dropped = round(0.1 * LEVELS)
        x = Dropout.apply(x.transpose(0, 1).contiguous(), dropped).transpose(0, 1)
        return x * (LEVELS / (LEVELS - dropped))


def learn(model, steps: int) -> list[float]:
    """The losses of a training with the same data and dropout for every model."""
    torch.manual_seed(3)
    optimizer = torch.optim.Adam(model.parameters(), amsgrad=True, lr=4e-3)
    keypoints = torch.randn(steps, 8, model.frames, 17, 2)
    losses = []
    for batch in keypoints:
        loss = mpjpe_loss(model(batch), batch.mean(1).repeat(1, 1, 2)[..., :3])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_loss_falls_as_that_of_the_literal_network(product):
    fast = network(torch.float32, dropout=0.1).train()
    literal = copy.deepcopy(fast)
    for block in literal.blocks:
        block.dropout = SameDropout()
    losses = learn(literal, 30)
    assert learn(fast.use_fast(True, product), 30) == pytest.approx(losses, rel=1e-4)
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("seconds, expected", [((1.0, 0.5), "onednn"), ((1.0, 0.95), "pytorch"),
                                               ((1.0, 2.0), "pytorch")])
def test_onednns_product_must_be_clearly_faster(seconds, expected, monkeypatch):
    now, taken = [0.0], dict(zip(PRODUCTS, seconds))

    def work(x, weight, bias, product):
        now[0] += taken[product]
    monkeypatch.setattr(training_form, "linear", work)
    monkeypatch.setattr(training_form.time, "thread_time", lambda: now[0])
    before = torch.get_num_threads()
    assert FTCM(frames=9, dim=16, depth=1).use_fast(True).product == expected
    assert torch.get_num_threads() == before


def test_compilation_takes_the_layers_themselves(monkeypatch):
    def unexpected(*_):
        raise AssertionError("the form for training was used")
    monkeypatch.setattr(training_form, "lift", unexpected)
    model, keypoints = network(torch.float32).eval(), torch.randn(2, 9, 17, 2)
    literal = model(keypoints)
    model.use_fast(True, "pytorch")
    with monkeypatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        assert torch.allclose(model(keypoints), literal, atol=1e-5)
    with pytest.raises(AssertionError, match="was used"):
        model(keypoints)
