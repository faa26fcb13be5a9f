import pytest
import torch

from common.learning.averaging import Average


def trained(decay, steps):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    average, seen = Average([network], decay, optimizer), []
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
        seen.append({key: value.clone() for key, value in network.state_dict().items()})
    return network, average, seen


def test_the_mean_is_the_exponential_one_of_the_weights_after_each_step():
    network, average, seen = trained(decay=0.3, steps=5)
    torch.manual_seed(0)
    expected = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
    for number, weights in enumerate(seen, 1):
        share = min(0.3, (1 + number) / (10 + number))
        expected = {key: share * expected[key] + (1 - share) * value for key, value in weights.items()}
    for key, value in average.states[0].items():
        if key.endswith("num_batches_tracked"):
            assert value == 5
        else:
            assert torch.allclose(value, expected[key], atol=1e-6)
    assert average.steps == 5 and not torch.allclose(average.states[0]["0.weight"], seen[-1]["0.weight"])


def test_the_mean_is_shown_and_the_own_weights_come_back_bit_for_bit():
    network, average, seen = trained(decay=0.9, steps=3)
    mean = average.states[0]["0.weight"].clone()
    with pytest.raises(KeyError), average.shown():
        assert torch.equal(network[0].weight, mean)
        raise KeyError
    assert torch.equal(network[0].weight, seen[-1]["0.weight"])
    assert torch.equal(average.states[0]["0.weight"], mean)
