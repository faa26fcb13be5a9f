"""Live lifting gives what lifting the whole clip gives, at any frame rate, line by line."""
import io
import json
import os
import signal
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from common.bounds import MAX_LINE_BYTES
from common.clips import replace
from common.lift import Lifting
from common.skeleton import HUMAN36M
from common.video import anatomy
from common.video.live import (
    RateLifter,
    lift_stream,
    make_live_placer,
    read_until_interrupted,
    write_pose_lines,
)
from common.video.own_video import lift_clip
from common.video.placement import Placement
from common.video.stream import Lifter, SequenceLifter, make_lifter
from common.weights import checkpoint
from common.windows import Window
from model.ftcm import FTCM
from tests.helpers import predict, random_clip
from tests.keypoint_samples import SIZE, track

PROJECT = Path(__file__).parents[3]
TRAINED_FPS = 50
LIFTERS = {"centre": {}, "last": {"target": "last"}, "all": {"hop": 2}}


def network(every_frame=False):
    torch.manual_seed(0)
    return FTCM(frames=5, dim=16, depth=1, every_frame=every_frame)


def lifter(kind):
    lifter = SequenceLifter if kind == "all" else Lifter
    return lifter(network(kind == "all"), frames=5, skeleton=HUMAN36M, **LIFTERS[kind])


@pytest.mark.parametrize("kind", LIFTERS)
@pytest.mark.parametrize("fps", [50, 25, 30, 60, 10, 120])
@pytest.mark.parametrize("num_frames", [1, 2, 33])
def test_live_poses_are_those_of_the_whole_clip_within_the_stated_delay(num_frames, fps, kind):
    clip = replace(random_clip(num_frames), fps=fps, pose=None, root=None)
    expected, notes = lift_clip(clip, TRAINED_FPS, lambda clip: predict(
        network(kind == "all"), [clip], frames=5, **LIFTERS[kind])["pose"][0])
    live = RateLifter(lifter(kind), fps=fps, trained_fps=TRAINED_FPS)
    for _ in range(2):                                              # a second stream starts afresh
        poses, late = [], []
        for number, keypoints in enumerate(clip.keypoints):
            new = live.push(keypoints)
            late += [number - (len(poses) + index) for index in range(len(new))]
            poses += new
        assert max(late, default=0) <= live.delay
        if num_frames > 2 * live.delay + 10:
            assert max(late) == live.delay                          # no more is stated than is needed
        poses += live.flush()
        assert len(poses) == num_frames and np.stack(poses) == pytest.approx(expected, abs=2e-6)
    assert bool(notes) == (fps != TRAINED_FPS)


def test_memory_does_not_grow():
    live = RateLifter(lifter("centre"), fps=30, trained_fps=TRAINED_FPS)
    for keypoints in random_clip(200).keypoints:
        live.push(keypoints)
        assert len(live.poses) <= 4


@pytest.mark.parametrize("fps, delay", [(50, 0), (25, 0), (30, 1)])
def test_a_causal_network_answers_at_once_where_its_rate_is_a_multiple_of_the_streams(fps, delay):
    assert RateLifter(lifter("last"), fps=fps, trained_fps=TRAINED_FPS).delay == delay


def test_each_frame_gets_one_line_with_its_own_number():
    frames = [(None, 17), *[(keypoints, number) for number, keypoints in enumerate(random_clip(9).keypoints)]]
    out = io.StringIO()
    live = RateLifter(lifter("centre"), fps=50, trained_fps=TRAINED_FPS)
    assert write_pose_lines(frames, live, out=out, place=make_live_placer(Placement())) == 10
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row["frame"] for row in rows] == list(range(10))
    assert [row["unseen"] for row in rows] == [17, *range(9)]
    assert rows[0]["pose"] is None and np.shape(rows[1]["pose"]) == (17, 3)


@pytest.mark.parametrize("sound", [0, 1, 5])
def test_poses_still_pending_come_out_before_a_malformed_line_is_refused(sound):
    def frames():
        yield from [(keypoints, 0) for keypoints in random_clip(sound or 1).keypoints[:sound]]
        raise ValueError(f"line {sound + 1}")
    out, live = io.StringIO(), RateLifter(lifter("centre"), fps=30, trained_fps=TRAINED_FPS)
    with pytest.raises(ValueError, match=f"line {sound + 1}"):
        write_pose_lines(frames(), live, out=out, place=make_live_placer(Placement()))
    assert [json.loads(line)["frame"] for line in out.getvalue().splitlines()] == list(range(sound))


def test_of_an_endless_line_no_more_is_read_than_it_takes_to_refuse_it():
    file = io.BytesIO(b"one\n" + 3 * MAX_LINE_BYTES * b"x")
    assert [len(line) for line in islice(read_until_interrupted(file), 2)] == [4, MAX_LINE_BYTES + 1]
    assert file.tell() == 4 + MAX_LINE_BYTES + 1


def test_a_root_that_cannot_be_told_stays_where_it_was():
    place, clip = make_live_placer(Placement(root=True)), random_clip(2)
    assert place(clip.pose[0], np.zeros((17, 2), np.float32)) is None
    placed = place(clip.pose[0], clip.keypoints[0])
    again = place(clip.pose[0], np.zeros((17, 2), np.float32))
    assert np.isfinite(placed).all() and placed[0, 2] > 0 and (again == placed).all()


@pytest.mark.parametrize("height", [None, 1.9])
def test_live_bones_have_the_lengths_of_an_adult_and_keep_their_directions(height):
    pose, keypoints = random_clip(1).pose[0], random_clip(1).keypoints[0]
    found = make_live_placer(Placement(height=height))(pose, keypoints)
    parents = np.array(HUMAN36M.parents[1:])
    bones, before = (joints[1:] - joints[parents] for joints in (found, pose))
    lengths = np.linalg.norm(bones, axis=1)
    assert lengths == pytest.approx(anatomy.adult(height)[anatomy.KIND[1:]])
    assert anatomy.stature(anatomy.measured(found[None])) == pytest.approx(height or 1.7527, abs=1e-3)
    others = [joint - 1 for joint in range(1, 17) if not HUMAN36M.joints[joint].endswith("hip")]
    assert (bones / lengths[:, None])[others] == pytest.approx(
        (before / np.linalg.norm(before, axis=1)[:, None])[others], abs=1e-6)
    assert make_live_placer(Placement(fit=False))(pose, keypoints) == pytest.approx(pose)


def test_a_stated_roll_is_taken_out_of_live_keypoints_before_lifting(capsys):
    class Seen:
        """Frames, and the lifter that gets them."""
        fps, notes, delay, got = 50, [], 0, []

        def __iter__(self):
            yield None, 17
            yield np.array([[0.5, 0.0]] * 17), 0

        def push(self, keypoints):
            self.got.append(keypoints)
            return random_clip(1).pose[0]

        def flush(self):
            return []
    lift_stream(Seen(), Seen(), trained_fps=50, placement=Placement(pitch=0.0, roll=90.0))
    assert len(Seen.got) == 1 and Seen.got[0] == pytest.approx(np.array([[0, 0.5]] * 17))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_ctrl_c_ends_the_lines_like_the_end_of_the_file():
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    found = []
    with os.fdopen(reading, "rb") as file:
        for line in read_until_interrupted(file):
            found.append(line)
            if len(found) == 2:
                threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        os.close(writing)
    assert found == [b"one\n", b"two\n"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_every_frame_networks_with_steps_inside_the_window_are_refused():
    with pytest.raises(ValueError, match="tds 1 only, this one has 2"):
        make_lifter(network(every_frame=True), Window(5, tds=2, hop=2), Lifting(), HUMAN36M)


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "lifter.pth"
    model_args = {"frames": 5, "dim": 16, "depth": 1}
    checkpoint.save(path, {"format": checkpoint.FORMAT, "model_args": model_args, "fps": 25,
                           "data": {"dataset": "cmu", "keypoints": "gt", "tds": 1, "target": "last"},
                           "model": network().state_dict()})
    return [sys.executable, "run_ftcm.py", "--predict", "-", "--device", "cpu", "--runtime", "torch",
            "--reload", "1", "--previous_dir", str(path)]


def start(command, *options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, *options], cwd=PROJECT, env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def say(process, data):
    process.stdin.write(json.dumps(data).encode() + b"\n")
    process.stdin.flush()


def test_the_program_answers_while_the_stream_is_open_and_ctrl_c_is_a_good_end(command):
    points = track(3)
    with start(command, "--level", "10", "--roll", "5", "--body_height", "1.8") as process:
        say(process, {"layout": "coco17", **SIZE, "fps": 25})
        header = json.loads(process.stdout.readline())
        assert header["unit"] == "m" and "level axes" in header["space"] and header["fps"] == 25
        assert header["height_m"] == pytest.approx(1.8) and header["height_source"] == "--body_height"
        for number, pose in enumerate(points):
            say(process, pose.tolist())
            answer = json.loads(process.stdout.readline())      # comes before the next frame is sent
            assert answer["frame"] == number and np.shape(answer["pose"]) == (17, 3)
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=60)
        assert (process.returncode, rest) == (0, b"")
        assert b"no delay" in error and b"3 frames, 3 lines of poses" in error and b"Traceback" not in error


def test_a_malformed_line_ends_the_program_with_its_number(command):
    with start(command) as process:
        data = [{"layout": "coco17", **SIZE, "fps": 25}, track(1)[0].tolist(), "?"]
        text = "\n".join(map(json.dumps, data))
        out, error = process.communicate(text.encode(), timeout=60)
        assert process.returncode == 2 and len(out.splitlines()) == 2
        assert error.splitlines()[-1].startswith(b"run_ftcm.py: error: standard input, line 3")


def test_a_reader_that_goes_away_stops_the_program_quietly(command):
    with start(command) as process:
        say(process, {"layout": "coco17", **SIZE, "fps": 25})
        process.stdout.readline()
        process.stdout.close()
        say(process, track(1)[0].tolist())
        process.stdin.close()
        error = process.stderr.read()
        assert process.wait(60) == 0
        assert b"reader of the poses has gone" in error
        assert b"Traceback" not in error and b"Exception" not in error
