"""How a study runs commands, and what it says of those that fail."""
import pytest
import torch

import run_ftcm
from experiments import ablation, benchmark, commands, compare, comparison, limits, publish, tables, units


def raise_error(error):
    raise error


@pytest.mark.parametrize("error, words", [
    (ValueError("No such clip."), "No such clip."), (torch.OutOfMemoryError("17 GB"), "out of memory"),
    (MemoryError(), "out of memory")])
def test_bad_input_and_lack_of_memory_are_reasons(error, words, study):
    assert words in study.attempt([], lambda _: raise_error(error))


def test_refused_options_are_a_reason_and_nothing_else_is(study, capsys):
    assert "--train 1" in study.attempt(["--train", "0", "--subset", "0.5"])
    with pytest.raises(SystemExit):
        study.attempt([], lambda _: raise_error(SystemExit(1)))
    with pytest.raises(AssertionError):
        study.attempt([], lambda _: raise_error(AssertionError()))


def test_the_shared_options_reach_every_command(project, monkeypatch):
    asked = []
    monkeypatch.setattr(run_ftcm, "execute", asked.append)
    argv = f"--device cpu --root_path {project} --output {project}/out".split()
    made = commands.parse_study("ablation", "", argv)
    made.attempt(["--train", "1"])
    assert asked == [["--train", "1", "--device", "cpu", "--root_path", str(project)]]
    assert (made.output, str(made.runs)) == (project / "out", "checkpoint")
    assert made.command == f"python -m experiments.ablation {' '.join(argv)}"


@pytest.mark.parametrize("module, line, words", [
    (tables, "--device quantum", "--device"), (ablation, "--lr 1", "--lr"), (tables, "--gpu 0,1", "--gpu"),
    (limits, "--hop 2 -f 28", "28"), (limits, "--test_stride 0", "--test_stride"),
    (limits, "-k detected", "-k"), (benchmark, "--device cpu", "--device"),
    (compare, "a.json", "scores.json"), (comparison, "--networks ftcm_28", "--networks"),
    (comparison, "--seeds 1,01", "--seeds"), (comparison, "--minutes 0", "--minutes"),
    (units, "--windows 5", "--windows"), (ablation, "--variants x", "--variants"),
    (publish, "demo", "files"), (publish, "../demo x.json", "../demo")])
def test_bad_options_end_with_one_sentence_and_status_2(module, line, words, project, capsys):
    with pytest.raises(SystemExit) as stop:
        commands.run_study(module.execute, line.split())
    said = capsys.readouterr().err
    assert stop.value.code == 2 and words in said and said.count("\n") == 1
    assert not (project / "checkpoint").exists()


@pytest.mark.parametrize("module, line, words", [
    (compare, "a.json b.json", "a.json"), (limits, "--previous_dir no.pth", "no.pth"),
    (limits, "--dataset h36m --root_path no", "no/data"), (publish, "demo no.json", "no.json"),
    (publish, "speed data_3d_h36m.npz", "JSON")])
def test_bad_input_ends_with_one_sentence_and_status_2(module, line, words, project, monkeypatch, capsys):
    assert commands.run_study(module.execute, line.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"python -m {module.__name__}: error: ") and words in said
    assert said.count("\n") == 1 and not (project / "checkpoint").exists()


def test_run_ftcm_names_no_study(capsys):
    with pytest.raises(SystemExit):
        run_ftcm.main(["--help"])
    assert not {"--tables", "--limits", "--compare", "--benchmark"} & set(capsys.readouterr().out.split())
