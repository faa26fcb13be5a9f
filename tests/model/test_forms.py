"""Which form is chosen, and when none is timed."""
import pytest
import torch

from model import folded, forms
from model.ftcm import FTCM


@pytest.fixture
def seconds(monkeypatch):
    """Seconds that forms "take", by what they return."""
    taken = {}
    monkeypatch.setattr(forms, "time_once", lambda form: taken[form()])
    return taken


def choose():
    return forms.fastest({name: lambda name=name: name for name in ("first", "second", "third")})


@pytest.mark.parametrize("times, chosen", [
    ((2, 1, 3), "second"), ((2, 1.5, 1), "third"), ((1, 2, 2), "first"), ((1, 0.97, 0.96), "first"),
    ((1, 0.97, 0.9), "third")])
def test_the_first_form_stays_where_no_other_is_clearly_faster(times, chosen, seconds):
    seconds |= zip(("first", "second", "third"), times)
    assert choose() == chosen


def test_forms_are_timed_by_one_thread_and_the_number_stays(seconds, monkeypatch):
    used = []
    monkeypatch.setattr(forms, "time_once", lambda form: used.append(torch.get_num_threads()) or 1.0)
    torch.set_num_threads(2)
    try:
        choose()
        assert torch.get_num_threads() == 2 and set(used) == {1}
    finally:
        torch.set_num_threads(1)


def test_timing_forms_draws_no_random_numbers_and_happens_once_for_a_size(monkeypatch):
    asked = []
    monkeypatch.setattr(folded, "fastest", lambda forms: asked.append(forms) or "onednn")
    folded.fastest_form.cache_clear()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert [folded.fastest_form(3, 128) for _ in range(2)] == ["onednn"] * 2 and len(asked) == 1
    folded.fastest_form.cache_clear()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(len(form()) for form in asked[0].values())


def test_small_networks_are_never_timed_and_a_set_form_stays(monkeypatch):
    monkeypatch.setattr(folded, "fastest", None)
    assert folded.form_of(FTCM(frames=3, dim=16, depth=1)) == "pytorch"
    large = FTCM(frames=3, dim=256, depth=1)
    large.form = "onednn, conv2d"
    assert folded.form_of(large) == "onednn, conv2d"
    assert folded.form_of(FTCM(frames=3, dim=16, depth=1, units="fpm")) is None


def test_a_teachers_form_is_the_same_on_every_machine(monkeypatch):
    monkeypatch.setattr(folded, "fastest_form", None)
    assert folded.fold(FTCM(frames=3, dim=256, depth=1), timed=False).settle_form() == "pytorch"
