"""BVH: readers that others wrote find the joints again; the rig stands, bends and twists like a person."""
from pathlib import Path

import numpy as np
import pytest

from common.skeleton import HUMAN36M, MPI_INF_3DHP, conversion
from common.video.bvh import bvh_lines
from common.video.rig import NAMES, RIG
from common.video.wear import wear
from dataset.cmu_mocap import read_motions
from tests.common.video.test_pose_files import JOINTS, STANDING, articulated, rotation

FPS = 25
STATED_ERROR = 0.001                    # centimetres
TO_BVH = 100 * np.array([1, -1, -1])
PLACES = {bone.point: bone.name for bone in RIG} | {"head": "HeadEnd"}      # of the 17 joints in the file
AXES = dict(zip("XYZ", np.eye(3)))


def saved(path, poses, **options):
    (path / "motion.bvh").write_text("".join(bvh_lines(poses, HUMAN36M, FPS, **options)))
    return path / "motion.bvh"


def reread_with_bvh(path):
    """fps and {bone: (N, 3)}, with HeadEnd, by forward kinematics of what the PyPI package bvh reads."""
    package = pytest.importorskip("bvh", reason="needs the PyPI package bvh")
    file = package.Bvh(path.read_text())
    points = {name: np.zeros((file.nframes, 3)) for name in [*file.get_joints_names(), "HeadEnd"]}
    for frame in range(file.nframes):
        turns = {}
        for name in file.get_joints_names():
            parent, turn, place = file.joint_parent(name), np.eye(3), np.array(file.joint_offset(name))
            channels = file.joint_channels(name)
            values = dict(zip(channels, file.frame_joint_channels(frame, name, channels)))
            for channel in channels[-3:]:
                turn = turn @ rotation(AXES[channel[0]], np.radians(values[channel]))
            if parent is None:
                place = place + [values[f"{axis}position"] for axis in "XYZ"]
            else:
                above = turns[parent.name]
                place, turn = points[parent.name][frame] + above @ place, above @ turn
            turns[name], points[name][frame] = turn, place
        end = file.get_joint("Head").children[-1].children[0].value[1:]
        points["HeadEnd"][frame] = points["Head"][frame] + turns["Head"] @ np.array(end, float)
    return 1 / file.frame_time, points


def reread_with_bvhio(path):
    """fps and {bone: (N, 3)} by the PyPI package bvhio's own forward kinematics."""
    package = pytest.importorskip("bvhio", reason="needs the PyPI package bvhio")
    header, root, frames = package.readAsBvh(str(path)), package.readAsHierarchy(str(path)), []
    for frame in range(header.FrameCount):
        root.loadPose(frame)
        frames.append({joint.Name: np.array(joint.PositionWorld) for joint, _, _ in root.layout()})
    return 1 / header.FrameTime, {name: np.stack([points[name] for points in frames]) for name in frames[0]}


def reread_with_blender(path):
    """fps and {bone: (N, 3)} by Blender's importer and its own evaluation of the armature."""
    bpy = pytest.importorskip("bpy", reason="needs Blender as a package: pip install bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_anim.bvh(filepath=str(path), rotate_mode="NATIVE", axis_up="Y", axis_forward="-Z",
                            update_scene_fps=True)
    figure, scene, frames = bpy.context.object, bpy.context.scene, []
    first, last = figure.animation_data.action.frame_range
    for frame in range(int(first), int(last) + 1):
        scene.frame_set(frame)
        frames.append({bone.name: np.array(figure.matrix_world @ bone.head) for bone in figure.pose.bones}
                      | {"HeadEnd": np.array(figure.matrix_world @ figure.pose.bones["Head"].tail)})
    return (scene.render.fps / scene.render.fps_base,
            {name: np.stack([points[name] for points in frames])[:, [0, 2, 1]] * [1, 1, -1]
             for name in frames[0]})


@pytest.mark.parametrize("reread, error", [(reread_with_bvh, STATED_ERROR), (reread_with_bvhio, STATED_ERROR),
                                           (reread_with_blender, 0.01)])     # Blender computes in float32
def test_bvh_read_by_another_program_gives_back_joints_of_constant_bones(reread, error, tmp_path):
    poses = articulated(6)
    fps, points = reread(saved(tmp_path, poses))
    wanted = (poses - poses[:, :1]) * TO_BVH
    assert fps == pytest.approx(FPS) and len(points["Hips"]) == 6
    for number, joint in enumerate(HUMAN36M.joints):
        if PLACES[joint] in points:                                 # bvhio tells no end sites
            found = points[PLACES[joint]] - points["Hips"]
            assert np.abs(found - wanted[:, number]).max() < error, joint
    assert points["Hips"][:, [0, 2]] == pytest.approx((poses[:, 0] * TO_BVH)[:, [0, 2]], abs=error)


def test_bones_have_the_median_length_left_as_right():
    poses = articulated()
    poses[:19] = poses[:19] * 1.2                                   # the median ignores the smaller part
    points = worn(poses).points()
    for parent, child in HUMAN36M.bones:
        if HUMAN36M.joints[child] != "head":
            ends = [points[:, NAMES.index(PLACES[HUMAN36M.joints[joint]])] for joint in (parent, child)]
            length = np.linalg.norm(STANDING[child] - STANDING[parent])
            assert np.linalg.norm(ends[0] - ends[1], axis=-1) == pytest.approx(length)


def worn(poses, **options):
    return wear(poses * TO_BVH / 100, **{"on_floor": True} | options)


def test_names_are_mixamos_or_the_joints_and_others_are_refused():
    bones = [line.split()[1] for line in "".join(bvh_lines(STANDING[None], HUMAN36M, FPS)).split("\n")
             if line.strip().startswith(("ROOT", "JOINT"))]
    side = ["Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase"]
    assert set(bones) == {"Hips", "Spine", "Spine1", "Spine2", "Neck", "Head",
                          *[f"Left{part}" for part in side], *[f"Right{part}" for part in side]}
    text = "".join(bvh_lines(STANDING[None], HUMAN36M, FPS, names="joints"))
    assert all(f" {joint}\n" in text for joint in HUMAN36M.joints if joint != "head")
    with pytest.raises(ValueError, match="mixamo or joints for BVH, got 'biped'"):
        "".join(bvh_lines(STANDING[None], HUMAN36M, FPS, names="biped"))


def test_the_rest_pose_is_a_t_that_faces_along_z():
    lengths, points = {}, {}
    for bone, offset in zip(RIG, worn(STANDING[None]).offsets):
        points[bone.name] = points.get(bone.parent, 0) + offset
        lengths[bone.name] = np.linalg.norm(offset)
    for side, sign in (("Left", 1), ("Right", -1)):
        arm, leg = ([points[side + part] for part in parts] for parts in (
            ("Arm", "ForeArm", "Hand"), ("UpLeg", "Leg", "Foot", "ToeBase")))
        assert np.diff(arm, axis=0) == pytest.approx(np.array([[.28, 0, 0], [.25, 0, 0]]) * sign)
        assert np.diff(leg, axis=0)[:2] == pytest.approx(np.array([[0, -.44, 0], [0, -.45, 0]]))
        assert np.diff(leg, axis=0)[2] / lengths[f"{side}ToeBase"] @ [0, -.47, .88] > 0.99     # to the front
    heights = [points[name][1] for name in ("Hips", "Spine1", "Spine2", "Neck", "Head")]
    assert np.diff(heights).min() > 0.05 and np.abs([points["Neck"][2], points["Spine1"][2]]).max() < 0.04


def channels(poses, **options):
    """{bone: {channel: (N,)}} of the file."""
    text = "".join(bvh_lines(poses, HUMAN36M, FPS, **options)).split("\n")
    rows = np.array([line.split() for line in text[text.index("MOTION") + 3:-1]], float)
    found, column, bone = {}, 0, None
    for line in text:
        if line.strip().startswith(("ROOT", "JOINT")):
            bone = line.split()[1]
        if line.strip().startswith("CHANNELS"):
            names = line.split()[2:]
            found[bone] = {name: rows[:, column + number] for number, name in enumerate(names)}
            column += len(names)
    return found


def test_bends_of_knee_and_elbow_are_one_angle_each_and_it_is_written_first():
    pose = STANDING.copy()
    for side, sign in (("left", 1), ("right", -1)):
        hip, knee, ankle, shoulder, elbow, wrist = (HUMAN36M.joints.index(f"{side}_{joint}") for joint in (
            "hip", "knee", "ankle", "shoulder", "elbow", "wrist"))
        pose[ankle] = pose[knee] + [0, .45 * np.cos(1), .45 * np.sin(1)]        # backwards
        pose[wrist] = pose[elbow] + [sign * .25 * np.cos(1.2), 0, -.25 * np.sin(1.2)]   # to the front
    found = channels(np.stack([pose, pose]))
    for bone, hinge, bend in [("LeftLeg", "X", 1), ("RightLeg", "X", 1), ("LeftForeArm", "Y", -1.2),
                              ("RightForeArm", "Y", 1.2)]:
        assert list(found[bone])[0] == f"{hinge}rotation"
        for channel, values in found[bone].items():
            wanted = np.degrees(bend) if channel[0] == hinge else 0
            assert values == pytest.approx(wanted, abs=0.5), (bone, channel)     # degrees


def training_motion(name):
    """Poses (N, J, 3) in level axes of a recording of a training subject."""
    path = Path(__file__).parents[3] / "dataset/cmu_mocap.npz"
    motion = next(motion for motion in read_motions(path) if motion["name"] == name)
    assert motion["split"] == "train"
    return motion["joints_world"] @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture(scope="module")
def motions():
    return {name: training_motion(name) for name in ("35_01", "127_23", "05_11", "14_19")}


def degrees_between(first, second):
    cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


def test_walkers_chests_follow_their_trunks_and_their_heads_are_level(motions):
    poses = motions["35_01"]
    axes = worn(poses).axes
    trunk = (poses[:, HUMAN36M.joints.index("thorax")] - poses[:, 0]) * TO_BVH
    assert degrees_between(axes[NAMES.index("Spine2")][..., 1], trunk).max() < 15
    assert np.median(degrees_between(axes[NAMES.index("Head")][..., 1], np.array([0, 1, 0]))) < 15


@pytest.mark.parametrize("name", ["35_01", "127_23", "05_11", "14_19"])
def test_limbs_do_not_twist_fast_where_they_hardly_swing(name, motions):
    motion = worn(motions[name])
    for number, bone in enumerate(NAMES):
        if bone.endswith(("Arm", "Leg")):
            along = {"A": np.array([1, 0, 0]), "L": np.array([0, 1, 0])}[bone[-3]]
            for axes in (motion.axes[number], motion.turns()[:, number]):    # in the room; in the parent
                twist, swing = twist_and_swing(axes, along)
                assert twist[swing < 15].max() < 30, bone


def twist_and_swing(axes, along):
    """Degrees (N - 1,) from frame to frame about and across the direction `along` of axes (N, 3, 3)."""
    directions = axes @ along
    swing, twist = degrees_between(directions[1:], directions[:-1]), []
    for before, after, start, end in zip(axes, axes[1:], directions, directions[1:]):
        across = np.cross(start, end)
        if np.linalg.norm(across) > 1e-12:
            before = rotation(across, np.arctan2(np.linalg.norm(across), start @ end)) @ before
        twist.append(np.degrees(np.arccos(((np.trace(before.T @ after) - 1) / 2).clip(-1, 1))))
    return np.array(twist), swing


def test_the_twist_of_a_straight_limb_does_not_follow_noise():
    poses = np.tile(STANDING, (60, 1, 1))
    poses += np.random.default_rng(0).normal(0, 0.005, poses.shape)
    motion = worn(poses)
    for bone in ("LeftArm", "LeftForeArm", "LeftUpLeg", "LeftLeg"):
        along = np.array([1, 0, 0]) if "Arm" in bone else np.array([0, 1, 0])
        assert twist_and_swing(motion.turns()[:, NAMES.index(bone)], along)[0].max() < 8, bone


@pytest.mark.parametrize("name", ["35_01", "127_23", "05_11", "14_19"])
def test_the_second_euler_angle_stays_away_from_90_degrees_and_angles_go_on(name, motions):
    for bone, values in channels(motions[name]).items():
        angles = list(values.values())[-3:]
        if bone.endswith(("Leg", "ForeArm")) or "Arm" not in bone:
            assert np.abs(angles[1]).max() < 65, bone
        assert np.abs(np.diff(angles)).max() < 100, bone


@pytest.mark.parametrize("on_floor", [True, False])
@pytest.mark.parametrize("name", ["35_01", "127_23", "05_11", "14_19"])
def test_nothing_goes_through_the_floor(name, on_floor, motions):
    motion = worn(motions[name], on_floor=on_floor)
    lowest = np.concatenate([motion.points(), motion.tips()], axis=1)[..., 1].min(1)
    assert lowest.min() > (-1e-6 if on_floor else -0.0201)
    if on_floor:
        assert lowest.max() < 0.03          # a flat sole is at 0, its toes' joint 1 cm above


def test_feet_of_somebody_who_stands_are_flat_and_point_to_the_front():
    motion = worn(STANDING[None])
    points, ankle = motion.points()[0], 0.18 * 0.45
    for side, x in (("Left", .13), ("Right", -.13)):
        assert points[NAMES.index(f"{side}Foot")] == pytest.approx([x, ankle, 0], abs=1e-6)
        assert points[NAMES.index(f"{side}ToeBase")] == pytest.approx([x, 0.02 * .45, 0.3 * .45], abs=1e-6)
    assert motion.tips()[0, -2:, 1] == pytest.approx([0, 0], abs=1e-9)


def test_without_on_floor_a_jump_stays_a_jump():
    poses = np.tile(STANDING, (50, 1, 1))
    poses[20:25] -= [0, 0.3, 0]
    heights = {on_floor: worn(poses, on_floor=on_floor).root[:, 1] for on_floor in (True, False)}
    assert np.ptp(heights[True]) < 1e-9 and np.ptp(heights[False]) == pytest.approx(0.3)
    assert heights[True][0] == pytest.approx(heights[False][0]) == pytest.approx(.89 + .18 * .45)


def test_poses_of_a_tilted_camera_stand_upright_once_up_is_stated():
    turn = rotation(np.array([1, 0, 0]), np.radians(25))
    tilted = channels((STANDING @ turn.T)[None], up=turn @ [0, -1, 0])
    for bone, values in channels(STANDING[None]).items():
        for channel in values:
            assert tilted[bone][channel] == pytest.approx(values[channel], abs=1e-4), (bone, channel)


@pytest.mark.parametrize("poses", [np.zeros((3, JOINTS, 3)), STANDING[None], STANDING[None] * [1, -1, 1],
                                   np.stack([STANDING, 0 * STANDING, STANDING])])
def test_collapsed_single_and_upside_down_poses_give_rotations(poses):
    motion = worn(poses)
    assert np.isfinite(motion.points()).all()
    assert np.linalg.det(motion.axes) == pytest.approx(1)
    assert "nan" not in "".join(bvh_lines(poses, HUMAN36M, FPS))


def test_another_skeleton_stands_upright_too():
    pose = STANDING[conversion(HUMAN36M, MPI_INF_3DHP)]
    pose[MPI_INF_3DHP.joints.index("head"), 2] = 0                  # mid-head, not nose
    text = "".join(bvh_lines(pose[None], MPI_INF_3DHP, FPS)).split("\n")
    angles = np.array(text[-2].split(), float)[3:]
    assert np.abs(angles).max() < 14        # at rest the loin leans back by 8 degrees, the chest forward by 5
    assert "\n".join(text).count("JOINT") == 21
