"""The program as its users call it, on miniature Human3.6M archives."""
import csv
import functools
import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import run_ftcm
from common.learning import steps
from common.learning.run_folder import RunFolder
from common.skeleton import HUMAN36M, flip
from common.weights import building, checkpoint
from dataset import human36m
from experiments.commands import Study
from model.ftcm import FTCM
from model.refine import Refine
from run_ftcm import MODELS
from tests.golden.reference_weights import reference_tensor
from tests.helpers import draw_nothing, random_clip, release_state, write_human36m

SMALL = "-f 5 --d_hid 16 --layers 1 -k gt -b 16 --device cpu"


@pytest.fixture()
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    lengths = {(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"]}
    write_human36m(folder, lengths=lengths | {("S9", "Walking 1"): 11,
                                              ("S9", "Eating"): 7, ("S11", "Walking"): 8})
    return folder


@pytest.fixture(autouse=True)
def without_pictures(request, monkeypatch):
    """Pictures take most of a miniature run's time; one test keeps them."""
    if "leaves_its_files" not in request.node.name:
        draw_nothing(monkeypatch)


def run(line, folder, output):
    return run_ftcm.main([*line.split(), "--root_path", str(folder), "--output", str(output)])


def hand_scored(path, clips, frames, tds):
    """P1 in mm per action, one window at a time: the protocol written down a second time."""
    saved = checkpoint.load(path)
    model = FTCM(**saved["model_args"]).eval()
    building.load_weights(model, saved["model"], path)
    left_right = [4, 5, 6, 1, 2, 3], [1, 2, 3, 4, 5, 6]
    swap = np.arange(17)
    swap[left_right[1]] = left_right[0]
    swap[[11, 12, 13, 14, 15, 16]] = [14, 15, 16, 11, 12, 13]
    errors = {}
    for clip in clips:
        pad = frames // 2 * tds
        padded = np.concatenate([clip.keypoints[:1]] * pad + [clip.keypoints] + [clip.keypoints[-1:]] * pad)
        for t in range(len(clip)):
            window = padded[t:t + 2 * pad + 1:tds]
            mirrored = window[:, swap] * np.float32([-1, 1])
            with torch.no_grad():
                plain, other = model(torch.from_numpy(np.stack([window, mirrored]))).numpy()
            pose = (plain + other[swap] * np.float32([-1, 1, 1])) / 2
            pose[0] = 0
            errors.setdefault(clip.action, []).append(
                1000 * np.linalg.norm(pose - clip.pose[t], axis=1).mean())
    return {action: np.mean(values) for action, values in errors.items()}


@pytest.mark.parametrize("frames, tds", [(9, 1), (9, 3), (27, 2)])
def test_printed_p1_of_release_weights_is_the_protocols(frames, tds, data, tmp_path, capsys):
    path = tmp_path / "no_refine_6_4331.pth"
    state = release_state(frames, layout=2, depth=2, dim=64)
    torch.save({"module." + key: value for key, value in state.items()}, path)
    line = (f"--train 0 --reload 1 -tds {tds} --f {frames} -k gt --device cpu --previous_dir {path} "
            "--eval_batch_size 4")
    assert run(line, data, tmp_path / "out") == 0
    clips = human36m.load(data, keypoints="gt", split="test")
    expected = hand_scored(path, clips, frames, tds)
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {row["action"]: row["mpjpe"] for row in report["rows"]} == pytest.approx(expected, abs=2e-3)
    assert report["average"]["mpjpe"] == pytest.approx(np.mean(list(expected.values())), abs=2e-3)
    assert ((report["frames"], report["tds"], report["mirrored_test"], report["seed"])
            == (frames, tds, True, 1))
    printed = capsys.readouterr().out
    assert f"{report['average']['mpjpe']:.2f}" in printed and "mirrored test, without refine" in printed


def train_line(epochs):
    return f"{SMALL} --train 1 --nepoch {epochs} --stride 2 --reverse_augmentation 1 --lr 0.01"


def test_two_epochs_resumed_for_two_more_equal_four_bit_for_bit(data, tmp_path):
    assert run(train_line(4), data, tmp_path / "four") == 0
    assert run(train_line(2), data, tmp_path / "two") == 0
    assert run(train_line(4) + " --resume", data, tmp_path / "two") == 0
    whole, parts = (torch.load(tmp_path / name / "last.pth", weights_only=True) for name in ("four", "two"))
    assert all(torch.equal(whole["model"][key], parts["model"][key]) for key in whole["model"])
    for a, b in zip(whole["history"], parts["history"], strict=True):
        clocks = {"seconds": 0, "cpu_seconds": 0}
        assert {**a, **clocks} == {**b, **clocks}
    assert whole["best"] == parts["best"]
    assert not torch.equal(whole["model"]["head.bias"], torch.zeros(51))


def test_a_training_leaves_its_files_and_its_best_checkpoint_evaluates_to_the_logged_figure(data, tmp_path):
    out = tmp_path / "run"
    assert run(train_line(3), data, out) == 0
    saved = torch.load(out / "last.pth", weights_only=True)
    best = min(saved["history"], key=lambda row: row["p1"])
    name = f"no_refine_{best['epoch']}_{round(100 * best['p1'])}.pth"
    assert sorted(path.name for path in out.iterdir()) == sorted([
        "animation.gif", "curves.png", "history.csv", "last.pth", name, "options.json", "scores.csv",
        "scores.json", "train.log"])
    with open(out / "history.csv") as file:
        assert [float(row["p1"]) for row in csv.DictReader(file)] == [row["p1"] for row in saved["history"]]
    log = (out / "train.log").read_text()
    assert "selected on the test subjects, as in the paper" in log and log.count("epoch ") == 3 + 1
    assert [row["learning_rate"] for row in saved["history"]] == pytest.approx([0.01, 0.0095, 0.009025])
    assert run(f"--train 0 --reload 1 --device cpu --previous_dir {out / name}", data, tmp_path / "eval") == 0
    scores = json.loads((tmp_path / "eval" / "scores.json").read_text())
    assert scores["average"]["mpjpe"] == pytest.approx(best["p1"], abs=1e-4)
    assert scores["mean_pose"]["average"]["mpjpe"] > 0


def losses_of(line, data, folder):
    """What the training `line` leaves: losses of its epochs and the last epoch's weights."""
    assert run(line, data, folder) == 0
    saved = checkpoint.load(folder / "last.pth")
    return [row["loss"] for row in saved["history"]], torch.cat([value.flatten() for value in
                                                                 saved["model"].values()])


@pytest.mark.parametrize("refine", ["", " --refine"])
def test_training_in_bfloat16_stays_near_single_precision(refine, data, tmp_path):
    line = f"{SMALL} --train 1 --nepoch 2 --dropout 0 -b 64 --val_stride 4{refine}"
    (losses, weights), (amp_losses, amp_weights) = (
        losses_of(line + added, data, tmp_path / f"run{len(added)}") for added in ("", " --amp 1"))
    assert amp_losses != losses and amp_losses == pytest.approx(losses, rel=2e-2)
    assert amp_weights.dtype == torch.float32 and 0 < (amp_weights - weights).abs().max() < 0.02


@pytest.mark.parametrize("compiler, refine", [("aot_eager", ""), ("aot_eager", " --refine"),
                                              ("inductor", "")])
def test_compiled_training_is_training(compiler, refine, data, tmp_path, monkeypatch, request):
    if compiler == "inductor":
        if not request.config.getoption("--slow"):
            pytest.skip("--slow adds it: a C++ compiler works for half a minute")
        if not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))):
            pytest.skip("no C++ compiler is here")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=compiler))
    line = f"{SMALL} --train 1 --nepoch 1 --dropout 0 -b 60 --val_stride 4{refine}"
    (losses, weights), (compiled_losses, compiled_weights) = (
        losses_of(line + added, data, tmp_path / f"run{len(added)}") for added in ("", " --compile 1"))
    assert compiled_losses == pytest.approx(losses, rel=1e-4)
    assert (compiled_weights - weights).abs().max() < 1e-4


def test_held_out_subjects_select_the_epoch_and_are_not_trained_on(data, tmp_path):
    assert run(f"{SMALL} --train 1 --nepoch 1 --val_subjects S8", data, tmp_path / "run") == 0
    log = (tmp_path / "run" / "train.log").read_text()
    assert "96 of 96 frames are targets" in log and "selected on the held-out subjects S8." in log
    assert "not on the test subjects" in " ".join(
        json.loads((tmp_path / "run" / "scores.json").read_text())["notes"])


@pytest.mark.parametrize("options, words", [
    ("", "120 of 120 frames are targets, 240 windows an epoch"),
    ("--stride 4", "40 of 120 frames are targets, 80 windows an epoch"),
    ("--downsample 2", "60 of 60 frames are targets"),
    ("--subset 0.5", "60 of 60 frames are targets"),
    ("--reverse_augmentation 1", "480 windows an epoch"),
    ("--data_augmentation 0", "120 windows an epoch"),
    ("--cameras 0,3", "10 clips, 60 of 60 frames are targets")])
def test_each_way_to_use_more_or_less_data_shows_in_the_log(options, words, data, tmp_path):
    assert run(f"{SMALL} --train 1 --test 0 --nepoch 1 -b 512 {options}", data, tmp_path / "run") == 0
    assert words in (tmp_path / "run" / "train.log").read_text()


def test_downsampling_by_more_than_the_longest_clip_is_refused(data, tmp_path, capsys):
    for number, status in ((6, 0), (7, 2)):                 # frames of the training clips
        line = f"{SMALL} --train 1 --nepoch 1 -b 512 --downsample {number}"
        assert run(line, data, tmp_path / f"run{number}") == status
    assert "--downsample 7 is more than the 6 frames" in capsys.readouterr().err


def test_clips_of_one_and_two_frames_are_scored(tmp_path):
    lengths = ({(subject, "Walking"): 1 for subject in human36m.SUBJECTS["train"] + ["S9"]}
               | {("S11", "Walking"): 2})
    write_human36m(tmp_path, lengths=lengths)
    assert run(f"{SMALL} --train 1 --nepoch 1 -tds 3", tmp_path, tmp_path / "run") == 0
    row, = json.loads((tmp_path / "run" / "scores.json").read_text())["rows"]
    assert row["frames"] == 4 * 1 + 4 * 2 and row["mpjve"] > 0 and row["acceleration"] is None


def test_thinned_tables_say_so(data, tmp_path, capsys):
    assert run(f"{SMALL} --train 1 --nepoch 1 --test_stride 4 --cameras 1 --actions Walking", data,
               tmp_path / "run") == 0
    printed = capsys.readouterr().out
    for words in ("5 of 19 frames (--test_stride 4)", "cameras 1 only", "actions Walking only"):
        assert f"A part of the test set: {words}" in printed


def trained(data, tmp_path):
    assert run(f"{SMALL} --train 1 --nepoch 1", data, tmp_path / "run") == 0
    return next((tmp_path / "run").glob("no_refine_*.pth"))


def test_smoothing_is_scored_and_the_table_names_it(data, tmp_path, capsys):
    errors = []
    path = trained(data, tmp_path)
    for options in ("", " --smooth 0.04"):
        line = f"--train 0 --reload 1 --previous_dir {path} --device cpu -k gt{options}"
        assert run(line, data, tmp_path / f"scores{len(errors)}") == 0
        errors.append(json.loads((tmp_path / f"scores{len(errors)}" / "scores.json").read_text()))
    rough, smoothed = errors
    assert (rough["smooth"], smoothed["smooth"]) == (None, 0.04)
    assert smoothed["all_frames"]["acceleration"] != rough["all_frames"]["acceleration"]
    assert "a Gaussian of 0.04 s standard deviation (--smooth)" in capsys.readouterr().out


def test_a_command_that_contradicts_the_checkpoint_or_the_data_is_refused(data, tmp_path, capsys):
    path = trained(data, tmp_path)
    for line, words in [("-f 7", "was trained with --frames 5, the command line says 7"),
                        ("-tds 2", "was trained with --t_downsample 1, the command line says 2"),
                        ("--layers 3", "was trained with --layers 1, the command line says 3"),
                        ("--every_frame 1", "was trained with --every_frame 0, the command line says 1"),
                        ("-a Walk", "No clip has the action Walk. Choose from: Eating, Walking."),
                        ("--cameras 4", "--cameras 4 does not exist; choose from 0, 1, 2, 3"),
                        ("-k cpn", "keypoint sources found in"),
                        ("--device cuda", "finds no such device")]:
        if line == "--device cuda" and torch.cuda.is_available():
            continue
        assert run(f"--train 0 --reload 1 --previous_dir {path} {line}", data, tmp_path / "eval") == 2
        error = capsys.readouterr().err
        assert words in error and "Traceback" not in error
    line = f"{SMALL} --train 1 --reload 1 --previous_dir {path} --velocity_weight 1"
    assert run(line, data, tmp_path / "other") == 2
    assert "--velocity_weight" in capsys.readouterr().err


def test_a_second_run_never_overwrites_the_first_and_another_recipe_never_resumes_it(data, tmp_path, capsys):
    trained(data, tmp_path)
    before = (tmp_path / "run" / "last.pth").read_bytes()
    assert run(f"{SMALL} --train 1 --nepoch 1", data, tmp_path / "run") == 2
    assert "already holds a training run" in capsys.readouterr().err
    assert run(f"{SMALL} --train 1 --nepoch 2 --resume --lr 0.5", data, tmp_path / "run") == 2
    assert "started with --lr 0.001, the command line says 0.5" in capsys.readouterr().err
    assert (tmp_path / "run" / "last.pth").read_bytes() == before


def test_a_kill_while_saving_leaves_a_run_that_resumes(data, tmp_path, monkeypatch):
    def killed(path, state):
        if path.name == "last.pth" and state["epoch"] == 2:
            raise KeyboardInterrupt
        save(path, state)
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", killed)
    assert run(train_line(3), data, tmp_path / "run") == 130
    monkeypatch.setattr(checkpoint, "save", save)
    assert run(train_line(3) + " --resume", data, tmp_path / "run") == 0
    assert run(train_line(3), data, tmp_path / "whole") == 0
    whole, parts = (torch.load(tmp_path / name / "last.pth", weights_only=True) for name in ("whole", "run"))
    assert all(torch.equal(whole["model"][key], parts["model"][key]) for key in whole["model"])


def test_resuming_before_the_first_epoch_was_saved_starts_from_the_beginning_and_says_so(data, tmp_path):
    assert run(train_line(2), data, tmp_path / "whole") == 0
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "train.log").write_text("begun\n")
    for name in ("begun", "absent"):
        assert run(train_line(2) + " --resume", data, tmp_path / name) == 0
        whole, other = (torch.load(tmp_path / folder / "last.pth", weights_only=True)
                        for folder in ("whole", name))
        assert all(torch.equal(whole["model"][key], other["model"][key]) for key in whole["model"])
        assert "--resume" in (tmp_path / name / "train.log").read_text()


@pytest.mark.parametrize("line", ["--train 1 -k cpn", "--train 1 -k gt --resume --cameras 9",
                                  "-k gt --actions No", "--export_onnx {out}/deep/x.onnx --cameras 9",
                                  "--export_release {out}/deep/x.pth --previous_dir {network} --reload 1"])
def test_a_command_that_is_refused_makes_no_folder(line, data, tmp_path, monkeypatch):
    network = tmp_path / "elementwise.pth"
    model_args = {"frames": 5, "dim": 16, "depth": 1, "fpm_filter": "elementwise"}
    checkpoint.save(network, {"format": checkpoint.FORMAT, "model_args": model_args, "fps": 50,
                              "data": {"dataset": "h36m", "keypoints": "gt", "tds": 1},
                              "model": FTCM(**model_args).state_dict()})
    monkeypatch.setattr(run_ftcm.export_network, "onnx_bytes", absent_package)
    line = line.format(out=tmp_path / "out", network=network)
    assert run(line, data, tmp_path / "out" / "run") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "elementwise.pth"]


def absent_package(*_):
    raise ImportError("--export_onnx needs the packages onnx and onnxscript")


def test_a_training_that_another_one_holds_is_refused_and_left_alone(data, tmp_path, capsys):
    with RunFolder(tmp_path / "run", resume=False).held():
        for options in ("", " --resume"):
            assert run(train_line(1) + options, data, tmp_path / "run") == 2
            error = capsys.readouterr().err
            assert str(tmp_path / "run") in error and error.count("\n") == 1
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["train.log"]


def allocate(argv):
    torch.empty(2 ** 60, dtype=torch.uint8)


def allocate_array(argv):
    np.empty(2 ** 60, np.uint8)


def allocate_too_much_to_count(argv):
    torch.empty(2 ** 62, 2 ** 62)


def test_without_arguments_the_program_says_what_one_can_do(capsys):
    assert run_ftcm.main([]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 6 and all(option in text for option in ("--predict", "--train 1", "--help"))


def test_help_begins_with_the_options_of_the_main_path(capsys):
    with pytest.raises(SystemExit) as stop:
        run_ftcm.main(["--help"])
    text = capsys.readouterr().out
    places = [text.index(part) for part in ("most used:", "--previous_dir", "own video:", "--fov")]
    assert stop.value.code == 0 and places == sorted(places)


def attempt(words):
    """What a study hears of a command: None, or what was wrong."""
    nowhere = Path("nowhere")
    return Study("a study", output=nowhere, runs=nowhere, root_path=nowhere).attempt(words)


@pytest.mark.parametrize("execute", [allocate, allocate_array, allocate_too_much_to_count])
def test_lack_of_memory_ends_in_a_sentence_that_names_the_options_to_lower(execute, capsys, monkeypatch):
    monkeypatch.setattr(run_ftcm, "execute", execute)
    assert run_ftcm.main([]) == 2
    error = capsys.readouterr().err
    assert "--micro_batch" in error and error.count("\n") == 1
    assert "--micro_batch" in attempt([])          # a row of a study is listed as missing


def test_a_network_beyond_this_computers_memory_is_refused_before_it_is_built(data, tmp_path, capsys):
    line = "-f 27 --layers 100 --d_hid 8192 -k gt --train 1 --device cpu"
    assert run(line, data, tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "--d_hid" in error and error.count("\n") == 1 and not (tmp_path / "run").exists()


def test_options_that_are_refused_are_a_rows_reason(capsys):
    assert "28" in attempt(["--train", "1", "-f", "28"])


def test_an_output_folder_that_cannot_be_written_is_refused_before_any_work(data, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(f"{SMALL} --train 1 --nepoch 1", data, tmp_path / "file" / "run") == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "file" / "run") in error and error.count("\n") == 1


def test_a_training_whose_checkpoint_could_not_be_read_again_is_refused_at_the_start(data, tmp_path, capsys):
    (data / "data_2d_h36m_sub").mkdir()
    (data / "data_2d_h36m_gt.npz").rename(data / "data_2d_h36m_sub" / "gt.npz")
    assert run(f"{SMALL} --train 1 --nepoch 1 -k sub/gt", data, tmp_path / "run") == 2
    assert "data.keypoints must be a plain name" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.pth"))


def test_an_exploding_loss_stops_with_a_sentence(data, tmp_path, capsys):
    assert run(f"{SMALL} --train 1 --nepoch 3 --lr 1e6", data, tmp_path / "run") == 2
    assert "The training loss became" in capsys.readouterr().err


def published_files(data, tmp_path):
    """Weight files where the published command expects them, in the release's layouts, `module.` included."""
    lifter, refine = tmp_path / "no_refine_6_4331.pth", tmp_path / "refine_6_4331.pth"
    state = release_state(9, layout=2, depth=2, dim=64)
    torch.save({"module." + key: value for key, value in state.items()}, lifter)
    torch.save({"module." + key: torch.from_numpy(reference_tensor(key, value.shape))
                for key, value in Refine().state_dict().items()}, refine)
    return lifter, refine


def hand_refined(lifter, refine, clips, frames, tds):
    """P1 in mm of the refined poses, one window at a time: the refine step written down a second time."""
    saved = checkpoint.load(lifter)
    model, network = FTCM(**saved["model_args"]).eval(), Refine().eval()
    building.load_weights(model, saved["model"], lifter)
    checkpoint.load_refine(network, refine)
    errors = {}
    for clip in clips:
        for t in range(len(clip)):
            rows = np.clip(t + tds * np.arange(-(frames // 2), frames // 2 + 1), 0, len(clip) - 1)
            window = clip.keypoints[rows]
            with torch.no_grad():
                plain = model(torch.from_numpy(window)[None])[0].numpy()
                other = model(torch.from_numpy(flip(window, HUMAN36M))[None])[0].numpy()
                pose = (plain + flip(other, HUMAN36M)) / 2
                depth = clip.root[t, 2] + np.append(0, pose[1:, 2])[:, None]
                focal, center = clip.intrinsics[:2], clip.intrinsics[2:]
                seen = np.concatenate([(clip.keypoints[t] - center) * depth / focal, depth], axis=1)
                blended = network(torch.from_numpy(pose)[None],
                                  torch.from_numpy(np.float32(seen - seen[:1]))[None])[0]
            blended = blended.numpy()
            blended[0] = 0
            errors.setdefault(clip.action, []).append(
                1000 * np.linalg.norm(blended - clip.pose[t], axis=1).mean())
    return {action: np.mean(values) for action, values in errors.items()}


def test_published_refine_command_gives_the_protocols_p1_and_names_the_leak(data, tmp_path, capsys):
    lifter, refine = published_files(data, tmp_path)
    line = (f"--train 0 --reload 1 -tds 3 --f 9 -k gt --device cpu --previous_dir {lifter} --refine "
            f"--refine_reload 1 --previous_refine_name {refine}")
    assert run(line, data, tmp_path / "out") == 0
    clips = human36m.load(data, keypoints="gt", split="test")
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    expected = hand_refined(lifter, refine, clips, 9, 3)
    assert {row["action"]: row["mpjpe"] for row in report["rows"]} == pytest.approx(expected, abs=2e-3)
    lifted = hand_scored(lifter, clips, 9, 3)
    assert ({row["action"]: row["mpjpe"] for row in report["lifted"]["rows"]}
            == pytest.approx(lifted, abs=2e-3))
    printed = capsys.readouterr().out
    assert "uses ground-truth root depth" in printed and "Lifted, before refine: average" in printed


def test_an_estimated_root_needs_no_ground_truth_and_reports_its_error(data, tmp_path, capsys):
    # A lifter that answers (almost) one upright pose, so that a depth in front of the camera explains the
    # keypoints.
    model = FTCM(frames=5, dim=16, depth=1)
    pose = human36m.load(data, keypoints="gt", split="test")[0].pose[0]
    torch.nn.init.zeros_(model.head.gain)
    model.head.bias.data = torch.from_numpy(pose.ravel())
    torch.save({"format": checkpoint.FORMAT, "model_args": {"frames": 5, "dim": 16, "depth": 1}, "data": {},
                "model": model.state_dict()}, tmp_path / "lifter.pth")
    torch.save(Refine().state_dict(), tmp_path / "refine.pth")
    line = (f"--train 0 --reload 1 -k gt --device cpu --previous_dir {tmp_path}/lifter.pth --refine "
            f"--refine_reload 1 --previous_refine_name {tmp_path}/refine.pth --refine_root estimate "
            "--test_augmentation 0")
    assert run(line, data, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert report["root_error"]["position"] >= report["root_error"]["depth"] > 0
    assert 0 < report["root_error"]["frames"] <= report["all_frames"]["frames"]
    printed = capsys.readouterr().out
    assert "estimated without ground truth" in printed and "Mean error of the estimated root" in printed


def test_refine_trains_both_networks_from_a_reloaded_lifter_and_resumes(data, tmp_path):
    lifter = trained(data, tmp_path)
    line = f"{SMALL} --train 1 --reload 1 --previous_dir {lifter} --refine --lr_refine 0.01 --lr 0.001"
    assert run(line + " --nepoch 2", data, tmp_path / "refine") == 0
    names = sorted(path.name for path in (tmp_path / "refine").glob("*refine_*.pth"))
    assert len(names) == 2 and names[1] == "refine_" + names[0].removeprefix("no_refine_")
    before, after = checkpoint.load(lifter)["model"], checkpoint.load(tmp_path / "refine" / names[0])["model"]
    assert not torch.equal(before["head.bias"], after["head.bias"])
    again = (f"--train 0 --reload 1 --previous_dir {tmp_path / 'refine' / names[0]} --refine "
             f"--refine_reload 1 --previous_refine_name {tmp_path / 'refine' / names[1]} --device cpu")
    assert run(again, data, tmp_path / "eval") == 0
    first, second = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("refine", "eval"))
    assert first["average"]["mpjpe"] == pytest.approx(second["average"]["mpjpe"], abs=1e-4)
    assert f"started from the weights in {lifter.name}; theirs is not counted." in " ".join(first["notes"])
    last = torch.load(tmp_path / "refine" / "last.pth", weights_only=True)
    assert run(line + " --nepoch 3 --resume", data, tmp_path / "refine") == 0
    resumed = torch.load(tmp_path / "refine" / "last.pth", weights_only=True)
    assert len(resumed["history"]) == 3 and resumed["history"][:2] == last["history"]
    assert [group["lr"] for group in last["optimizer"]["param_groups"]] == pytest.approx([0.00095, 0.0095])


def saved_network(path, *, data=None, network=None, **model_args):
    """A checkpoint of an untrained network with the defaults of its class."""
    kind = MODELS[network] if network else FTCM
    model_args = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()
                  } | model_args
    model = kind(**model_args)
    checkpoint.save(path, {"format": checkpoint.FORMAT, "model_args": model_args,
                           "data": {"dataset": "h36m", "keypoints": "gt", "tds": 1} | data if data else {},
                           "model": model.state_dict()} | ({"network": network} if network else {}))
    return path


def test_exported_release_weights_come_back_exactly(data, tmp_path):
    path = saved_network(tmp_path / "ours.pth", frames=9)
    assert run(f"--export_release {tmp_path}/w/release.pth --reload 1 --previous_dir {path}", data,
               tmp_path / "o") == 0
    released = torch.load(tmp_path / "w" / "release.pth", weights_only=True)
    assert released["mlpmixer.gmlp.0.fn.fc2_0.ln_256.weight"].shape == (128, 128)
    assert set(released) == set(release_state(9))
    ours, back = checkpoint.load(path)["model"], checkpoint.load(tmp_path / "w" / "release.pth")["model"]
    assert all(torch.equal(ours[key], back[key]) for key in ours) and ours.keys() == back.keys()


@pytest.mark.parametrize("facts, words", [
    ({"every_frame": True}, "every frame"), ({"data": {"target": "last"}}, "last"), ({"dim": 256}, "512"),
    ({"depth": 5}, "6 blocks"), ({"frames": 15}, "15"), ({"units": "fpm"}, "ablated"),
    ({"fpm_filter": "elementwise"}, "ablated"), ({"data": {"dataset": "3dhp"}}, "3dhp"),
    ({"network": "single_frame", "dim": 512}, "single_frame")])
def test_what_the_release_cannot_hold_is_not_exported_to_it(facts, words, data, tmp_path, capsys):
    path = saved_network(tmp_path / "ours.pth", **{"frames": 9} | facts)
    assert run(f"--export_release {tmp_path}/w/r.pth --reload 1 --previous_dir {path}", data, tmp_path) == 2
    error = capsys.readouterr().err
    assert "The original release" in error and words in error and not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", run_ftcm.options.SHIPPED)
def test_the_checkpoints_that_ship_are_not_exported_to_the_release(name, tmp_path, capsys):
    assert run_ftcm.main(["--export_release", str(tmp_path / "r.pth"), "--reload", "1", "--previous_dir",
                          str(run_ftcm.options.SHIPPED[name])]) == 2
    assert "every frame" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["ours", "release"])
def test_dropout_may_change_when_training_goes_on(kind, data, tmp_path):
    path = tmp_path / "w.pth"
    if kind == "ours":
        saved_network(path, frames=5, dim=16, depth=1, dropout=0.2)
    else:
        torch.save(release_state(5, dim=16, depth=1), path)
    for line, dropout in (("", 0.2 if kind == "ours" else 0.1), ("--dropout 0.5", 0.5), ("--dropout 0", 0)):
        args = run_ftcm.options.parse(f"--train 1 --reload 1 --previous_dir {path} {line}".split())
        model, _ = run_ftcm.load_network(args)
        assert model.blocks[0].dropout.p == dropout
        assert run_ftcm.choices.network_arguments(args, num_joints=17)["dropout"] == dropout


def test_ablated_networks_train_and_come_back_from_their_checkpoint(data, tmp_path):
    for options in ("--units fpm", "--units tpm", "--units none", "--fpm_filter elementwise"):
        out = tmp_path / options.replace(" ", "_")
        assert run(f"{SMALL} --train 1 --nepoch 1 {options}", data, out) == 0
        path = next(out.glob("no_refine_*.pth"))
        assert run(f"--train 0 --reload 1 --previous_dir {path} --device cpu", data, tmp_path / "eval") == 0
        first, second = (json.loads((folder / "scores.json").read_text())
                         for folder in (out, tmp_path / "eval"))
        assert first["average"]["mpjpe"] == pytest.approx(second["average"]["mpjpe"], abs=1e-4)
        assert first["parameters"] == second["parameters"]


def test_the_animated_clip_is_the_median_one():
    clips = [random_clip(3, seed=i) for i in range(3)]
    predicted = [clip.pose + error for clip, error in zip(clips, (0.3, 0.1, 0.2))]
    assert run_ftcm.report.representative(clips, predicted) == 2


def test_the_best_checkpoint_alone_knows_the_whole_runs_cost(data, tmp_path, monkeypatch):
    """The second of four epochs is the best one."""
    errors = iter([80.0, 60.0, 70.0, 90.0])
    score = run_ftcm.scores.score

    def validation(clips, found, *more):
        result = score(clips, found, *more)
        return result if more else {**result, "average": {**result["average"], "mpjpe": next(errors)}}

    monkeypatch.setattr(run_ftcm.scores, "score", validation)
    assert run(f"{SMALL} --train 1 --nepoch 4", data, tmp_path / "run") == 0
    monkeypatch.setattr(run_ftcm.scores, "score", score)
    best, = (tmp_path / "run").glob("no_refine_2_6000.pth")
    history = checkpoint.load(tmp_path / "run" / "last.pth")["history"]
    copied, small = tmp_path / "elsewhere.pth", tmp_path / "small.pth"
    copied.write_bytes(best.read_bytes())
    assert run_ftcm.main(f"--export_weights {small} --reload 1 --previous_dir {copied}".split()) == 0
    reports = [json.loads((tmp_path / "run" / "scores.json").read_text())]
    for number, path in enumerate((copied, small)):
        line = f"--train 0 --reload 1 --previous_dir {path} --device cpu"
        assert run(line, data, tmp_path / f"eval{number}") == 0
        reports.append(json.loads((tmp_path / f"eval{number}" / "scores.json").read_text()))
    minutes, cpu = (sum(row[key] for row in history) / 60 for key in ("seconds", "cpu_seconds"))
    for report in reports:
        assert (report["selected_epoch"], report["training_epochs"]) == (2, 4)
        assert report["training_minutes"] == pytest.approx(minutes)
        assert report["training_cpu_minutes"] == pytest.approx(cpu)
        assert "Epoch 2 of 4 trained" in " ".join(report["notes"])


def test_a_killed_runs_best_checkpoint_has_the_cost_that_is_known(data, tmp_path, monkeypatch):
    def killed(*_, **options):
        if "epoch 3" in options["desc"]:
            raise KeyboardInterrupt
        return train_one_epoch(*_, **options)

    train_one_epoch = steps.train_one_epoch
    monkeypatch.setattr(steps, "train_one_epoch", killed)
    score = iter([{"average": {"mpjpe": mpjpe, "p_mpjpe": 1.0}} for mpjpe in (50.0, 60.0)])
    monkeypatch.setattr(run_ftcm.scores, "score", lambda *_: next(score))
    assert run(f"{SMALL} --train 1 --nepoch 4", data, tmp_path / "run") == 130
    saved = checkpoint.load(tmp_path / "run" / "no_refine_1_5000.pth")
    assert saved["epoch"] == 1 and [row["epoch"] for row in saved["history"]] == [1, 2]
