"""What a training aims at, through the program: open heights, averaged weights, teachers, drawn bodies."""
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.camera import denormalize_screen
from common.command import options
from common.running.export_network import describe
from common.scores import score
from common.skeleton import HUMAN36M
from common.stature import ADULT_HEIGHT, stature
from common.video.placement import Placement
from common.weights import building, checkpoint
from dataset import human36m
from ftcm import lift_keypoints
from model.ftcm import FTCM
from tests.helpers import predict, random_clip, run, save_network, write_human36m

SMALL = "--train 1 -f 5 --d_hid 16 --layers 1 -k gt -b 16 --lr 0.01 --stride 2"
SIZE = {"width": 1000, "height": 1000}
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Miniature data and an untrained network of each kind."""
    folder = tmp_path_factory.mktemp("targets")
    write_human36m(folder, lengths={(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"]}
                   | {("S9", "Walking 1"): 11, ("S11", "Eating"): 8})
    torch.manual_seed(0)
    for name, every_frame, data in (("plain", False, {}), ("open", False, {"stature": True}),
                                    ("open_every", True, {"stature": True}), ("tds2", False, {"tds": 2}),
                                    ("3dhp", False, {"dataset": "3dhp"})):
        save_network(folder / f"{name}.pth", {"dataset": "h36m", "keypoints": "gt", "tds": 1} | data,
                     frames=5, dim=16, depth=1, every_frame=every_frame)
    return folder


def report_of(folder):
    return json.loads((folder / "scores.json").read_text())


def lifted(path, clips):
    """The poses of a network as it lifts them."""
    saved = checkpoint.load(path)
    model = FTCM(**saved["model_args"])
    building.load_weights(model, saved["model"], path)
    hop = 2 if saved["model_args"]["every_frame"] else None
    return predict(model, clips, frames=5, hop=hop)["pose"]


@pytest.mark.parametrize("height", [None, 1.9, "true"])
@pytest.mark.parametrize("kind", ["open", "open_every"])
def test_evaluation_gives_poses_the_assumed_stated_or_true_height_and_says_so(kind, height, folder, tmp_path):
    line = f"--reload 1 --previous_dir {{{kind}}} -k gt"
    assert run(line + (f" --body_height {height}" if height else ""), folder, tmp_path) == 0
    clips = human36m.load(folder, keypoints="gt", split="test")
    factors = [(stature(clip.pose, HUMAN36M).mean() if height == "true" else height or ADULT_HEIGHT)
               / ADULT_HEIGHT for clip in clips]
    expected = score(clips, [factor * poses
                             for factor, poses in zip(factors, lifted(folder / f"{kind}.pth", clips))])
    found = report_of(tmp_path)
    assert found["average"]["mpjpe"] == pytest.approx(expected["average"]["mpjpe"], abs=1e-2)
    note, = (note for note in found["notes"] if "scale is unknown" in note)
    assert {None: "1.75 m, assumed", 1.9: "1.90 m, stated", "true": "each clip's true one"}[height] in note
    assert found["stature"] and found["body_height"] == height


def test_the_error_after_scaling_does_not_depend_on_the_height(folder, tmp_path):
    for height in (1.0, 2.0):
        assert run(f"--reload 1 --previous_dir {{open}} -k gt --body_height {height}", folder,
                   tmp_path / str(height)) == 0
    low, high = (report_of(tmp_path / name)["average"] for name in ("1.0", "2.0"))
    assert low["n_mpjpe"] == pytest.approx(high["n_mpjpe"]) and low["mpjpe"] != high["mpjpe"]


@pytest.mark.parametrize("kind", ["open", "open_every"])
@pytest.mark.parametrize("height", [None, 1.9])
def test_files_and_live_lines_have_the_stated_height(kind, height, folder, tmp_path, monkeypatch, capsys):
    clip = random_clip(12)
    clip = replace(clip, keypoints=clip.keypoints[:1] + 0.05 * (clip.keypoints - clip.keypoints[:1]))
    expected = lifted(folder / f"{kind}.pth", [clip])[0] * (height or ADULT_HEIGHT) / ADULT_HEIGHT
    pixels = denormalize_screen(clip.keypoints.astype(float), **SIZE)
    line = f"--fit 0 --reload 1 --previous_dir {{{kind}}}" + (f" --body_height {height}" if height else "")
    np.savez(tmp_path / "keypoints.npz", keypoints=pixels, layout="human36m", fps=50.0, **SIZE)
    assert run(f"--predict {tmp_path}/keypoints.npz {line}", folder, tmp_path / "out") == 0
    with np.load(tmp_path / "out" / "poses.npz") as archive:
        assert archive["poses"] == pytest.approx(expected, abs=3e-5)
    said = capsys.readouterr().out
    assert (f"{height} m tall, as --body_height" if height else "1.75 m tall, an average adult's") in said
    poses = lift_keypoints(pixels, fps=50, layout="human36m", checkpoint=folder / f"{kind}.pth", **SIZE,
                           placement=Placement(fit=False, height=height))
    assert poses == pytest.approx(expected, abs=3e-5)
    lines = [{"layout": "human36m", "fps": 50, **SIZE}]
    lines += [{"keypoints": points.tolist()} for points in pixels]
    data = "".join(json.dumps(frame) + "\n" for frame in lines).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert run(f"--predict - {line}", folder, None) == 0
    said = capsys.readouterr()
    poses = [json.loads(row)["pose"] for row in said.out.splitlines()[1:]]
    assert np.array(poses) == pytest.approx(expected, abs=3e-5) and "scale is unknown" in said.err


def test_an_onnx_file_says_how_tall_its_people_are(folder):
    said = []
    for kind in ("open", "plain"):
        saved = checkpoint.load(folder / f"{kind}.pth")
        said.append(describe(FTCM(**saved["model_args"]), saved)["output"])
    assert "people 1.7527 m tall" in said[0] and "tall" not in said[1]


def test_training_for_adults_lowers_the_loss_and_its_checkpoint_knows_what_it_lifts(folder, tmp_path):
    assert run(f"{SMALL} --stature 1 --nepoch 12", folder, tmp_path / "run") == 0
    saved = checkpoint.load(tmp_path / "run" / "last.pth")
    losses = [row["loss"] for row in saved["history"]]
    assert losses[-1] < 0.9 * losses[0] and saved["data"]["stature"] is True
    best, = (tmp_path / "run").glob("no_refine_*.pth")
    assert run(f"--reload 1 --previous_dir {best} -k gt", folder, tmp_path / "again") == 0
    first, second = (report_of(tmp_path / name) for name in ("run", "again"))
    assert first["average"] == pytest.approx(second["average"], abs=1e-4)
    assert first["average"]["mpjpe"] == pytest.approx(saved["best"]["p1"], abs=1e-2)
    minutes = sum(row["seconds"] for row in saved["history"]) / 60
    assert [row["p1"] for row in second["validation"]] == [row["p1"] for row in saved["history"]]
    assert second["validation"][-1]["minutes"] == pytest.approx(minutes)


def test_a_training_for_adults_may_begin_with_weights_that_know_sizes(folder, tmp_path):
    line = "--train 1 --nepoch 1 -k gt --lr 1e-9 --reload 1 --previous_dir {plain}"
    assert run(f"{line} --stature 1", folder, tmp_path / "run") == 0
    start, end = (checkpoint.load(path) for path in (folder / "plain.pth", tmp_path / "run" / "last.pth"))
    assert end["data"]["stature"] and torch.allclose(start["model"]["head.bias"], end["model"]["head.bias"])
    assert run(line, folder, tmp_path / "same") == 0
    assert checkpoint.load(tmp_path / "same" / "last.pth")["data"]["stature"] is False


AVERAGED = f"{SMALL} --ema 0.9 --reverse_augmentation 1"


def test_averaged_weights_are_kept_and_a_resumed_run_is_the_same_bit_for_bit(folder, tmp_path):
    for name, more in (("four", "--nepoch 4"), ("two", "--nepoch 2"), ("two", "--nepoch 4 --resume")):
        assert run(f"{AVERAGED} {more}", folder, tmp_path / name) == 0
    whole, parts = (torch.load(tmp_path / name / "last.pth", weights_only=True) for name in ("four", "two"))
    for field in ("model", "unaveraged"):
        a, b = ((state[field] if field == "model" else state[field]["model"]) for state in (whole, parts))
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert [row["p1"] for row in whole["history"]] == [row["p1"] for row in parts["history"]]
    assert whole["unaveraged"]["steps"] == parts["unaveraged"]["steps"] > 0
    assert not torch.equal(whole["model"]["head.bias"], whole["unaveraged"]["model"]["head.bias"])
    best, = (tmp_path / "two").glob("no_refine_*.pth")
    assert "unaveraged" not in torch.load(best, weights_only=True)
    assert run(f"--reload 1 --previous_dir {best} -k gt", folder, tmp_path / "again") == 0
    assert report_of(tmp_path / "again")["average"]["mpjpe"] == pytest.approx(whole["best"]["p1"], abs=1e-2)


def test_averaging_changes_no_step_of_the_training_and_holds_the_refine_step_too(folder, tmp_path):
    for name, more in (("averaged", "--ema 0.9"), ("plain", "")):
        assert run(f"{SMALL} --refine --nepoch 2 {more}", folder, tmp_path / name) == 0
    averaged, plain = (torch.load(tmp_path / name / "last.pth", weights_only=True)
                       for name in ("averaged", "plain"))
    for field in ("model", "refine"):
        own = averaged["unaveraged"][field]
        assert all(torch.equal(own[key], plain[field][key]) for key in own)
        assert not all(torch.equal(averaged[field][key], own[key]) for key in own)
    assert [row["loss"] for row in averaged["history"]] == [row["loss"] for row in plain["history"]]
    assert run(f"{SMALL} --refine --ema 0.9 --nepoch 3 --resume", folder, tmp_path / "averaged") == 0


def test_a_run_without_averaged_weights_is_not_resumed_with_them(folder, tmp_path, capsys):
    assert run(f"{SMALL} --nepoch 1", folder, tmp_path / "run") == 0
    assert run(f"{SMALL} --nepoch 2 --ema 0.9 --resume", folder, tmp_path / "run") == 2
    assert "--ema 0" in capsys.readouterr().err
    path = tmp_path / "run" / "last.pth"
    saved = torch.load(path, weights_only=True)
    del saved["options"]["ema"]                             # a run that is older than the option
    torch.save(saved, path)
    assert run(f"{SMALL} --nepoch 2 --ema 0.9 --resume", folder, tmp_path / "run") == 2
    assert "--ema 0" in capsys.readouterr().err
    assert run(f"{SMALL} --nepoch 2 --resume", folder, tmp_path / "run") == 0


def test_a_network_learns_from_teachers_that_are_loaded_by_name(folder, tmp_path):
    line = f"{SMALL} --nepoch 2 --teacher {{plain}},{{plain}}"
    assert run(f"{line} --teacher_weight 3", folder, tmp_path / "run") == 0
    saved = checkpoint.load(tmp_path / "run" / "last.pth")
    assert saved["options"]["teacher"] == [f"{folder}/plain.pth"] * 2
    assert "learned from the poses of plain.pth, plain.pth;" in " ".join(report_of(tmp_path / "run")["notes"])
    assert run(f"--export_weights {tmp_path}/small.pth --reload 1 --previous_dir {tmp_path}/run/last.pth",
               folder, None) == 0
    assert checkpoint.load(tmp_path / "small.pth")["options"]["teacher"] == ["plain.pth"] * 2
    assert run(f"{SMALL} --nepoch 2", folder, tmp_path / "alone") == 0
    alone = checkpoint.load(tmp_path / "alone" / "last.pth")
    assert not torch.equal(saved["model"]["head.bias"], alone["model"]["head.bias"])
    assert saved["history"][0]["loss"] > alone["history"][0]["loss"]


def test_the_teachers_pose_counts_with_its_weight(folder, tmp_path):
    losses = []
    for weight in (1, 3):
        torch.manual_seed(0)
        assert run(f"{SMALL} --dropout 0 --lr 1e-9 -b 999 --nepoch 1 --teacher {{plain}} "
                   f"--teacher_weight {weight}", folder, tmp_path / str(weight)) == 0
        row, = checkpoint.load(tmp_path / str(weight) / "last.pth")["history"]
        losses.append(row["loss"])
    assert run(f"{SMALL} --dropout 0 --lr 1e-9 -b 999 --nepoch 1", folder, tmp_path / "0") == 0
    row, = checkpoint.load(tmp_path / "0" / "last.pth")["history"]
    assert losses[1] - row["loss"] == pytest.approx(3 * (losses[0] - row["loss"]), rel=1e-3)
    assert losses[0] - row["loss"] > 0.01


def test_a_file_whose_name_holds_a_comma_is_one_teacher(folder, tmp_path):
    path = tmp_path / "a,b.pth"
    path.write_bytes((folder / "plain.pth").read_bytes())
    assert options.parse(["--train", "1", "--teacher", str(path)]).teacher == [str(path)]
    assert options.parse(["--train", "1", "--teacher", "a.pth, b.pth"]).teacher == ["a.pth", "b.pth"]


@pytest.mark.parametrize("line, words", [
    ("--reload 1 --previous_dir {plain} --body_height 1.8", ["--body_height", "--stature 1", "plain.pth"]),
    ("--reload 1 --previous_dir {plain} --stature 1", ["--stature 0", "says 1"]),
    ("--reload 1 --previous_dir {open} --stature 0", ["--stature 1", "says 0"]),
    ("--reload 1 --previous_dir {open} --dataset 3dhp --body_height true", ["true", "3dhp"]),
    ("--reload 1 --previous_dir {open} --refine --refine_reload 1 --previous_refine_name x",
     ["--refine", "--stature 1"]),
    ("--predict x.npz --reload 1 --previous_dir {open} --body_height true", ["true", "state metres"]),
    ("--predict x.npz --fit 0 --reload 1 --previous_dir {plain} --body_height 1.8", ["--body_height"]),
    ("--train 1 --body_height 1.8", ["--body_height", "--train"]),
    ("--export_release x.pth --reload 1 --previous_dir {open}", ["original release", "size"]),
    ("--export_weights x.pth --reload 1 --previous_dir {open} --body_height 1.8", ["--body_height"]),
    ("--train 1 --stature 1 --refine", ["--refine", "--stature 1"]),
    ("--train 1 --stature 1 --dataset 3dhp", ["--stature 1", "3dhp"]),
    ("--train 1 --augment body,proportions", ["proportions takes the place of body"]),
    ("--train 1 --augment placement,landmarks", ["landmarks takes the place of placement"]),
    ("--train 1 --ema 1", ["--ema", "0.99999"]), ("--ema 0.9", ["--ema is for --train 1"]),
    ("--bone_weight 1", ["--bone_weight is for --train 1"]),
    ("--train 1 --bone_weight -1", ["--bone_weight"]),
    ("--train 1 --teacher_weight 2", ["--teacher FILES"]), ("--train 1 --teacher ,", ["--teacher"]),
    ("--train 1 --refine --teacher {plain}", ["--teacher", "--refine"]),
    (f"{SMALL} --teacher {{absent}}", ["absent.pth"]), (f"{SMALL} --teacher {{tds2}}", ["--t_downsample 2"]),
    (f"{SMALL} --teacher {{3dhp}}", ["mpi_inf_3dhp"]), (f"{SMALL} --teacher {{open}}", ["--stature 1"]),
    (f"{SMALL} --stature 1 --teacher {{plain}}", ["--stature 0"]),
    (f"{SMALL} --target last --teacher {{plain}}", ["--target center"]),
    (f"{SMALL} --every_frame 1 --teacher {{plain}}", ["--every_frame 1", "predicts one"]),
])
def test_what_contradicts_itself_is_refused_in_one_sentence(line, words, folder, tmp_path, capsys):
    given = line if "-k" in line or "--predict" in line or "--export" in line else f"{line} -k gt"
    output = None if "--export" in line else tmp_path / "out"
    assert run(given, folder, output) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert not (tmp_path / "out").exists()
