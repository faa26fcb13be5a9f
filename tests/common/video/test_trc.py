"""A .trc file keeps the rules by which OpenSim reads it, and gives back the poses."""
import numpy as np
import pytest

from common.skeleton import HUMAN36M
from common.video.trc import trc_lines
from tests.common.video.test_pose_files import STANDING, articulated, rotation


def reread(text):
    """(rate, unit, {marker: (N, 3)}), with a complaint where OpenSim's reader would have one."""
    lines = [line.split("\t") for line in text.split("\n")]
    assert lines[0][:3] == ["PathFileType", "4", "(X/Y/Z)"] and len(lines[0]) == 4
    facts = dict(zip(lines[1], lines[2], strict=True))
    assert list(facts) == ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
                           "OrigDataStartFrame", "OrigNumFrames"]
    names, frames = [cell for cell in lines[3] if cell], int(facts["NumFrames"])
    assert names[:2] == ["Frame#", "Time"] and len(names) == int(facts["NumMarkers"]) + 2
    assert [cell for cell in lines[4] if cell] == [f"{axis}{number}" for number in range(1, len(names) - 1)
                                                   for axis in "XYZ"]
    assert lines[5] == [""] and lines[6 + frames:] == [[""]]
    rows = np.array(lines[6:6 + frames], float)
    assert rows[:, 0] == pytest.approx(np.arange(1, frames + 1))
    assert rows[:, 1] == pytest.approx(np.arange(frames) / float(facts["DataRate"]), abs=1e-6)
    markers = rows[:, 2:].reshape(frames, -1, 3)
    return float(facts["DataRate"]), facts["Units"], {name: markers[:, i] for i, name in enumerate(names[2:])}


def test_markers_are_the_joints_in_millimetres_with_y_up():
    poses = articulated(5)
    rate, unit, markers = reread("".join(trc_lines(poses, HUMAN36M, 29.97, name="poses.trc")))
    assert (rate, unit, tuple(markers)) == (29.97, "mm", HUMAN36M.joints)
    for number, joint in enumerate(HUMAN36M.joints):
        assert markers[joint] == pytest.approx(1000 * poses[:, number] * [1, -1, -1], abs=1e-3)


def test_poses_of_a_tilted_camera_stand_upright_where_up_is_stated():
    turn = rotation(np.array([1, 0, 0]), np.radians(25))
    text = "".join(trc_lines((STANDING @ turn.T)[None], HUMAN36M, 25, name="poses.trc", up=turn @ [0, -1, 0]))
    _, _, markers = reread(text)
    assert markers["head"][0] == pytest.approx([0, 690, 0], abs=1e-3)
    assert markers["nose"][0] == pytest.approx([0, 580, 70], abs=1e-3)
